"""From topic to topic by a query of Spark, which is started again where a broker was away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from footfall.engines import connect
from footfall.engines.packets import Packet
from footfall.errors import DefinitionError, FootfallError, InternalError
from footfall.live.kafka.client import Connections, for_java
from footfall.live.kafka.exactly_once.forgetting import keep_us
from footfall.live.kafka.exactly_once.transactions import Transactions
from footfall.live.kafka.loop import Known
from footfall.live.kafka.settings import Settings
from footfall.live.kafka.topics import Topics
from footfall.live.sinks import Sink
from footfall.live.spark import progress
from footfall.live.spark.batches import Batches, Output, another_driver, data_lost
from footfall.live.spark.buckets import Buckets
from footfall.live.spark.callbacks import ask_for_a_token
from footfall.live.spark.intake import Intake
from footfall.live.spark.knowledge import PROPERTY, Shelf, of_task
from footfall.live.spark.placing import OnSpark
from footfall.live.spark.tally import Tally
from footfall.live.stats import Stats
from footfall.live.streaming import DistanceRows

SCHEMA = "share int, name string, payload binary"
_STATE = "state binary"
_MESSAGES = ("key", "value", "partition", "offset")
_RECEIVED = "CASE WHEN timestampType >= 0 THEN unix_micros(timestamp) END AS received_us"
_LOOK_SECONDS, _PAUSE_SECONDS = 0.2, 1.0
_LEAST_TASKS = 2
_CONCURRENT, _NO_CONNECTOR = "CONCURRENT_STREAM_LOG_UPDATE", "data source: kafka"
_LOST = "failOnDataLoss"
_OF_KAFKA = "org.apache.kafka"

_T = TypeVar("_T")


class Query:
    """The work of `run`, which has the parameters."""

    def __init__(
        self,
        topics: Topics,
        connections: Connections,
        known: Known,
        place: OnSpark,
        settings: Settings,
        output: Output,
        distances: DistanceRows | None,
        stats: Stats,
        stop: threading.Event,
    ) -> None:
        self._topics, self._connections, self._known = topics, connections, known
        self._place, self._settings, self._output, self._stop = place, settings, output, stop
        self._partitions = progress.prepare(connections, topics)
        self._intake = Intake(place.buckets, settings.epoch_unit, distances)
        self._tally = Tally(stats)
        # PySpark's handler of Ctrl-C speaks in the main thread, and what it interrupts there would get its answer.
        self._line = ThreadPoolExecutor(1)

    def run(self) -> Tally:
        """Work until it shall stop."""
        adapter = self._apart(self._place.connect)
        connect.use(adapter, self)
        try:
            session = adapter.session  # type: ignore[attr-defined]
            tasks = min(self._place.buckets, max(adapter.cores, _LEAST_TASKS))
            self._apart(lambda: _prepare(session, tasks))
            began = time.monotonic()
            while not self._stop.is_set():
                began = self._stayed(session, began)
        finally:
            self._apart(lambda: connect.leave(adapter, self))
            self._line.shutdown()
        return self._tally

    def _stayed(self, session: Any, began: float) -> float:
        """Run one query, and return when it worked last; a broker that is away is waited for."""
        try:
            return self._stay(session)
        except BrokerAway as error:
            worked_at = max(began, error.worked_at)
            if time.monotonic() - worked_at > self._settings.patience_s:
                why = self._connections.trouble or str(error)
                raise ConnectionError(
                    f"Kafka at {self._connections.client['bootstrap.servers']}: nothing could be committed for "
                    f"{self._settings.patience_s:g} s (--patience): {why}"
                ) from error
            self._tally.counts["restarted"] += 1
            self._stop.wait(_PAUSE_SECONDS)
            return worked_at

    def _stay(self, session: Any) -> float:
        # Whatever an earlier driver left open ends here; only then it is known how far it was.
        name = f"spark:{self._topics.group}.{self._topics.topic}"
        transactions = self._transactions(name)
        try:
            last = progress.read(self._connections, self._topics, self._settings.patience_s)
            self._refuse_other_buckets(last)
            shelf = self._apart(lambda: Shelf(session, self._place.checkpoint))
            batches = Batches(
                self._topics, self._place.buckets, self._known, shelf, transactions, last, self._output, self._tally
            )
            try:
                query = self._apart(lambda: self._started(session, batches))
            except Exception as error:
                raise self._meaning(error, batches.worked_at) from error
            self._watch(batches, query)
            return batches.worked_at
        finally:
            transactions.close()

    def _transactions(self, name: str) -> Transactions:
        from confluent_kafka import KafkaException

        try:
            return Transactions(self._connections, name, self._settings.patience_s)
        except KafkaException as error:
            raise BrokerAway(error.args[0].str(), 0.0) from error

    def _watch(self, batches: Batches, query: Any) -> None:
        try:
            while self._apart(lambda: query.isActive) and not self._stop.wait(_LOOK_SECONDS):
                pass
            failed = None if self._stop.is_set() else self._apart(query.exception)
        finally:
            self._apart(query.stop)
        cause = batches.error if batches.error is not None else failed
        if cause is not None and not self._stop.is_set():
            raise self._meaning(cause, batches.worked_at) from batches.error

    def _meaning(self, cause: BaseException, worked_at: float) -> BaseException:
        from confluent_kafka import KafkaException

        said = str(cause)
        if isinstance(cause, (FootfallError, OSError)):
            return cause
        if _CONCURRENT in said:
            return another_driver(self._topics)
        if _NO_CONNECTOR in said:
            return DefinitionError("engine: a Spark session without the connector for Kafka is live in this process")
        if _LOST in said:
            return data_lost(self._topics.topic, _first_line(said))
        if isinstance(cause, KafkaException) or _OF_KAFKA in said:
            return BrokerAway(_first_line(said), worked_at)
        return InternalError(f"the query of Spark has failed: {said}")

    def _refuse_other_buckets(self, last: progress.Progress | None) -> None:
        if last is not None and last.buckets != self._place.buckets:
            raise DefinitionError(
                f"buckets = {self._place.buckets}: group {self._topics.group} began with {last.buckets}, by which its "
                f"states are kept: say --buckets {last.buckets}, or name another --group with a new --checkpoint"
            )

    def _started(self, session: Any, batches: Batches) -> Any:
        """Start the query from its checkpoint."""
        messages = self._source(session).selectExpr(*_MESSAGES, _RECEIVED)
        buckets = Buckets(keep_us(self._settings.forget_s), self._settings.partitioner, self._partitions)
        found = (
            messages.mapInArrow(_taking_in(self._intake), SCHEMA)
            .groupBy("share")
            .applyInPandasWithState(_working(buckets), SCHEMA, _STATE, "update", "NoTimeout")
        )
        writing = found.writeStream.foreachBatch(batches).outputMode("update")
        writing = writing.trigger(processingTime=f"{max(round(self._settings.batch_s * 1_000), 1)} milliseconds")
        return writing.option("checkpointLocation", self._place.checkpoint).start()

    def _source(self, session: Any) -> Any:
        own = {
            "subscribe": self._topics.topic,
            "startingOffsets": self._settings.start,
            "failOnDataLoss": str(not self._settings.skip_lost).lower(),
            "maxOffsetsPerTrigger": str(self._place.batch_most),
            "kafka.isolation.level": "read_committed",
        }
        java = {f"kafka.{name}": value for name, value in for_java(self._connections.client).items()}
        return session.readStream.format("kafka").options(**java, **own).load()

    def _apart(self, call: Callable[[], _T]) -> _T:
        return self._line.submit(call).result()


class BrokerAway(Exception):
    """A broker did not answer, or has taken a transaction back; the next query finds out what became of it."""

    def __init__(self, said: str, worked_at: float) -> None:
        super().__init__(said)
        self.worked_at = worked_at


def _prepare(session: Any, tasks: int) -> None:
    session.sparkContext.setLogLevel("ERROR")
    # Each task writes files of its own for each batch. A checkpoint keeps the number that it began with.
    session.conf.set("spark.sql.shuffle.partitions", tasks)
    ask_for_a_token(session)


def _first_line(said: str) -> str:
    return said.strip().partition("\n")[0]


def _taking_in(intake: Intake) -> Callable[[Iterable[Any]], Iterator[Any]]:
    def taking_in(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        schema = pa.schema({"share": pa.int32(), "name": pa.string(), "payload": pa.binary()})
        for batch in batches:
            found = list(intake([batch]))
            if found:
                # Packets of a batch travel together, since Spark takes long to read a batch, however small.
                yield pa.RecordBatch.from_arrays([list(values) for values in zip(*found)], schema=schema)

    return taking_in


def _working(buckets: Buckets) -> Callable[[Any, Iterable[Any], Any], Iterator[Any]]:
    def working(key: tuple[int], frames: Iterable[Any], state: Any) -> Iterator[Any]:
        import pandas as pd
        from pyspark import SparkFiles, TaskContext

        share, (before,) = int(key[0]), state.get if state.exists else (None,)
        given = [Packet(share, *row) for frame in frames for row in zip(frame["name"], frame["payload"])]
        tables = of_task(SparkFiles.get(TaskContext.get().getLocalProperty(PROPERTY)))
        after = buckets(share, given, before, tables)
        if after.state is not None:
            state.update((after.state,))
        yield pd.DataFrame(after.packets, columns=["share", "name", "payload"])

    return working


def run(
    topics: Topics,
    client: Mapping[str, str],
    known: Known,
    place: OnSpark,
    *,
    settings: Settings | None = None,
    sinks: Sequence[Sink] = (),
    distances: DistanceRows | None = None,
    distance_sinks: Sequence[Sink] = (),
    stats: Stats | None = None,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Read fixes from a topic and write suggestions to another on Spark, each exactly once, until stopped.

    Parameters
    ----------
    topics : Topics
        The topic of the fixes, the group, and the topics that are written, which are made where they are missing.
    client : mapping of str to str
        As `footfall.live.kafka.client.settings` gives it.
    known : footfall.live.tables.Watch or footfall.live.replaying.Fixed
        What the detectors know; whether there are newer tables is asked between two batches.
    place : OnSpark
        The cluster and the checkpoint.
    settings : Settings, optional
        How long to collect messages, how long to be patient, how messages are to be read. `instance` and `batch_most`
        say nothing here.
    sinks : sequence of Sink
        Given the suggestions, held-out ones too, before they are committed: after a crash again, with the same ids.
    distances : DistanceRows, optional
        Makes distances of the fixes, on the workers.
    distance_sinks : sequence of Sink
        Given the distances, once their batch is committed.
    stats : Stats, optional
        Told after each batch.
    stop : threading.Event, optional
        Ends the work; else an interrupt ends it. A batch that is under way is done again at the next start.

    Returns
    -------
    dict
        The last that was counted.

    Raises
    ------
    DefinitionError
        If a setting or a topic does not fit, or another driver has taken over.
    DataError
        If messages that were not read are no longer there, or the checkpoint does not belong to the group.
    ConnectionError
        If no broker answers, or no master.
    """
    told = stats if stats is not None else Stats()
    tell: Callable[[Tally, str], None] = lambda tally, version: told.tell([tally], version)  # noqa: E731
    output = Output(sinks, distance_sinks, tell)
    ends = threading.Event() if stop is None else stop
    chosen = Settings() if settings is None else settings
    query = Query(topics, Connections(client), known, place, chosen, output, distances, told, ends)
    return told.line([query.run()], known.tables.version)
