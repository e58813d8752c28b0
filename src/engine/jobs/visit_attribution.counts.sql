SELECT bucket, establishment_id,
       sum(visits) AS visits,
       count(*) AS visitors,
       sum(attributed_visits) AS attributed_visits,
       sum(CAST(visits AS DECIMAL(19, 0)) * CAST(visits AS DECIMAL(19, 0))) AS vv,
       sum(CAST(visits AS DECIMAL(19, 0)) * CAST(attributed_visits AS DECIMAL(19, 0))) AS va,
       sum(CAST(attributed_visits AS DECIMAL(19, 0)) * CAST(attributed_visits AS DECIMAL(19, 0))) AS aa
FROM {by_user}
GROUP BY 1, 2
