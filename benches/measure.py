"""The parent's side: a process per contestant, turns interleaved, medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benches.data import ROOT
from benches.registry import Contestant

# A process that has grown beyond this ends after its turn, so that the next one has the memory.
LARGE_MB = 1_000


@dataclass
class Score:
    """What a contestant achieved: seconds and megabytes by turn, its answer, or why there is none."""

    contestant: Contestant
    turns: list[float] = field(default_factory=list)
    start_mb: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""

    @property
    def seconds(self) -> float:
        """The median turn."""
        return statistics.median(self.turns)

    def add(self, report: dict[str, Any]) -> None:
        """Take in what a turn reported."""
        self.trouble = report.get("error", self.trouble)
        if not self.trouble:
            self.turns.append(report["seconds"])
            self.start_mb.append(report["start_mb"])
            self.peak_mb.append(report["peak_mb"])
            self.answer = report["answer"]


class Worker:
    """A contestant's process, started when it is needed."""

    def __init__(self, work: str, contestant: Contestant, data: Path, little: Path) -> None:
        self.command = [sys.executable, "-m", "benches.worker", work, contestant.module, contestant.function]
        self.command += [str(data), str(little), str(contestant.cores)]
        self.environment = dict(os.environ)
        self.score = Score(contestant)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process; `wait` until it is ready."""
        if self._process is None and not self.score.trouble:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                self.command, text=True, cwd=ROOT, env=self.environment, **pipes
            )
            self._ready = False

    def wait(self) -> None:
        """Return when the process is prepared and warm."""
        if self._process and not self._ready:
            self._ready = True
            report = self._read()
            if report:
                self.score.add(report)

    def turn(self) -> None:
        """Let the contestant run once."""
        self.start()
        self.wait()
        if self._process is None or self.score.trouble:
            return
        self._process.stdin.write("turn\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        self.score.add(self._read())
        if self.score.trouble or self.score.peak_mb[-1] > LARGE_MB:
            self.stop()

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if line:
            return dict(json.loads(line))
        return {"error": f"its process ended ({self._process.wait()})"}  # type: ignore[union-attr]


def compete(workers: list[Worker], rounds: int) -> list[Score]:
    """Let each take a turn in each round, so that a noisy minute meets all of them alike."""
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait()
        for _ in range(rounds):
            for worker in workers:
                worker.turn()
    finally:
        for worker in workers:
            worker.stop()
    return [worker.score for worker in workers]
