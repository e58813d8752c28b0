"""Footfall on each engine beside plain Dask and plain PySpark; writes benches/ENGINES.md.

Usage: python -m benches.engines.run [--part 0.1] [--jobs a,b] [--only NAME,NAME] [--rounds 3] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benches import data
from benches.answers import differences
from benches.engines import report
from benches.engines.jobs import JOBS, Job

NAMES = (
    "Footfall, this machine",
    "Footfall on Dask 1+2",
    "plain Dask 1+2",
    "Footfall on Spark 1+2",
    "plain PySpark 1+2",
)
RESULTS = data.ROOT / "benches" / "ENGINES.md"


class Driver:
    """The process of a contestant."""

    def __init__(self, name: str) -> None:
        self.name = name
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-m", "benches.engines.child", name]
        self._process = subprocess.Popen(command, text=True, cwd=data.ROOT, **pipes)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            return dict(json.loads(self._process.stdout.readline()))  # type: ignore[union-attr]
        except (BrokenPipeError, ValueError):
            return {"error": f"its process ended ({self._process.wait()})"}

    def stop(self) -> None:
        """Let it end its cluster, and end."""
        self._process.communicate()


@dataclass
class Score:
    """What a contestant did in a job: its turns, or why there are none."""

    name: str
    persist_seconds: float = 0.0
    turns: list[dict[str, Any]] = field(default_factory=list)
    trouble: str = ""

    @property
    def seconds(self) -> float:
        """The median turn."""
        return median(turn["seconds"] for turn in self.turns)

    def add(self, reply: dict[str, Any]) -> None:
        """Take in a turn."""
        if "error" in reply:
            self.trouble = reply["error"]
        else:
            self.turns.append(reply)


def main() -> int:
    """Return 1 if answers differ."""
    options = _options()
    started = time.perf_counter()
    drivers = [Driver(name) for name in options.only]
    outcomes = []
    try:
        for job in (JOBS[name] for name in options.jobs):
            for keep in (False, True):
                rows = round(job.rows * options.part)
                scores = _compete(drivers, job, data.folder(job.data, rows), keep, options.rounds)
                outcomes.append(report.Outcome(job, rows, keep, scores))
                print(report.section(outcomes[-1]), flush=True)
    finally:
        for driver in drivers:
            driver.stop()
    minutes = (time.perf_counter() - started) / 60
    options.out.write_text(report.page(outcomes, options.part, options.rounds, minutes), encoding="utf-8")
    print(f"{options.out}: written after {minutes:.1f} min")
    return int(any("another answer" in score.trouble for outcome in outcomes for score in outcome.scores))


def _compete(drivers: list[Driver], job: Job, root: Path, keep: bool, rounds: int) -> list[Score]:
    """Let each take a turn in each round, so that a noisy minute meets all of them alike."""
    scores = [Score(driver.name) for driver in drivers]
    for driver, score in zip(drivers, scores):
        opened = driver.ask(do="open", job=job.name, root=str(root), keep=keep)
        score.trouble, score.persist_seconds = opened.get("error", ""), opened.get("seconds", 0.0)
    for _ in range(rounds):
        for driver, score in zip(drivers, scores):
            if not score.trouble:
                score.add(driver.ask(do="turn", job=job.name))
    for driver in drivers:
        driver.ask(do="close", job=job.name)
    _check(scores)
    return scores


def _check(scores: list[Score]) -> None:
    """Hold every answer against the first one."""
    answered = [(score, turn["answer"]) for score in scores for turn in score.turns]
    for score, answer in answered[1:]:
        found = differences(answered[0][1], answer)
        if found:
            score.trouble = f"another answer: {'; '.join(found)}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--part", type=float, default=1.0, help="this part of the rows")
    parser.add_argument("--jobs", type=lambda text: text.split(","), default=list(JOBS), help=f"of {','.join(JOBS)}")
    parser.add_argument("--only", type=lambda text: text.split(";"), default=list(NAMES), help=f"of {'; '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each, of which the median counts")
    parser.add_argument("--out", type=Path, help="where the page goes; by default benches/ENGINES.md, if all is run")
    options = parser.parse_args()
    whole = options.part == 1 and options.jobs == list(JOBS) and options.only == list(NAMES)
    options.out = options.out or (RESULTS if whole else data.ROOT / "build" / "bench" / "ENGINES-part.md")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    sys.exit(main())
