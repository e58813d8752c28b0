SELECT {bucket} AS bucket, establishment_id, user_id, count(*) AS visits
FROM visits
GROUP BY 1, 2, 3
