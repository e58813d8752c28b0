"""Spark: packets as rows of a DataFrame, worked on by ``mapInArrow``, and Spark's own exchange by user.

Only what Spark has had since 3.5 is called.

References
----------
https://spark.apache.org/docs/latest/api/python/reference/pyspark.sql/api/pyspark.sql.DataFrame.mapInArrow.html
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from footfall.engines.packets import Packet
from footfall.engines.versions import refuse_others, version
from footfall.engines.work import Work, in_turn
from footfall.output.progress import Tick

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame, SparkSession

_T = TypeVar("_T")
HEARTBEAT_S = 0.1
# Names of files are few bytes, which each task may have; of tables each gets its own piece, which takes Spark longer.
SENT_WITH_TASKS = 4 << 20
SCHEMA = "share int, name string, payload binary"


@dataclass(frozen=True)
class Rows:
    """A DataFrame with a packet, or the number of one, a row; and what is to be done with each partition, at once."""

    frame: DataFrame
    works: tuple[Callable[[Any], Any], ...] = ()


# Spark's number for tasks that shall run at once, and have no room.
_NO_ROOM = "SPARK-24819"


class SparkAdapter:
    """The executors of a ``SparkSession``.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Running.

    Raises
    ------
    DefinitionError
        If an executor has no Footfall, or another version of it.
    ConnectionError
        If no executor comes, since others hold all cores of the cluster.
    """

    def __init__(self, session: SparkSession) -> None:
        self.session = session
        self._line = ThreadPoolExecutor(1)
        refuse_others(self._versions())

    @property
    def cores(self) -> int:
        """How many pieces are worked on at once."""
        return int(self._apart(lambda: self.session.sparkContext.defaultParallelism))

    def arrange(self, pieces: Sequence[Packet]) -> Rows:
        """Return rows: each of the `pieces` in a partition of its own."""
        return self._apart(lambda: self._arranged(pieces))

    def _arranged(self, pieces: Sequence[Packet]) -> Rows:
        if sum(len(piece.payload) for piece in pieces) <= SENT_WITH_TASKS:
            return Rows(self.session.range(0, len(pieces), 1, len(pieces)), (_Numbered(tuple(pieces)),))
        rows = self.session.sparkContext.parallelize([tuple(piece) for piece in pieces], len(pieces))
        return Rows(self.session.createDataFrame(rows, SCHEMA), (_packets,))

    def arrange_by_user(self, rows: Sequence[Rows], partitions: int) -> Rows:
        """Return all of `rows`, exchanged by Spark so that a share of the users is in one partition."""

        def exchanged() -> DataFrame:
            together = reduce(lambda one, other: one.union(other), (self._done(each) for each in rows))
            return together.repartition(partitions, "share")

        return Rows(self._apart(exchanged), (_packets,))

    def map(self, work: Work, rows: Rows) -> Rows:
        """Return what `work` makes of the packets of each partition."""
        return replace(rows, works=(*rows.works, work))

    def merge(self, rows: Rows, tick: Tick | None) -> list[Packet]:
        """Do the work and return all packets."""
        frame = self._apart(lambda: self._done(rows))
        if not hasattr(frame, "toArrow"):  # before Spark 4
            return [Packet(row.share, row.name, row.payload) for row in self._run(frame.collect, tick)]
        return _packets(self._run(frame.toArrow, tick).to_batches())

    def keep(self, rows: Rows) -> Rows:
        """Return the same rows, which the executors hold in memory from when they are first worked out on."""
        return Rows(self._apart(lambda: self._done(rows).persist()), (_packets,))

    def drop(self, rows: Rows) -> None:
        """Let the executors forget them."""
        rows.frame.unpersist(blocking=True)

    def _done(self, rows: Rows) -> DataFrame:
        if rows.works == (_packets,):
            return rows.frame
        # One call for all works: each would have a Python process of its own in each task.
        return rows.frame.mapInArrow(_partition(rows.works), SCHEMA)

    def _apart(self, call: Callable[[], _T]) -> _T:
        """Speak to Spark in a thread of our own.

        PySpark's handler of Ctrl-C speaks in the main thread, and what it interrupts there would get its answer.
        """
        return self._line.submit(call).result()

    def _run(self, action: Callable[[], Any], tick: Tick | None) -> Any:
        """Run `action` in a thread, so that this one hears of its progress and of Ctrl-C."""
        context, group = self.session.sparkContext, f"footfall {uuid.uuid4()}"

        def act() -> Any:
            context.setJobGroup(group, "footfall", interruptOnCancel=True)
            return action()

        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(act)
            try:
                return self._watched(running, group, tick)
            except BaseException:
                # A job that starts only now is none of those that were cancelled before.
                while not running.done():
                    self._apart(lambda: context.cancelJobGroup(group))
                    wait([running], timeout=HEARTBEAT_S)
                raise

    def _watched(self, running: Future[Any], group: str, tick: Tick | None) -> Any:
        while True:
            try:
                return running.result(timeout=HEARTBEAT_S)
            except NotYet:
                if tick is not None:
                    tick(*self._apart(lambda: self._tasks(group)))

    def _tasks(self, group: str) -> tuple[int, int | None]:
        """Return how many tasks are done, and how many there are so far."""
        tracker = self.session.sparkContext.statusTracker()
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
        stages = [tracker.getStageInfo(stage) for job in jobs if job is not None for stage in job.stageIds]
        known = [stage for stage in stages if stage is not None]
        return sum(stage.numCompletedTasks for stage in known), sum(stage.numTasks for stage in known) or None

    def _versions(self) -> dict[str, str]:
        """Return the version of each executor: all cores are asked at once, lest one answer for all."""
        ask = version()

        def told(_: Any) -> Iterator[tuple[str, str]]:
            from pyspark import BarrierTaskContext

            task = BarrierTaskContext.get()
            task.barrier()
            yield task.getTaskInfos()[task.partitionId()].address, ask()

        context, cores = self.session.sparkContext, self.cores
        try:
            return dict(context.parallelize(range(cores), cores).barrier().mapPartitions(told).collect())
        except Exception as error:
            if _NO_ROOM not in str(error):
                raise
            raise ConnectionError(
                f"engine = {context.master!r}: none of its {cores} cores was free for minutes; another session may "
                "hold them all: stop it, or start it with fewer of them (spark.cores.max)"
            ) from None


def _partition(works: Sequence[Work]) -> Callable[[Iterator[pyarrow.RecordBatch]], Iterator[pyarrow.RecordBatch]]:
    def partition(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow as pa

        schema = pa.schema({"share": pa.int32(), "name": pa.string(), "payload": pa.binary()})
        for packet in in_turn(works, batches):
            yield pa.RecordBatch.from_arrays([[value] for value in packet], schema=schema)

    return partition


@dataclass(frozen=True)
class _Numbered:
    """The pieces of these numbers."""

    pieces: tuple[Packet, ...]

    def __call__(self, batches: Iterator[pyarrow.RecordBatch]) -> list[Packet]:
        return [self.pieces[number] for batch in batches for number in batch.column(0).to_pylist()]


def _packets(batches: Iterable[pyarrow.RecordBatch]) -> list[Packet]:
    packets = []
    for batch in batches:
        share, name, payload = batch.columns
        # Without a copy: a payload may be large.
        rows = range(batch.num_rows)
        packets += [Packet(share[row].as_py(), name[row].as_py(), payload[row].as_buffer()) for row in rows]
    return packets
