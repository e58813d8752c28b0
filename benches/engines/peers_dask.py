"""Plain Dask dataframes, as an expert writes it: NumPy and pandas within partitions, Dask between them.

Each job takes the tables that `read` returns and gives the counts as an Arrow table, with the names of our columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client, wait

from benches.data import HOUR_US, TZ
from benches.grid import DIAMETER_M, RADIUS_M, Grid

COLUMNS = {
    "pings": ["user_id", "timestamp", "latitude", "longitude"],
    "interactions": ["user_id", "ad_id", "action", "timestamp"],
}
WINDOW_US = 6 * HOUR_US
NEAR = np.sin(RADIUS_M / DIAMETER_M) ** 2
SHARES = 4
CELL = ["month", "establishment_id"]


def read(client: Client, root: Path) -> dict[str, Any]:
    """Name the tables, a partition per row group; nothing is read yet. Small tables stay with the client."""
    tables: dict[str, Any] = {"client": client}
    for name, columns in COLUMNS.items():
        for path in (root / name, root / f"{name}.parquet"):
            if path.exists():
                tables[name] = dd.read_parquet(path, columns=columns, split_row_groups=True)
    for name in ("ads", "establishments"):
        if (root / f"{name}.parquet").exists():
            tables[name] = pq.read_table(root / f"{name}.parquet")
    return tables


def persist(tables: dict[str, Any]) -> None:
    """Keep the large tables in the memory of the workers."""
    for name in COLUMNS:
        if name in tables:
            tables[name] = tables[name].persist()
            wait(tables[name])


def unpersist(tables: dict[str, Any]) -> None:
    """Let them go."""
    for name in COLUMNS:
        tables.pop(name, None)


def campaign_ctr(tables: dict[str, Any]) -> pa.Table:
    """Count views and clicks by campaign and month."""
    campaigns, codes = _codes(tables["ads"], "campaign_id")
    meta = {"month": "i8", "campaign": "i8", "views": "i8", "clicks": "i8"}
    rows = tables["interactions"][["ad_id", "action", "timestamp"]]
    counts = rows.map_partitions(_clicks, codes, len(campaigns), meta=meta).compute()
    sums = counts.groupby(["month", "campaign"], as_index=False).sum()
    return _table(sums.assign(campaign_id=np.array(campaigns)[sums["campaign"]]).drop(columns="campaign"))


def establishment_visits(tables: dict[str, Any]) -> pa.Table:
    """Count visits and distinct visitors by establishment and month."""
    grid = Grid.over(tables["establishments"])
    entries = tables["client"].scatter(grid.entries(tables["establishments"]), broadcast=True, hash=False)
    meta = {"month": "i8", "establishment_id": "i8", "user_id": "i8", "visits": "i8"}
    # What is left of a partition is small: summing it at the client costs half of a groupby between partitions.
    by_user = tables["pings"].map_partitions(_visits_by_user, grid, entries, meta=meta).compute()
    by_user = by_user.groupby([*CELL, "user_id"])["visits"].sum().reset_index()
    counts = by_user.groupby(CELL)["visits"].agg(["sum", "count"]).reset_index()
    return _table(counts.rename(columns={"sum": "visits", "count": "visitors"}))


def visit_attribution(tables: dict[str, Any]) -> pa.Table:
    """Count visits, and those at most six hours after the user's latest interaction with that establishment's ads."""
    grid = Grid.over(tables["establishments"])
    entries = tables["client"].scatter(grid.entries(tables["establishments"]), broadcast=True, hash=False)
    _, codes = _codes(tables["ads"], "establishment_id")
    pings = tables["pings"]
    meta = dict.fromkeys(["user_id", "establishment_id", "at"], "i8")
    visits = pings.map_partitions(_visits, grid, entries, meta=meta)
    seen = tables["interactions"][["user_id", "ad_id", "timestamp"]]
    seen = seen.map_partitions(_seen, codes, meta=dict.fromkeys(["user_id", "establishment_id", "seen"], "i8"))
    shuffled = (each.shuffle("user_id", npartitions=SHARES) for each in (visits, seen))
    meta = {"month": "i8", "establishment_id": "i8", "visits": "i8", "attributed_visits": "i8"}
    counts = dd.map_partitions(_attributed, *shuffled, meta=meta, align_dataframes=False).compute()
    return _table(counts.groupby(CELL, as_index=False).sum())


def interaction_profile(tables: dict[str, Any]) -> pa.Table:
    """Count interactions by user, part of the day and category."""
    categories, codes = _codes(tables["ads"], "category")
    rows = tables["interactions"][["user_id", "ad_id", "timestamp"]]
    meta = {"user_id": "i8", "rest": "i8", "interactions": "i8"}
    partial = rows.map_partitions(_profiles, codes, len(categories), meta=meta)
    # Partial counts of a user meet in one share, where they are summed.
    counts = partial.shuffle("user_id", npartitions=SHARES).map_partitions(_sum_profiles, meta=meta).compute()
    part, category = np.divmod(counts["rest"], len(categories))
    named = pa.DictionaryArray.from_arrays(category.to_numpy(), categories)
    return pa.table(
        {"user_id": counts["user_id"], "day_part": part, "category": named, "interactions": counts["interactions"]}
    )


def _codes(table: pa.Table, column: str) -> tuple[list[Any], np.ndarray]:
    """Return the values of a column of the ads, and for each ad the number of its own."""
    encoded = table[column].combine_chunks().dictionary_encode()
    codes = np.zeros(int(table["ad_id"].to_numpy().max()) + 1, dtype=np.int64)
    codes[table["ad_id"].to_numpy()] = encoded.indices.to_numpy()
    if column == "establishment_id":
        codes = encoded.dictionary.to_numpy()[codes]
    return encoded.dictionary.to_pylist(), codes


def _clicks(rows: pd.DataFrame, codes: np.ndarray, campaigns: int) -> pd.DataFrame:
    month, first = _months(_instants(rows))
    key = (month * campaigns + codes[rows["ad_id"].to_numpy()]) * 2 + (rows["action"] == "click").to_numpy()
    counts = np.bincount(key, minlength=2)
    counts = np.pad(counts, (0, len(counts) % 2)).reshape(-1, 2)
    found = np.flatnonzero(counts.sum(axis=1))
    month, campaign = np.divmod(found, campaigns)
    return pd.DataFrame(
        {"month": month + first, "campaign": campaign, "views": counts[found, 0], "clicks": counts[found, 1]}
    )


def _visits(pings: pd.DataFrame, grid: Grid, entries: pa.Table) -> pd.DataFrame:
    """Join pings to the establishments of their cell of a grid, then by the exact distance."""
    latitude, longitude = pings["latitude"].to_numpy(), pings["longitude"].to_numpy()
    order = np.argsort(entries["cell"].to_numpy(), kind="stable")
    listed = entries["cell"].to_numpy()[order]
    cells = grid.cells(latitude, longitude)
    inside = np.flatnonzero(_listed(cells, listed))
    begin, end = (np.searchsorted(listed, cells[inside], side) for side in ("left", "right"))
    repeat = end - begin
    ping = np.repeat(inside, repeat)
    entry = order[np.arange(len(ping)) - np.repeat(np.cumsum(repeat) - repeat - begin, repeat)]
    e_latitude, e_longitude, e_cosine = (
        entries[name].to_numpy()[entry] for name in ("e_latitude", "e_longitude", "e_cosine")
    )
    half_north = np.sin(np.radians(latitude[ping] - e_latitude) / 2) ** 2
    half_east = np.sin(np.radians(longitude[ping] - e_longitude) / 2) ** 2
    near = half_north + np.cos(np.radians(latitude[ping])) * e_cosine * half_east < NEAR
    ping, place = ping[near], entries["establishment_id"].to_numpy()[entry[near]]
    return pd.DataFrame(
        {"user_id": pings["user_id"].to_numpy()[ping], "establishment_id": place, "at": _instants(pings)[ping]}
    )


def _listed(cells: np.ndarray, listed: np.ndarray) -> np.ndarray:
    """Tell which cells list anything: a look at a table of bits costs less than a search."""
    low = int(listed[0])
    bits = np.zeros(int(listed[-1]) - low + 2, dtype=bool)
    bits[listed - low] = True
    return bits[np.clip(cells - low, -1, len(bits) - 1)]


def _visits_by_user(pings: pd.DataFrame, grid: Grid, entries: pa.Table) -> pd.DataFrame:
    visits = _visits(pings, grid, entries)
    month, first = _months(visits["at"].to_numpy())
    visits = visits.assign(month=month + first)
    return visits.groupby([*CELL, "user_id"]).size().rename("visits").reset_index()


def _seen(rows: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    place = codes[rows["ad_id"].to_numpy()]
    return pd.DataFrame({"user_id": rows["user_id"], "establishment_id": place, "seen": _instants(rows)})


def _attributed(visits: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Find each visit's latest interaction by a search among those of its user and establishment, in order of time."""
    places = int(max(visits["establishment_id"].max(), seen["establishment_id"].max())) + 1
    visit_pair = visits["user_id"].to_numpy() * places + visits["establishment_id"].to_numpy()
    seen_pair = seen["user_id"].to_numpy() * places + seen["establishment_id"].to_numpy()
    # Most interactions are with ads of places that the user never visits: that spares their sort.
    wanted = pd.Series(seen_pair).isin(pd.unique(visit_pair)).to_numpy()
    left = pd.DataFrame({"at": visits["at"].to_numpy(), "pair": visit_pair}).sort_values("at")
    right = pd.DataFrame({"at": seen["seen"].to_numpy()[wanted], "pair": seen_pair[wanted]}).sort_values("at")
    right["seen"] = right["at"]
    found = pd.merge_asof(left, right, on="at", by="pair", tolerance=WINDOW_US)
    month, first = _months(found["at"].to_numpy())
    rows = pd.DataFrame(
        {"month": month + first, "establishment_id": found["pair"] % places, "earned": found["seen"].notna()}
    )
    counts = rows.groupby(CELL)["earned"].agg(["size", "sum"]).reset_index()
    return counts.rename(columns={"size": "visits", "sum": "attributed_visits"})


