SELECT *, CAST(row_number() OVER (PARTITION BY bucket ORDER BY {rank_by} DESC NULLS LAST, campaign_id) AS BIGINT) AS rank
FROM (
    SELECT bucket, campaign_id, views, clicks,
           CASE WHEN views > 0 THEN CAST(clicks AS DOUBLE) / CAST(views AS DOUBLE) END AS ctr,
           wilson_low(clicks, views)  AS ctr_low,
           wilson_high(clicks, views) AS ctr_high
    FROM counts
)
ORDER BY bucket, campaign_id
