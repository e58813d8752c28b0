"""History played as if it happened now, through the same detector."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from footfall import _native
from footfall.errors import DefinitionError
from footfall.inputs.options import number
from footfall.live import fixes as rows_of
from footfall.live.options import Approach
from footfall.live.sinks import Callback, Files, Sink, part_name
from footfall.live.stats import Stats
from footfall.live.tables import Tables, Watch
from footfall.output.display import duration

if TYPE_CHECKING:
    import pyarrow

_BATCH_ROWS = 65_536
_MOST_SECONDS = 0.25
_SOURCE = "pings"


@dataclass(frozen=True, repr=False)
class Replayed:
    """What a replay found; pyarrow, polars and pandas read it as the table of suggestions.

    Attributes
    ----------
    suggestions : pyarrow.Table
        suggestion_id, user_id, timestamp, establishment_id, ad_id, campaign_id, distance_m, miss_m, closing_speed_mps,
        eta_s, chance, score, held_out, version; in the order of the fixes.
    approaches : pyarrow.Table
        user_id, timestamp, establishment_id, distance_m, miss_m, closing_speed_mps, speed_mps, eta_s, chance, outcome:
        what became of it.
    counters : dict
        Everything that was counted, dropped fixes too.
    seconds : float
        How long it took.
    """

    suggestions: pyarrow.Table
    approaches: pyarrow.Table
    counters: dict[str, int]
    seconds: float

    def __len__(self) -> int:
        """Return the number of suggestions."""
        return int(self.suggestions.num_rows)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the suggestions by the Arrow PyCapsule protocol."""
        return self.suggestions.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return summary(self.counters, self.seconds)


_LEFT_OUT = ("unusable", "ahead", "inaccurate", "late", "duplicate", "jump")
_OF_TRACKS = ("gap", "returned")
_FIRST = ("fixes", "anchors", "approaches")


def summary(counters: Mapping[str, int], seconds: float) -> str:
    """Return counts in a sentence.

    Examples
    --------
    >>> summary({"fixes": 1200, "late": 2, "anchors": 80, "gap": 9, "approaches": 3, "suggested": 1}, 0.5)
    '1,200 fixes (2 late), 80 anchors (9 gap), 3 approaches (1 suggested); in 500 ms'
    """
    others = tuple(name for name in counters if name not in (*_FIRST, *_LEFT_OUT, *_OF_TRACKS))
    groups = zip(_FIRST, (_LEFT_OUT, _OF_TRACKS, others))
    told = ", ".join(f"{counters.get(name, 0):,} {name}{_in_brackets(counters, why)}" for name, why in groups)
    return f"{told}; in {duration(seconds)}"


def _in_brackets(counters: Mapping[str, int], names: Sequence[str]) -> str:
    there = [f"{counters[name]:,} {name.replace('_', ' ')}" for name in names if counters.get(name)]
    return f" ({', '.join(there)})" if there else ""


def replay(
    pings: Any,
    tables: Tables | str | os.PathLike[str],
    *,
    to: Any = None,
    speed: float | None = None,
    options: Approach | None = None,
    stats: str | os.PathLike[str] | None = None,
    kernel: Any = _native,
) -> Replayed:
    """Play pings in the order of their time through the detector.

    Parameters
    ----------
    pings : Dataset or Arrow table
        A data set with pings; or user_id, timestamp, latitude, longitude and perhaps accuracy_m.
    tables : Tables or path
        As `prepare` made them, or their folder; of a folder, newer ones are taken between two batches.
    to : callable, path or sink, optional
        A callback is called for each suggestion that is not held out; a path is a folder of Parquet files, one for
        each commit; see `footfall.live.sinks` for what else there is.
    speed : float, optional
        So many times as fast as it happened; by default as fast as it goes. It changes nothing of what is suggested.
    options : Approach, optional
        Instead of those of the tables.
    stats : path, optional
        A file to which a JSON line of counts is appended each second.
    kernel : module
        Has the classes ``LiveTables`` and ``Detector``.

    Returns
    -------
    Replayed
        Suggestions, approaches and counts.

    Raises
    ------
    DataError, DefinitionError
        If pings, tables or options cannot be used.

    Examples
    --------
    >>> import footfall.live, pyarrow as pa
    >>> from datetime import datetime, timedelta, timezone
    >>> cafe = {"establishment_id": ["cafe"], "category": ["food"], "latitude": [-8.0634], "longitude": [-34.8711]}
    >>> ads = {"ad_id": ["lunch"], "campaign_id": ["food"], "category": ["food"], "establishment_id": ["cafe"]}
    >>> data = footfall.open({"establishments": pa.table(cafe), "ads": pa.table(ads)}, tz="America/Recife")
    >>> tables = footfall.live.prepare(data, options=footfall.live.Approach(holdout=0))
    >>> start = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
    >>> walk = pa.table({"user_id": ["ana"] * 5, "timestamp": [start + timedelta(seconds=35 * i) for i in range(5)],
    ...                  "latitude": [-8.0674 + 0.0004 * i for i in range(5)], "longitude": [-34.8711] * 5})
    >>> found = footfall.live.replay(walk, tables)
    >>> found.suggestions.select(["user_id", "establishment_id"]).to_pylist()
    [{'user_id': 'ana', 'establishment_id': 'cafe'}]
    """
    counted = Stats(stats)
    try:
        run = Run(_known(tables, options), sinks_of(to), counted, kernel)
        return run.play(in_time(pings, checked_speed(speed)))
    finally:
        counted.close()


