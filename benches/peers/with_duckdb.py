"""DuckDB: SQL over its own tables in memory, or straight over Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import duckdb

from benches.data import HOUR_US, TZ
from benches.grid import DISTANCE, RADIUS_M, Grid
from benches.keys import CATEGORIES, FIRST_HOUR, LAST_HOUR, PARTS, Ads

Run = Callable[[], Any]


def near(data: Path) -> Run:
    connection = duckdb.connect()
    for table in ("pings", "establishments"):
        connection.execute(f"CREATE TABLE {table} AS FROM {_table(data, table)}")

    def run() -> Any:
        return connection.sql(_visits(connection, "establishments", "pings")).to_arrow_table()

    return run


def visits_by_month(data: Path) -> Run:
    def run() -> Any:
        connection = duckdb.connect()
        visits = _visits(connection, _table(data, "establishments"), _table(data, "pings"))
        month = f"date_trunc('month', timestamp AT TIME ZONE '{TZ}')"
        query = f"SELECT establishment_id, {month} AS month, count(*) AS visits FROM ({visits}) GROUP BY ALL"
        return connection.sql(query).to_arrow_table()

    return run


def _visits(connection: Any, establishments: str, pings: str) -> str:
    table = connection.sql(f"SELECT establishment_id, latitude, longitude FROM {establishments}").to_arrow_table()
    grid = Grid.over(table)
    connection.register("entries", grid.entries(table))
    return f"""
        SELECT user_id, timestamp, establishment_id, {DISTANCE} AS distance_m
        FROM (SELECT *, {grid.cell_sql()} AS cell FROM {pings} WHERE {grid.inside_sql()}) AS p
        JOIN entries AS e USING (cell)
        WHERE distance_m < {RADIUS_M}"""


def attributed_count(data: Path) -> Run:
    query = f"""
        SELECT establishment_id, count(*) AS attributed
        FROM {_table(data, "visits")} AS v
        WHERE EXISTS (
            FROM {_seen(data)} AS s
            WHERE s.user_id = v.user_id AND s.establishment_id = v.establishment_id
              AND s.timestamp BETWEEN v.timestamp - INTERVAL 6 HOURS AND v.timestamp)
        GROUP BY ALL"""
    return _sql(query)


def attributed_as_of(data: Path) -> Run:
    # Most interactions are with ads of places that the user never visits: the semi-join spares their sort.
    query = f"""
        WITH v AS MATERIALIZED (SELECT user_id, establishment_id, timestamp FROM {_table(data, "visits")}),
             s AS (FROM {_seen(data)} AS s SEMI JOIN v USING (user_id, establishment_id))
        SELECT v.establishment_id, s.ad_id, s.timestamp AS interaction_timestamp
        FROM v ASOF JOIN s
          ON s.user_id = v.user_id AND s.establishment_id = v.establishment_id AND s.timestamp <= v.timestamp
        WHERE s.timestamp >= v.timestamp - INTERVAL 6 HOURS"""
    return _sql(query)


def _seen(data: Path) -> str:
    return f"""(SELECT user_id, establishment_id, timestamp, ad_id
                FROM {_table(data, "interactions")} JOIN {_table(data, "ads")} USING (ad_id))"""


def clicks_by_month(data: Path) -> Run:
    month = f"date_trunc('month', {_local('hour')})"
    query = f"""
        SELECT campaign_id, month, sum(rows - clicked) AS views, sum(clicked) AS clicks
        FROM (SELECT ad_id, month, count(*) AS rows, count_if(action = 'click') AS clicked
              FROM {_with_hour(data, "action")} JOIN {_calendar(month, "month")} USING (hour) GROUP BY ALL)
        JOIN {_table(data, "ads")} USING (ad_id)
        GROUP BY ALL"""
    return _sql(query)


def by_hour(data: Path) -> Run:
    hour = f"hour({_local('hour')})::UTINYINT"
    query = f"""
        SELECT category, local_hour AS hour, sum(rows) AS interactions
        FROM (SELECT ad_id, local_hour, count(*) AS rows
              FROM {_with_hour(data)} JOIN {_calendar(hour, "local_hour")} USING (hour) GROUP BY ALL)
        JOIN {_table(data, "ads")} USING (ad_id)
        GROUP BY ALL"""
    return _sql(query)


def profiles(data: Path) -> Run:
    def run() -> Any:
        ads = Ads.read(data)
        part = f"hour({_local('hour')}) // 6"
        return (
            duckdb.connect()
            .sql(f"""
            SELECT key // {PARTS} AS user_id, key % {PARTS} // {CATEGORIES} AS day_part, category, interactions
            FROM (SELECT user_id * {PARTS} + part * {CATEGORIES} + code AS key, count(*) AS interactions
                  FROM {_with_hour(data, "user_id")} JOIN {_calendar(part, "part")} USING (hour)
                  JOIN (VALUES {ads.sql_codes()}) AS codes(ad_id, code) USING (ad_id)
                  GROUP BY ALL)
            JOIN (VALUES {ads.sql_categories()}) AS names(code, category) ON code = key % {CATEGORIES}
            """)
            .to_arrow_table()
        )

    return run


def _with_hour(data: Path, *columns: str) -> str:
    """Keep the hour of UTC, so that the time zone is asked once per hour (`_calendar`) and not once per row."""
    names = ", ".join(["ad_id", *columns])
    return f"(SELECT {names}, (epoch_us(timestamp) // {HOUR_US})::INTEGER AS hour FROM {_table(data, 'interactions')})"


def _calendar(expression: str, name: str) -> str:
    hours = f"range({FIRST_HOUR}, {LAST_HOUR}) AS hours(hour)"
    return f"(SELECT hour::INTEGER AS hour, {expression} AS {name} FROM {hours})"


def _local(hour: str) -> str:
    return f"(to_timestamp({hour}::BIGINT * 3600) AT TIME ZONE '{TZ}')"


def _sql(query: str) -> Run:
    return lambda: duckdb.connect().sql(query).to_arrow_table()


def _table(data: Path, table: str) -> str:
    return f"'{data / table}/**/*.parquet'" if (data / table).is_dir() else f"'{data / table}.parquet'"
