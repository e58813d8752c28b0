"""Frames of a live map: what is there now, as small as it can be said."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall.inputs import zones
from footfall.lang import mark, number, tr
from footfall.live.showing import positions
from footfall.live.showing.positions import APPROACHING, HELD_OUT, MOVING, NOBODY, SUGGESTED, Positions
from footfall.live.tables import Tables
from footfall.maps.shapes import corridors
from footfall.output.display import compact, percent
from footfall.output.text import cut, printable

if TYPE_CHECKING:
    import pyarrow

# 0.1 m, as in scenes.
_PER_DEGREE = 1_000_000
_MOST_APPROACHES, _MOST_ROWS = 60, 8
#: Seconds of the reader's that an approach is seen: while it lasts, within these.
_SEEN_S = (6.0, 30.0)
_LETTERS = 34
_HEADINGS = (mark("When"), mark("Who"), mark("Establishment"), mark("Ad"), mark("Ahead"), mark("Chance"))
_OUTCOMES = {"suggested": SUGGESTED, "held_out": HELD_OUT}


def headings() -> list[str]:
    """Return the headings of the table of the last suggestions."""
    return [tr(each) for each in _HEADINGS]


@dataclass(frozen=True)
class Seen:
    """An approach as it is drawn."""

    user: str
    kind: int
    here: corridors.Place
    place: corridors.Place
    name: str
    outcome: str
    ring: Any
    until: float
    row: Mapping[str, Any]
    number: int


@dataclass
class Frames:
    """Takes what a detector took and found, and tells what is there now.

    Parameters
    ----------
    tables : Tables
        Names and places of establishments, options and time zone.
    ids : bool
        Whether users are called by their ids; else they are numbered.
    most : int
        How many users are drawn.
    clock : callable
        Seconds of the reader's time.
    """

    tables: Tables
    ids: bool = False
    most: int = 20_000
    clock: Any = time.monotonic
    speed: float | None = None
    _line: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.positions = Positions(self.tables.options, self.most)
        self.seen: deque[Seen] = deque(maxlen=_MOST_APPROACHES)
        self.rows: deque[Mapping[str, Any]] = deque(maxlen=_MOST_ROWS)
        self.counts: Counter[str] = Counter()
        self._numbers: dict[str, int] = {}
        self._zone = zones.zone(self.tables.tz)
        columns = (self.tables.establishments[name].to_pylist() for name in _PLACE)
        self._places = {id: (name or id, (latitude, longitude)) for id, name, latitude, longitude in zip(*columns)}

    def watch(self, name: str, fixes: pyarrow.Table, suggestions: pyarrow.Table, approaches: pyarrow.Table) -> None:
        """Take a batch: fixes, and what the detector found in them."""
        self.positions.add(fixes)
        self.counts["fixes"] += fixes.num_rows
        if approaches.num_rows:
            ads = {(row["user_id"], row["timestamp"]): row for row in suggestions.to_pylist()}
            here = _places_of(fixes, approaches)
            for row in approaches.to_pylist():
                self._approach(row, ads.get((row["user_id"], row["timestamp"]), {}), here)

    def told(self, line: Mapping[str, Any]) -> None:
        """Take what the process counts, once a second."""
        self._line = line

    def _approach(self, row: Mapping[str, Any], ad: Mapping[str, Any], here: Mapping[Any, corridors.Place]) -> None:
        self.counts["approaches"] += 1
        kind = _OUTCOMES.get(row["outcome"], APPROACHING)
        at, there = here.get((row["user_id"], row["timestamp"])), self._places.get(row["establishment_id"])
        if at is None or there is None:
            return
        suggested = kind != APPROACHING
        if suggested:
            self.counts[row["outcome"]] += 1
            self.rows.appendleft({**ad, **row})
        name, place = there
        self.seen.append(
            Seen(row["user_id"], kind, at, place, name, row["outcome"], self._corridor(row, at, place),
                 self.clock() + self._seconds(row["eta_s"]), {**ad, **row}, sum(self.counts.values()))
        )  # fmt: skip

    def _seconds(self, eta_s: float) -> float:
        least, most = _SEEN_S
        return min(max(eta_s / (self.speed or 1.0), least), most)

    def _corridor(self, row: Mapping[str, Any], here: corridors.Place, place: corridors.Place) -> Any:
        options = self.tables.options
        slot = self.positions.slot(row["user_id"])
        before = self.positions.before[slot] if slot >= 0 else (np.nan, np.nan)
        ahead = None if np.isnan(before).any() else corridors.heading((before[1], before[0]), here)
        line = corridors.towards(here, place, row["miss_m"], ahead)
        return corridors.corridor(here, line, row["distance_m"], options.miss_m, options.miss_share)

    def current(self) -> list[Seen]:
        """Return the approaches that are still to be seen, the oldest first."""
        now = self.clock()
        while self.seen and self.seen[0].until < now:
            self.seen.popleft()
        return [each for each in self.seen if each.until >= now]

    def kinds(self, seen: Iterable[Seen]) -> Any:
        """Return what each slot is."""
        kinds = np.where(self.positions.drawn(), MOVING, NOBODY).astype(np.uint8)
        for each in seen:
            slot = self.positions.slot(each.user)
            if slot >= 0 and kinds[slot] != NOBODY:
                kinds[slot] = max(kinds[slot], each.kind)
        return kinds

    def frame(self) -> tuple[dict[str, Any], list[bytes]]:
        """Return what is there now: words and shapes, and in buffers positions (millionths of degrees) and kinds."""
        seen = self.current()
        kinds = self.kinds(seen)
        last = int(np.flatnonzero(kinds)[-1]) + 1 if kinds.any() else 0
        degrees = np.nan_to_num(self.positions.degrees[:last])
        told = {
            "clock": self.time_text(self.positions.now_us, 0, 16),
            "facts": self.facts(int(np.count_nonzero(kinds))),
            "rows": [{"kind": _OUTCOMES[row["outcome"]], "cells": self.cells(row)} for row in self.rows],
            "approaches": [self._shape(each) for each in seen],
        }
        return told, [np.rint(degrees * _PER_DEGREE).astype("<i4").tobytes(), kinds[:last].tobytes()]

    def _shape(self, seen: Seen) -> dict[str, Any]:
        words = self.card(seen) if seen.kind in (SUGGESTED, HELD_OUT) else []
        slot = self.positions.slot(seen.user)
        return {
            "number": seen.number,
            "kind": seen.kind,
            "slot": slot,
            "here": _whole([seen.here[::-1]])[0],
            "place": _whole([seen.place[::-1]])[0],
            "ring": _whole(seen.ring),
            "words": words,
        }

    def card(self, seen: Seen) -> list[str]:
        """Return what pops up: the establishment, the ad, and how far ahead it is."""
        row = seen.row
        ahead = tr("{distance}, {time} ahead", distance=_metres(row["distance_m"]), time=_ahead(row["eta_s"]))
        ad = tr("held out, not sent") if seen.kind == HELD_OUT else _short(row.get("ad_id", ""))
        return [_short(seen.name), ad, ahead]

    def cells(self, row: Mapping[str, Any]) -> list[str]:
        """Return the texts of a row of the last suggestions."""
        moment = int(np.datetime64(row["timestamp"].replace(tzinfo=None), "us").astype(np.int64))
        name, _ = self._places[row["establishment_id"]]
        ad = tr("held out") if row["outcome"] == "held_out" else _short(row.get("ad_id", ""))
        ahead = f"{_metres(row['distance_m'])}, {_ahead(row['eta_s'])}"
        return [self.time_text(moment, 11, 19), self.who(row["user_id"]), _short(name), ad, ahead,
                percent(row["chance"])]  # fmt: skip

    def who(self, user: str) -> str:
        """Return what a user is called: a number by default, since whoever looks need not know whose way it is."""
        if self.ids:
            return _short(user)
        return tr("user {id}", id=str(self._numbers.setdefault(user, len(self._numbers) + 1)))

    def time_text(self, moment_us: int, start: int, end: int) -> str:
        """Return a part of an instant's local time."""
        if moment_us == positions._NEVER:
            return ""
        return self._zone.local_text(moment_us)[start:end].replace("T", " ")

    def facts(self, drawn: int) -> list[list[str]]:
        """Return headings and values of what is counted."""
        line, counts = self._line, self.counts
        known = line.get("users", 0) if len(self.positions) == self.most else 0
        told = [
            [tr("Users"), _drawn_of(drawn, known)],
            [tr("Fixes"), compact(counts["fixes"])],
            [tr("Approaches"), compact(counts["approaches"])],
            [tr("Suggested"), compact(counts["suggested"])],
            [tr("Held out"), compact(counts["held_out"])],
            [tr("Fixes/s"), "–" if line.get("rate") is None else compact(round(line["rate"]))],
            ["p50", _milliseconds(line.get("p50_ms"))],
            ["p99", _milliseconds(line.get("p99_ms"))],
        ]
        return told if line.get("lag") is None else [*told, [tr("Lag"), compact(line["lag"])]]


_PLACE = ("establishment_id", "name", "latitude", "longitude")


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{number(value, ',.1f' if value < 100 else ',.0f')} ms"


def _drawn_of(drawn: int, known: int) -> str:
    return tr("{hits} of {trials}", hits=compact(drawn), trials=compact(known)) if known else compact(drawn)


def _metres(value: float) -> str:
    return f"{number(value, ',.0f')} m"


def _ahead(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _short(text: Any) -> str:
    return cut(printable(str(text)), _LETTERS)


def _whole(points: Any) -> list[Any]:
    return np.rint(np.asarray(points, dtype=np.float64) * _PER_DEGREE).astype(np.int64).tolist()


def _places_of(fixes: pyarrow.Table, approaches: pyarrow.Table) -> dict[Any, corridors.Place]:
    """Return where users were at the instants of their approaches."""
    import pyarrow.compute as pc

    near = fixes.filter(pc.is_in(fixes["user_id"], approaches["user_id"].combine_chunks()))
    # Of a user's fixes at one instant, the first counts.
    columns = (near[name].to_pylist()[::-1] for name in ("user_id", "timestamp", "latitude", "longitude"))
    return {(user, at): (latitude, longitude) for user, at, latitude, longitude in zip(*columns)}
