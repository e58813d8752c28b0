"""pandas: what a data scientist has at hand, with categories and an as-of merge."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pandas as pd

from benches.data import HOUR_US, TZ

Run = Callable[[], Any]
KEY = ["user_id", "establishment_id"]


def attributed_as_of(data: Path) -> Run:
    def run() -> Any:
        visits = pd.read_parquet(data / "visits.parquet", columns=[*KEY, "timestamp"])
        seen = pd.read_parquet(data / "interactions.parquet", columns=["user_id", "ad_id", "timestamp"])
        ads = pd.read_parquet(data / "ads.parquet").set_index("ad_id")["establishment_id"]
        seen["establishment_id"] = seen["ad_id"].map(ads)
        # Most interactions are with ads of places that the user never visits: that spares their sort.
        pair = seen["user_id"] * (ads.max() + 1) + seen["establishment_id"]
        seen = seen[pair.isin((visits["user_id"] * (ads.max() + 1) + visits["establishment_id"]).unique())]
        seen = seen.assign(interaction_timestamp=seen["timestamp"]).sort_values("timestamp")
        window = pd.Timedelta(hours=6)
        found = pd.merge_asof(visits.sort_values("timestamp"), seen, on="timestamp", by=KEY, tolerance=window)
        found = found.dropna(subset=["ad_id"]).astype({"ad_id": "int64"})
        return found[["establishment_id", "ad_id", "interaction_timestamp"]]

    return run


def clicks_by_month(data: Path) -> Run:
    def run() -> Any:
        files = sorted((data / "interactions").glob("*.parquet"))
        # A file at a time: all at once would not fit.
        counts = pd.concat([_hourly(file) for file in files], ignore_index=True)
        ads = pd.read_parquet(data / "ads.parquet").set_index("ad_id")["campaign_id"]
        instants = pd.to_datetime(counts["hour"] * 3600, unit="s", utc=True)
        local = instants.dt.tz_convert(TZ).dt.tz_localize(None)
        counts = counts.assign(campaign_id=counts["ad_id"].map(ads), month=local.dt.to_period("M").dt.start_time)
        sums = counts.groupby(["campaign_id", "month"], as_index=False)[["rows", "clicks"]].sum()
        return sums.assign(views=sums["rows"] - sums["clicks"])

    return run


def _hourly(file: Path) -> pd.DataFrame:
    rows = pd.read_parquet(file, columns=["ad_id", "action", "timestamp"])
    hour = rows["timestamp"].astype("int64") // HOUR_US
    flags = pd.DataFrame({"ad_id": rows["ad_id"], "hour": hour, "clicks": rows["action"] == "click"})
    grouped = flags.groupby(["ad_id", "hour"])["clicks"]
    return grouped.agg(rows="size", clicks="sum").reset_index()
