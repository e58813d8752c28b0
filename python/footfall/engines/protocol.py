"""What an engine gives: a session that counts."""

from __future__ import annotations

from typing import Protocol

from footfall.arrow import ArrowStream
from footfall.progress import Tick


class Session(Protocol):
    """The tables of one data set and the work on them; `footfall.Dataset` needs no more.

    Every engine gives the same answers, to the bit.
    """

    def tables(self) -> dict[str, list[str]]:
        """Return the tables that are there, and their columns."""
        ...

    def rows(self) -> dict[str, int]:
        """Return the usable rows per table."""
        ...

    def restrict(self, *, users: float | None, start_us: int | None, end_us: int | None) -> Session:
        """Return a session of this fraction of the users, counting rows in [start_us, end_us) only."""
        ...

    def run(
        self, job: str, *, by: str, users: list[str] | None, rank_by: str | None, progress: Tick | None
    ) -> ArrowStream:
        """Return the answer of a job."""
        ...

    def job_sql(self, job: str, *, by: str, users: list[str] | None, rank_by: str | None) -> str:
        """Return the statement that `run` computes."""
        ...

    def sql(self, query: str, progress: Tick | None) -> ArrowStream:
        """Return the rows of a query over the tables, `visits` and `attributed_visits`."""
        ...

    def check(self, progress: Tick | None) -> ArrowStream:
        """Return what is wrong with the tables, a row per finding."""
        ...
