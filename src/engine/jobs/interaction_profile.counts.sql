SELECT user_id, day_part(timestamp) AS day_part, category, count(*) AS interactions
FROM interactions JOIN ads USING (ad_id)
WHERE {users}
GROUP BY 1, 2, 3
