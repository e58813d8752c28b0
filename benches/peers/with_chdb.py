"""chDB, ClickHouse in the process: SQL over Parquet. Its calendar functions look up a table of the time zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import chdb
import pyarrow.parquet as pq

from benches.data import TZ
from benches.grid import DISTANCE, RADIUS_M, Grid

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
    query = f"""
        SELECT campaign_id, month, sum(rows - clicked) AS views, sum(clicked) AS clicks
        FROM (SELECT ad_id, toStartOfMonth(timestamp, '{TZ}') AS month, count() AS rows,
                     countIf(action = 'click') AS clicked
              FROM {_table(data, "interactions")} GROUP BY ad_id, month) AS sums
        JOIN {_table(data, "ads")} AS ads ON sums.ad_id = ads.ad_id
        GROUP BY 1, 2"""
    return lambda: _run(query)


def by_hour(data: Path) -> Run:
    query = f"""
        SELECT category, hour, sum(rows) AS interactions
        FROM (SELECT ad_id, toHour(timestamp, '{TZ}') AS hour, count() AS rows
              FROM {_table(data, "interactions")} GROUP BY ad_id, hour) AS sums
        JOIN {_table(data, "ads")} AS ads ON sums.ad_id = ads.ad_id
        GROUP BY 1, 2"""
    return lambda: _run(query)


def profiles(data: Path) -> Run:
    query = f"""
        SELECT user_id, intDiv(toHour(timestamp, '{TZ}'), 6) AS day_part, toString(category) AS category,
               count() AS interactions
        FROM {_table(data, "interactions")} AS i
        JOIN (SELECT ad_id, toLowCardinality(category) AS category FROM {_table(data, "ads")}) AS ads
          ON i.ad_id = ads.ad_id
        GROUP BY user_id, day_part, category"""
    return lambda: _run(query)


def _run(query: str, entries: Any = None) -> Any:
    """Run; `Python(entries)` in the query finds the caller's variable of that name on the stack."""
    return chdb.query(query, "ArrowTable")


def _table(data: Path, table: str) -> str:
    path = data / table
    # Not nullable: no file here has a null, and the marks would cost time.
    pattern = f"{path}/*.parquet" if path.is_dir() else f"{path}.parquet"
    return f"(SELECT * FROM file('{pattern}', 'Parquet') SETTINGS schema_inference_make_columns_nullable = 0)"
