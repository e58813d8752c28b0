"""What a report asks of a data set; `footfall.Dataset` answers it."""

from __future__ import annotations

from typing import Any, Protocol

from footfall.definitions import Definitions, Unit
from footfall.inputs.selection import Selection
from footfall.result import Result


class Source(Protocol):
    """A data set: what it is, and answers to the questions of a report."""

    @property
    def source(self) -> str:
        """Where it was opened from."""
        ...

    @property
    def tz(self) -> str:
        """Its time zone."""
        ...

    @property
    def time_zone(self) -> str:
        """Its time zone and the database that this is of."""
        ...

    @property
    def read_as(self) -> list[tuple[str, str]]:
        """How its files are read, as (what, how) pairs."""
        ...

    @property
    def lang(self) -> str:
        """The language that it is told in."""
        ...

    @property
    def definitions(self) -> Definitions:
        """What counts."""
        ...

    @property
    def progress(self) -> bool:
        """Whether work that lasts shows a bar."""
        ...

    @property
    def selection(self) -> Selection:
        """Which rows count."""
        ...

    @property
    def period(self) -> tuple[str | None, str | None]:
        """Start and end of what counts."""
        ...

    @property
    def tables(self) -> dict[str, list[str]]:
        """The tables that are there, and their columns."""
        ...

    def rows(self) -> dict[str, int]:
        """Return how many usable rows each table has."""
        ...

    def jobs(self) -> list[dict[str, Any]]:
        """Return the registry of the jobs."""
        ...

    def run(self, job: str, *, by: Unit | None = None, users: Any = None, rank_by: Unit | None = None) -> Result:
        """Answer the job of that name."""
        ...

    def sql(self, query: str) -> Result:
        """Run a query over the tables."""
        ...

    def check(self) -> Result:
        """Count what is wrong with the tables."""
        ...

    def local_text(self, instant_us: int) -> str:
        """Return an instant as ISO 8601 text on the clock of `tz`."""
        ...
