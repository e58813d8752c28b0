"""One transaction for each batch: suggestions, dead letters, states and offsets, all of them or none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Callable

from footfall.live.kafka.client import Connections
from footfall.live.kafka.messages import Raw, iso
from footfall.live.kafka.partition import State, Work
from footfall.live.kafka.topics import Topics

#: The header of a state: the offset after the last message that is in it.
OFFSET = "offset"
TRANSACTION_SECONDS = 10
# The default of 100 ms is waited for at each transaction.
_RETRY_MS = 1
_STEP_SECONDS = 5.0
_ABORT_SECONDS = 5.0
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
        self._patience_s = patience_s
        self._producer = connections.producer(
            transactional_id=f"{topics.group}.{topics.topic}.{instance}",
            transaction_timeout_ms=TRANSACTION_SECONDS * 1_000,
            retry_backoff_ms=_RETRY_MS,
            linger_ms=1,
            partitioner="murmur2_random",
        )
        try:
            self._insist(self._producer.init_transactions)
        except BaseException:
            self.close()
            raise

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

        self._producer.begin_transaction()
        for number, work in works.items():
            self._write(number, work)
        offsets = [TopicPartition(self._topics.topic, number, work.next) for number, work in works.items()]
        self._insist(lambda seconds: self._producer.send_offsets_to_transaction(offsets, metadata, seconds))
        self._insist(self._producer.commit_transaction)

    def abort(self) -> None:
        """Take back what is open; where that cannot be said, the broker does it when its time is over."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            self._producer.abort_transaction(_ABORT_SECONDS)

    def close(self) -> None:
        """End the connection."""
        self._producer.purge()
        self._producer = None

    def _write(self, number: int, work: Work) -> None:
        for raw, reason in work.dead:
            self._put(self._topics.dead_letters, **dead_letter(self._topics.topic, raw, reason))
        if work.suggestions is not None:
            for held_out, key, value in as_json(work.suggestions):
                self._put(self._topics.held_out if held_out else self._topics.suggestions, key=key, value=value)
        self._write_states(number, work.next, work.states)

    def _write_states(self, number: int, following: int, states: list[State]) -> None:
        topic, headers = self._topics.states, [(OFFSET, b"%d" % following)]
        produce = self._producer.produce
        for state in states:
            try:
                produce(topic, state.value, state.user_id, number, timestamp=state.time_ms, headers=headers)
            except BufferError:
                key, value = state.user_id, state.value
                self._put(topic, key=key, value=value, partition=number, timestamp=state.time_ms, headers=headers)

    def _put(self, topic: str, **message: Any) -> None:
        while True:
            try:
                self._producer.produce(topic, **message)
                return
            except BufferError:
                self._producer.poll(0.01)

    def _insist(self, step: Callable[[float], Any]) -> None:
        """Take a step of a transaction again as long as that is all that is asked for."""
        from confluent_kafka import KafkaException

        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                step(_STEP_SECONDS)
                return
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise


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
