"""What the live process counts: a JSON line a second."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_EVERY_SECONDS = 1.0


class Stats:
    """Adds up what detectors count and how long batches took, and appends a line a second to a file.

    A line tells ``time`` (UTC), ``seconds`` since the start, ``rate`` (fixes/s), ``lag_s`` (None where nothing is
    waited for), ``p50_ms`` and ``p99_ms`` of the batches since the line before, ``users``, ``state_bytes``, ``tables``
    (their version), and every counter of the detectors since the start.

    Parameters
    ----------
    path : path, optional
        None: nothing is written, and `line` still tells.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None):
        self._file = None if path is None else Path(path).expanduser().open("a", encoding="utf-8")
        self._started = self._told = time.monotonic()
        self._took: list[float] = []
        self._fixes = 0
        self._lag_s: float | None = None

    def took(self, fixes: int, seconds: float, lag_s: float | None = None) -> None:
        """Note a batch: how many fixes, how long it took, and how far its last fix was behind."""
        self._took.append(seconds)
        self._fixes += fixes
        self._lag_s = lag_s

    def tell(self, detectors: Iterable[Any], version: str, *, now: bool = False) -> None:
        """Write a line, if a second is over since the last, or `now`."""
        if self._file is not None and (now or time.monotonic() - self._told >= _EVERY_SECONDS):
            self.write(self.line(detectors, version))

    def write(self, said: Mapping[str, Any]) -> None:
        """Append a line."""
        if self._file is not None:
            self._file.write(json.dumps(said) + "\n")
            self._file.flush()

    def line(self, detectors: Iterable[Any], version: str) -> dict[str, Any]:
        """Return what is told now, and begin the next interval."""
        moment, known = time.monotonic(), list(detectors)
        counted: Counter[str] = Counter()
        for detector in known:
            counted.update(detector.counters())
        said = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(moment - self._started, 3),
            "rate": round(self._fixes / max(moment - self._told, 1e-6)),
            "lag_s": self._lag_s,
            "p50_ms": _percentile_ms(self._took, 0.5),
            "p99_ms": _percentile_ms(self._took, 0.99),
            "users": sum(detector.users() for detector in known),
            "state_bytes": sum(detector.state_bytes() for detector in known),
            "tables": version,
            **counted,
        }
        self._told, self._took, self._fixes = moment, [], 0
        return said

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _percentile_ms(seconds: list[float], share: float) -> float | None:
    """Return the smallest time that so many are not above.

    Examples
    --------
    >>> _percentile_ms([0.001, 0.002, 0.003, 0.004], 0.5), _percentile_ms([], 0.5)
    (2.0, None)
    """
    if not seconds:
        return None
    place = max(0, -(-len(seconds) * share // 1) - 1)
    return round(1000 * sorted(seconds)[int(place)], 3)
