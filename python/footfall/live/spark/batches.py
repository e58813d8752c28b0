"""The driver's step: what a batch leads to is collected once, and written in one transaction, unless it was already."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from footfall.engines import packets
from footfall.engines.packets import Packet
from footfall.errors import DataError, DataWarning, DefinitionError, FootfallError
from footfall.live.kafka.exactly_once.transactions import Transactions
from footfall.live.kafka.exactly_once.writer import write
from footfall.live.kafka.loop import Known
from footfall.live.kafka.messages import Raw
from footfall.live.kafka.topics import Topics
from footfall.live.sinks import Sink
from footfall.live.spark import intake, progress
from footfall.live.spark.buckets import SUGGESTIONS
from footfall.live.spark.intake import Name
from footfall.live.spark.knowledge import PROPERTY, Shelf
from footfall.live.spark.progress import Progress, Stretch
from footfall.live.spark.tally import Tally
from footfall.live.tables import Tables

_QUERY = "sql.streaming.queryId"


@dataclass(frozen=True)
class Output:
    """Where what is found goes: the sinks are given suggestions before they are committed, distances after it."""

    sinks: Sequence[Sink] = ()
    distances: Sequence[Sink] = ()
    stats: Callable[[Tally, str], None] | None = None


class Batches:
    """What Spark calls for each batch.

    Parameters
    ----------
    topics : Topics
        Where to.
    buckets : int
        Of the users.
    known : Known
        The tables.
    shelf : Shelf
        Those of each batch.
    transactions : Transactions
        The driver's; another driver of the same name ends them.
    last : Progress, optional
        Of the batches before.
    output : Output
        Where else to.
    tally : Tally
        Counts.
    """

    def __init__(
        self,
        topics: Topics,
        buckets: int,
        known: Known,
        shelf: Shelf,
        transactions: Transactions,
        last: Progress | None,
        output: Output,
        tally: Tally,
    ) -> None:
        self._topics, self._buckets, self._known, self._shelf = topics, buckets, known, shelf
        self._transactions, self._last, self._output, self._tally = transactions, last, output, tally
        self._is_first = True
        #: What a batch failed of.
        self.error: BaseException | None = None
        #: When a batch was last committed.
        self.worked_at = time.monotonic()

    def __call__(self, frame: Any, batch: int) -> None:
        """Work on a batch."""
        try:
            self._work(frame, batch)
        except BaseException as error:
            self.error = error
            # Spark looks for a cause in all of the text, by an expression that long ones are too deep for.
            raise RuntimeError(f"batch {batch} failed: {type(error).__name__}") from None

    def _work(self, frame: Any, batch: int) -> None:
        started = time.perf_counter()
        context = frame.sparkSession.sparkContext
        query = context.getLocalProperty(_QUERY)
        is_written = progress.is_written(self._last, query, batch, self._topics)
        self._choose_tables(batch)
        context.setLocalProperty(PROPERTY, self._shelf.send(batch))
        found = [Packet(row.share, row.name, bytes(row.payload)) for row in frame.collect()]
        packets.raise_error_in(found)
        reached = progress.after(self._last, query, batch, self._buckets, stretches(found), self._topics)
        self._tally.note(found, is_replay=is_written)
        self._warn_of_misplaced()
        if not is_written:
            self._write(found, reached)
        self._last, self.worked_at = reached, time.monotonic()
        self._show(found)
        self._tally.took(time.perf_counter() - started)
        if self._output.stats is not None:
            last = self._shelf.last
            self._output.stats(self._tally, last.version if last is not None else "")

    def _choose_tables(self, batch: int) -> None:
        """Take up newer tables, but not for the first batch of a driver: an earlier one may have begun with it."""
        last = self._shelf.last
        if not (self._is_first and last is not None):
            newest = self._newest()
            if last is None or newest.version != last.version:
                self._shelf.put(batch, newest)
                self._tally.counts["reloads"] += last is not None
        self._is_first = False

    def _newest(self) -> Tables:
        try:
            self._known.newer()
        except (FootfallError, OSError) as error:
            self._tally.counts["reloads_failed"] += 1
            said = f"newer tables cannot be read, the work goes on with the old: {error}"
            warnings.warn(DataWarning(said), stacklevel=2)
        return self._known.tables

    def _write(self, found: Sequence[Packet], reached: Progress) -> None:
        from confluent_kafka import KafkaException

        suggestions, dead = suggested(found), letters(found)
        if suggestions is not None:
            for sink in self._output.sinks:
                sink.write(suggestions, f"{self._topics.topic}.{self._topics.group}-{reached.batch:012d}")
        try:
            self._transactions.begin()
            write(self._transactions, self._topics, suggestions, dead)
            self._transactions.put(self._topics.progress, key=reached.query, value=reached.to_bytes())
            self._transactions.commit()
        except KafkaException as error:
            raise self._meaning(error) from error
        self._tally.wrote(suggestions, dead)

    def _meaning(self, error: Any) -> Exception:
        from confluent_kafka import KafkaError

        cause = error.args[0]
        fenced = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)
        if cause.code() in fenced or (cause.fatal() and "fenced" in cause.str().lower()):
            return another_driver(self._topics)
        self._transactions.abort()
        return error

    def _show(self, found: Sequence[Packet]) -> None:
        for packet in found:
            if packet.name.startswith(intake.DISTANCES):
                name = Name.of(packet.name)
                for sink in self._output.distances:
                    sink.write(
                        packets.table(packet),
                        f"{self._topics.topic}-{name.partition}-{name.first:012d}-{name.last:012d}",
                    )

    def _warn_of_misplaced(self) -> None:
        told = self._tally.first_misplaced()
        if told is not None:
            number, user, own = told
            warnings.warn(
                DataWarning(
                    f"partition {number} has user {user!r}, who belongs on {own}: where producers choose partitions "
                    "differently, the fixes of a user come in no order; use murmur2_random in all of them, or say what "
                    "they use by --partitioner"
                ),
                stacklevel=2,
            )


def stretches(found: Sequence[Packet]) -> dict[int, Stretch]:
    """Return the offsets of a batch, by partition."""
    seen: dict[int, Stretch] = {}
    for name in (Name.of(packet.name) for packet in found if packet.name.startswith(intake.SEEN)):
        known = seen.get(name.partition, Stretch(name.first, name.last + 1))
        seen[name.partition] = Stretch(min(known.first, name.first), max(known.next, name.last + 1))
    return seen


def suggested(found: Sequence[Packet]) -> Any:
    """Return the suggestions of a batch in the order of their time; None if there are none."""
    import pyarrow as pa

    parts = [packets.table(packet) for packet in found if packet.name == SUGGESTIONS]
    if not parts:
        return None
    return pa.concat_tables(parts).sort_by([("timestamp", "ascending"), ("suggestion_id", "ascending")])


def letters(found: Sequence[Packet]) -> list[tuple[Raw, str]]:
    """Return the messages of a batch that cannot be read, and why, in their order."""
    dead = sorted((packet for packet in found if packet.name.startswith(intake.DEAD)), key=lambda packet: packet.name)
    return [letter for packet in dead for letter in intake.letters(packets.table(packet))]


def another_driver(topics: Topics) -> DefinitionError:
    """Return the error of a driver whose group goes on without it."""
    return DefinitionError(f"group {topics.group}: another driver has taken over; nothing more of this one is written")


def data_lost(topic: str, said: str) -> DataError:
    """Return the error for messages that are no longer there."""
    return DataError(
        f"{topic}: messages that were not read are no longer retained. --skip-lost goes on without them; a longer "
        f"retention.ms of the topic keeps it from happening again ({said})"
    )