def sinks_of(to: Any) -> list[Sink]:
    """Return sinks of what a caller gave: a callback, a folder, a sink, or a list of these."""
    if to is None:
        return []
    if isinstance(to, (list, tuple)):
        return [sink for each in to for sink in sinks_of(each)]
    if isinstance(to, (str, os.PathLike)):
        return [Files(to)]
    if hasattr(to, "write"):
        return [to]
    if callable(to):
        return [Callback(to)]
    raise DefinitionError(f"to = {to!r}: must be a folder, a function, or a sink with write(rows, name)")


def checked_speed(value: float | None) -> float | None:
    """Return a speed that makes sense; None stays."""
    if value is None:
        return None
    speed = number("speed", value)
    if not 0 < speed < float("inf"):
        raise DefinitionError(f"speed = {value!r}: must be above 0; leave it out for as fast as it goes")
    return speed


class Fixed:
    """Tables that stay."""

    def __init__(self, tables: Tables):
        self.tables = tables

    def newer(self) -> Tables | None:
        """Return nothing: there are none."""
        return None


def _known(tables: Any, options: Approach | None) -> Fixed | Watch:
    if isinstance(tables, Tables):
        return Fixed(tables.told(options))
    if isinstance(tables, (str, os.PathLike)):
        return Watch(tables, lambda read: read.told(options))
    raise DefinitionError(
        f"tables is of type {type(tables).__qualname__}: must be of footfall.live.prepare, or a folder"
    )


class Run:
    """A detector, what it knows, and where its suggestions go.

    Parameters
    ----------
    known : Fixed or Watch
        The tables, and whether there are newer ones.
    sinks : sequence of Sink
        Of suggestions.
    stats : Stats
        Counts.
    kernel : module
        Has ``LiveTables`` and ``Detector``.
    watch : callable, optional
        Is given each batch of fixes after the detector, with the name of its commit.
    keep : bool
        Whether suggestions and approaches are returned.
    """

    def __init__(
        self,
        known: Fixed | Watch,
        sinks: Sequence[Sink],
        stats: Stats,
        kernel: Any = _native,
        *,
        watch: Callable[[pyarrow.Table, str], None] | None = None,
        keep: bool = True,
    ):
        self._known, self._sinks, self._stats, self._kernel = known, sinks, stats, kernel
        self._watch, self._keep = watch, keep
        self.detector = known.tables.detector(kernel)

    def play(self, batches: Iterator[tuple[pyarrow.Table, float | None]]) -> Replayed:
        """Process batches of fixes, each with how late it is, and return what was found."""
        import pyarrow as pa

        started, offset = time.perf_counter(), 0
        found = [self._process(_nobody(), 0, None)]
        for batch, lag_s in batches:
            both = self._process(batch, offset, lag_s)
            offset += batch.num_rows
            if self._keep:
                found.append(both)
        self._stats.tell([self.detector], self._known.tables.version, now=True)
        suggestions, approaches = (pa.concat_tables(tables) for tables in zip(*found))
        return Replayed(suggestions, approaches, self.detector.counters(), time.perf_counter() - started)

    def _process(self, batch: pyarrow.Table, offset: int, lag_s: float | None) -> tuple[pyarrow.Table, pyarrow.Table]:
        import pyarrow as pa

        newer = self._known.newer()
        if newer is not None:
            self.detector.reload(newer.native(self._kernel))
        started = time.perf_counter()
        suggestions, approaches = map(pa.table, self.detector.process(batch))
        if batch.num_rows:
            name = part_name(_SOURCE, offset, offset + batch.num_rows - 1)
            for sink in self._sinks:
                sink.write(suggestions, name)
            if self._watch is not None:
                self._watch(batch, name)
            self._stats.took(batch.num_rows, time.perf_counter() - started, lag_s)
            self._stats.tell([self.detector], self._known.tables.version)
        return suggestions, approaches


def _nobody() -> pyarrow.Table:
    return rows_of.schema().empty_table()


def in_time(pings: Any, speed: float | None) -> Iterator[tuple[pyarrow.Table, float | None]]:
    """Yield batches of fixes: as large as is good, or what is due by the clock, with how late it comes."""
    if speed is not None:
        yield from _by_the_clock(rows_of.batches(pings), speed)
        return
    for table in rows_of.batches(pings):
        for start in range(0, table.num_rows, _BATCH_ROWS):
            yield table.slice(start, _BATCH_ROWS), None


def _by_the_clock(tables: Iterator[pyarrow.Table], speed: float) -> Iterator[tuple[pyarrow.Table, float]]:
    import numpy as np

    began, first = time.monotonic(), None
    for table in tables:
        times = table["timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64)
        first = int(times[0]) if first is None else first
        start = 0
        while start < len(times):
            due_s = began + (int(times[start]) - first) / 1e6 / speed - time.monotonic()
            if due_s > 0:
                time.sleep(min(due_s, _MOST_SECONDS))
                continue
            now_us = first + (time.monotonic() - began) * speed * 1e6
            end = max(start + 1, min(int(np.searchsorted(times, now_us, "right")), start + _BATCH_ROWS))
            yield table.slice(start, end - start), max(0.0, -due_s)
            start = end
