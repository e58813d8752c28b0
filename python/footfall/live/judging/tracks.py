"""Tracks of users as arrays, and what they visited: what came of a suggestion is looked up here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from footfall import _native
from footfall.errors import DataError, MissingTableError
from footfall.kernels import visit_join
from footfall.live.options import Approach

if TYPE_CHECKING:
    import pyarrow

    from footfall.dataset import Dataset

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SECOND = 1_000_000
#: Over so many seconds a user's speed is taken.
_SPEED_OVER_S = 60
_FIXES = (
    "SELECT user_id, timestamp, latitude, longitude, {accuracy} AS accuracy_m, local_day(timestamp) AS day FROM pings"
)
_ORDER = [(name, "ascending") for name in ("user_id", "timestamp", "latitude", "longitude", "accuracy_m")]


@dataclass(frozen=True)
class InARow:
    """Rows sorted by a key and a time, as one number each, so that many are looked up at once.

    Attributes
    ----------
    keys, times : array of int
        Those that are there, sorted, each once.
    numbers : array of int
        Of the rows.
    """

    keys: Ints
    times: Ints
    numbers: Ints

    @classmethod
    def of(cls, key: Ints, time: Ints) -> InARow:
        """Return it for sorted rows."""
        keys, times = np.unique(key), np.unique(time)
        return cls(keys, times, _numbers(keys, times, key, time))

    def after(self, key: Ints, time: Ints) -> Ints:
        """Return the first row of each key that is later than a time, or where it would be."""
        return np.searchsorted(self.numbers, _numbers(self.keys, self.times, key, time), "right")


def _numbers(keys: Ints, times: Ints, key: Ints, time: Ints) -> Ints:
    return np.searchsorted(keys, key) * (len(times) + 1) + np.searchsorted(times, time, "right")


@dataclass(frozen=True)
class Tracks:
    """Fixes by user and time, each instant of a user once.

    Attributes
    ----------
    fixes : pyarrow.Table
        user_id, timestamp, latitude, longitude, accuracy_m, day.
    places : pyarrow.Table
        The establishments.
    options : Approach
        Its visit radius, accuracies and gap count.
    """

    fixes: pyarrow.Table
    places: pyarrow.Table
    options: Approach

    @cached_property
    def user_ids(self) -> list[str]:
        """The users, in order."""
        ids: list[str] = self.fixes["user_id"].unique().to_pylist()
        return ids

    @cached_property
    def user(self) -> Ints:
        """The number of each fix's user."""
        encoded = self.fixes["user_id"].combine_chunks().dictionary_encode()
        return np.asarray(encoded.indices, dtype=np.int64)

    @cached_property
    def time(self) -> Ints:
        """The instant of each fix, in microseconds."""
        return instants(self.fixes["timestamp"])

    @cached_property
    def day(self) -> Ints:
        """The local day of each fix, in days since 1970."""
        return self.fixes["day"].to_numpy().astype("datetime64[D]").astype(np.int64)

    @cached_property
    def degrees(self) -> tuple[Floats, Floats]:
        """Latitudes and longitudes of the fixes."""
        return self.fixes["latitude"].to_numpy(), self.fixes["longitude"].to_numpy()

    @cached_property
    def place_degrees(self) -> tuple[Floats, Floats]:
        """Latitudes and longitudes of the establishments."""
        return self.places["latitude"].to_numpy(), self.places["longitude"].to_numpy()

    @cached_property
    def follows(self) -> Bools:
        """Whether a fix comes after another of the same user without a gap."""
        linked = np.zeros(len(self.user), dtype=bool)
        near = np.diff(self.time) <= self.options.gap_s * SECOND
        linked[1:] = (np.diff(self.user) == 0) & near
        return linked

    @cached_property
    def user_days(self) -> int:
        """How many days of users have a fix."""
        return len(np.unique(np.stack([self.user, self.day]), axis=1).T)

    @cached_property
    def interval_s(self) -> Floats:
        """Seconds from the fix before; NaN for the first of a track."""
        seconds = np.full(len(self.time), np.nan)
        seconds[1:] = np.diff(self.time) / SECOND
        seconds[~self.follows] = np.nan
        return seconds

    @cached_property
    def speed_mps(self) -> Floats:
        """The speed over the last minute, or since the fix before if that is longer; NaN for the first of a track."""
        seconds = self.time // SECOND
        # The seconds of all users, one after the other: each user's lie after all of those before.
        key = self.user * (int(np.ptp(seconds)) + 2 * _SPEED_OVER_S) + seconds
        ago = np.searchsorted(key, key - _SPEED_OVER_S, "right") - 1
        rows = np.arange(len(self.time))
        begin = np.maximum.accumulate(np.where(self.follows, 0, rows))
        earlier = np.clip(np.maximum(ago, begin), 0, np.maximum(rows - 1, 0))
        took_s = (self.time - self.time[earlier]) / SECOND
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.follows, self.metres(earlier, rows) / took_s, np.nan)

    def rows(self, user: Ints, time: Ints) -> Ints:
        """Return the rows of fixes by user and instant."""
        return self._in_a_row.after(user, time) - 1

    @cached_property
    def _in_a_row(self) -> InARow:
        return InARow.of(self.user, self.time)

    def metres(self, first: Ints, second: Ints) -> Floats:
        """Return how far fixes are from each other."""
        latitude, longitude = self.degrees
        return haversine(latitude[first], longitude[first], latitude[second], longitude[second])

    def metres_to(self, rows: Ints, places: Ints) -> Floats:
        """Return how far fixes are from establishments."""
        (latitude, longitude), (of_places, along) = self.degrees, self.place_degrees
        return haversine(latitude[rows], longitude[rows], of_places[places], along[places])

    def near(self, rows: Ints, radius_m: float) -> tuple[Ints, Ints]:
        """Return pairs of fixes (places in `rows`) and establishments nearer than a radius, in the order of both."""
        import pyarrow as pa

        # The id of a fix, for the join, is its row.
        numbers = pa.array(np.arange(len(rows)), pa.int64())
        pings = self.fixes.select(["timestamp", "latitude", "longitude"]).take(pa.array(rows))
        found = visit_join(pings.append_column("user_id", numbers), self._numbered, radius_m=radius_m)
        fix, place = (found[name].cast(pa.int64()).to_numpy() for name in ("user_id", "establishment_id"))
        order = np.lexsort((place, fix))
        return fix[order], place[order]

    @cached_property
    def _numbered(self) -> pyarrow.Table:
        import pyarrow as pa

        numbers = pa.array(np.arange(self.places.num_rows), pa.int64())
        return self.places.select(["latitude", "longitude"]).append_column("establishment_id", numbers)

    def of_users(self, chosen: Bools) -> Tracks:
        """Return the tracks of some users, by their numbers."""
        import pyarrow as pa

        return Tracks(self.fixes.filter(pa.array(chosen[self.user])), self.places, self.options)


