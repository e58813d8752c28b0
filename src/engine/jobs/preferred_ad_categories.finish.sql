SELECT user_id, day_part, category, interactions,
       CAST(interactions AS DOUBLE) / CAST(total AS DOUBLE) AS share,
       ties > 1 AS tied
FROM (
    SELECT user_id, day_part, min(category) FILTER (WHERE interactions = largest) AS category,
           max(largest) AS interactions, sum(interactions) AS total,
           count(*) FILTER (WHERE interactions = largest) AS ties
    FROM (SELECT *, max(interactions) OVER (PARTITION BY user_id, day_part) AS largest FROM counts)
    GROUP BY user_id, day_part
)
ORDER BY user_id, CASE day_part WHEN 'night' THEN 0 WHEN 'morning' THEN 1 WHEN 'afternoon' THEN 2 ELSE 3 END
