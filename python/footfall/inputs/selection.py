"""Which rows of a data set count."""

from __future__ import annotations

from dataclasses import dataclass

from footfall.lang import number, percent_sign, tr


@dataclass(frozen=True)
class Selection:
    """A fraction of the users, and [start, end) in microseconds since 1970-01-01 UTC; None does not restrict."""

    users: float | None = None
    start_us: int | None = None
    end_us: int | None = None

    @property
    def sample_text(self) -> str | None:
        """Which part of the users counts, in words; None if all do."""
        if self.users is None:
            return None
        share = f"{number(100 * self.users, 'g')}{percent_sign()}".replace("\u00a0", " ")
        return tr("{share} of the users", share=share)
