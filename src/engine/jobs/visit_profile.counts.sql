SELECT user_id, local_weekday(timestamp) AS weekday, category, count(*) AS visits
FROM visits JOIN establishments USING (establishment_id)
WHERE {users}
GROUP BY 1, 2, 3
