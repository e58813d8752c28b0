"""Options from history: chances counted and limits chosen on half of the users, judged on the other half."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall.errors import DataError
from footfall.live.history import History
from footfall.live.judging import chances as counting
from footfall.live.judging.tracks import Bools
from footfall.live.options import Approach

if TYPE_CHECKING:
    import pyarrow

#: What is tried, one after the other: corridors (metres, share of the distance), seconds ahead, shares of approaches.
CORRIDORS = ((15.0, 0.05), (30.0, 0.1), (45.0, 0.15))
HORIZONS_S = (150.0, 300.0, 450.0)
#: As many approaches of the mean chance are added to each class.
_PRIOR = 20
WAITING = (0.0, 0.75, 0.9, 0.96, 0.98, 0.99, 0.995, 0.998, 0.999)


def halves(history: History) -> tuple[History, History]:
    """Return the history of two halves of the users, by a hash of their ids."""
    ids = history.tracks.user_ids
    first = np.array([hashlib.sha256(b"half\xff" + each.encode()).digest()[0] % 2 == 0 for each in ids])
    if first.all() or not first.any():
        reason = f"has {len(ids)} users, all of one half by their hash: too few to choose on one and judge on the other"
        raise DataError(f"table pings {reason}", table="pings", reason=reason)
    return _of(history, first), _of(history, ~first)


def _of(history: History, users: Bools) -> History:
    return replace(history, tracks=history.tracks.of_users(users))


def counted(history: History, options: Approach) -> pyarrow.Table:
    """Return how many approaches of each class arrived, at every anchor of the widest corridor."""
    miss_m, miss_share = (max(values) for values in zip(*CORRIDORS, (options.miss_m, options.miss_share)))
    wide = replace(options, miss_m=miss_m, miss_share=miss_share, horizon_s=max(*HORIZONS_S, options.horizon_s))
    # Armed again at once, and without a suggestion that would silence others.
    parts = history.replaying({**wide.native(), "rearm": 0.0, "cap": 0, "min_chance": 0.0})
    return counting.added(*(_counted(history, approaches) for _, approaches in parts))


def _counted(history: History, approaches: pyarrow.Table) -> pyarrow.Table:
    return counting.count(approaches, history.truth.arrived(*history.who_where_when(approaches))[0])


def chosen(history: History, base: Approach, chances: pyarrow.Table) -> tuple[Approach, pyarrow.Table]:
    """Choose what arrives most: first the corridor, then the horizon, each with the best least chance."""
    import pyarrow as pa

    tried: list[dict[str, Any]] = []

    def best(candidates: list[Approach]) -> Approach:
        judged = [(_arrivals(history, each, chances, tried), -place) for place, each in enumerate(candidates)]
        return candidates[-max(judged)[1]]

    found = best([replace(base, min_chance=least) for least in _least(chances)])
    found = best([found, *(replace(found, miss_m=metres, miss_share=share) for metres, share in CORRIDORS)])
    found = best([found, *(replace(found, horizon_s=seconds) for seconds in HORIZONS_S)])
    found = best([found, *(replace(found, min_chance=least) for least in _least(chances))])
    return found, pa.Table.from_pylist(tried)


def _arrivals(history: History, options: Approach, chances: Any, tried: list[dict[str, Any]]) -> int:
    said = {name: getattr(options, name) for name in ("miss_m", "miss_share", "horizon_s", "min_chance")}
    known = next((row["arrivals"] for row in tried if said.items() <= row.items()), None)
    if known is not None:
        return int(known)
    suggestions, _ = history.replayed(options.native(), chances)
    arrived = int(history.truth.arrived(*history.who_where_when(suggestions))[0].sum())
    tried.append({**said, "suggestions": suggestions.num_rows, "arrivals": arrived})
    return arrived


def _least(chances: pyarrow.Table) -> list[float]:
    """Return the chances that these shares of the approaches are below."""
    rows = chances.to_pylist()
    whole, arrivals = (sum(row[name] for row in rows) for name in ("approaches", "arrivals"))
    if not whole:
        return [0.0]
    prior = arrivals / whole
    shrunk = [(row["arrivals"] + _PRIOR * prior) / (row["approaches"] + _PRIOR) for row in rows]
    order = np.argsort(shrunk)
    below = np.cumsum(np.array([row["approaches"] for row in rows])[order]) / whole
    at = np.minimum(np.searchsorted(below, WAITING, "left"), len(rows) - 1)
    # Rounded down, so that the class itself is above it.
    return sorted({0.0, *(float(np.floor(1e6 * np.array(shrunk)[order][place]) / 1e6) for place in at[1:])})
