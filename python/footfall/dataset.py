"""A data set: tables, a time zone and definitions; the jobs and queries on them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable

from footfall import _native, extras, quality
from footfall.definitions import DEFAULT_UNIT, Definitions, Unit
from footfall.errors import DefinitionError
from footfall.inputs import arrow, options
from footfall.inputs.reading import Reading
from footfall.inputs.selection import Selection
from footfall.lang import ENGLISH, chosen, in_own_language, known, mark, tr
from footfall.methods.checks import Checks
from footfall.methods.jobs import Jobs
from footfall.methods.mapped import Mapped
from footfall.methods.restricting import Restricting
from footfall.methods.trade_areas import TradeAreas
from footfall.output import facts
from footfall.output.progress import Tick, bar
from footfall.output.s3.traffic import Asked
from footfall.result import Result

if TYPE_CHECKING:
    from footfall.engines.protocol import Session
    from footfall.output.s3.objects import Written

# Where a time-zone database may be, besides folders.
_PACKAGE = mark("the package tzdata")


@dataclass
class Opened:
    """What all data sets that are made of one share: its session, how to open it again, and whether it is closed.

    Attributes
    ----------
    session : Session
        On all rows.
    zone : Zone
        The time zone.
    reading : Reading
        How its files are read.
    again : callable
        Takes an engine and definitions, each or None for the same, and returns (function, arguments) that open the data
        set so, also in another process.
    engine : str
        Where the work is done, in a word or by its address.
    closed : bool
        Whether `Dataset.close` was called.
    """

    session: Session
    zone: _native.Zone
    reading: Reading
    again: Callable[[str | None, Definitions | None], tuple[Callable[..., Dataset], tuple[Any, ...]]]
    engine: str
    closed: bool = False


@dataclass(frozen=True, repr=False, eq=False)
class Dataset(Jobs, Mapped, TradeAreas, Checks, Restricting):
    """Tables, a time zone and definitions; made by `footfall.open`. It never changes.

    Other processes may work on it, too: forks, and those that get it pickled, which open its files again. It can stand
    in a ``with``, at whose end it is closed.

    Attributes
    ----------
    source : str
        The folder that it was opened from.
    tz : str
        IANA time zone of months, hours and weekdays.
    definitions : Definitions
        What counts.
    progress : bool
        Whether work that lasts shows a bar.
    selection : Selection
        What `sample` and `between` left.
    lang : str
        The language of its charts, maps, tables and report.

    Examples
    --------
    >>> import footfall, pyarrow as pa
    >>> data = footfall.open({"ads": pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})})
    >>> [job["name"] for job in data.jobs() if job["missing"] == ["interactions"]][0]
    'campaign_ctr'
    """

    _opened: Opened
    _own: Session
    source: str
    tz: str
    definitions: Definitions
    progress: bool = True
    selection: Selection = field(default_factory=Selection)
    lang: str = field(default_factory=lambda: ENGLISH)

    @property
    def _session(self) -> Session:
        self._refuse_if_closed()
        return self._own

    @property
    def _zone(self) -> _native.Zone:
        return self._opened.zone

    @property
    def _whole(self) -> Session:
        self._refuse_if_closed()
        return self._opened.session

    def _refuse_if_closed(self) -> None:
        if self._opened.closed:
            raise DefinitionError(f"the data set {self.source} is closed; open it again")

    @property
    def tables(self) -> dict[str, list[str]]:
        """The tables that are there, and their columns by our names."""
        return self._session.tables()

    def rows(self) -> dict[str, int]:
        """Return how many usable rows each table has; this may read the files."""
        return self._session.rows()

    def jobs(self) -> list[dict[str, Any]]:
        """Return the registry of the jobs.

        Returns
        -------
        list of dict
            number, name (the method), title, question, tables (that it needs), by and users (whether it takes them),
            rank_by (measures that it takes), and missing: the tables that it needs and this data set lacks.
        """
        there = self.tables
        return [{**job, "missing": [name for name in job["tables"] if name not in there]} for job in _native.jobs()]

    def run(self, job: str, *, by: Unit | None = None, users: Any = None, rank_by: str | None = None) -> Result:
        """Answer a job by its name; the method of that name says what comes back.

        Parameters
        ----------
        job : str
            One of the names in `jobs`.
        by, users, rank_by
            As in the job's method, if it takes them.

        Returns
        -------
        Result
            The answer.

        Raises
        ------
        DefinitionError
            If there is no such job, or it does not take an option.
        """
        entry = next((entry for entry in _native.jobs() if entry["name"] == job), {})
        if by is None:
            by = DEFAULT_UNIT if entry.get("by") else "period"
        chosen = None if users is None else options.ids("users", users)
        sql = self._session.job_sql(job, by=by, users=chosen, rank_by=rank_by)
        result = self._timed(
            entry["title"],
            lambda tick: self._session.run(job, by=by, users=chosen, rank_by=rank_by, progress=tick),
            job=entry,
            by=by,
            sql=sql,
        )
        quality.tell_unlinked(self._whole, job)
        if len(result):
            return result
        why = quality.tell_empty(self._whole, entry) or self._why_period_is_empty(entry)
        return replace(result, why_empty=why)

    def _why_period_is_empty(self, job: dict[str, Any]) -> str:
        """Return where the rows of a table lie, if none of them is in the period; else nothing."""
        if self.period == (None, None):
            return ""
        for table in ("interactions", "pings"):
            if table in job["tables"] and self._session.rows()[table] == 0:
                query = f"SELECT CAST(min(timestamp) AS BIGINT), CAST(max(timestamp) AS BIGINT) FROM {table}"
                ends = arrow.to_pyarrow(self._whole.sql(query, None, None, None, None))
                first, last = (column[0].as_py() for column in ends.columns)
                if first is not None:
                    lie = f"{self.local_text(first)} and {self.local_text(last)}"
                    return f"no row of {table} is in the period; they lie between {lie}"
        return ""

    def persist(self) -> Dataset:
        """Keep the usable rows of the tables in memory: of the workers of a cluster, or else of this machine.

        It pays where many questions follow, most of all for CSV and JSON lines, which need not be parsed again.

        Returns
        -------
        Dataset
            This one. What `sample` and `between` make of it, before or after, reads from memory, too.

        Raises
        ------
        DataError
            If a file cannot be read.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> data = footfall.open({"ads": pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})})
        >>> data.persist().rows()
        {'ads': 1}
        >>> data.unpersist()
        """
        with bar("Persist", shown=self.progress, unit=self._session.unit) as tick:
            self._whole.persist(tick)
        return self

    def unpersist(self) -> None:
        """Let go what `persist` keeps."""
        self._whole.unpersist()

    def close(self) -> None:
        """Let go what `persist` keeps, and end the cluster that ``engine="dask"`` or ``"spark"`` started for it alone.

        All data sets that are made of the same one by `sample` and `between` are closed with it: to ask them is an
        error. To close it again does nothing. A cluster that other open data sets work on goes on.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})
        >>> with footfall.open({"ads": ads}) as data:
        ...     print(data.rows())
        {'ads': 1}
        >>> data
        Footfall data set: tables in memory (closed)
        """
        if not self._opened.closed:
            self._opened.closed = True
            self._opened.session.close()

    def __enter__(self) -> Dataset:
        self._refuse_if_closed()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        self._refuse_if_closed()
        return _again, (*self._opened.again(None, None), self.selection, self.progress, self.lang)

    @property
    def time_zone(self) -> str:
        """The time zone, and which version of the time-zone database says what its clocks show."""
        version, _, place = self._opened.zone.database.partition(" of ")
        return tr("{tz} (database {version} of {place})", tz=self.tz, version=version, place=known(place))

    @property
    def read_as(self) -> list[tuple[str, str]]:
        """How files are read, as (what, how) pairs: text as it was found to be, times without a zone, actions."""
        formats = self._whole.formats()
        return [*((f"csv {name}", "; ".join(found)) for name, found in formats.items()), *self._opened.reading.facts()]

    def local_text(self, instant_us: int) -> str:
        """Return an instant, in microseconds since 1970-01-01 UTC, as ISO 8601 text on the clock of `tz`."""
        return self._opened.zone.local_text(instant_us)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        show_users: bool = False,
        at_least: int = 10,
        lang: str | None = None,
    ) -> Written:
        """Write every answer that the tables allow to one HTML file that needs no network; return its path.

        Rows about fewer than `at_least` users are left out, and the few users shown as examples are called "user 1"
        and so on unless `show_users`, since a report is passed on. `lang` is its language, ``en`` or ``pt``; by default
        the data set's.
        """
        extras.need("report", "jinja2", *extras.CHARTS, by="a report")
        from footfall.report import write_report

        spoken = self if lang is None else replace(self, lang=chosen(lang))
        return write_report(spoken, path, title=title, show_users=show_users, at_least=at_least)

    def _select(self, selection: Selection) -> Dataset:
        # Always from the whole, so that a session need not know how selections stack.
        session = self._whole.restrict(users=selection.users, start_us=selection.start_us, end_us=selection.end_us)
        return replace(self, _own=session, selection=selection)

    def _on(self, engine: str | None = None, definitions: Definitions | None = None) -> Dataset:
        """Return the same, opened again on another engine, or with other definitions."""
        self._refuse_if_closed()
        return _again(*self._opened.again(engine, definitions), self.selection, self.progress, self.lang)

    def _timed(self, title: str, work: Callable[[Tick | None], arrow.ArrowStream], **made: Any) -> Result:
        started, before = time.perf_counter(), Asked(*self._session.planner.asked())
        with bar(title, shown=self.progress, unit=self._session.unit) as tick:
            table = work(tick)
        seconds = time.perf_counter() - started
        rows, asked = arrow.to_pyarrow(table), Asked(*self._session.planner.asked()) - before
        return Result(rows, title, self.definitions, self.tz, seconds, asked, lang=self.lang, _data=self, **made)

    def _facts(self) -> list[tuple[str, str]]:
        if self._opened.closed:
            return []
        told = [(tr("table"), f"{name}: {', '.join(columns)}") for name, columns in self.tables.items()]
        told += [(tr("time zone"), self.time_zone), *self.read_as, (tr("definitions"), str(self.definitions))]
        if self.selection.sample_text:
            told.append((tr("sample"), self.selection.sample_text))
        if self.period != (None, None):
            start, end = (end or tr("open") for end in self.period)
            told.append((tr("period"), tr("{start} to {end}", start=start, end=end)))
        return told

    @in_own_language
    def __repr__(self) -> str:
        return facts.text(self._name(), self._facts())

    def _name(self) -> str:
        source = tr("{source} (closed)", source=self.source) if self._opened.closed else self.source
        return tr("Footfall data set: {source}", source=source)

    @in_own_language
    def _repr_html_(self) -> str:
        return facts.html(self._name(), self._facts())


def _again(
    open_: Callable[..., Dataset], arguments: tuple[Any, ...], selection: Selection, progress: bool, lang: str
) -> Dataset:
    """Open a data set that was pickled, or that goes on elsewhere."""
    whole = replace(open_(*arguments), progress=progress, lang=lang)
    return whole if selection == Selection() else whole._select(selection)