def of_data(data: Dataset, places: pyarrow.Table, options: Approach) -> Tracks:
    """Return the tracks of a data set; memory holds them all."""
    if "pings" not in data.tables:
        raise MissingTableError(f"a back-test needs pings; this data set has {', '.join(data.tables)}")
    accuracy = "accuracy_m" if "accuracy_m" in data.tables["pings"] else "CAST(NULL AS DOUBLE)"
    return of_fixes(data.sql(_FIXES.format(accuracy=accuracy)).to_arrow(), places, options)


def of_fixes(fixes: pyarrow.Table, places: pyarrow.Table, options: Approach) -> Tracks:
    """Return the tracks of fixes, in whatever order."""
    return Tracks(_tidy(fixes, options.worst_accuracy_m), places, options)


def _tidy(fixes: pyarrow.Table, worst_m: float) -> pyarrow.Table:
    """Return the fixes that the detector goes by, in order: of a user's at the same instant, the first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = fixes.filter(pc.less_equal(pc.fill_null(fixes["accuracy_m"], 0.0), worst_m)).sort_by(_ORDER)
    if not kept.num_rows:
        reason = "has no fix that can be used"
        raise DataError(f"table pings {reason}", table="pings", reason=reason)
    user = np.asarray(kept["user_id"].combine_chunks().dictionary_encode().indices)
    time = instants(kept["timestamp"])
    first = np.ones(len(time), dtype=bool)
    first[1:] = (np.diff(user) != 0) | (np.diff(time) != 0)
    return kept.filter(pa.array(first)).combine_chunks()


def instants(column: Any) -> Ints:
    """Return instants in microseconds."""
    return column.to_numpy().astype("datetime64[us]").astype(np.int64)


def haversine(latitude_a: Floats, longitude_a: Floats, latitude_b: Floats, longitude_b: Floats) -> Floats:
    """Return metres between points whose degrees were checked."""
    degrees = (latitude_a, longitude_a, latitude_b, longitude_b)
    return _native.haversine_m(*(np.ascontiguousarray(each) for each in degrees))


@dataclass(frozen=True)
class Visits:
    """Who was where when, in runs: a run is fixes one after the other within the radius, without a gap.

    Attributes
    ----------
    pair : array of int
        User and establishment of each run, in one number; sorted.
    start, end : array of int
        Instants of the run's first and last fix.
    is_observed : array of bool
        Whether a fix outside, without a gap, came before.
    places : int
        How many establishments there are.
    """

    pair: Ints
    start: Ints
    end: Ints
    is_observed: Bools
    places: int

    def next(self, pair: Ints, time: Ints) -> Ints:
        """Return the first run of each pair that begins after an instant; the number of runs where there is none."""
        at = self._in_a_row.after(pair, time)
        is_its = np.append(self.pair, -1)[at] == pair
        return np.where(is_its, at, len(self.pair))

    def last_end(self, pair: Ints, time: Ints) -> Ints:
        """Return when each pair was last together up to an instant (long ago if never); it may still last."""
        at = self._in_a_row.after(pair, time)
        is_its = np.append(-1, self.pair)[at] == pair
        return np.where(is_its, np.minimum(np.append(0, self.end)[at], time), np.iinfo(np.int64).min // 4)

    @cached_property
    def _in_a_row(self) -> InARow:
        return InARow.of(self.pair, self.start)

    def lasting(self, seconds: float) -> Visits:
        """Return the runs that last so long."""
        long = self.end - self.start >= seconds * SECOND
        return Visits(self.pair[long], self.start[long], self.end[long], self.is_observed[long], self.places)


def visits(tracks: Tracks) -> Visits:
    """Return the runs of fixes within the visit radius."""
    fix, place = tracks.near(np.arange(len(tracks.time)), tracks.options.visit_radius_m)
    pair = tracks.user[fix] * tracks.places.num_rows + place
    order = np.lexsort((fix, pair))
    fix, pair = fix[order], pair[order]
    begins = np.ones(len(fix), dtype=bool)
    begins[1:] = (np.diff(pair) != 0) | (np.diff(fix) != 1) | ~tracks.follows[fix[1:]]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(fix)) - 1 if len(first) else first
    time = tracks.time[fix]
    return Visits(pair[first], time[first], time[last], tracks.follows[fix[first]], tracks.places.num_rows)
