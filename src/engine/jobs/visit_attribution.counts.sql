SELECT bucket, establishment_id,
       sum(visits) AS visits,
       count(*) AS visitors,
       sum(attributed_visits) AS attributed_visits,
       sum(CAST(visits AS DECIMAL(19, 0)) * CAST(visits AS DECIMAL(19, 0))) AS visits_squared,
       sum(CAST(visits AS DECIMAL(19, 0)) * CAST(attributed_visits AS DECIMAL(19, 0))) AS visits_times_attributed,
       sum(CAST(attributed_visits AS DECIMAL(19, 0)) * CAST(attributed_visits AS DECIMAL(19, 0))) AS attributed_squared
FROM {by_user}
GROUP BY 1, 2
