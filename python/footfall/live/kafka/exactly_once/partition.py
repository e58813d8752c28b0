"""One partition: its users' detector, where it stands, and what a batch of its messages leads to."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple, Protocol

from footfall.errors import DataWarning
from footfall.inputs import arrow
from footfall.live.kafka.exactly_once.forgetting import FixClock
from footfall.live.kafka.messages import Raw, Reader

# Of those who belong elsewhere, so many are remembered.
_MOST_ELSEWHERE = 100_000


class Detector(Protocol):
    """What finds approaches: the extension's, or one with the same methods."""

    def process(self, fixes: Any) -> tuple[Any, Any]:
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

    def states(self, user_ids: Any) -> Any:
        """Return user_id and state of some users."""
        ...

    def restore(self, table: Any) -> None:
        """Remember users by their states; a null forgets."""
        ...

    def forget_before(self, instant_us: int) -> list[str]:
        """Forget the users whose last fix is older, and return them."""
        ...

    def reload(self, tables: Any) -> None:
        """Go on with other tables."""
        ...


class State(NamedTuple):
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
    keep_us : int
        How long a silent user is remembered, by the clock of the partition's fixes.
    """

    def __init__(self, number: int, detector: Detector, following: int, keep_us: int) -> None:
        self.number = number
        self.detector = detector
        self.next = following
        self.expired = 0
        self._clock = FixClock(keep_us)
        self._elsewhere: set[str] = set()

    @property
    def misplaced(self) -> int:
        """How many users were found here who belong elsewhere, up to a limit."""
        return len(self._elsewhere)

    def remember(self, states: Sequence[State]) -> None:
        """Take up states as they were stored."""
        import pyarrow as pa

        ids, values = [state.user_id for state in states], [state.value for state in states]
        self.detector.restore(pa.table({"user_id": pa.array(ids, pa.string()), "state": pa.array(values, pa.binary())}))

    def process(self, messages: Sequence[Raw], reader: Reader, belongs: Callable[[bytes], int] | None) -> Work:
        """Return what a batch of messages leads to; the offset is then the one after it."""
        self.next = messages[-1].offset + 1
        read, known = reader.read(messages), self.detector.users()
        suggestions, approaches = map(arrow.to_pyarrow, self.detector.process(read.fixes))
        users = read.fixes["user_id"].unique().drop_null()
        if belongs is not None and self.detector.users() > known:
            self._warn_of_misplaced(users.to_pylist(), belongs)
        self._clock.tick(read.fixes)
        states = [*self._touched(users), *self._silent()]
        return Work(messages[0].offset, self.next, read.fixes, suggestions, approaches, states, read.dead)

    def _touched(self, users: Any) -> list[State]:
        """Return the states of users; of one who never had a usable fix there is none."""
        if not len(users):
            return []
        table = arrow.to_pyarrow(self.detector.states(users))
        pairs = zip(table["user_id"].to_pylist(), table["state"].to_pylist())
        return [State(user, value, self._clock.now_us // 1_000) for user, value in pairs if value is not None]

    def _silent(self) -> list[State]:
        """Return the end of the states of users who have been silent, and forget them."""
        silent = self._clock.silent(self.detector)
        self.expired += len(silent)
        return [State(user, None, self._clock.now_us // 1_000) for user in silent]

    def _warn_of_misplaced(self, users: list[str], belongs: Callable[[bytes], int]) -> None:
        elsewhere = [user for user in users if belongs(user.encode()) != self.number]
        if elsewhere and not self._elsewhere:
            user, where = elsewhere[0], belongs(elsewhere[0].encode())
            warnings.warn(
                DataWarning(
                    f"partition {self.number} has user {user!r}, who belongs on {where}: where producers choose "
                    "partitions differently, the fixes of a user are split; use murmur2_random in all of them, or say "
                    "what they use by --partitioner"
                ),
                stacklevel=2,
            )
        if len(self._elsewhere) < _MOST_ELSEWHERE:
            self._elsewhere.update(elsewhere)
