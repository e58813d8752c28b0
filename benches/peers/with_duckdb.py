"""DuckDB: SQL over its own tables in memory, or straight over Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import duckdb

from benches.data import HOUR_US, TZ
from benches.grid import DISTANCE, RADIUS_M, Grid

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
    # By UTC hour first, so that the time zone is asked once per hour and not once per row.
    query = f"""
        SELECT campaign_id, date_trunc('month', {_local("hour")}) AS month,
               sum(rows) - sum(clicks) AS views, sum(clicks) AS clicks
        FROM (SELECT ad_id, {_utc_hour()} AS hour, count(*) AS rows, count(*) FILTER (action = 'click') AS clicks
              FROM {_table(data, "interactions")} GROUP BY ALL)
        JOIN {_table(data, "ads")} USING (ad_id)
        GROUP BY ALL"""
    return _sql(query)


def by_hour(data: Path) -> Run:
    query = f"""
        SELECT category, hour({_local("hour")}) AS hour, sum(rows) AS interactions
        FROM (SELECT ad_id, {_utc_hour()} AS hour, count(*) AS rows
              FROM {_table(data, "interactions")} GROUP BY ALL)
        JOIN {_table(data, "ads")} USING (ad_id)
        GROUP BY ALL"""
    return _sql(query)


def profiles(data: Path) -> Run:
    query = f"""
        SELECT user_id, hour(timestamp AT TIME ZONE '{TZ}') // 6 AS day_part, category, count(*) AS interactions
        FROM {_table(data, "interactions")} JOIN {_ads_by_enum(data)} USING (ad_id)
        GROUP BY ALL"""
    return _sql(query)


def _ads_by_enum(data: Path) -> str:
    return f"(SELECT ad_id, category FROM {_table(data, 'ads')})"


def _utc_hour() -> str:
    return f"(epoch_us(timestamp) // {HOUR_US})::INTEGER"


def _local(hour: str) -> str:
    return f"(to_timestamp({hour}::BIGINT * 3600) AT TIME ZONE '{TZ}')"


def _sql(query: str) -> Run:
    return lambda: duckdb.connect().sql(query).to_arrow_table()


def _table(data: Path, table: str) -> str:
    return f"'{data / table}/**/*.parquet'" if (data / table).is_dir() else f"'{data / table}.parquet'"
