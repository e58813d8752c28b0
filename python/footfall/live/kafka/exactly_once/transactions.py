"""A producer whose messages are there all together or not at all, and which nobody of the same name outlives."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any, Callable

from footfall.live.kafka.client import Connections

TRANSACTION_SECONDS = 10
# The default of 100 ms is waited for at each transaction.
_RETRY_MS = 1
_STEP_SECONDS = 5.0
_ABORT_SECONDS = 5.0
# How long past its own limit a step may take that librdkafka does not always end at it.
_OVERDUE_SECONDS = 5.0


class Transactions:
    """A transactional producer.

    Parameters
    ----------
    connections : Connections
        Of the broker.
    name : str
        Whatever an earlier producer of that name left open ends here, and it can write no more.
    patience_s : float
        How long a broker may be away.
    """

    def __init__(self, connections: Connections, name: str, patience_s: float) -> None:
        self._patience_s = patience_s
        self.producer = connections.producer(
            transactional_id=name,
            transaction_timeout_ms=TRANSACTION_SECONDS * 1_000,
            retry_backoff_ms=_RETRY_MS,
            linger_ms=1,
            partitioner="murmur2_random",
            # A broker that librdkafka learns of anew would stay unknown to its cache of group coordinators: after a
            # restart, or an idle connection that was closed, offsets would never be sent (its issue 5511).
            metadata_recovery_strategy="none",
        )
        try:
            self.insist(self.producer.init_transactions)
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Open a transaction."""
        self.producer.begin_transaction()

    def put(self, topic: str, **message: Any) -> None:
        """Add a message, the arguments of `produce`; wait where too many wait already."""
        while True:
            try:
                self.producer.produce(topic, **message)
                return
            except BufferError:
                self.producer.poll(0.01)

    def send_offsets(self, offsets: Any, metadata: Any) -> None:
        """Let a group's offsets be part of it.

        Where a group's coordinator is gone, librdkafka does not end the call at its time limit (its issue 5456): it is
        left behind in its thread, and this producer with it.
        """
        send = self.producer.send_offsets_to_transaction
        self.insist(lambda seconds: _in_time(partial(send, offsets, metadata, seconds), seconds + _OVERDUE_SECONDS))

    def commit(self) -> None:
        """Let all of it be there."""
        self.insist(self.producer.commit_transaction)

    def abort(self) -> None:
        """Take back what is open; where that cannot be said, the broker does it when its time is over."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            self.producer.abort_transaction(_ABORT_SECONDS)

    def close(self) -> None:
        """End the connection."""
        self.producer.purge()
        self.producer = None

    def insist(self, step: Callable[[float], Any]) -> None:
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


def _in_time(send: Callable[[], Any], seconds: float) -> None:
    """Send offsets in a thread of its own and wait so long; raise what it raised, or that it has not returned."""
    from confluent_kafka import KafkaError, KafkaException

    raised: list[BaseException] = []

    def run() -> None:
        try:
            send()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="footfall-kafka-offsets", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"offsets were not sent for {seconds:g} s"))
    if raised:
        raise raised[0]
