SELECT bucket, category, hour, interactions, views, clicks,
       CAST(interactions AS DOUBLE) / CAST(sum(interactions) OVER (PARTITION BY bucket, category) AS DOUBLE) AS share
FROM (
    SELECT categories.bucket, categories.category, hours.hour,
           coalesce(counts.interactions, 0) AS interactions,
           coalesce(counts.views, 0) AS views,
           coalesce(counts.clicks, 0) AS clicks
    FROM (SELECT DISTINCT bucket, category FROM counts) AS categories
    CROSS JOIN generate_series(0, 23) AS hours(hour)
    LEFT JOIN counts
      ON counts.category = categories.category AND counts.hour = hours.hour
     AND counts.bucket IS NOT DISTINCT FROM categories.bucket
)
ORDER BY bucket, category, hour
