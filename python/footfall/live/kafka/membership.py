"""One stay in the group: the partitions that this process has, from joining to leaving or being left behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Callable

from footfall.errors import DataError, DefinitionError
from footfall.live.kafka.client import Connections
from footfall.live.kafka.exactly_once.forgetting import keep_us
from footfall.live.kafka.exactly_once.partition import Detector, Partition
from footfall.live.kafka.exactly_once.restore import Place, Restore
from footfall.live.kafka.exactly_once.writer import Writer
from footfall.live.kafka.messages import Raw
from footfall.live.kafka.meter import Meter
from footfall.live.kafka.settings import Settings
from footfall.live.kafka.topics import Topics

_FENCED = "Static consumer fenced"
# How long an idle process waits for a message, and how soon it sees that it shall stop.
_IDLE_SECONDS = 0.1
_SESSION_MS = 10_000
# A restore of millions of users is no standstill.
_LONGEST_POLL_MS = 1_800_000


class LeftBehind(Exception):
    """The group, or the transaction, has gone on without this process, which has to join again."""


class Membership:
    """A consumer, its producer and the partitions that it has.

    Parameters
    ----------
    connections, topics, settings
        As `footfall.live.kafka.run` takes them.
    restore : Restore
        Takes up partitions.
    detect : callable
        Returns a new detector.
    meter : Meter
        Counts.
    """

    def __init__(
        self,
        connections: Connections,
        topics: Topics,
        settings: Settings,
        restore: Restore,
        detect: Callable[[], Detector],
        meter: Meter,
    ) -> None:
        self._topics = topics
        self._settings = settings
        self._detect = detect
        self._meter = meter
        self._restore = restore
        self.partitions: dict[int, Partition] = {}
        # Those that were given back; they are as good as new if nobody has gone on with them.
        self._parked: dict[int, Partition] = {}
        #: Partitions whose first offset is not stored yet.
        self.fresh: set[int] = set()
        # Whatever an earlier process of this name left open ends first: offsets wait for it.
        self.writer = Writer(connections, topics, settings.instance, settings.patience_s)
        self._consumer = connections.consumer(**_consumer_settings(topics, settings, connections.client))
        self._consumer.subscribe(
            [topics.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def poll(self) -> dict[int, list[Raw]]:
        """Return the next messages by partition, in their order; none if there are none for now.

        Raises
        ------
        LeftBehind
            If this process has to join again.
        DataError, DefinitionError, TimeoutError
            If it cannot go on.
        """
        from confluent_kafka import KafkaException

        try:
            first = self._consumer.poll(_IDLE_SECONDS)
            if first is None:
                return {}
            more = self._consumer.consume(self._settings.batch_most, self._settings.batch_s)
        except KafkaException as error:
            raise self._meaning(error.args[0]) from error
        return self._by_partition([first, *more])

    def metadata(self) -> Any:
        """Return what the group knows of this process now."""
        return self._consumer.consumer_group_metadata()

    def reload(self, tables: Any) -> None:
        """Go on with other tables."""
        for partition in (*self.partitions.values(), *self._parked.values()):
            partition.detector.reload(tables)

    def lag(self) -> int:
        """Return how many messages wait, as far as is known."""
        from confluent_kafka import TopicPartition

        waiting = 0
        for number, partition in self.partitions.items():
            _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topics.topic, number), cached=True)
            waiting += max(high - partition.next, 0)
        return waiting

    def close(self) -> None:
        """Leave; the group keeps the partitions for this name until its session ends."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException, RuntimeError):
            self._consumer.close()
        self._give_back()
        for partition in self._parked.values():
            self._meter.leave(partition)
        self.writer.close()

    def _by_partition(self, messages: Iterable[Any]) -> dict[int, list[Raw]]:
        found: dict[int, list[Raw]] = {}
        following = {number: partition.next for number, partition in self.partitions.items()}
        for message in messages:
            error = message.error()
            if error is not None:
                self._look_at(error)
                continue
            number, offset = message.partition(), message.offset()
            # What was fetched before the partition was given back is read by whoever has it now; who has it again
            # fetches it once more.
            if number in following and offset >= following[number]:
                following[number] = offset + 1
                kind, time_ms = message.timestamp()
                received_us = time_ms * 1_000 if kind else None
                found.setdefault(number, []).append(Raw(message.key(), message.value(), number, offset, received_us))
        return found

    def _assigned(self, consumer: Any, given: list[Any]) -> None:
        from confluent_kafka import TopicPartition

        numbers = [each.partition for each in given]
        places = self._restore.places(consumer, numbers)
        taken = {number: self._taken(number, place) for number, place in places.items()}
        new = {number: partition for number, partition in taken.items() if number not in self._parked}
        self._meter.counts["restored_users"] += self._restore.fill(new, places)
        self._forget_parked(set(taken) - set(new))
        self._meter.counts["lost"] += sum(place.lost for place in places.values())
        self.partitions = taken
        self.fresh = {number for number, place in places.items() if place.committed is None}
        consumer.assign([TopicPartition(self._topics.topic, number, part.next) for number, part in taken.items()])

    def _taken(self, number: int, place: Place) -> Partition:
        parked = self._parked.get(number)
        if parked is not None and parked.next == place.committed == place.next:
            return parked
        if parked is not None:
            self._meter.leave(self._parked.pop(number))
        return Partition(number, self._detect(), place.next, keep_us(self._settings.forget_s))

    def _forget_parked(self, reused: set[int]) -> None:
        for number, partition in self._parked.items():
            if number not in reused:
                self._meter.leave(partition)
        self._parked = {}

    def _revoked(self, consumer: Any, given: list[Any]) -> None:
        # Whatever was read is committed by now: nothing is read while a batch is under way.
        self._give_back()

    def _give_back(self) -> None:
        self._parked.update(self.partitions)
        self.partitions, self.fresh = {}, set()

    def _look_at(self, error: Any) -> None:
        """Raise what an error means that a consumer does not get over by itself."""
        from confluent_kafka import KafkaError

        if error.fatal() or error.code() in {KafkaError._FATAL, KafkaError._AUTO_OFFSET_RESET, *_refusals()}:
            raise self._meaning(error)

    def _meaning(self, error: Any) -> Exception:
        from confluent_kafka import KafkaError

        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            reason = "the topic has let go of messages before they were read, or was made anew"
            return DataError(
                f"{self._topics.topic}: {reason}: {error.str()}; start again, and it says what can be done"
            )
        # Of what is fatal, a message tells the reason in words alone.
        if error.code() == KafkaError.FENCED_INSTANCE_ID or _FENCED in error.str():
            return DefinitionError(
                f"group {self._topics.group}: another process of instance {self._settings.instance!r} has taken over; "
                "give each process a name of its own by --instance"
            )
        if error.code() in _refusals():
            return DefinitionError(f"{self._topics.topic}: {error.str()}")
        return LeftBehind(error.str())


def _refusals() -> set[int]:
    """Return the errors that stay however often one asks."""
    from confluent_kafka import KafkaError

    return {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
    }


def _consumer_settings(topics: Topics, settings: Settings, client: Mapping[str, str]) -> dict[str, Any]:
    own = {
        "group_id": topics.group,
        "group_instance_id": settings.instance,
        # The protocol of KIP-848 lets nobody of the same name in until the session of the one before has ended.
        "group_protocol": "classic",
        "partition_assignment_strategy": "range",
        "isolation_level": "read_committed",
        "enable_auto_commit": False,
        "enable_auto_offset_store": False,
        "auto_offset_reset": "error",
        "session_timeout_ms": _SESSION_MS,
        "max_poll_interval_ms": _LONGEST_POLL_MS,
        "fetch_wait_max_ms": 20,
        "fetch_queue_backoff_ms": 10,
    }
    return {name: value for name, value in own.items() if name.replace("_", ".") not in client}
