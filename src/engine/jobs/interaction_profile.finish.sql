SELECT user_id, day_part, category, interactions,
       CAST(interactions AS DOUBLE) / CAST(sum(interactions) OVER (PARTITION BY user_id, day_part) AS DOUBLE) AS share
FROM counts
ORDER BY user_id, CASE day_part WHEN 'night' THEN 0 WHEN 'morning' THEN 1 WHEN 'afternoon' THEN 2 ELSE 3 END, category
