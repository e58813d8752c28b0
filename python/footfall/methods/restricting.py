"""Which rows of a data set count; `footfall.Dataset` has the methods."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from datetime import date, datetime
from typing import TypeVar, Union

from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.inputs.selection import Selection
from footfall.methods.asking import Asking

Instant = Union[str, date, datetime]
DatasetT = TypeVar("DatasetT", bound="Restricting")


class Restricting(Asking):
    """Samples and periods, which make another data set and read nothing."""

    selection: Selection

    @abstractmethod
    def _select(self: DatasetT, selection: Selection) -> DatasetT: ...

    def sample(self: DatasetT, *, users: float) -> DatasetT:
        """Keep a fraction of the users, with all their rows, so that attribution survives.

        Parameters
        ----------
        users : float
            Above 0 and at most 1. The same users are kept in every table, run and engine (by a hash of the id);
            samples stack: a tenth of a tenth is a hundredth.

        Returns
        -------
        Dataset
            Nothing is read yet.

        Raises
        ------
        DefinitionError
            If `users` is out of range.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> data = footfall.open({"ads": pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})})
        >>> data.sample(users=0.5).sample(users=0.5).selection.users
        0.25
        """
        kept = options.fraction("users", users) * (self.selection.users or 1.0)
        return self._select(replace(self.selection, users=kept))

    def between(self: DatasetT, start: Instant | None = None, end: Instant | None = None) -> DatasetT:
        """Count only what happened in [start, end).

        An interaction shortly before `start` still earns a visit after it.

        Parameters
        ----------
        start, end : str, datetime.date, datetime.datetime or pandas.Timestamp, optional
            ISO 8601 text, dates and times; without an offset they are local to `tz`. None leaves that end open.

        Returns
        -------
        Dataset
            Nothing is read yet. Periods stack: what is in both counts.

        Raises
        ------
        DefinitionError
            If `end` is not after `start`, also together with an earlier `between`, or one of them is no point in time.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})
        >>> data = footfall.open({"ads": ads}, tz="America/Recife")
        >>> data.between("2024-03-01", "2024-04-01").period
        ('2024-03-01T00:00:00-03:00', '2024-04-01T00:00:00-03:00')
        """
        starts = [self._instant_us("start", start), self.selection.start_us]
        ends = [self._instant_us("end", end), self.selection.end_us]
        start_us = max((instant for instant in starts if instant is not None), default=None)
        end_us = min((instant for instant in ends if instant is not None), default=None)
        if start_us is not None and end_us is not None and end_us <= start_us:
            first, last = map(self._zone.local_text, (start_us, end_us))
            raise DefinitionError(f"end = {last}: must be after start, {first}")
        return self._select(replace(self.selection, start_us=start_us, end_us=end_us))

    @property
    def period(self) -> tuple[str | None, str | None]:
        """Start and end of what counts, ISO 8601 in `tz`; None where open."""
        start_us, end_us = self.selection.start_us, self.selection.end_us
        return (
            None if start_us is None else self._zone.local_text(start_us),
            None if end_us is None else self._zone.local_text(end_us),
        )

    def _instant_us(self, name: str, value: Instant | None) -> int | None:
        return None if value is None else options.instant_us(name, value, self._zone)
