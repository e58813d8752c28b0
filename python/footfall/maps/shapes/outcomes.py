"""What became of approaches, in words and colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from footfall.lang import mark, number, tr
from footfall.maps.shapes.classes import Classed, Colours

_SUGGESTED, _HELD_OUT, _WAITED, _NOTHING = (
    ("#D2420B", "#FF7A45"), ("#5F6B76", "#B4BEC8"), ("#C77F00", "#F2B632"), ("#8894A0", "#7D8A97"),
)  # fmt: skip
#: By outcome, those that led to something first: the rules of the suggestion, then those of the establishment.
OUTCOMES = {
    "suggested": (mark("suggested"), _SUGGESTED), "held_out": (mark("held out"), _HELD_OUT),
    "outscored": (mark("outscored"), _WAITED), "pause": (mark("pause"), _WAITED),
    "cooldown": (mark("cooldown"), _WAITED), "cap": (mark("cap"), _WAITED), "familiar": (mark("familiar"), _NOTHING),
    "closed": (mark("closed"), _NOTHING), "no_ad": (mark("no ad"), _NOTHING),
}  # fmt: skip
_DID_NOT_COME = mark("Did not come")
CAME: dict[str, tuple[str, str]] = {
    mark("Stop"): ("#009E73", "#2DC79A"), mark("Passed by"): ("#56B4E9", "#56B4E9"),
    _DID_NOT_COME: ("#FFFFFF", "#18212A"),
}  # fmt: skip
EDGE = ("#1F2933", "#E6EBF0")
MARKS = {**CAME, _DID_NOT_COME: EDGE}
TOLD = ("timestamp", "name", "outcome", "ad_id", "distance_m", "miss_m", "eta_s", "chance", "came")


def classed(approaches: pa.Table) -> Classed:
    """Return the outcome of each approach, with how many have it."""
    found = approaches["outcome"].to_pylist()
    names = [name for name in OUTCOMES if name in found]
    labels = [f"{tr(OUTCOMES[name][0]).capitalize()} ({number(found.count(name))})" for name in names]
    return Classed([names.index(each) for each in found], labels, two([OUTCOMES[name][1] for name in names]))


def two(pairs: Sequence[tuple[str, str]]) -> Colours:
    """Return colours for light maps and for dark ones."""
    return [light for light, _ in pairs], [dark for _, dark in pairs]


def facts(approaches: pa.Table) -> pa.Table:
    """Return what approaches tell when they are pointed at, in words and whole metres and seconds."""
    came = pa.array([_words(row) for row in approaches.to_pylist()], pa.string())
    outcome = pa.array([tr(OUTCOMES[each][0]) for each in approaches["outcome"].to_pylist()], pa.string())
    rounded = approaches.append_column("came", came)
    rounded = rounded.set_column(rounded.column_names.index("outcome"), "outcome", outcome)
    for name in ("distance_m", "miss_m", "eta_s"):
        place = rounded.column_names.index(name)
        rounded = rounded.set_column(place, name, pc.round(rounded[name]).cast(pa.int64()))
    return rounded.select(TOLD)


def _words(row: Any) -> str:
    if row["arrived_s"] is None:
        return tr("did not come")
    arrived = _minutes(row["arrived_s"])
    if row["is_stop"]:
        return tr("there after {arrived}, stayed {stayed}", arrived=arrived, stayed=_minutes(row["stayed_s"]))
    return tr("there after {arrived}, passed by", arrived=arrived)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
