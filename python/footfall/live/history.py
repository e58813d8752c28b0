"""History that is replayed: tracks, what came of suggestions, and a detector that knows nobody yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall.inputs import arrow
from footfall.inputs.options import whole
from footfall.live import preparing
from footfall.live.judging import chances as packaged
from footfall.live.judging import tracks
from footfall.live.judging.outcomes import Came, Suggested, Truth
from footfall.live.judging.tracks import Bools, Ints, Tracks
from footfall.live.options import Approach
from footfall.live.tables import Tables

if TYPE_CHECKING:
    import pyarrow

    from footfall.dataset import Dataset

_BATCH_ROWS = 131_072


@dataclass(frozen=True)
class History:
    """What is replayed, what came of it, and what the detector knows.

    Attributes
    ----------
    tracks : Tracks
        The fixes.
    tables : Tables
        What the detector knows; nobody is held out.
    seed : int
        Of what is drawn.
    confidence : float
        Coverage of intervals.
    kernel : module
        Has ``LiveTables`` and ``Detector``.
    """

    tracks: Tracks
    tables: Tables
    seed: int
    confidence: float
    kernel: Any

    @cached_property
    def truth(self) -> Truth:
        """What users did."""
        return Truth(self.tracks, np.asarray(self._running.any(axis=0)))

    @cached_property
    def stops_by_user(self) -> Ints:
        """How many stops each user made."""
        return np.bincount(self.truth.stop_users, minlength=len(self.tracks.user_ids))

    def recalled(self, came: Came) -> Ints:
        """Return how many of each user's stops were foretold."""
        stops = np.unique(came.stop[came.stop >= 0])
        return np.bincount(self.truth.stop_users[stops], minlength=len(self.tracks.user_ids))

    @cached_property
    def _first_day(self) -> int:
        return int(self.tracks.day.min())

    @cached_property
    def _running(self) -> Bools:
        """Whether an ad of an establishment runs, by day and establishment."""
        days = int(self.tracks.day.max()) - self._first_day + 1
        running = np.zeros((days, self.tracks.places.num_rows), dtype=bool)
        places = {place: number for number, place in enumerate(self.tracks.places["establishment_id"].to_pylist())}
        for ad in self.tables.ads.to_pylist():
            place = places.get(ad["establishment_id"])
            if place is not None:
                first = 0 if ad.get("starts") is None else max(0, self._day(ad["starts"]))
                last = days if ad.get("ends") is None else max(0, self._day(ad["ends"]) + 1)
                running[first:last, place] = True
        return running

    def _day(self, day: Any) -> int:
        return int(np.datetime64(day, "D").astype(np.int64)) - self._first_day

    @cached_property
    def _familiar(self) -> Ints:
        if self.tables.familiar is None:
            return np.zeros(0, dtype=np.int64)
        user = _places_in(self.tables.familiar["user_id"], self.tracks.user_ids)
        place = _places_in(self.tables.familiar["establishment_id"], self.tracks.places["establishment_id"])
        known = (user >= 0) & (place >= 0)
        return user[known] * self.tracks.places.num_rows + place[known]

    def may(self, user: Ints, place: Ints, day: Ints) -> Bools:
        """Return whether something may be suggested: an ad runs that day, and the user is no familiar face there."""
        strange = ~np.isin(user * self.tracks.places.num_rows + place, self._familiar)
        return self._running[day - self._first_day, place] & strange

    def replayed(self, options: Mapping[str, Any], chances: Any = None) -> tuple[pyarrow.Table, pyarrow.Table]:
        """Return the suggestions and the approaches of a detector that knows nobody yet."""
        import pyarrow as pa

        suggestions, approaches = (pa.concat_tables(each) for each in zip(*self.replaying(options, chances)))
        return suggestions, approaches

    def replaying(
        self, options: Mapping[str, Any], chances: Any = None
    ) -> Iterator[tuple[pyarrow.Table, pyarrow.Table]]:
        """Yield the same by parts."""
        tables = self.tables if chances is None else replace(self.tables, chances=chances)
        detector = self.kernel.Detector(tables.native(self.kernel, {**options, "holdout": 0.0}))
        fixes = self.tracks.fixes.select(["user_id", "timestamp", "latitude", "longitude", "accuracy_m"])
        for start in range(0, fixes.num_rows, _BATCH_ROWS):
            suggestions, approaches = detector.process(fixes.slice(start, _BATCH_ROWS))
            yield arrow.to_pyarrow(suggestions), arrow.to_pyarrow(approaches)

    def numbers(self, rows: pyarrow.Table) -> Suggested:
        """Return suggestions or approaches as numbers."""
        user, place, time = self.who_where_when(rows)
        return Suggested(user, place, time, self.tracks.rows(user, time), rows["eta_s"].to_numpy())

    def who_where_when(self, rows: pyarrow.Table) -> tuple[Ints, Ints, Ints]:
        """Return the numbers of users and establishments, and the instants."""
        user = _places_in(rows["user_id"], self.tracks.user_ids)
        place = _places_in(rows["establishment_id"], self.tracks.places["establishment_id"])
        return user, place, tracks.instants(rows["timestamp"])


def bare(data: Dataset) -> Tables:
    """Return tables that know nothing of users: an ad for every establishment, all alike."""
    places = preparing.establishments(data)
    return Tables(places, preparing.one_ad_each(places), None, None, packaged.of_the_city(), Approach(), data.tz)


def of_data(data: Dataset, tables: Tables | None, options: Approach | None, seed: int, kernel: Any) -> History:
    """Return what is replayed and what the detector knows."""
    known = (bare(data) if tables is None else tables).told(options)
    preparing.refuse_empty(known)
    found = tracks.of_data(data, known.establishments, known.options)
    return History(found, known, whole("seed", seed, at_least=0), data.definitions.confidence, kernel)


def _places_in(ids: Any, known: Any) -> Ints:
    """Return the place of each id among the known ones; -1 where it is not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pa.array(known, pa.string()) if isinstance(known, list) else known.cast(pa.string()).combine_chunks()
    return pc.fill_null(pc.index_in(ids.cast(pa.string()), values), -1).to_numpy().astype(np.int64)
