"""DataFusion's Python package: SQL over tables in memory, or over Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pyarrow.parquet as pq
from datafusion import SessionConfig, SessionContext

from benches.data import HOUR_US, TZ
from benches.grid import DISTANCE, RADIUS_M, Grid
from benches.keys import CATEGORIES, PARTS, Ads

Run = Callable[[], Any]


def near(data: Path) -> Run:
    context = SessionContext()
    pings, establishments = (pq.read_table(data / f"{name}.parquet") for name in ("pings", "establishments"))
    # Small batches in two partitions, as a scan would give them: one big batch would keep one core.
    batches = pings.to_batches(max_chunksize=8192)
    half = len(batches) // 2
    context.register_record_batches("pings", [batches[:half], batches[half:]])

    def run() -> Any:
        return context.sql(_visits(context, establishments)).to_arrow_table()

    return run


def visits_by_month(data: Path) -> Run:
    def run() -> Any:
        context = _over(data, "pings")
        visits = _visits(context, pq.read_table(data / "establishments.parquet"))
        month = _month("timestamp")
        query = f"SELECT establishment_id, {month} AS month, count(*) AS visits FROM ({visits}) GROUP BY 1, 2"
        return context.sql(query).to_arrow_table()

    return run


def _visits(context: SessionContext, establishments: Any) -> str:
    grid = Grid.over(establishments)
    if context.table_exist("entries"):
        context.deregister_table("entries")
    context.register_record_batches("entries", [grid.entries(establishments).to_batches()])
    return f"""
        SELECT user_id, timestamp, establishment_id, distance_m
        FROM (SELECT user_id, timestamp, establishment_id, {DISTANCE} AS distance_m
              FROM (SELECT *, {grid.cell_sql()} AS cell FROM pings WHERE {grid.inside_sql()}) AS p
              JOIN entries AS e ON p.cell = e.cell)
        WHERE distance_m < {RADIUS_M}"""


def attributed_count(data: Path) -> Run:
    query = """
        SELECT establishment_id, count(*) AS attributed
        FROM visits AS v
        WHERE EXISTS (
            SELECT 1 FROM interactions AS i JOIN ads AS a ON i.ad_id = a.ad_id
            WHERE i.user_id = v.user_id AND a.establishment_id = v.establishment_id
              AND i.timestamp <= v.timestamp AND i.timestamp >= v.timestamp - INTERVAL '6 hours')
        GROUP BY 1"""
    return _sql(data, query, "visits", "interactions", "ads")


def clicks_by_month(data: Path) -> Run:
    def run() -> Any:
        hourly = _hourly(data, "sum(CASE WHEN action = 'click' THEN 1 ELSE 0 END) AS clicked")
        query = f"""
            SELECT campaign_id, {_month(_instant("hour"))} AS month,
                   sum(rows - clicked) AS views, sum(clicked) AS clicks
            FROM {hourly} JOIN ads ON hourly.ad_id = ads.ad_id
            GROUP BY 1, 2"""
        return _over(data, "interactions", "ads").sql(query).to_arrow_table()

    return run


def by_hour(data: Path) -> Run:
    def run() -> Any:
        query = f"""
            SELECT category, date_part('hour', {_local(_instant("hour"))}) AS hour, sum(rows) AS interactions
            FROM {_hourly(data)} JOIN ads ON hourly.ad_id = ads.ad_id
            GROUP BY 1, 2"""
        return _over(data, "interactions", "ads").sql(query).to_arrow_table()

    return run


def _hourly(data: Path, *counts: str) -> str:
    """Count by ad and UTC hour in one key, so that the time zone is asked once per hour and not once per row."""
    size = Ads.read(data).size
    hour = f"arrow_cast(timestamp, 'Int64') / {HOUR_US}"
    columns = ", ".join(["count(*) AS rows", *counts])
    return f"""(SELECT *, key % {size} AS ad_id, key / {size} AS hour
                FROM (SELECT {hour} * {size} + ad_id AS key, {columns} FROM interactions GROUP BY 1)) AS hourly"""


def profiles(data: Path) -> Run:
    def run() -> Any:
        ads = Ads.read(data)
        part = f"CAST(date_part('hour', {_local('timestamp')}) / 6 AS BIGINT)"
        query = f"""
            SELECT key / {PARTS} AS user_id, key % {PARTS} / {CATEGORIES} AS day_part, category, interactions
            FROM (SELECT user_id * {PARTS} + {part} * {CATEGORIES} + code AS key, count(*) AS interactions
                  FROM interactions JOIN (VALUES {ads.sql_codes()}) AS codes(ad, code) ON ad = ad_id
                  GROUP BY 1)
            JOIN (VALUES {ads.sql_categories()}) AS names(code, category) ON code = key % {CATEGORIES}"""
        return _over(data, "interactions").sql(query).to_arrow_table()

    return run


def _month(timestamp: str) -> str:
    return f"CAST(date_trunc('month', {_local(timestamp)}) AS DATE)"


def _local(timestamp: str) -> str:
    return f"to_local_time(({timestamp}) AT TIME ZONE '{TZ}')"


def _instant(hour: str) -> str:
    return f"""arrow_cast(CAST({hour} AS BIGINT) * 3600, 'Timestamp(Second, Some("UTC"))')"""


def _sql(data: Path, query: str, *tables: str) -> Run:
    return lambda: _over(data, *tables).sql(query).to_arrow_table()


def _over(data: Path, *tables: str) -> SessionContext:
    context = SessionContext(SessionConfig({"datafusion.execution.parquet.pushdown_filters": "true"}))
    for table in tables:
        path = data / table
        context.register_parquet(table, str(path if path.is_dir() else path.with_suffix(".parquet")))
    return context
