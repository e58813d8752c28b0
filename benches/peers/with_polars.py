"""polars: a grid join, a semi-join and an as-of join, and group-bys that convert a time zone once per hour."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import polars as pl

from benches.data import HOUR_US, TZ
from benches.grid import DIAMETER_M, RADIUS_M, STRIDE, Grid
from benches.keys import CATEGORIES, FIRST_HOUR, LAST_HOUR, PARTS, Ads

Run = Callable[[], Any]
KEY = ["user_id", "establishment_id"]
WINDOW = timedelta(hours=6)


def near(data: Path) -> Run:
    pings = pl.read_parquet(data / "pings.parquet").rechunk()
    establishments = pl.read_parquet(data / "establishments.parquet")
    visit = ["user_id", "timestamp", "establishment_id", "distance_m"]
    return lambda: _visits(pings.lazy(), establishments).select(visit).collect()


def visits_by_month(data: Path) -> Run:
    def run() -> Any:
        establishments = pl.read_parquet(data / "establishments.parquet")
        visits = _visits(pl.scan_parquet(_files(data, "pings")), establishments)
        month = pl.col("timestamp").dt.convert_time_zone(TZ).dt.date().dt.truncate("1mo").alias("month")
        return visits.group_by("establishment_id", month).agg(pl.len().alias("visits")).collect(engine="streaming")

    return run


def _visits(pings: pl.LazyFrame, establishments: pl.DataFrame) -> pl.LazyFrame:
    table = establishments.to_arrow()
    grid = Grid.over(table)
    entries = pl.from_arrow(grid.entries(table)).lazy()  # type: ignore[union-attr]
    inside = pl.col("latitude").is_between(grid.south, grid.north) & pl.col("longitude").is_between(
        grid.west, grid.east
    )
    row = ((pl.col("latitude") - grid.south) / grid.step_latitude).cast(pl.Int64)
    column = ((pl.col("longitude") - grid.west) / grid.step_longitude).cast(pl.Int64)
    candidates = pings.filter(inside).with_columns(cell=row * STRIDE + column).join(entries, on="cell")
    return candidates.with_columns(distance_m=_distance()).filter(pl.col("distance_m") < RADIUS_M)


def _distance() -> pl.Expr:
    latitude = ((pl.col("latitude") - pl.col("e_latitude")).radians() / 2).sin()
    longitude = ((pl.col("longitude") - pl.col("e_longitude")).radians() / 2).sin()
    cosines = pl.col("latitude").radians().cos() * pl.col("e_cosine")
    return DIAMETER_M * (latitude * latitude + cosines * longitude * longitude).sqrt().arcsin()


def attributed_count(data: Path) -> Run:
    def run() -> Any:
        visits = pl.scan_parquet(data / "visits.parquet").select(*KEY, "timestamp").with_row_index("visit")
        both = _seen(data).join(visits, on=KEY)
        age = pl.col("timestamp") - pl.col("interaction_timestamp")
        earned = both.filter(age.is_between(timedelta(0), WINDOW)).unique("visit")
        return earned.group_by("establishment_id").agg(pl.len().alias("attributed")).collect(engine="streaming")

    return run


def attributed_as_of(data: Path) -> Run:
    def run() -> Any:
        visits = pl.scan_parquet(data / "visits.parquet").select(*KEY, "timestamp")
        # Most interactions are with ads of places that the user never visits: the semi-join spares their sort.
        seen = _seen(data).join(visits, on=KEY, how="semi").with_columns(timestamp="interaction_timestamp")
        seen, visits = pl.collect_all([seen.sort("timestamp"), visits.sort("timestamp")], engine="streaming")
        found = visits.join_asof(seen, on="timestamp", by=KEY, tolerance=WINDOW, check_sortedness=False)
        return found.filter(pl.col("ad_id").is_not_null())

    return run


def _seen(data: Path) -> pl.LazyFrame:
    interactions = pl.scan_parquet(data / "interactions.parquet").rename({"timestamp": "interaction_timestamp"})
    ads = pl.scan_parquet(data / "ads.parquet").select("ad_id", "establishment_id")
    return interactions.drop("action").join(ads, on="ad_id")


def clicks_by_month(data: Path) -> Run:
    def run() -> Any:
        counts = _hourly(data, clicks=(pl.col("action") == "click").sum(), rows=pl.len())
        month = _local("hour").dt.date().dt.truncate("1mo").alias("month")
        sums = counts.join(_ads(data, "campaign_id"), on="ad_id").group_by("campaign_id", month)
        return sums.agg(views=(pl.col("rows") - pl.col("clicks")).sum(), clicks=pl.col("clicks").sum())

    return run


def by_hour(data: Path) -> Run:
    def run() -> Any:
        counts = _hourly(data, rows=pl.len()).join(_ads(data, "category"), on="ad_id")
        hour = _local("hour").dt.hour().alias("local_hour")
        sums = counts.group_by("category", hour).agg(interactions=pl.col("rows").sum())
        return sums.rename({"local_hour": "hour"})

    return run


def _hourly(data: Path, **counts: pl.Expr) -> pl.DataFrame:
    """Count by ad and UTC hour in one key, so that the time zone is asked once per hour and not once per row."""
    size = Ads.read(data).size
    key = (_hour() * size + pl.col("ad_id")).cast(pl.Int32).alias("key")
    sums = pl.scan_parquet(_files(data, "interactions")).group_by(key).agg(**counts).collect(engine="streaming")
    return sums.with_columns(ad_id=(pl.col("key") % size).cast(pl.Int64), hour=pl.col("key") // size)


def _hour() -> pl.Expr:
    return (pl.col("timestamp").to_physical() // HOUR_US).cast(pl.Int32)


def _local(hour: str) -> pl.Expr:
    instant = pl.from_epoch(pl.col(hour).cast(pl.Int64) * 3600, time_unit="s")
    return instant.dt.replace_time_zone("UTC").dt.convert_time_zone(TZ)


def _ads(data: Path, column: str) -> pl.DataFrame:
    return pl.read_parquet(data / "ads.parquet", columns=["ad_id", column])


def profiles(data: Path) -> Run:
    def run() -> Any:
        ads = Ads.read(data)
        codes = pl.LazyFrame({"ad_id": range(ads.size), "code": ads.codes})
        hours = pl.select(hour=pl.int_range(FIRST_HOUR, LAST_HOUR, dtype=pl.Int32)).lazy()
        parts = hours.with_columns(part=_local("hour").dt.hour().cast(pl.Int64) // 6 * CATEGORIES)
        rows = pl.scan_parquet(_files(data, "interactions")).with_columns(hour=_hour())
        rows = rows.join(parts, on="hour").join(codes, on="ad_id")
        key = (pl.col("user_id") * PARTS + pl.col("part") + pl.col("code")).alias("key")
        sums = rows.group_by(key).agg(interactions=pl.len())
        return sums.select(*_unpacked(ads), "interactions").collect(engine="streaming")

    return run


def _unpacked(ads: Ads) -> list[pl.Expr]:
    small = (pl.col("key") % PARTS).cast(pl.UInt8)
    return [
        (pl.col("key") // PARTS).alias("user_id"),
        (small // CATEGORIES).alias("day_part"),
        (small % CATEGORIES).cat.to(pl.Enum(ads.categories)).alias("category"),
    ]


def _files(data: Path, table: str) -> Any:
    folder = data / table
    return sorted(folder.rglob("*.parquet")) if folder.is_dir() else data / f"{table}.parquet"
