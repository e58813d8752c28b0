"""A contestant's own process: prepares, warms up on little data, then takes a turn whenever the parent asks.

Usage: python -m benches.worker WORK MODULE FUNCTION DATA LITTLE CORES; a line on standard input asks for a turn, a line
of JSON answers.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Callable

LONG_ENOUGH_S = 0.5


def main(work: str, module: str, function: str, data: str, little: str, cores: str) -> None:
    """Say when ready; then answer every line with a turn."""
    if int(cores):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    try:
        run = _prepare(module, function, Path(data), Path(little))
        print(json.dumps({}), file=out)
        for _ in sys.stdin:
            print(json.dumps(_turn(work, run)), file=out)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=out)


def _prepare(module: str, function: str, data: Path, little: Path) -> Callable[[], Any]:
    warnings.simplefilter("ignore")
    prepare = getattr(importlib.import_module(f"benches.peers.{module}"), function)
    prepare(little)()  # thread pools, compiled functions, lazy imports
    return prepare(data)


def _turn(work: str, run: Callable[[], Any]) -> dict[str, Any]:
    """Time as many runs as fit half a second, at least one; their median and the peak memory."""
    start_mb = _reset_peak()
    seconds: list[float] = []
    raw = None
    while not seconds or sum(seconds) + seconds[0] < LONG_ENOUGH_S:
        raw = None  # two results at a time are nobody's peak
        started = time.perf_counter()
        raw = run()
        seconds.append(time.perf_counter() - started)
    peak_mb = _status_mb("VmHWM")
    # Only here, since what comes to a few numbers costs memory, too.
    from benches.works import WORKS

    answer = WORKS[work].answer(raw)
    return {"seconds": statistics.median(seconds), "start_mb": start_mb, "peak_mb": peak_mb, "answer": answer}


def _reset_peak() -> float:
    """Set the kernel's high-water mark back to what is resident now, and return that."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mb("VmRSS")


def _status_mb(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
