"""History played into a topic, as if it happened now: a message for each ping, keyed by its user."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from footfall.inputs import options
from footfall.live.kafka.client import Connections
from footfall.live.kafka.messages import iso
from footfall.live.kafka.topics import make, partitions_of
from footfall.live.replaying import checked_speed, in_time

# What is produced as fast as it goes waits in memory only up to here.
_MOST_WAITING = 50_000
_WAIT_SECONDS = 0.05
_FLUSH_SECONDS = 120.0
_NAMES = ("user_id", "latitude", "longitude", "accuracy_m", "timestamp")
_FOREVER = "-1"
#: Messages have the times of history, which a topic's usual retention takes for long past, or for the future.
_HISTORY = {"retention.ms": _FOREVER, "message.timestamp.after.max.ms": str(2**63 - 1)}


@dataclass
class Fed:
    """What was played.

    Attributes
    ----------
    messages : int
        How many the broker has.
    """

    messages: int = 0
    _refused: list[str] = field(default_factory=list)

    def note(self, error: Any, message: Any) -> None:
        """Count a message that the broker took or refused."""
        if error is None:
            self.messages += 1
        else:
            self._refused.append(error.str())

    def raise_refused(self) -> None:
        """Raise ConnectionError if a message was refused."""
        if self._refused:
            raise ConnectionError(f"Kafka took {self.messages:,} messages and refused one: {self._refused[0]}")


def feed(
    pings: Any,
    topic: str,
    client: Mapping[str, str],
    *,
    speed: float | None = 60.0,
    now: bool = False,
    partitions: int = 4,
    tell: Callable[[Fed], None] | None = None,
) -> Fed:
    """Play pings into a topic, in the order of their time.

    Parameters
    ----------
    pings : Dataset or Arrow table
        As `footfall.live.replay` takes them.
    topic : str
        Made, with `partitions`, if it is not there; then it keeps messages for ever.
    client : mapping of str to str
        As `footfall.live.kafka.client.settings` gives it.
    speed : float, optional
        So many times as fast as it happened; None: as fast as it goes.
    now : bool
        Shift times so that the first is now, and what follows comes as fast as it is played: with `speed`, intervals
        are that much shorter. By default times are those of history; messages have the time of their ping.
    partitions : int
        Of a new topic.
    tell : callable, optional
        Told once a second how far it is.

    Returns
    -------
    Fed
        How many messages the broker has.

    Raises
    ------
    DataError, DefinitionError
        If pings or options cannot be used.
    ConnectionError
        If no broker answers, or it refuses a message.
    """
    pace = checked_speed(speed)
    count = options.whole("partitions", partitions, at_least=1)
    connections = Connections(client)
    admin = connections.admin()
    if topic not in partitions_of(connections, admin):
        make(admin, {topic: {} if now else _HISTORY}, count)
    producer = connections.producer(partitioner="murmur2_random", linger_ms=5, enable_idempotence=True)
    fed, told_at = Fed(), time.monotonic()
    shift = _Shift(pace) if now else None
    for table, _ in in_time(pings, pace):
        _send(producer, topic, table if shift is None else shift(table), fed)
        if tell is not None and time.monotonic() - told_at >= 1:
            told_at = time.monotonic()
            tell(fed)
    left = producer.flush(_FLUSH_SECONDS)
    fed.raise_refused()
    if left:
        raise ConnectionError(f"Kafka took {fed.messages:,} messages; {left:,} were not taken in {_FLUSH_SECONDS:g} s")
    return fed


class _Shift:
    """Moves instants to now; at `speed`, history's seconds are that much shorter."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed or 1.0
        self._first_us: int | None = None
        self._now_us = time.time_ns() // 1_000

    def __call__(self, table: Any) -> Any:
        import numpy as np
        import pyarrow as pa

        times = table["timestamp"].cast(pa.int64()).to_numpy()
        if self._first_us is None:
            self._first_us = int(times[0])
        moved = self._now_us + ((times - self._first_us) / self._speed).astype(np.int64)
        at = table.schema.get_field_index("timestamp")
        return table.set_column(at, "timestamp", pa.array(moved, pa.timestamp("us", "UTC")))


def _send(producer: Any, topic: str, table: Any, fed: Fed) -> None:
    import pyarrow as pa

    table = table.filter(table["timestamp"].is_valid())
    columns = [table[name].to_pylist() for name in ("user_id", "latitude", "longitude", "accuracy_m")]
    times = table["timestamp"].cast(pa.int64()).to_numpy()
    for *row, text, time_us in zip(*columns, iso(times), times.tolist()):
        _put(producer, topic, json.dumps(dict(zip(_NAMES, (*row, text))), ensure_ascii=False), row[0], time_us, fed)
    producer.poll(0)
    fed.raise_refused()


def _put(producer: Any, topic: str, value: str, user: str, time_us: int, fed: Fed) -> None:
    if len(producer) > _MOST_WAITING:
        producer.poll(_WAIT_SECONDS)
    while True:
        try:
            producer.produce(topic, value, user, timestamp=max(time_us // 1_000, 0), on_delivery=fed.note)
            return
        except BufferError:
            producer.poll(_WAIT_SECONDS)
