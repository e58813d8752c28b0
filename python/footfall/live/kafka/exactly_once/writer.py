"""One transaction for each batch: suggestions, dead letters, states and offsets, all of them or none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from footfall.live.kafka.client import Connections
from footfall.live.kafka.exactly_once.partition import State, Work
from footfall.live.kafka.exactly_once.transactions import Transactions
from footfall.live.kafka.messages import Raw, iso
from footfall.live.kafka.topics import Topics

#: The header of a state: the offset after the last message that is in it.
OFFSET = "offset"
# A broker takes a mebibyte; the headers come on top.
_LONGEST_VALUE, _LONGEST_KEY = 1_000_000, 10_000


class Writer:
    """A transactional producer.

    Parameters
    ----------
    connections : Connections
        Of the broker.
    topics : Topics
        Where to.
    instance : str
        Of this process: whatever an earlier one of that name left open ends here.
    patience_s : float
        How long a broker may be away.
    """

    def __init__(self, connections: Connections, topics: Topics, instance: str, patience_s: float) -> None:
        self._topics = topics
        self._transactions = Transactions(connections, f"{topics.group}.{topics.topic}.{instance}", patience_s)

    def commit(self, works: Mapping[int, Work], metadata: Any) -> None:
        """Write what batches lead to, with the offsets after them.

        Parameters
        ----------
        works : mapping of int to Work
            By partition.
        metadata : ConsumerGroupMetadata
            As the consumer tells it after it was asked for these messages: a group that has gone on refuses it.
        """
        from confluent_kafka import TopicPartition

        self._transactions.begin()
        for number, work in works.items():
            self._write(number, work)
        offsets = [TopicPartition(self._topics.topic, number, work.next) for number, work in works.items()]
        self._transactions.send_offsets(offsets, metadata)
        self._transactions.commit()

    def abort(self) -> None:
        """Take back what is open; where that cannot be said, the broker does it when its time is over."""
        self._transactions.abort()

    def close(self) -> None:
        """End the connection."""
        self._transactions.close()

    def _write(self, number: int, work: Work) -> None:
        write(self._transactions, self._topics, work.suggestions, work.dead)
        self._write_states(number, work.next, work.states)

    def _write_states(self, number: int, following: int, states: list[State]) -> None:
        topic, headers = self._topics.states, [(OFFSET, b"%d" % following)]
        produce = self._transactions.producer.produce
        for state in states:
            try:
                produce(topic, state.value, state.user_id, number, timestamp=state.time_ms, headers=headers)
            except BufferError:
                at = {"partition": number, "timestamp": state.time_ms, "headers": headers}
                self._transactions.put(topic, key=state.user_id, value=state.value, **at)


def write(transactions: Transactions, topics: Topics, suggestions: Any, dead: Iterable[tuple[Raw, str]]) -> None:
    """Add suggestions, each to the topic of its kind, and messages that cannot be read."""
    for raw, reason in dead:
        transactions.put(topics.dead_letters, **dead_letter(topics.topic, raw, reason))
    for held_out, key, value in () if suggestions is None else as_json(suggestions):
        transactions.put(topics.held_out if held_out else topics.suggestions, key=key, value=value)


def as_json(suggestions: Any) -> Iterator[tuple[bool, str, str]]:
    """Yield whether it is held out, the key and the value of each suggestion."""
    import pyarrow as pa

    times = iso(suggestions["timestamp"].cast(pa.int64()).to_numpy())
    names = suggestions.column_names
    columns = [times if name == "timestamp" else suggestions[name].to_pylist() for name in names]
    for row in zip(*columns):
        said = dict(zip(names, row))
        yield said["held_out"], said["user_id"], json.dumps(said, ensure_ascii=False)


def dead_letter(topic: str, raw: Raw, reason: str) -> dict[str, Any]:
    """Return the message for one that cannot be read: as it was, with where it stood and why in its headers."""
    key, value = raw.key, raw.value
    headers = {"topic": topic, "partition": str(raw.partition), OFFSET: str(raw.offset), "reason": reason}
    if len(value or b"") > _LONGEST_VALUE or len(key or b"") > _LONGEST_KEY:
        headers["cut"] = f"key of {len(key or b'')} and value of {len(value or b'')} bytes"
        key, value = (key or b"")[:_LONGEST_KEY], (value or b"")[:_LONGEST_VALUE]
    return {"key": key, "value": value, "headers": [(name, text.encode()) for name, text in headers.items()]}
