SELECT {bucket} AS bucket,
       category,
       local_hour(timestamp) AS hour,
       count(*) AS interactions,
       count(*) FILTER (WHERE action = 'view')  AS views,
       count(*) FILTER (WHERE action = 'click') AS clicks
FROM interactions JOIN ads USING (ad_id)
GROUP BY 1, 2, 3
