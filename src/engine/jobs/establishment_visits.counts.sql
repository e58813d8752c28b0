SELECT bucket, establishment_id, sum(visits) AS visits, count(*) AS visitors
FROM {by_user}
GROUP BY 1, 2
