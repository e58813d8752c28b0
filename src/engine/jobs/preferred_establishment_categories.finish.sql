SELECT user_id, weekday, category, visits,
       CAST(visits AS DOUBLE) / CAST(total AS DOUBLE) AS share,
       ties > 1 AS tied
FROM (
    SELECT user_id, weekday, min(category) FILTER (WHERE visits = largest) AS category,
           max(largest) AS visits, sum(visits) AS total,
           count(*) FILTER (WHERE visits = largest) AS ties
    FROM (SELECT *, max(visits) OVER (PARTITION BY user_id, weekday) AS largest FROM counts)
    GROUP BY user_id, weekday
)
ORDER BY user_id, weekday