def _profiles(rows: pd.DataFrame, codes: np.ndarray, categories: int) -> pd.DataFrame:
    hours, hour_of_row = _hours(_instants(rows))
    part = (hours.hour.to_numpy() // 6)[hour_of_row]
    rest = part * categories + codes[rows["ad_id"].to_numpy()]
    return _sum_keys(rows["user_id"].to_numpy(), rest, None)


def _sum_profiles(partial: pd.DataFrame) -> pd.DataFrame:
    return _sum_keys(*(partial[name].to_numpy() for name in ("user_id", "rest", "interactions")))


def _sum_keys(user: np.ndarray, rest: np.ndarray, weights: np.ndarray | None) -> pd.DataFrame:
    keys = pd.Series(user * 64 + rest)
    counts = keys.value_counts(sort=False) if weights is None else pd.Series(weights).groupby(keys.to_numpy()).sum()
    user, rest = np.divmod(counts.index.to_numpy(), 64)
    return pd.DataFrame({"user_id": user, "rest": rest, "interactions": counts.to_numpy()})


def _instants(rows: pd.DataFrame) -> np.ndarray:
    return rows["timestamp"].to_numpy(dtype="datetime64[us]").view(np.int64)


def _hours(instants: np.ndarray) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return the local hours that occur, and which is whose: a time zone is asked once an hour, not once a row."""
    hour = instants // HOUR_US
    first = int(hour.min()) if len(hour) else 0
    span = np.arange(first, (int(hour.max()) if len(hour) else 0) + 1)
    local = pd.to_datetime(span * 3600, unit="s", utc=True).tz_convert(TZ)
    return local, hour - first


def _months(instants: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the local month of each instant, counted from the first month, and the number of that since the year 0."""
    hours, hour_of_row = _hours(instants)
    number = hours.year.to_numpy() * 12 + hours.month.to_numpy() - 1
    return (number - number[0]).astype(np.int64)[hour_of_row], int(number[0])


def _table(counts: pd.DataFrame) -> pa.Table:
    """Write months as dates."""
    number = counts["month"].to_numpy()
    month = (number - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]")
    return pa.Table.from_pandas(counts.assign(month=month), preserve_index=False)
