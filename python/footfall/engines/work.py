"""What a worker does with the packets that it gets: it opens them with the same wheel as the driver, and asks SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Callable, Optional

from footfall import _native
from footfall.engines import packets
from footfall.engines.packets import Content, Packet
from footfall.errors import FootfallError
from footfall.inputs import arrow
from footfall.inputs.reading import Reading
from footfall.output.progress import Tick

if TYPE_CHECKING:
    import pyarrow

#: What `Adapter.map` does to each worker's packets.
Work = Callable[[Sequence[Packet]], "list[Packet]"]

PARTS = "parts"
VISIT_FILTER = "visit_filter"


#: Hears of progress on a worker, and raises once nobody waits for the work; set by engines that can tell.
HEARS: ContextVar[Optional[Tick]] = ContextVar("HEARS", default=None)


def in_turn(works: Sequence[Callable[[Any], Any]], given: Any) -> Any:
    """Return what the works make of what is given, each of what the one before made."""
    for work in works:
        given = work(given)
    return given


@dataclass(frozen=True)
class Opening:
    """How a worker opens its part of a data set, as the driver opened the whole.

    Attributes
    ----------
    small : tuple of Packet
        The tables establishments and ads, if they are there.
    options : mapping
        Of ``_native.Session``; the time zone among them is the driver's, whatever database the worker has.
    selection : mapping
        Of ``_native.Session.restrict``.
    reading : Reading
        How the caller's files are read; nothing is said of tables that `Load` has read.
    visit_filter : Packet, optional
        Which interactions may have earned a visit, made of what `FilterVisits` makes; any may if None.
    """

    small: tuple[Packet, ...]
    options: Mapping[str, Any]
    selection: Mapping[str, Any]
    reading: Reading
    visit_filter: Packet | None = None

    def session(self, table: str, content: Content) -> _native.Session:
        """Open a piece of `table`."""
        given: Any = {table: content}
        reading = self.reading.native()
        if not self.small:
            return _native.Session(None, given, reading=reading, **self.options).restrict(**self.selection)
        known: Any = {"visit_filter": self.visit_filter and packets.table(self.visit_filter)}
        return self._small().with_piece(given, reading=reading, **known).restrict(**self.selection)

    def beside(self, tables: Mapping[str, Any]) -> _native.Session:
        """Open the small tables beside what other work made."""
        return self._small().beside(dict(tables))

    def _small(self) -> _native.Session:
        others = {name: value for name, value in self.options.items() if name != "tz"}
        return _small_tables(self.small, self.options["tz"], json.dumps(others))


@lru_cache(maxsize=4)
def _small_tables(small: tuple[Packet, ...], tz: _native.Zone, options: str) -> _native.Session:
    """Return the session on the small tables: the same for all that a worker does for a data set."""
    tables: Any = packets.tables(small)
    return _native.Session(None, tables, reading=Reading().native(), tz=tz, **json.loads(options))


class _Work:
    """Work whose errors travel as packets: past all further work, to the driver."""

    def __call__(self, given: Sequence[Packet]) -> list[Packet]:
        if not given:
            return []
        error = packets.error_in(given)
        try:
            return self.of(given) if error is None else [packets.of_error(error)]
        except FootfallError as error:
            return [packets.of_error(error)]

    def of(self, given: Sequence[Packet]) -> list[Packet]:
        """Do the work."""
        raise NotImplementedError


@dataclass(frozen=True)
class Load(_Work):
    """Reads pieces of `table` into memory: our columns and types, as the engine reads them fastest."""

    opening: Opening
    table: str

    def of(self, given: Sequence[Packet]) -> list[Packet]:
        """Do the work."""
        with packets.piece(given) as content:
            session = self.opening.session(self.table, content)
            rows = arrow.to_pyarrow(session.sql(f"SELECT * FROM {self.table}", progress=HEARS.get()))
        return [packets.of_kept(self.table, rows, given[0].share)]


@dataclass(frozen=True)
class Count(_Work):
    """Makes of a piece of `table` what `sql` says, and calls it `name`; in shares of the users if there are any."""

    opening: Opening
    table: str
    name: str
    sql: str
    shares: int | None = None

    def of(self, given: Sequence[Packet]) -> list[Packet]:
        """Do the work."""
        with packets.piece(given) as content:
            if self.shares is None:
                return [packets.of_table(self.name, self.rows(content, self.sql))]
            sql = f"SELECT share_of_user(user_id, {self.shares}) AS share, * FROM ({self.sql}) ORDER BY 1"
            return packets.of_shares(self.name, self.rows(content, sql))

    def rows(self, content: Content, sql: str) -> pyarrow.Table:
        """Return what `sql` makes of the piece."""
        return arrow.to_pyarrow(self.opening.session(self.table, content).sql(sql, progress=HEARS.get()))


@dataclass(frozen=True)
class FilterVisits(_Work):
    """Makes of a piece of the visits the filter that tells which interactions may have earned one of them."""

    opening: Opening
    pieces: int

    def of(self, given: Sequence[Packet]) -> list[Packet]:
        """Do the work."""
        (visits,) = packets.tables(given).values()
        words = self.opening.beside({}).visit_filter(visits, self.pieces)
        return [packets.of_table(VISIT_FILTER, arrow.to_pyarrow(words))]


@dataclass(frozen=True)
class CountUsers(_Work):
    """Makes what `sql` says of all that `Count` made of some users; `nothing` has the columns if there are no rows."""

    opening: Opening
    sql: str
    nothing: Mapping[str, pyarrow.Table]

    def of(self, given: Sequence[Packet]) -> list[Packet]:
        """Do the work."""
        session = self.opening.beside({**self.nothing, **packets.tables(given)})
        return [packets.of_table(PARTS, arrow.to_pyarrow(session.sql(self.sql, progress=HEARS.get())))]


@dataclass(frozen=True)
class Refuse(_Work):
    """Looks for the first row of a piece of `table` that no answer can use."""

    opening: Opening
    table: str

    def of(self, given: Sequence[Packet]) -> list[Packet]:
        """Do the work."""
        with packets.piece(given) as content:
            self.opening.session(self.table, content).refuse_unusable([self.table])
        return []


class Fail(_Work):
    """Passes on errors, and nothing else."""

    def of(self, given: Sequence[Packet]) -> list[Packet]:
        """Do the work."""
        return []
