"""What an engine gives: a session that counts. What a cluster gives to make one: three verbs that know no job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from footfall import _native
from footfall.engines.packets import Packet
from footfall.engines.work import Work
from footfall.inputs.arrow import ArrowStream
from footfall.output.progress import Tick


class Session(Protocol):
    """The tables of one data set and the work on them; `footfall.Dataset` needs no more.

    Every engine gives the same answers, to the bit.
    """

    @property
    def unit(self) -> str:
        """What progress counts."""
        ...

    @property
    def planner(self) -> _native.Session:
        """The session of this machine that knows the names in statements; it reads no file for them."""
        ...

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

    def sql(
        self,
        query: str,
        parameters: Mapping[str, Any] | None,
        tables: Mapping[str, ArrowStream] | None,
        limit: int | None,
        progress: Tick | None,
    ) -> ArrowStream:
        """Return the rows, at most `limit`, of a query over the tables, `visits`, `attributed_visits` and `tables`.

        Its placeholders have the values of `parameters`, arrays of one value each.
        """
        ...

    def check(self, all: bool, progress: Tick | None) -> ArrowStream:
        """Return what is wrong with the tables, worst first; of `all` checks also those that found nothing."""
        ...

    def unusable(self, table: str, limit: int, progress: Tick | None) -> ArrowStream:
        """Return up to `limit` findings of rows that no answer can use, and where these rows are."""
        ...

    def sample_findings(self) -> ArrowStream:
        """Return what is wrong with some rows of each table: so few that it takes no time to speak of."""
        ...

    def formats(self) -> dict[str, list[str]]:
        """Return how text files are read, in words, by table."""
        ...

    def persist(self, progress: Tick | None) -> None:
        """Keep the tables in memory, for all sessions of this data set."""
        ...

    def unpersist(self) -> None:
        """Let them go."""
        ...

    def close(self) -> None:
        """Let go what is kept, and what was started or connected for this data set alone."""
        ...


class Adapter(Protocol):
    """Workers that have the same wheel. The rows that they hold are the adapter's own: futures, a data frame."""

    @property
    def cores(self) -> int:
        """How many pieces are worked on at once."""
        ...

    def arrange(self, pieces: Sequence[Packet]) -> Any:
        """Return rows: each of the `pieces` with some worker."""
        ...

    def arrange_by_user(self, rows: Sequence[Any], partitions: int) -> Any:
        """Return all of `rows` in so many partitions, each with all packets of some shares of the users."""
        ...

    def map(self, work: Work, rows: Any) -> Any:
        """Return what `work` makes of each worker's packets."""
        ...

    def merge(self, rows: Any, tick: Tick | None) -> list[Packet]:
        """Do the work and return all packets, in the order of the pieces that they were made of.

        The exception of a worker is raised as it was there; `KeyboardInterrupt` ends the work of the workers, too.
        """
        ...

    def keep(self, rows: Any) -> Any:
        """Return the same rows, which the workers hold in memory from when they are first worked out on."""
        ...

    def drop(self, rows: Any) -> None:
        """Let the workers forget what `keep` returned."""
        ...
