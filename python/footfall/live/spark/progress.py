"""How far a query is, in a topic: written in the transaction of each batch, read before the first."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from footfall.errors import DataError, DefinitionError
from footfall.live.kafka.client import Connections, passes
from footfall.live.kafka.topics import ASK_SECONDS, STATES, Topics, count_of_fixes, make, partitions_of, stored

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Progress:
    """The last batch that was written.

    Attributes
    ----------
    query : str
        Whose: it is Spark's name for what is in the checkpoint.
    batch : int
        Its number.
    buckets : int
        Of the users.
    next : dict of int to int
        The offset of the next message of each partition.
    """

    query: str
    batch: int
    buckets: int
    next: dict[int, int] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the value of its message."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of_bytes(cls, value: bytes) -> Progress:
        """Return what a message says."""
        told = json.loads(value)
        return cls(told["query"], told["batch"], told["buckets"], {int(n): at for n, at in told["next"].items()})


@dataclass(frozen=True)
class Stretch:
    """The offsets of a partition's messages in a batch: of the first, and after the last."""

    first: int
    next: int


def prepare(connections: Connections, topics: Topics) -> int:
    """Make what is missing of the topics that a query writes, and return the partitions of the one that it reads.

    Raises
    ------
    DefinitionError
        If the topic of fixes is not there, or the group has been read without Spark.
    ConnectionError
        If no broker answers.
    """
    admin = connections.admin()
    there = partitions_of(connections, admin)
    count = count_of_fixes(topics, there)
    if stored(connections, topics, count):
        raise DefinitionError(
            f"group = {topics.group!r}: has read {topics.topic} without Spark, and its states are in {topics.states}: "
            "go on without --engine, or name another --group"
        )
    written = (topics.suggestions, topics.held_out, topics.dead_letters)
    make(admin, {name: {} for name in written if name not in there}, count)
    if topics.progress not in there:
        make(admin, {topics.progress: STATES}, 1)
    return count


def read(connections: Connections, topics: Topics, patience_s: float = ASK_SECONDS) -> Progress | None:
    """Return the last that was committed; None if nothing was.

    Raises
    ------
    TimeoutError
        If nothing comes from the broker for `patience_s`.
    """
    from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

    reader = connections.consumer(
        group_id=topics.group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        enable_partition_eof=True,
        auto_offset_reset="earliest",
    )
    reader.assign([TopicPartition(topics.progress, 0, OFFSET_BEGINNING)])
    deadline, last = time.monotonic() + patience_s, None
    try:
        while time.monotonic() < deadline:
            for message in reader.consume(10_000, _POLL_SECONDS):
                error = message.error()
                if error is None:
                    last, deadline = message.value(), time.monotonic() + patience_s
                elif error.code() == KafkaError._PARTITION_EOF:
                    return None if last is None else Progress.of_bytes(last)
                elif error.fatal() or not passes(error):
                    raise KafkaException(error)
    finally:
        reader.close()
    raise TimeoutError(f"{topics.progress}: its end was not reached in {patience_s:g} s; is a broker away?")


def is_written(last: Progress | None, query: str, batch: int, topics: Topics) -> bool:
    """Return whether the batch has been written already, as Spark does it again after a crash.

    Raises
    ------
    DataError
        If the checkpoint is not the one that the topic tells of.
    """
    if last is None and batch == 0:
        return False
    if last is not None and last.query == query and batch in (last.batch, last.batch + 1):
        return batch == last.batch
    if last is None:
        told = f"the checkpoint is at batch {batch}, and {topics.progress} is empty"
    elif last.query != query:
        told = f"group {topics.group} was read by query {last.query}, and this checkpoint is of query {query}"
    else:
        told = f"batch {last.batch} was the last that was written, and the checkpoint is at batch {batch}"
    raise DataError(
        f"{topics.topic}: {told}: some would be suggested again, or never. Give the --checkpoint that belongs to the "
        "group; or name another --group with a new --checkpoint, which begins with no states"
    )


def after(
    last: Progress | None, query: str, batch: int, buckets: int, stretches: Mapping[int, Stretch], topics: Topics
) -> Progress:
    """Return how far the query is after a batch that has messages of these offsets.

    Raises
    ------
    DataError
        If it has messages that an earlier one had; or not those that it had when it was written.
    """
    known = last.next if last is not None else {}
    following = {**known, **{number: stretch.next for number, stretch in stretches.items()}}
    if last is not None and last.batch == batch:
        wrong = [number for number in following if following[number] != known.get(number)]
        then = "ended at other offsets when it was written"
    else:
        wrong = [number for number, stretch in stretches.items() if stretch.first < known.get(number, 0)]
        then = "has messages that an earlier one had"
    if wrong:
        number = wrong[0]
        raise DataError(
            f"partition {number} of {topics.topic}: batch {batch} goes to offset {following[number]}, and {then} "
            f"(offset {known.get(number)}): the checkpoint was set back. Name another --group with a new --checkpoint"
        )
    return Progress(query, batch, buckets, following)
