"""Taking up partitions: where the group stands, then the states that belong to that place, or why there is no such."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from footfall.errors import DataError, DefinitionError
from footfall.live.kafka.client import Connections, passes
from footfall.live.kafka.exactly_once.partition import Partition, State
from footfall.live.kafka.exactly_once.writer import OFFSET
from footfall.live.kafka.settings import Settings
from footfall.live.kafka.topics import Topics

_ASK_SECONDS = 5.0
_POLL_SECONDS, _FETCH_SECONDS = 0.2, 0.05
_AT_ONCE = 20_000
# Records of so many users are held at once.
_MOST_KEPT = 500_000


@dataclass(frozen=True)
class Place:
    """Where a partition goes on.

    Attributes
    ----------
    next : int
        The offset of the next message.
    committed : int, optional
        What the group has stored; None if nothing.
    lost : int
        How many offsets are skipped since they are no longer retained.
    """

    next: int
    committed: int | None
    lost: int = 0


class Restore:
    """Takes up partitions.

    Parameters
    ----------
    connections : Connections
        Of the broker.
    topics : Topics
        The topics.
    settings : Settings
        `start`, `skip_lost` and `patience_s`.
    partitions : int
        How many there were at the start.
    """

    def __init__(self, connections: Connections, topics: Topics, settings: Settings, partitions: int) -> None:
        self._partitions = partitions
        self._connections = connections
        self._topics = topics
        self._settings = settings
        self._admin = connections.admin()

    def places(self, consumer: Any, numbers: list[int]) -> dict[int, Place]:
        """Return where each partition goes on.

        A commit that is pending, of an instance that had the partition before, is waited for.

        Raises
        ------
        DataError
            If what follows is no longer there, or never was.
        TimeoutError
            If a transaction that is pending does not end.
        """
        self._refuse_added(numbers)
        committed = self._committed(consumer, numbers)
        return {number: self._place(consumer, number, offset) for number, offset in committed.items()}

    def fill(self, partitions: Mapping[int, Partition], places: Mapping[int, Place]) -> int:
        """Give partitions the states that are stored, and return how many there were.

        The topic is read to where it ends now, not only to where transactions are settled: a record may lie above one
        that somebody has open, and be committed all the same.

        Raises
        ------
        DataError
            If a state is of later messages than those that the group goes on with.
        TimeoutError
            If a transaction that somebody has open does not end.
        """
        ends = self._ends(partitions)
        if not ends:
            return 0
        consumer = self._connections.consumer(
            group_id=self._topics.group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            enable_partition_eof=True,
            auto_offset_reset="earliest",
            # Else it rests for a second whenever it is ahead of us.
            fetch_queue_backoff_ms=10,
        )
        try:
            return self._filled(consumer, partitions, places, ends)
        finally:
            consumer.close()

    def _refuse_added(self, numbers: list[int]) -> None:
        if max(numbers, default=-1) >= self._partitions:
            raise DefinitionError(
                f"{self._topics.topic} had {self._partitions} partitions and has more now: users are on other "
                "partitions than their states; read with another --group, which begins with no states"
            )

    def _committed(self, consumer: Any, numbers: list[int]) -> dict[int, int | None]:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        asked = [TopicPartition(self._topics.topic, number) for number in numbers]
        deadline = time.monotonic() + self._settings.patience_s
        while True:
            try:
                told = consumer.committed(asked, timeout=_ASK_SECONDS)
                failed = next((each.error for each in told if each.error is not None), None)
                if failed is None:
                    return {each.partition: each.offset if each.offset >= 0 else None for each in told}
            except KafkaException as error:
                failed = error.args[0]
            if (
                failed.code() not in (KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError._TIMED_OUT)
                and not failed.retriable()
            ):
                raise KafkaException(failed)
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"group {self._topics.group}: waited {self._settings.patience_s:g} s for its offsets of "
                    f"{self._topics.topic}: {failed.str()}. A transaction of an instance that is gone may be pending: "
                    "it ends at its timeout, or by kafka-transactions.sh --abort"
                )
            time.sleep(_POLL_SECONDS)

    def _place(self, consumer: Any, number: int, committed: int | None) -> Place:
        from confluent_kafka import TopicPartition

        topic = self._topics.topic
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ASK_SECONDS * 2)
        if committed is None:
            return Place(low if self._settings.start == "earliest" else high, None)
        if committed > high:
            raise DataError(
                f"partition {number} of {topic}: group {self._topics.group} has read up to offset {committed}, but the "
                f"topic ends at {high}: it was made anew. Read it with another --group, which begins with no states"
            )
        if committed >= low:
            return Place(committed, committed)
        if self._settings.skip_lost:
            return Place(low, committed, low - committed)
        raise DataError(
            f"partition {number} of {topic}: group {self._topics.group} goes on at offset {committed}, but the first "
            f"that is retained is {low}: {low - committed} messages may never have been read. --skip-lost goes on "
            "without them; a longer retention.ms of the topic keeps it from happening again"
        )

    def _ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return where the topic of states ends now, whoever has a transaction open; of those that are not empty."""
        from confluent_kafka import IsolationLevel, TopicPartition
        from confluent_kafka.admin import OffsetSpec

        asked = {TopicPartition(self._topics.states, number): OffsetSpec.latest() for number in partitions}
        told = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_ASK_SECONDS * 2
        )
        ends = {each.partition: future.result().offset for each, future in told.items()}
        return {number: end for number, end in ends.items() if end > 0}

    def _filled(
        self, consumer: Any, partitions: Mapping[int, Partition], places: Mapping[int, Place], ends: dict[int, int]
    ) -> int:
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        # Who leads its partitions would only be asked half a second after they are assigned.
        consumer.list_topics(self._topics.states, timeout=_ASK_SECONDS * 2)
        consumer.assign([TopicPartition(self._topics.states, number, OFFSET_BEGINNING) for number in ends])
        reached = dict.fromkeys(ends, 0)
        # Most records are of users whom a later one tells of: only the last of each is taken apart.
        newest: dict[int, dict[bytes | None, Any]] = {number: {} for number in ends}
        deadline = time.monotonic() + self._settings.patience_s
        while waited := {number: end for number, end in ends.items() if reached[number] < end}:
            if time.monotonic() > deadline:
                raise self._stuck(waited, reached)
            if self._read(consumer, newest, reached):
                # What moves is waited for.
                deadline = time.monotonic() + self._settings.patience_s
            if sum(map(len, newest.values())) > _MOST_KEPT:
                self._take_up(partitions, places, newest)
        self._take_up(partitions, places, newest)
        return sum(partition.detector.users() for partition in partitions.values())

    def _read(self, consumer: Any, newest: dict[int, dict[bytes | None, Any]], reached: dict[int, int]) -> bool:
        """Note the next records and how far they go; return whether there were any."""
        from confluent_kafka import KafkaError, KafkaException

        found = consumer.consume(_AT_ONCE, _FETCH_SECONDS)
        for message in found:
            error, number = message.error(), message.partition()
            if error is None:
                newest[number][message.key()] = message
                reached[number] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                reached[number] = message.offset()
            elif error.fatal() or not passes(error):
                raise KafkaException(error)
        return bool(found)

    def _take_up(
        self,
        partitions: Mapping[int, Partition],
        places: Mapping[int, Place],
        newest: dict[int, dict[bytes | None, Any]],
    ) -> None:
        """Give partitions these records, and forget them here."""
        for number, messages in newest.items():
            states = [self._state(message, places[number].committed) for message in messages.values()]
            partitions[number].remember(states)
            messages.clear()

    def _state(self, message: Any, committed: int | None) -> State:
        key, value = (message.key() or b"").decode("utf-8", "replace"), message.value()
        included = _offset_of(message)
        if included is None:
            raise DataError(
                f"{_where(message)}: has no header {OFFSET!r}: it is no state of Footfall's; name another --group"
            )
        if committed is None or included > committed:
            stands = "has no offset" if committed is None else f"stands at offset {committed}"
            raise DataError(
                f"{_where(message)}: includes messages of {self._topics.topic} up to offset {included}, but group "
                f"{self._topics.group} {stands} there: its offsets were set back, or have expired. To read again "
                "from the beginning, name another --group, which begins with no states; to go on, set the group's "
                f"offset to {included} (kafka-consumer-groups.sh --reset-offsets)"
            )
        return State(key, value, max(message.timestamp()[1], 0))

    def _stuck(self, waited: Mapping[int, int], reached: Mapping[int, int]) -> TimeoutError:
        number, end = next(iter(waited.items()))
        why = self._connections.trouble
        return TimeoutError(
            f"partition {number} of {self._topics.states}: waited {self._settings.patience_s:g} s for offset {end}, "
            f"and nothing came after {reached[number]}: somebody has a transaction open there. It ends at its timeout, "
            f"or by kafka-transactions.sh --abort; --patience waits longer{f' (the broker: {why})' if why else ''}"
        )


def _offset_of(message: Any) -> int | None:
    for name, value in message.headers() or ():
        if name == OFFSET and value is not None and value.isdigit():
            return int(value)
    return None


def _where(message: Any) -> str:
    return f"partition {message.partition()} of {message.topic()}, offset {message.offset()}"
