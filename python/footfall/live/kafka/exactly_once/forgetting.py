"""When silent users are forgotten: by the clock of the fixes among which they were."""

from __future__ import annotations

import time
from typing import Any

HOUR_US = 3_600_000_000


class FixClock:
    """The latest fix of some users, and who has been silent too long by it; looked for once an hour.

    Parameters
    ----------
    keep_us : int
        How long a silent user is remembered.
    now_us, swept_us : int
        Where it stood, and when it was looked last.
    """

    def __init__(self, keep_us: int, now_us: int = 0, swept_us: int = 0) -> None:
        self._keep_us = keep_us
        self.now_us = now_us
        self.swept_us = swept_us

    def tick(self, fixes: Any) -> None:
        """Move on to the latest fix, as far as neither its own time nor its message's is ahead."""
        import pyarrow.compute as pc

        latest = pc.max(pc.min_element_wise(fixes["timestamp"].cast("int64"), fixes["received"].cast("int64"))).as_py()
        # A producer whose clock is wrong by years must not make everybody silent.
        wall_us = time.time_ns() // 1_000
        self.now_us = max(self.now_us, min(latest or 0, wall_us + HOUR_US))

    def silent(self, detector: Any) -> list[str]:
        """Let a detector forget the users who have been silent, and return them."""
        if self.now_us - self.swept_us < HOUR_US:
            return []
        self.swept_us = self.now_us
        return list(detector.forget_before(self.now_us - self._keep_us))


def keep_us(forget_s: float) -> int:
    """Return how long states are kept: a little longer than they count."""
    return int(forget_s * 1_000_000) + HOUR_US
