"""What a query counts: what detectors, messages and batches told, and who is known in which bucket."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from footfall.engines.packets import Packet
from footfall.live.spark.buckets import TOLD
from footfall.live.spark.intake import SEEN
from footfall.live.stats import Stats

COUNTS = (
    "messages",
    "dead_letters",
    "misplaced",
    "suggestions_sent",
    "held_out_sent",
    "batches",
    "replayed",
    "restarted",
    "expired_users",
    "reloads",
    "reloads_failed",
)


class Tally:
    """Counts since this driver began; `Stats` tells it like a detector.

    Parameters
    ----------
    stats : Stats
        Gets how long batches took.
    """

    def __init__(self, stats: Stats) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self._stats = stats
        self._users: dict[int, int] = {}
        self._bytes: dict[int, int] = {}
        self._fixes = 0
        self._received_us = 0
        self._misplaced: tuple[int, str, int] | None = None
        self._has_warned = False

    def note(self, found: Sequence[Packet], *, is_replay: bool) -> None:
        """Take what the packets of a batch tell."""
        self.counts["replayed"] += is_replay
        self.counts["batches"] += 1
        self._fixes = self._received_us = 0
        for packet in found:
            if packet.name.startswith(SEEN):
                self._note_messages(json.loads(packet.payload))
            elif packet.name == TOLD:
                self._note_bucket(packet.share, json.loads(packet.payload))

    def _note_messages(self, told: dict[str, int]) -> None:
        self.counts["messages"] += told["messages"]
        self._received_us = max(self._received_us, told["received_us"])

    def _note_bucket(self, bucket: int, told: dict[str, Any]) -> None:
        self.counts.update(told["counters"])
        self.counts["expired_users"] += told["expired"]
        self.counts["misplaced"] += told["misplaced"]
        self._fixes += told["counters"]["fixes"]
        self._users[bucket], self._bytes[bucket] = told["users"], told["bytes"]
        if told["elsewhere"]:
            self._misplaced = tuple(told["elsewhere"][0])

    def wrote(self, suggestions: Any, dead: Sequence[Any]) -> None:
        """Count what is committed."""
        held_out = 0 if suggestions is None else suggestions["held_out"].to_pylist().count(True)
        self.counts["held_out_sent"] += held_out
        self.counts["suggestions_sent"] += (0 if suggestions is None else suggestions.num_rows) - held_out
        self.counts["dead_letters"] += len(dead)

    def took(self, seconds: float) -> None:
        """Note how long the batch took, and how far its last fix is behind."""
        lag_s = round(time.time() - self._received_us / 1e6, 3) if self._received_us else None
        self._stats.took(self._fixes, seconds, lag_s)

    def first_misplaced(self) -> tuple[int, str, int] | None:
        """Return the first that was found of those who are not on the partition where they belong; once."""
        if self._has_warned or self._misplaced is None:
            return None
        self._has_warned = True
        return self._misplaced

    def counters(self) -> dict[str, int]:
        """Return what was counted."""
        return dict(self.counts)

    def users(self) -> int:
        """Return how many users are remembered in the buckets that this driver has seen."""
        return sum(self._users.values())

    def state_bytes(self) -> int:
        """Return how many bytes their states have."""
        return sum(self._bytes.values())
