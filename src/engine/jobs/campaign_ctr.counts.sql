SELECT {bucket} AS bucket,
       campaign_id,
       count(*) FILTER (WHERE action = 'view')  AS views,
       count(*) FILTER (WHERE action = 'click') AS clicks
FROM interactions JOIN ads USING (ad_id)
GROUP BY 1, 2
