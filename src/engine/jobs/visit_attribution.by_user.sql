SELECT {bucket} AS bucket, establishment_id, user_id,
       count(*) AS visits,
       count(*) FILTER (WHERE attributed) AS attributed_visits
FROM attributed_visits
GROUP BY 1, 2, 3
