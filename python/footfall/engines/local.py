"""This machine: the Rust core on all its cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from footfall import _native
from footfall.inputs import arrow
from footfall.inputs.arrow import ArrowStream
from footfall.inputs.paths import Found
from footfall.inputs.reading import Reading
from footfall.output.progress import Tick

EVERYTHING: Mapping[str, Any] = {"users": None, "start_us": None, "end_us": None}


@dataclass(frozen=True)
class LocalSession:
    """The tables as they were given, and, once they are persisted, as they are kept in memory.

    Attributes
    ----------
    given : _native.Session
        On files, or on the caller's tables.
    options : mapping
        Of ``_native.Session``.
    selection : mapping
        Of ``_native.Session.restrict``.
    kept : list
        The session on tables in memory, if they are persisted; sessions of one data set share it.
    unit : str
        What progress counts.
    """

    given: _native.Session
    options: Mapping[str, Any]
    selection: Mapping[str, Any] = field(default_factory=lambda: EVERYTHING)
    kept: list[_native.Session] = field(default_factory=list)
    unit: str = "rows"

    @property
    def planner(self) -> _native.Session:
        """The session that knows the names in statements."""
        return self.given

    def tables(self) -> dict[str, list[str]]:
        """Return the tables that are there, and their columns."""
        return self.given.tables()

    def rows(self) -> dict[str, int]:
        """Return the usable rows per table."""
        return self._asked().rows()

    def restrict(self, *, users: float | None, start_us: int | None, end_us: int | None) -> LocalSession:
        """Return a session of this fraction of the users, counting rows in [start_us, end_us) only."""
        selection: dict[str, Any] = {"users": users, "start_us": start_us, "end_us": end_us}
        return replace(self, given=self.given.restrict(**selection), selection=selection)

    def run(
        self, job: str, *, by: str, users: list[str] | None, rank_by: str | None, progress: Tick | None
    ) -> ArrowStream:
        """Return the answer of a job."""
        return self._asked().run(job, by=by, users=users, rank_by=rank_by, progress=progress)

    def job_sql(self, job: str, *, by: str, users: list[str] | None, rank_by: str | None) -> str:
        """Return the statement that `run` computes."""
        return self.given.job_sql(job, by=by, users=users, rank_by=rank_by)

    def sql(
        self,
        query: str,
        parameters: Mapping[str, Any] | None,
        tables: Mapping[str, ArrowStream] | None,
        limit: int | None,
        progress: Tick | None,
    ) -> ArrowStream:
        """Return the rows of a query over the tables, `visits` and `attributed_visits`."""
        return self._asked().sql(query, parameters, tables, limit, progress)

    def check(self, all: bool, progress: Tick | None) -> ArrowStream:
        """Return what is wrong with the tables as they were given; of `all` checks also those that found nothing."""
        return self.given.check(all, progress)

    def unusable(self, table: str, limit: int, progress: Tick | None) -> ArrowStream:
        """Return up to `limit` findings of rows that no answer can use, and where these rows are."""
        return self.given.unusable(table, limit, progress)

    def sample_findings(self) -> ArrowStream:
        """Return what is wrong with some rows of each table."""
        return self.given.sample_findings()

    def formats(self) -> dict[str, list[str]]:
        """Return how text files are read, in words, by table."""
        return self.given.formats()

    def persist(self, progress: Tick | None) -> None:
        """Keep the usable rows of all tables in memory."""
        if not self.kept:
            tables = self.given.tables()
            given: Any = {
                name: arrow.to_pyarrow(self.given.sql(f"SELECT * FROM {name}", progress=progress)) for name in tables
            }
            self.kept.append(_native.Session(None, given, reading=Reading().native(), **self.options))

    def unpersist(self) -> None:
        """Let them go."""
        self.kept.clear()

    def close(self) -> None:
        """Let go what is kept."""
        self.unpersist()

    def _asked(self) -> _native.Session:
        return self.kept[0].restrict(**self.selection) if self.kept else self.given


def open_session(
    root: str | None,
    tables: dict[str, Found | ArrowStream],
    *,
    reading: Reading,
    strict: bool,
    **options: Any,
) -> LocalSession:
    """Open the tables under `root` and those given by name; see `footfall.open`."""
    given: Any = tables
    session = _native.Session(root, given, reading=reading.native(), **options)
    if strict:
        session.refuse_unusable(list(session.tables()))
    return LocalSession(session, options)
