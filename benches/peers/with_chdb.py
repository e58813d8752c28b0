"""chDB, ClickHouse in the process: SQL over Parquet. Its calendar functions look up a table of the time zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import chdb
import pyarrow.parquet as pq

from benches.data import TZ
from benches.grid import DISTANCE, RADIUS_M, Grid
from benches.keys import CATEGORIES, PARTS, Ads

Run = Callable[[], Any]


def visits_by_month(data: Path) -> Run:
    def run() -> Any:
        establishments = pq.read_table(data / "establishments.parquet")
        grid = Grid.over(establishments)
        entries = grid.entries(establishments)
        return _run(
            f"""
            SELECT establishment_id, toStartOfMonth(timestamp, '{TZ}') AS month, count() AS visits
            FROM (SELECT timestamp, latitude, longitude, {grid.cell_sql()} AS cell
                  FROM {_table(data, "pings")} WHERE {grid.inside_sql()}) AS p
            JOIN Python(entries) AS e ON p.cell = e.cell
            WHERE {DISTANCE} < {RADIUS_M}
            GROUP BY 1, 2""",
            entries,
        )

    return run


def attributed_as_of(data: Path) -> Run:
    query = f"""
        SELECT v.establishment_id AS establishment_id, s.ad_id AS ad_id, s.timestamp AS interaction_timestamp
        FROM (SELECT user_id, establishment_id, timestamp FROM {_table(data, "visits")}) AS v
        ASOF JOIN (
            SELECT user_id, establishment_id, timestamp, ad_id
            FROM {_table(data, "interactions")} AS i JOIN {_table(data, "ads")} AS a ON i.ad_id = a.ad_id
            WHERE (user_id, establishment_id) IN (SELECT user_id, establishment_id FROM {_table(data, "visits")})
        ) AS s
        ON v.user_id = s.user_id AND v.establishment_id = s.establishment_id AND v.timestamp >= s.timestamp
        WHERE s.timestamp >= v.timestamp - INTERVAL 6 HOUR"""
    return lambda: _run(query)


def clicks_by_month(data: Path) -> Run:
    # Ad and month in one key; toRelativeMonthNum counts the months since the year 0, January as 1.
    query = f"""
        SELECT campaign_id, toInt64(key % 65536 - 1) AS month, sum(rows - clicked) AS views, sum(clicked) AS clicks
        FROM (SELECT toUInt32(ad_id * 65536 + toRelativeMonthNum(timestamp, '{TZ}')) AS key, count() AS rows,
                     countIf(action = 'click') AS clicked
              FROM {_table(data, "interactions")} GROUP BY key) AS sums
        JOIN {_table(data, "ads")} AS ads ON intDiv(key, 65536) = ads.ad_id
        GROUP BY 1, 2"""
    return lambda: _run(query)


def by_hour(data: Path) -> Run:
    query = f"""
        SELECT category, key % 32 AS hour, sum(rows) AS interactions
        FROM (SELECT toUInt16(ad_id * 32 + toHour(timestamp, '{TZ}')) AS key, count() AS rows
              FROM {_table(data, "interactions")} GROUP BY key) AS sums
        JOIN {_table(data, "ads")} AS ads ON intDiv(key, 32) = ads.ad_id
        GROUP BY 1, 2"""
    return lambda: _run(query)


def profiles(data: Path) -> Run:
    def run() -> Any:
        ads = Ads.read(data)
        part = f"intDiv(toHour(timestamp, '{TZ}'), 6)"
        # An array looked up by the ad's id is faster than a join.
        return _run(f"""
            WITH {ads.codes.tolist()} AS codes, {ads.categories} AS names
            SELECT intDiv(key, {PARTS}) AS user_id, intDiv(key % {PARTS}, {CATEGORIES}) AS day_part,
                   toLowCardinality(names[key % {CATEGORIES} + 1]) AS category, interactions
            FROM (SELECT user_id * {PARTS} + {part} * {CATEGORIES} + codes[ad_id + 1] AS key, count() AS interactions
                  FROM {_table(data, "interactions")} GROUP BY key)""")

    return run


def _run(query: str, entries: Any = None) -> Any:
    """Run; `Python(entries)` in the query finds the caller's variable of that name on the stack."""
    return chdb.query(query, "ArrowTable")


def _table(data: Path, table: str) -> str:
    path = data / table
    # Not nullable: no file here has a null, and the marks would cost time.
    pattern = f"{path}/*.parquet" if path.is_dir() else f"{path}.parquet"
    return f"(SELECT * FROM file('{pattern}', 'Parquet') SETTINGS schema_inference_make_columns_nullable = 0)"
