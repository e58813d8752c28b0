"""Footfall: the kernels and SQL, and the methods that people type."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pyarrow.parquet as pq

import footfall
from benches.data import TZ, places_of

Run = Callable[[], Any]


def visit_join(data: Path) -> Run:
    pings, establishments = (pq.read_table(data / f"{name}.parquet") for name in ("pings", "establishments"))
    return lambda: footfall.visit_join(pings, establishments)


def visits_sql(data: Path) -> Run:
    tables = {name: pq.read_table(data / f"{name}.parquet") for name in ("pings", "establishments")}

    def run() -> Any:
        opened = footfall.open(tables, tz=TZ, progress=False)
        return opened.sql("SELECT user_id, timestamp, establishment_id, distance_m FROM visits").to_arrow()

    return run


VISITS_BY_MONTH = (
    "SELECT establishment_id, local_month(timestamp) AS month, count(*) AS visits FROM visits GROUP BY 1, 2"
)


def visits_by_month_sql(data: Path) -> Run:
    return _sql(data, VISITS_BY_MONTH)


def visits_by_month_ingested(data: Path) -> Run:
    ingested = data.with_name(f"{data.name}-ingested")
    if not ingested.is_dir():
        footfall.ingest(data, ingested.with_suffix(".part"), tz=TZ, progress=False).folder.rename(ingested)
    return _sql(ingested, VISITS_BY_MONTH)


def establishment_visits(data: Path) -> Run:
    return _job(data, "establishment_visits", by="month")


def attribute_visits(data: Path) -> Run:
    def run() -> Any:
        tables = (pq.read_table(data / f"{name}.parquet") for name in ("visits", "interactions", "ads"))
        return footfall.attribute_visits(*tables)

    return run


def attributed_sql(data: Path) -> Run:
    return _sql(
        data, "SELECT establishment_id, ad_id, interaction_timestamp FROM attributed_visits WHERE ad_id IS NOT NULL"
    )


def visit_attribution(data: Path) -> Run:
    opened = _job(data, "visit_attribution", by="period")
    return lambda: opened().rename_columns({"attributed_visits": "attributed"})


def clicks_by_month_sql(data: Path) -> Run:
    return _sql(
        data,
        "SELECT campaign_id, local_month(timestamp) AS month, count(*) FILTER (WHERE action = 'view') AS views,"
        " count(*) FILTER (WHERE action = 'click') AS clicks FROM interactions JOIN ads USING (ad_id) GROUP BY 1, 2",
    )


def campaign_ctr(data: Path) -> Run:
    return _job(data, "campaign_ctr", by="month")


def by_hour_sql(data: Path) -> Run:
    return _sql(
        data,
        "SELECT category, local_hour(timestamp) AS hour, count(*) AS interactions"
        " FROM interactions JOIN ads USING (ad_id) GROUP BY 1, 2",
    )


def category_hours(data: Path) -> Run:
    return _job(data, "category_hours", by="period")


def profiles_sql(data: Path) -> Run:
    return _sql(
        data,
        "SELECT user_id, day_part(timestamp) AS day_part, category, count(*) AS interactions"
        " FROM interactions JOIN ads USING (ad_id) GROUP BY 1, 2, 3",
    )


def interaction_profile(data: Path) -> Run:
    return _job(data, "interaction_profile")


def distances(data: Path) -> Run:
    places = places_of(data)
    return lambda: footfall.haversine_m(*places)


def _sql(data: Path, query: str) -> Run:
    return lambda: footfall.open(data, tz=TZ, progress=False).sql(query).to_arrow()


def _job(data: Path, name: str, **options: str) -> Run:
    return lambda: footfall.open(data, tz=TZ, progress=False).run(name, **options).to_arrow()
