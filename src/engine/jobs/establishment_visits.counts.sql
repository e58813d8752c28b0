SELECT bucket, establishment_id, sum(visits) AS visits, count(*) AS visitors
FROM (
    SELECT {bucket} AS bucket, establishment_id, user_id, count(*) AS visits
    FROM visits
    GROUP BY 1, 2, 3
)
GROUP BY 1, 2
