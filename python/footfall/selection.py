"""Which rows of a data set count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """A fraction of the users, and [start, end) in microseconds since 1970-01-01 UTC; None does not restrict."""

    users: float | None = None
    start_us: int | None = None
    end_us: int | None = None
