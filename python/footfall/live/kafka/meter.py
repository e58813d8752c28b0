"""What a live process tells of its work: counts, rate, lag and how long messages take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Union

from footfall.live.kafka.exactly_once.partition import Partition, Work

#: What `--stats` writes; None where there is nothing to tell.
Stats = dict[str, Union[int, float, str, None]]
COUNTS = (
    "messages",
    "dead_letters",
    "misplaced",
    "suggestions_sent",
    "held_out_sent",
    "batches",
    "rejoined",
    "restored_users",
    "expired_users",
    "reloads",
    "reloads_failed",
    "lost",
)


class Meter:
    """Counts since this process began; rate and times since they were last told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self._told_at = time.monotonic()
        self._fixes = 0
        self._waits_us: list[Any] = []

    def note(self, works: Mapping[int, Work], messages: int) -> None:
        """Count a batch that is committed."""
        now_us = time.time_ns() // 1_000
        self.counts["batches"] += 1
        self.counts["messages"] += messages
        for work in works.values():
            self.counts["dead_letters"] += len(work.dead)
            if work.fixes is not None:
                self._note_fixes(work, now_us)

    def _note_fixes(self, work: Work, now_us: int) -> None:
        import pyarrow as pa

        held_out = work.suggestions["held_out"].to_pylist().count(True)
        self.counts["held_out_sent"] += held_out
        self.counts["suggestions_sent"] += len(work.suggestions) - held_out
        self._fixes += len(work.fixes)
        received = work.fixes["received"].drop_null().cast(pa.int64()).to_numpy()
        self._waits_us.append(now_us - received)

    def leave(self, partition: Partition) -> None:
        """Keep the counts of a partition that this process no longer has."""
        self.counts.update(partition.detector.counters())
        self.counts["misplaced"] += partition.misplaced
        self.counts["expired_users"] += partition.expired

    def tell(self, partitions: Mapping[int, Partition], lag: int | None, version: str | None) -> Stats:
        """Return what there is to tell now."""
        total = self.counts.copy()
        for partition in partitions.values():
            total.update(partition.detector.counters())
            total["misplaced"] += partition.misplaced
            total["expired_users"] += partition.expired
        there = [partition.detector for partition in partitions.values()]
        stats: Stats = {
            **total,
            "partitions": len(partitions),
            "lag": lag,
            "users": sum(detector.users() for detector in there),
            "state_bytes": sum(detector.state_bytes() for detector in there),
            "tables": version,
        }
        return {**stats, **self._pace()}

    def _pace(self) -> Stats:
        import numpy as np

        now = time.monotonic()
        rate = round(self._fixes / max(now - self._told_at, 1e-3), 1)
        waits = np.concatenate(self._waits_us) if self._waits_us else np.empty(0)
        self._told_at, self._fixes, self._waits_us = now, 0, []
        middle, tail = np.quantile(waits, [0.5, 0.99]) / 1_000 if waits.size else (None, None)
        return {"rate": rate, "p50_ms": _rounded(middle), "p99_ms": _rounded(tail)}


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 3)
