"""A contestant's own driver process, with a cluster of its own.

Usage: python -m benches.engines.child NAME; each line on standard input is a request in JSON, a line of JSON answers.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from benches.engines.contestants import CONTESTANTS, Contestant
from benches.engines.jobs import JOBS

SAMPLE_SECONDS = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def main(name: str) -> None:
    """Answer requests until there are no more."""
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    contestant = None
    try:
        contestant = CONTESTANTS[name]()
        for line in sys.stdin:
            try:
                reply = _answer(contestant, json.loads(line))
            except Exception as error:
                reply = {"error": _in_a_line(error)}
            print(json.dumps(reply), file=out)
    finally:
        if contestant is not None:
            contestant.stop()


def _in_a_line(error: Exception) -> str:
    """Return the first line of a message, and the last one, where Spark has the worker's own error."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {' ... '.join(dict.fromkeys([lines[0], lines[-1].strip()]))}"[:400]


def _answer(contestant: Contestant, request: dict[str, Any]) -> dict[str, Any]:
    job = JOBS[request["job"]]
    if request["do"] == "open":
        started = time.perf_counter()
        contestant.open(Path(request["root"]), request["keep"])
        seconds = time.perf_counter() - started
        contestant.run(job)  # warm
        return {"seconds": seconds}
    if request["do"] == "close":
        contestant.close()
        return {}
    return _turn(contestant, job)


def _turn(contestant: Contestant, job: Any) -> dict[str, Any]:
    before = contestant.moved_bytes()
    with Memory() as memory:
        started = time.perf_counter()
        table = contestant.run(job)
        seconds = time.perf_counter() - started
    moved = contestant.moved_bytes() - before
    return {"seconds": seconds, "peak_mb": memory.peak_mb, "moved": moved, "answer": job.answer(table)}


class Memory:
    """Samples the resident memory of this process and all its descendants; shared pages count once per process."""

    def __enter__(self) -> Memory:
        self.peak_mb = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, sum(map(_resident_mb, descendants(os.getpid()))))
            if self._over.wait(SAMPLE_SECONDS):
                return


def descendants(ancestor: int) -> set[int]:
    """Return a process and all that came of it."""
    found, waiting = {ancestor}, [ancestor]
    while waiting:
        process = waiting.pop()
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            new = set(map(int, _text(children).split())) - found
            found |= new
            waiting += new
    return found


def _resident_mb(process: int) -> float:
    fields = _text(Path(f"/proc/{process}/statm")).split()
    return int(fields[1]) * PAGE_BYTES / 1e6 if fields else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended meanwhile
        return ""


if __name__ == "__main__":
    main(sys.argv[1])
