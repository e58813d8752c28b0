"""A worker's second step: the fixes of a bucket of users pass their detector, whose state Spark keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from footfall import _native
from footfall.engines import packets
from footfall.engines.packets import Packet
from footfall.errors import FootfallError
from footfall.inputs import arrow
from footfall.live.kafka.exactly_once.forgetting import FixClock
from footfall.live.kafka.partitioner import partitioner
from footfall.live.spark.intake import FIXES, Name

if TYPE_CHECKING:
    import pyarrow

#: What a bucket says of itself, and the suggestions that it makes.
TOLD, SUGGESTIONS = "told", "suggestions"
_STATE = "state"
_CLOCK = b"clock_us"
_SWEPT = b"swept_us"
#: Of those who are on a partition where they do not belong, so many are named.
_NAMED = 1


class After(NamedTuple):
    """What a bucket makes of its packets, and its state then; None if that stays."""

    packets: list[Packet]
    state: bytes | None


@dataclass(frozen=True)
class Buckets:
    """Works on a batch of one bucket.

    Attributes
    ----------
    keep_us : int
        How long silent users are remembered, by the clock of their bucket.
    partitioner : str
        Of the producers.
    partitions : int
        Of the topic.
    """

    keep_us: int
    partitioner: str
    partitions: int

    def __call__(self, share: int, given: Sequence[Packet], before: bytes | None, tables: Any) -> After:
        """Return what the packets of a bucket lead to; the packets that are no fixes are passed on."""
        fixes = sorted((packet for packet in given if packet.name.startswith(FIXES)), key=lambda packet: packet.name)
        others = [packet for packet in given if not packet.name.startswith(FIXES)]
        if not fixes or packets.error_in(others) is not None:
            return After(others, None)
        try:
            made, state = self._worked(share, fixes, before, tables)
        except FootfallError as error:
            return After([packets.of_error(error)], None)
        return After([*others, *made], state)

    def _worked(
        self, share: int, fixes: Sequence[Packet], before: bytes | None, tables: Any
    ) -> tuple[list[Packet], bytes]:
        import pyarrow as pa

        bucket = Bucket(before, tables, self.keep_us)
        parts = [packets.table(packet) for packet in fixes]
        elsewhere = self._elsewhere(bucket, fixes, parts)
        suggestions = bucket.take(pa.concat_tables(parts))
        state = bucket.state()
        told = {**bucket.told(), "bytes": len(state), "misplaced": len(elsewhere), "elsewhere": elsewhere[:_NAMED]}
        made = [Packet(share, TOLD, json.dumps(told).encode())]
        if suggestions.num_rows:
            made.append(packets.of_table(SUGGESTIONS, suggestions, share))
        return made, state

    def _elsewhere(
        self, bucket: Bucket, fixes: Sequence[Packet], parts: Sequence[pyarrow.Table]
    ) -> list[tuple[int, str, int]]:
        """Return the partition, the id and the own partition of users who are new, and not where they belong."""
        belongs = partitioner(self.partitioner)
        if belongs is None:
            return []
        found = []
        for packet, part in zip(fixes, parts):
            number = Name.of(packet.name).partition
            for user in bucket.strangers(part["user_id"]):
                own = belongs(user.encode(), self.partitions)
                if own != number:
                    found.append((number, user, own))
        return found


class Bucket:
    """Some users, as long as a batch of theirs is worked on.

    Parameters
    ----------
    before : bytes, optional
        What was known of them.
    tables : LiveTables
        What the detector knows.
    keep_us : int
        How long a silent user is remembered.
    """

    def __init__(self, before: bytes | None, tables: Any, keep_us: int) -> None:
        self._detector = _native.Detector(tables)
        self._clock = FixClock(keep_us)
        self._known: Any = None
        self._expired = 0
        if before is not None:
            states = packets.table(Packet(0, _STATE, before))
            told = states.schema.metadata or {}
            self._clock = FixClock(keep_us, int(told[_CLOCK]), int(told[_SWEPT]))
            self._detector.restore(states)
            self._known = states["user_id"]

    def strangers(self, users: Any) -> list[str]:
        """Return those of whom nothing was known."""
        import pyarrow.compute as pc

        there = users.unique().drop_null()
        if self._known is not None:
            there = there.filter(pc.invert(pc.is_in(there, self._known.combine_chunks())))
        return list(there.to_pylist())

    def take(self, fixes: pyarrow.Table) -> pyarrow.Table:
        """Return what is suggested at fixes, which come in their order."""
        suggestions, _ = self._detector.process(fixes, approaches=False)
        self._clock.tick(fixes)
        self._expired = len(self._clock.silent(self._detector))
        return arrow.to_pyarrow(suggestions)

    def state(self) -> bytes:
        """Return all that is known now."""
        import pyarrow as pa

        rows = arrow.to_pyarrow(self._detector.states())
        # Of views of text, no pyarrow filters any, and older ones cast none.
        users = pa.array(rows["user_id"].to_pylist(), pa.string())
        states = pa.table({"user_id": users, _STATE: rows[_STATE].cast(pa.binary())})
        states = states.filter(states[_STATE].is_valid())
        told = {_CLOCK: str(self._clock.now_us), _SWEPT: str(self._clock.swept_us)}
        return bytes(packets.of_table(_STATE, states.replace_schema_metadata(told)).payload)

    def told(self) -> dict[str, Any]:
        """Return what was counted of this batch, and how many users are known now."""
        return {"counters": self._detector.counters(), "users": self._detector.users(), "expired": self._expired}
