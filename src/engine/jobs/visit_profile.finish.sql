SELECT user_id, weekday, category, visits,
       CAST(visits AS DOUBLE) / CAST(sum(visits) OVER (PARTITION BY user_id, weekday) AS DOUBLE) AS share
FROM counts
ORDER BY user_id, weekday, category
