"""The topics of a live process: their names, how they are made, and what must hold of them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from footfall.errors import DataError, DefinitionError
from footfall.live.kafka.client import Connections

ASK_SECONDS = 30.0
_STEP_SECONDS = 5.0
# As Kafka has it.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
_KINDS = ("suggestions", "held_out", "dead_letters", "states")
#: States are few bytes a user and written over and over: small segments, cleaned early, keep a restore short. Their
#: times are those of the messages, which may be ahead of the broker's clock.
STATES = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * 2**20),
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.2",
    "max.compaction.lag.ms": "3600000",
    "delete.retention.ms": "86400000",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}


@dataclass(frozen=True)
class Topics:
    """The topic that is read and those that are written, by default ``{topic}.{group}.suggestions`` and so on.

    Attributes
    ----------
    topic : str
        Of the fixes.
    group : str
        Of the consumers: the instances that share the partitions, and the offsets.
    suggestions, held_out, dead_letters, states : str
        What is written. Suggestions that are held out have a topic of their own, so that nobody sends them by mistake.

    Examples
    --------
    >>> Topics("pings").held_out
    'pings.footfall.held-out'
    """

    topic: str
    group: str = "footfall"
    suggestions: str = ""
    held_out: str = ""
    dead_letters: str = ""
    states: str = ""

    def __post_init__(self) -> None:
        for kind in _KINDS:
            name = getattr(self, kind) or f"{self.topic}.{self.group}.{kind.replace('_', '-')}"
            object.__setattr__(self, kind, name)
        for kind in ("topic", "group", *_KINDS):
            if not _NAME.fullmatch(getattr(self, kind)):
                reason = "must be 1 to 249 of letters, digits, '.', '_' and '-'"
                raise DefinitionError(f"{kind} = {getattr(self, kind)!r}: {reason}")
        names = [self.topic, *(getattr(self, kind) for kind in _KINDS)]
        if len(set(names)) < len(names):
            raise DefinitionError(f"topics: {', '.join(names)}: each kind needs a topic of its own")

    @property
    def progress(self) -> str:
        """Where a query of Spark writes how far it is."""
        return f"{self.topic}.{self.group}.progress"


def prepare(connections: Connections, topics: Topics) -> int:
    """Make what is missing of the topics that are written, and return the number of partitions.

    Raises
    ------
    DefinitionError
        If the topic of fixes is not there, or that of states does not fit it.
    DataError
        If the group has read, and its states are gone.
    ConnectionError
        If no broker answers.
    """
    admin = connections.admin()
    there = partitions_of(connections, admin)
    count = count_of_fixes(topics, there)
    if topics.progress in there:
        raise DefinitionError(
            f"group = {topics.group!r}: a query of Spark has read {topics.topic} (there is {topics.progress}), and its "
            "states are in its checkpoint: go on with --engine spark, or name another --group"
        )
    if topics.states not in there:
        _refuse_lost_states(connections, admin, topics, count)
    missing = {name: STATES if name == topics.states else {} for name in _written(topics) if name not in there}
    make(admin, missing, count)
    if topics.states in there:
        _check_states(admin, topics, there[topics.states], count)
    return count


def count_of_fixes(topics: Topics, there: Mapping[str, int]) -> int:
    """Return the number of partitions of the topic of fixes.

    Raises
    ------
    DefinitionError
        If it is not there.
    """
    if topics.topic not in there:
        raise DefinitionError(
            f"topic = {topics.topic!r}: is not there; `footfall live feed` makes one, or kafka-topics.sh"
        )
    return there[topics.topic]


def partitions_of(connections: Connections, admin: Any) -> dict[str, int]:
    """Return the number of partitions of each topic."""
    from confluent_kafka import KafkaException

    try:
        listed = admin.list_topics(timeout=ASK_SECONDS).topics
    except KafkaException as error:
        # What librdkafka noted of connections is given when it is asked for.
        admin.poll(0)
        why = connections.trouble or error.args[0].str()
        raise ConnectionError(f"Kafka at {connections.client['bootstrap.servers']}: {why}") from error
    return {name: len(found.partitions) for name, found in listed.items()}


def make(admin: Any, missing: Mapping[str, Mapping[str, str]], partitions: int) -> None:
    """Make topics with their settings; that another instance was faster is as good."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import NewTopic

    new = [NewTopic(name, partitions, config=dict(config)) for name, config in missing.items()]
    for name, made in (admin.create_topics(new, request_timeout=ASK_SECONDS) if new else {}).items():
        try:
            made.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise DefinitionError(f"topic {name}: cannot be made: {error.args[0].str()}") from error


def config_of(admin: Any, topic: str) -> dict[str, str]:
    """Return the settings of a topic."""
    from confluent_kafka.admin import ConfigResource

    (asked,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in asked.result().items()}


def _refuse_lost_states(connections: Connections, admin: Any, topics: Topics, partitions: int) -> None:
    stands = stored(connections, topics, partitions)
    # Another instance may have made the topic since, before it stored an offset.
    if stands and topics.states not in partitions_of(connections, admin):
        number, offset = next(iter(stands.items()))
        raise DataError(
            f"partition {number} of {topics.topic}: group {topics.group} has read up to offset "
            f"{offset}, but its topic of states, {topics.states}, is gone: name another --group, which "
            "begins with no states"
        )


def stored(connections: Connections, topics: Topics, partitions: int) -> dict[int, int]:
    """Return the offsets that a group has stored, above 0; a broker that just started loads them first.

    A consumer asks for them: where a broker does not know its groups yet, librdkafka's administration ends the process
    (`rd_kafka_ListConsumerGroupOffsets`, 2.16: it looks for a group that only consumers have).
    """
    from confluent_kafka import KafkaException, TopicPartition

    reader = connections.consumer(group_id=topics.group, enable_auto_commit=False)
    deadline = time.monotonic() + ASK_SECONDS
    try:
        while True:
            try:
                asked = [TopicPartition(topics.topic, number) for number in range(partitions)]
                told = reader.committed(asked, timeout=_STEP_SECONDS)
                failed = next((each.error for each in told if each.error is not None), None)
                if failed is None:
                    return {each.partition: each.offset for each in told if each.offset > 0}
            except KafkaException as error:
                failed = error.args[0]
            if time.monotonic() > deadline:
                raise KafkaException(failed)
            time.sleep(0.1)
    finally:
        reader.close()


def _written(topics: Topics) -> list[str]:
    return [getattr(topics, kind) for kind in _KINDS]


def _check_states(admin: Any, topics: Topics, there: int, wanted: int) -> None:
    if there != wanted:
        raise DefinitionError(
            f"topic {topics.states} has {there} partitions, and {topics.topic} has {wanted}: users are on other "
            "partitions than their states; read with another --group, which begins with no states"
        )
    policy = config_of(admin, topics.states).get("cleanup.policy")
    if policy != "compact":
        reason = "states would be lost; set it to compact (kafka-configs.sh --alter)"
        raise DefinitionError(f"topic {topics.states}: cleanup.policy is {policy}, and {reason}")
