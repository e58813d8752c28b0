SELECT bucket, establishment_id, name, visits, visitors, attributed_visits, ratio, ratio_low, ratio_high,
       CAST(row_number() OVER (PARTITION BY bucket ORDER BY {rank_by} DESC NULLS LAST, establishment_id) AS BIGINT) AS rank
FROM (
    SELECT buckets.bucket, e.establishment_id, e.name,
           coalesce(visits, 0) AS visits, coalesce(visitors, 0) AS visitors,
           coalesce(attributed_visits, 0) AS attributed_visits,
           CASE WHEN visits > 0 THEN CAST(attributed_visits AS DOUBLE) / CAST(visits AS DOUBLE) END AS ratio,
           wilson_low_by_user(attributed_visits, visits, visitors, aa, va, vv) AS ratio_low,
           wilson_high_by_user(attributed_visits, visits, visitors, aa, va, vv) AS ratio_high
    FROM establishments AS e
    CROSS JOIN ({buckets}) AS buckets
    LEFT JOIN counts
      ON counts.establishment_id = e.establishment_id AND counts.bucket IS NOT DISTINCT FROM buckets.bucket
)
ORDER BY bucket, establishment_id
