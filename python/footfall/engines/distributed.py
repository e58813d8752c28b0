"""A session on a cluster: the steps of a job, by the three verbs of whichever cluster it is."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from footfall import _native
from footfall.engines import connect, packets
from footfall.engines.local import EVERYTHING
from footfall.engines.packets import Packet
from footfall.engines.protocol import Adapter
from footfall.engines.work import VISIT_FILTER, Count, CountUsers, Fail, FilterVisits, Load, Opening, Refuse
from footfall.errors import DefinitionError
from footfall.inputs import arrow, paths
from footfall.inputs.arrow import ArrowStream
from footfall.inputs.reading import Reading
from footfall.output.progress import Tick

SMALL = ("ads", "establishments")
LARGE = ("interactions", "pings")

# A task takes Spark some hundredths of a second; but a core should not wait long for the last piece.
PIECES_PER_CORE = 2
# Of a table in memory: fewer take longer to hand out than to count.
ROWS_PER_PIECE = 65_536
# A cluster puts shares into partitions by a hash: of several, about as many are in each; and of many, if these are few.
SHARES_PER_PARTITION, FEWEST_SHARES = 8, 64
# To move the counts by user of fewer pieces takes longer than to add them up in one place.
PIECES_ADDED_UP_HERE = 16


@dataclass(eq=False)
class Tables:
    """The large tables of a data set, in pieces: as they were given, and as the workers keep them.

    Those `in_files` the driver need never read; `process` is the driver's.
    """

    pieces: dict[str, list[Packet]]
    in_files: list[str]
    kept: dict[str, Any] = field(default_factory=dict)
    process: int = field(default_factory=os.getpid)


@dataclass(frozen=True)
class DistributedSession:
    """The driver's own session plans, knows the small tables and makes answers; workers count.

    Attributes
    ----------
    unit : str
        What progress counts.
    """

    local: _native.Session
    cluster: Adapter
    tables_: Tables
    opening: Opening
    unit: str = "tasks"

    @property
    def planner(self) -> _native.Session:
        """The session that knows the names in statements."""
        return self.local

    def tables(self) -> dict[str, list[str]]:
        """Return the tables that are there, and their columns."""
        return self.local.tables()

    def rows(self) -> dict[str, int]:
        """Return the usable rows per table."""
        return {name: self._count(name) for name in self.local.tables()}

    def restrict(self, *, users: float | None, start_us: int | None, end_us: int | None) -> DistributedSession:
        """Return a session of this fraction of the users, counting rows in [start_us, end_us) only."""
        selection: dict[str, Any] = {"users": users, "start_us": start_us, "end_us": end_us}
        return replace(self, local=self.local.restrict(**selection), opening=replace(self.opening, selection=selection))

    def run(
        self, job: str, *, by: str, users: list[str] | None, rank_by: str | None, progress: Tick | None
    ) -> ArrowStream:
        """Return the answer of a job."""
        asked: dict[str, Any] = {"by": by, "users": users, "rank_by": rank_by}
        steps = self.local.steps(job, **asked)
        pieces = max(len(self.tables_.pieces[table]) for table, _, _ in steps["maps"])
        if len(steps["maps"]) > 1:
            counts = self._attributed(steps, progress)
        elif steps["of_users"] is None or pieces <= PIECES_ADDED_UP_HERE:
            counts = self._all_at_once(steps, progress)
        else:
            counts = self._by_user(steps, progress)
        return self.local.answer(job, packets.tables(counts), **asked, progress=None)

    def job_sql(self, job: str, *, by: str, users: list[str] | None, rank_by: str | None) -> str:
        """Return the statement that `run` computes."""
        return self.local.job_sql(job, by=by, users=users, rank_by=rank_by)

    def sql(
        self,
        query: str,
        parameters: Mapping[str, Any] | None,
        tables: Mapping[str, ArrowStream] | None,
        limit: int | None,
        progress: Tick | None,
    ) -> ArrowStream:
        """Return the rows of a query; the driver's machine runs it by itself."""
        return self.local.sql(query, parameters, tables, limit, progress)

    def check(self, all: bool, progress: Tick | None) -> ArrowStream:
        """Return what is wrong with the tables; the driver's machine looks by itself."""
        return self.local.check(all, progress)

    def unusable(self, table: str, limit: int, progress: Tick | None) -> ArrowStream:
        """Return up to `limit` findings of rows that no answer can use; the driver's machine looks by itself."""
        return self.local.unusable(table, limit, progress)

    def sample_findings(self) -> ArrowStream:
        """Return what is wrong with some rows of each table; the driver's machine looks by itself."""
        return self.local.sample_findings()

    def formats(self) -> dict[str, list[str]]:
        """Return how text files are read, in words, by table."""
        return self.local.formats()

    def persist(self, progress: Tick | None) -> None:
        """Keep the large tables in the memory of the workers."""
        for name, pieces in self.tables_.pieces.items():
            if name not in self.tables_.kept:
                everything = replace(self._opening(name), selection=EVERYTHING)
                rows = self._workers().map(Load(everything, name), self._workers().arrange(pieces))
                kept = self._workers().keep(rows)
                try:
                    self._merged(self._workers().map(Fail(), kept), progress)
                except BaseException:
                    self.cluster.drop(kept)
                    raise
                self.tables_.kept[name] = kept

    def unpersist(self) -> None:
        """Let the workers forget them."""
        _drop_all(self.cluster, self.tables_.kept)

    def close(self) -> None:
        """Let go what the workers keep; the last to go ends what was started or connected for it."""
        _drop_unseen(self.cluster, self.tables_.kept, self.tables_.process)
        connect.leave(self.cluster, self.tables_)

    def refuse_unusable(self) -> None:
        """Raise the error that names the first row that no answer can use."""
        self.local.refuse_unusable([name for name in self.local.tables() if name not in self.tables_.in_files])
        for name in self.tables_.in_files:
            self._merged(self._workers().map(Refuse(self._opening(name), name), self._pieces(name)), None)

    def _workers(self) -> Adapter:
        """Return the cluster, if this process can reach it."""
        if os.getpid() != self.tables_.process:
            raise DefinitionError("engine: a fork cannot use its parent's connection; open the data set in the fork")
        return self.cluster

    def _all_at_once(self, steps: Mapping[str, Any], progress: Tick | None) -> list[Packet]:
        """Count pieces; the driver adds up."""
        (count,) = self._counts(steps)
        return self._merged(self._map(count), progress)

    def _by_user(self, steps: Mapping[str, Any], progress: Tick | None) -> list[Packet]:
        """Count pieces by user; what they make moves, so that many add it up."""
        (count,) = self._counts(steps, self._shares())
        return self._moved(steps, [count], [self._map(count)], progress)

    def _attributed(self, steps: Mapping[str, Any], progress: Tick | None) -> list[Packet]:
        """Make visits, whose filter says which interactions may have earned one: only those move, and the visits."""
        visits, evidence = self._counts(steps, self._shares())
        made = self._workers().keep(self._map(visits))
        try:
            of_pieces = FilterVisits(self.opening, len(self.tables_.pieces[visits.table]))
            words = self._merged(self._workers().map(of_pieces, made), progress)
            filtered = replace(evidence.opening, visit_filter=packets.of_bits(VISIT_FILTER, words))
            evidence = replace(evidence, opening=filtered)
            return self._moved(steps, [visits, evidence], [made, self._map(evidence)], progress)
        finally:
            self.cluster.drop(made)

    def _moved(
        self, steps: Mapping[str, Any], counts: Sequence[Count], rows: Sequence[Any], progress: Tick | None
    ) -> list[Packet]:
        """Move `rows`, so that all of a user's are in one place, and count them there."""
        nothing = {count.name: self._nothing(count) for count in counts}
        of_users = CountUsers(self.opening, steps["of_users"], nothing)
        counted = self._workers().map(of_users, self._workers().arrange_by_user(rows, self._partitions()))
        return self._merged(counted, progress) or of_users.of([])

    def _counts(self, steps: Mapping[str, Any], shares: int | None = None) -> list[Count]:
        return [Count(self._opening(table), table, name, sql, shares) for table, name, sql in steps["maps"]]

    def _partitions(self) -> int:
        """Return into how many partitions rows move."""
        return max(self._workers().cores, sum(map(len, self.tables_.pieces.values())) // 4)

    def _shares(self) -> int:
        return max(SHARES_PER_PARTITION * self._partitions(), FEWEST_SHARES)

    def _map(self, count: Count) -> Any:
        return self._workers().map(count, self._pieces(count.table))

    def _merged(self, rows: Any, progress: Tick | None) -> list[Packet]:
        """Do the work; a worker's error is raised as it was there."""
        merged = self._workers().merge(rows, progress)
        packets.raise_error_in(merged)
        return merged

    def _count(self, table: str) -> int:
        query = f"SELECT count(*) AS rows FROM {table}"
        if table in SMALL:
            return int(arrow.to_pyarrow(self.local.sql(query)).column("rows")[0].as_py())
        counted = self._map(Count(self._opening(table), table, "rows", query))
        (rows,) = packets.tables(self._merged(counted, None)).values()
        return sum(rows.column("rows").to_pylist())

    def _nothing(self, count: Count) -> Any:
        """Return what `count` makes of no rows."""
        none = arrow.to_pyarrow(self.local.sql(f"SELECT * FROM {count.table} LIMIT 0"))
        return replace(count, opening=replace(self.opening, reading=Reading())).rows(none, count.sql)

    def _opening(self, table: str) -> Opening:
        """Return how workers open pieces of `table`; what they keep is in our columns."""
        return replace(self.opening, reading=Reading()) if table in self.tables_.kept else self.opening

    def _pieces(self, table: str) -> Any:
        kept = self.tables_.kept.get(table)
        return self._workers().arrange(self.tables_.pieces[table]) if kept is None else kept


def open_session(
    cluster: Adapter,
    root: str | None,
    tables: dict[str, Any],
    *,
    reading: Reading,
    strict: bool,
    threads: int | None,
    **options: Any,
) -> DistributedSession:
    """Open the tables under `root` and those given by name on `cluster`; see `footfall.open`."""
    local = _native.Session(root, tables, reading=reading.native(), threads=threads, **options)
    there = local.tables()
    small = tuple(
        packets.of_table(name, arrow.to_pyarrow(local.sql(f"SELECT * FROM {name}"))) for name in SMALL if name in there
    )
    pieces = {name: _pieces(local, name, tables.get(name), cluster.cores) for name in LARGE if name in there}
    # A worker has other work on its other cores.
    opening = Opening(small, {**options, "threads": 1}, EVERYTHING, reading.with_csv(local.csv_options()))
    in_files = [name for name in pieces if not _is_in_memory(tables.get(name))]
    in_pieces = Tables(pieces, in_files)
    # What the workers keep goes with the last session on it. At the end of the process the cluster may be gone before.
    connect.use(cluster, in_pieces)
    weakref.finalize(in_pieces, _drop_unseen, cluster, in_pieces.kept, os.getpid()).atexit = False
    session = DistributedSession(local, cluster, in_pieces, opening)
    if strict:
        session.refuse_unusable()
    return session


def _drop_all(cluster: Adapter, kept: dict[str, Any]) -> None:
    while kept:
        cluster.drop(kept.popitem()[1])


def _drop_unseen(cluster: Adapter, kept: dict[str, Any], process: int) -> None:
    # What the parent of a fork keeps is not the fork's to drop.
    if os.getpid() == process:
        # Nobody hears of an error here, and a cluster that has ended keeps nothing.
        with suppress(Exception):
            _drop_all(cluster, kept)


def _is_in_memory(given: Any) -> bool:
    return given is not None and not paths.are_paths(given)


def _pieces(local: _native.Session, name: str, given: Any, cores: int) -> list[Packet]:
    """Return the packets that a table falls apart into: some for each core."""
    wanted = PIECES_PER_CORE * cores
    if _is_in_memory(given):
        table = arrow.to_pyarrow(given)
        rows = max(-(-table.num_rows // wanted), ROWS_PER_PIECE)
        starts = range(0, max(table.num_rows, 1), rows)
        slices = [table.slice(start, rows) for start in starts]
        return [packets.of_table(name, piece, number, compressed=False) for number, piece in enumerate(slices)]
    return [packets.of_files(name, number, piece) for number, piece in enumerate(local.pieces(name, wanted))]
