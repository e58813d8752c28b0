SELECT bucket, establishment_id, name, category, visits, visitors,
       CAST(row_number() OVER (PARTITION BY bucket ORDER BY {rank_by} DESC, establishment_id) AS BIGINT) AS rank
FROM (
    SELECT buckets.bucket, e.establishment_id, e.name, e.category,
           coalesce(counts.visits, 0) AS visits, coalesce(counts.visitors, 0) AS visitors
    FROM establishments AS e
    CROSS JOIN ({buckets}) AS buckets
    LEFT JOIN counts
      ON counts.establishment_id = e.establishment_id AND counts.bucket IS NOT DISTINCT FROM buckets.bucket
)
ORDER BY bucket, establishment_id
