"""The measures of a back-test: shares with their intervals, by method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall.live.history import History
from footfall.live.judging.outcomes import Came, Suggested
from footfall.live.judging.resampling import Users
from footfall.live.judging.tracks import Tracks

if TYPE_CHECKING:
    import pyarrow

#: Suggestions of each method, and what came of them.
Numbers = Mapping[str, tuple[Suggested, Came]]


def shares(made: Suggested, came: Came, users: Users, chosen: Any = slice(None)) -> dict[str, Any]:
    """Return counts and shares, with intervals, of some of the suggestions of a method."""
    user, arrived, stopped = made.user[chosen], came.arrived[chosen], came.stopped[chosen]
    trials = np.bincount(user, minlength=users.count)
    found: dict[str, Any] = {"suggestions": len(user)}
    for name, count, of in (("arrive", "arrivals", arrived), ("stop", "stops", stopped)):
        hits = np.bincount(user[of], minlength=users.count)
        found[count] = int(of.sum())
        found |= dict(zip((name, f"{name}_low", f"{name}_high"), users.ratio(hits, trials)))
    return found


def table(history: History, numbers: Numbers, users: Users) -> pyarrow.Table:
    """Return a row of measures for each method."""
    import pyarrow as pa

    found = []
    for method, (made, came) in numbers.items():
        recall = users.ratio(history.recalled(came), history.stops_by_user)
        row = {"method": method, **shares(made, came, users)}
        row["per_user_day"] = row["suggestions"] / history.tracks.user_days
        row |= dict(zip(("recall", "recall_low", "recall_high"), recall))
        found.append(row | {"lead_s": _median(came.lead_s), "lead_per_eta": _median(came.lead_s / made.eta_s)})
    return pa.Table.from_pylist(found, schema=_schema())


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    counts = ("suggestions", "arrivals", "stops")
    names = ["method", "suggestions", "per_user_day", "arrivals", *_with_ends("arrive"), "stops", *_with_ends("stop")]
    names += [*_with_ends("recall"), "lead_s", "lead_per_eta"]
    kinds = {"method": pa.string(), **{name: pa.int64() for name in counts}}
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in names])


def _with_ends(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def _median(values: Any) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def rows(history: History, numbers: Numbers) -> pyarrow.Table:
    """Return a row for each suggestion, and what came of it."""
    import pyarrow as pa

    of = history.tracks
    users = pa.array(of.user_ids, pa.string())
    parts = [
        pa.table(
            {
                "method": pa.array([method] * len(made.time), pa.string()),
                "user_id": users.take(pa.array(made.user)),
                "timestamp": pa.array(made.time, pa.timestamp("us", "UTC")),
                "establishment_id": of.places["establishment_id"].combine_chunks().take(pa.array(made.place)),
                **{name: pa.array(values, from_pandas=True) for name, values in _numbers_of(of, made, came).items()},
            }
        )
        for method, (made, came) in numbers.items()
    ]
    return pa.concat_tables(parts)


def _numbers_of(found: Tracks, made: Suggested, came: Came) -> dict[str, Any]:
    seen = {"eta_s": made.eta_s, "interval_s": found.interval_s[made.fix], "speed_mps": found.speed_mps[made.fix]}
    return {**seen, "arrived": came.arrived, "stopped": came.stopped, "lead_s": came.lead_s}
