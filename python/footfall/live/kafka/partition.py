"""One partition: its users' detector, where it stands, and what a batch of its messages leads to."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Protocol

from footfall.errors import DataWarning
from footfall.live.kafka.messages import Raw, Reader

if TYPE_CHECKING:
    import pyarrow

_HOUR_MS = 3_600_000


class Detector(Protocol):
    """What finds approaches: the extension's, or one with the same methods."""

    def process(self, fixes: Any) -> tuple[pyarrow.Table, pyarrow.Table]:
        """Return suggestions and approaches of these fixes."""
        ...

    def counters(self) -> dict[str, int]:
        """Return what was counted since it was made."""
        ...

    def users(self) -> int:
        """Return how many users it remembers."""
        ...

    def state_bytes(self) -> int:
        """Return how many bytes it takes to remember them."""
        ...

    def states(self, user_ids: list[str] | None) -> pyarrow.Table:
        """Return user_id and state of some users."""
        ...

    def restore(self, table: Any) -> None:
        """Remember users by their states; a null forgets."""
        ...

    def reload(self, tables: Any) -> None:
        """Go on with other tables."""
        ...


@dataclass(frozen=True)
class State:
    """What is to be remembered of a user; None if nothing."""

    user_id: str
    value: bytes | None
    time_ms: int


@dataclass(frozen=True)
class Work:
    """What a batch of a partition leads to.

    Attributes
    ----------
    first, next : int
        The offsets of its first message and after its last.
    fixes, suggestions, approaches : pyarrow.Table, optional
        None where the batch was empty.
    states : list of State
        Of the users whom the batch touched or who have been silent too long.
    dead : list of (Raw, str)
        Messages that cannot be read, and why.
    """

    first: int
    next: int
    fixes: Any = None
    suggestions: Any = None
    approaches: Any = None
    states: list[State] = field(default_factory=list)
    dead: list[tuple[Raw, str]] = field(default_factory=list)


class Partition:
    """One partition of the topic, as long as this process has it.

    Parameters
    ----------
    number : int
        Which.
    detector : Detector
        Of its users alone.
    following : int
        The offset of the next message.
    keep_ms : int
        How long a silent user is remembered, by the messages' own times.
    """

    def __init__(self, number: int, detector: Detector, following: int, keep_ms: int) -> None:
        self.number = number
        self.detector = detector
        self.next = following
        self.misplaced = self.expired = 0
        self._keep_ms = keep_ms
        # When a message last told of each user.
        self._seen: dict[str, int] = {}
        self._clock_ms = self._swept_ms = 0

    def remember(self, states: Sequence[State]) -> None:
        """Take up states as they were stored."""
        import pyarrow as pa

        ids, values = [state.user_id for state in states], [state.value for state in states]
        self.detector.restore(pa.table({"user_id": pa.array(ids, pa.string()), "state": pa.array(values, pa.binary())}))
        self._note(states)

    def users(self) -> int:
        """Return how many users have a state."""
        return len(self._seen)

    def process(self, messages: Sequence[Raw], reader: Reader, belongs: Callable[[bytes], int] | None) -> Work:
        """Return what a batch of messages leads to; the offset is then the one after it."""
        self.next = messages[-1].offset + 1
        read = reader.read(messages)
        suggestions, approaches = self.detector.process(read.fixes)
        users = [user for user in read.fixes["user_id"].unique().to_pylist() if user is not None]
        if belongs is not None:
            self._warn_of_misplaced([user for user in users if user not in self._seen], belongs)
        self._tick(messages)
        states = [*self._touched(users), *self._silent()]
        return Work(messages[0].offset, self.next, read.fixes, suggestions, approaches, states, read.dead)

    def _tick(self, messages: Sequence[Raw]) -> None:
        told = max((raw.received_us for raw in messages if raw.received_us is not None), default=0) // 1_000
        # A producer whose clock is wrong by years must not make everybody silent.
        self._clock_ms = max(self._clock_ms, min(told, int(time.time() * 1_000) + _HOUR_MS))

    def _touched(self, users: list[str]) -> list[State]:
        if not users:
            return []
        values = self.detector.states(users)["state"].to_pylist()
        # Of a user of whom nothing is remembered, a record is only needed where one stands that says otherwise.
        states = [
            State(user, value, self._clock_ms)
            for user, value in zip(users, values)
            if value is not None or user in self._seen
        ]
        self._note(states)
        return states

    def _note(self, states: Sequence[State]) -> None:
        for state in states:
            if state.value is None:
                self._seen.pop(state.user_id, None)
            else:
                self._seen[state.user_id] = state.time_ms

    def _silent(self) -> list[State]:
        """Return the end of the states of users who have been silent, and forget them; looked for once an hour."""
        if self._clock_ms - self._swept_ms < _HOUR_MS:
            return []
        self._swept_ms = self._clock_ms
        before = self._clock_ms - self._keep_ms
        silent = [State(user, None, self._clock_ms) for user, seen in self._seen.items() if seen < before]
        if silent:
            self.remember(silent)
        self.expired += len(silent)
        return silent

    def _warn_of_misplaced(self, users: list[str], belongs: Callable[[bytes], int]) -> None:
        elsewhere = [user for user in users if belongs(user.encode()) != self.number]
        if elsewhere and not self.misplaced:
            user, where = elsewhere[0], belongs(elsewhere[0].encode())
            warnings.warn(
                DataWarning(
                    f"partition {self.number} has user {user!r}, who belongs on {where}: where producers choose "
                    "partitions differently, the fixes of a user are split; use murmur2_random in all of them, or say "
                    "what they use by --partitioner"
                ),
                stacklevel=2,
            )
        self.misplaced += len(elsewhere)
