"""What is compared: each raw result, in whatever form a contestant has it, comes down to a few numbers."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Answer = dict[str, Union[int, float, str]]

DAY_PARTS = ("night", "morning", "afternoon", "evening")


def pairs(raw: Any) -> Answer:
    """Need user_id, timestamp, establishment_id and distance_m of every visit."""
    table = _table(raw)
    return {
        "pairs": table.num_rows,
        "by establishment": _digest(_counts(table, "establishment_id")),
        "by user": _digest(_counts(table, "user_id")),
        "timestamps": int(np.sum(_microseconds(table["timestamp"]) % 1_000_003)),
        "metres": pc.sum(table["distance_m"]).as_py() or 0.0,
    }


def distances(raw: Any) -> Answer:
    """Need an array of metres."""
    metres = np.asarray(raw)
    return {"rows": len(metres), "metres": float(metres.sum()), "farthest": float(metres.max())}


def visits_by_month(raw: Any) -> Answer:
    """Need establishment_id, month and visits."""
    table = _table(raw)
    rows = zip(_texts(table["establishment_id"]), _months(table["month"]), _integers(table["visits"]))
    counts = {f"{place} {month}": visits for place, month, visits in rows if visits}
    return {"visits": sum(counts.values()), "by establishment and month": _digest(counts)}


def attributed(raw: Any) -> Answer:
    """Need establishment_id and attributed (a count), or establishment_id, ad_id, interaction_timestamp by visit."""
    table = _table(raw)
    if "ad_id" not in table.column_names:
        counts = dict(zip(_texts(table["establishment_id"]), _integers(table["attributed"])))
        return _attributed({place: count for place, count in counts.items() if count})
    table = table.filter(table["ad_id"].is_valid())
    named: Answer = {
        "ads": _digest(_counts(table, "ad_id")),
        "instants": int(np.sum(_microseconds(table["interaction_timestamp"]) % 1_000_003)),
    }
    return {**_attributed(_counts(table, "establishment_id")), **named}


def _attributed(counts: dict[str, int]) -> Answer:
    return {"attributed": sum(counts.values()), "by establishment": _digest(counts)}


def clicks_by_month(raw: Any) -> Answer:
    """Need campaign_id, month, views and clicks."""
    table = _table(raw)
    keys = [f"{campaign} {month}" for campaign, month in zip(_texts(table["campaign_id"]), _months(table["month"]))]
    views, clicks = _integers(table["views"]), _integers(table["clicks"])
    both = {key: f"{v} {c}" for key, v, c in zip(keys, views, clicks)}
    return {"views": sum(views), "clicks": sum(clicks), "by campaign and month": _digest(both)}


def by_hour(raw: Any) -> Answer:
    """Need category, hour and interactions."""
    table = _table(raw)
    rows = zip(_texts(table["category"]), _integers(table["hour"]), _integers(table["interactions"]))
    counts = {f"{category} {hour}": count for category, hour, count in rows if count}
    return {"interactions": sum(counts.values()), "by category and hour": _digest(counts)}


def profiles(raw: Any) -> Answer:
    """Need user_id, day_part (text, or 0 to 3), category and interactions."""
    table = _table(raw)
    counts = table["interactions"].cast(pa.int64())
    whole = pa.table({"part": table["day_part"], "category": table["category"], "n": counts})
    sums = whole.group_by(["part", "category"]).aggregate([("n", "sum"), ("n", "count")])
    rows = zip(
        sums["part"].to_pylist(), _texts(sums["category"]), sums["n_sum"].to_pylist(), sums["n_count"].to_pylist()
    )
    by_part = {f"{part if isinstance(part, str) else DAY_PARTS[part]} {name}": f"{n} {k}" for part, name, n, k in rows}
    users = table["user_id"].cast(pa.int64()).to_numpy() % 1009
    numbers = counts.to_numpy()
    return {
        "groups": table.num_rows,
        "interactions": int(numbers.sum()),
        "squares": int((numbers**2).sum()),
        "by user": int((users * numbers**2).sum()),
        "by part and category": _digest(by_part),
    }


def differences(ours: Answer, theirs: Answer) -> list[str]:
    """Name what both have and what differs."""
    return [
        f"{key} is {theirs[key]}, not {ours[key]}"
        for key in ours
        if key in theirs and not _same(ours[key], theirs[key])
    ]


def _same(one: Any, other: Any) -> bool:
    # Formulas of the same distance differ in their last bits.
    return math.isclose(one, other, rel_tol=1e-6) if isinstance(one, float) else one == other


def _table(raw: Any) -> pa.Table:
    return raw if isinstance(raw, pa.Table) else pa.table(raw)


def _counts(table: pa.Table, column: str) -> dict[str, int]:
    found = pc.value_counts(table[column])
    return dict(zip(_texts(found.field("values")), found.field("counts").to_pylist()))


def _texts(column: Any) -> list[str]:
    return [str(value) for value in column.to_pylist()]


def _integers(column: Any) -> list[int]:
    return [int(value) for value in column.to_pylist()]


def _months(column: Any) -> list[str]:
    """Read 2024-03 from a date or a timestamp, and from 24290, the months since the year 0 with January as 0."""
    months = column.to_pylist()
    return [f"{m // 12}-{m % 12 + 1:02}" if isinstance(m, int) else str(m)[:7] for m in months]


def _microseconds(column: Any) -> np.ndarray:
    if pa.types.is_integer(column.type):
        return column.to_numpy()
    return column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()).to_numpy()


def _digest(counts: dict[str, Any]) -> str:
    lines = "\n".join(f"{key}: {counts[key]}" for key in sorted(counts))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]
