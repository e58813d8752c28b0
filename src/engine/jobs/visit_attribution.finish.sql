SELECT *, CAST(row_number() OVER (PARTITION BY bucket ORDER BY {rank_by} DESC NULLS LAST, establishment_id) AS BIGINT) AS rank
FROM (
    SELECT bucket, establishment_id, name, visits, attributed_visits,
           CASE WHEN visits > 0 THEN CAST(attributed_visits AS DOUBLE) / CAST(visits AS DOUBLE) END AS ratio,
           wilson_low(attributed_visits, visits)  AS ratio_low,
           wilson_high(attributed_visits, visits) AS ratio_high
    FROM (
        SELECT buckets.bucket, e.establishment_id, e.name,
               coalesce(counts.visits, 0) AS visits, coalesce(counts.attributed_visits, 0) AS attributed_visits
        FROM establishments AS e
        CROSS JOIN ({buckets}) AS buckets
        LEFT JOIN counts
          ON counts.establishment_id = e.establishment_id AND counts.bucket IS NOT DISTINCT FROM buckets.bucket
    )
)
ORDER BY bucket, establishment_id
