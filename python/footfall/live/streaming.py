"""Distances of chosen users to every establishment, as their fixes come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from footfall.errors import DefinitionError
from footfall.kernels import distances
from footfall.live.sinks import Sink

if TYPE_CHECKING:
    import pyarrow

#: Distances a second, beyond which users must be chosen.
MOST_PER_SECOND = 1_000_000


@dataclass(frozen=True)
class DistanceRows:
    """How far fixes are from every establishment.

    Attributes
    ----------
    places : pyarrow.Table
        establishment_id, latitude, longitude.
    users : sequence of str, optional
        Of these alone; by default of all, as long as there are less than a million distances a second.
    speed : float
        How many seconds of fixes come in one.
    """

    places: pyarrow.Table
    users: Sequence[str] | None = None
    speed: float = 1.0

    def __call__(self, fixes: pyarrow.Table) -> pyarrow.Table:
        """Return the distances of a batch."""
        chosen = _usable(fixes if self.users is None else _of(fixes, self.users))
        if self.users is None:
            self._refuse_many(chosen)
        return distances(chosen, self.places.select(["establishment_id", "latitude", "longitude"]))

    def _refuse_many(self, fixes: pyarrow.Table) -> None:
        import pyarrow.compute as pc

        if not fixes.num_rows:
            return
        ends = pc.min_max(fixes["timestamp"]).as_py()
        seconds = max(1.0, (ends["max"] - ends["min"]).total_seconds() / self.speed)
        rate = fixes.num_rows * self.places.num_rows / seconds
        if rate > MOST_PER_SECOND:
            what = f"{fixes.num_rows / seconds:,.0f} fixes/s x {self.places.num_rows:,} establishments"
            raise DefinitionError(
                f"{what} are {rate:,.0f} distances/s, more than {MOST_PER_SECOND:,}: choose users with --users"
            )


class Distances:
    """Writes, for each batch of fixes, how far each is from every establishment.

    Parameters
    ----------
    establishments, users, speed
        As `DistanceRows` has them.
    sinks : sequence of Sink
        Where to.
    """

    def __init__(
        self,
        establishments: pyarrow.Table,
        sinks: Sequence[Sink],
        users: Sequence[str] | None = None,
        speed: float = 1.0,
    ):
        self._rows, self._sinks = DistanceRows(establishments, users, speed), sinks

    def __call__(self, fixes: pyarrow.Table, name: str) -> None:
        """Write the distances of one commit."""
        rows = self._rows(fixes)
        for sink in self._sinks:
            sink.write(rows, name)


def _of(fixes: pyarrow.Table, users: Sequence[str]) -> pyarrow.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    return fixes.filter(pc.is_in(fixes["user_id"], pa.array(users, pa.string())))


def _usable(fixes: pyarrow.Table) -> pyarrow.Table:
    """Return the fixes that lie on Earth; the detector counts the others."""
    import pyarrow.compute as pc

    fixes = fixes.filter(pc.and_(pc.is_valid(fixes["user_id"]), pc.is_valid(fixes["timestamp"])))
    for name, most in (("latitude", 90.0), ("longitude", 180.0)):
        fixes = fixes.filter(pc.less_equal(pc.abs(fixes[name]), most))
    return fixes
