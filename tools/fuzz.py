"""Fuzz the readers for some minutes: broken files, hostile texts, random options; see tests/python/fuzzing.py.

    python tools/fuzz.py [--seconds 270] [--seed 0] [--only SEED]

Trials run in processes of their own, one after the other, watched from here. A find is a crash, a panic, no answer
within 20 s, more than 1 GiB of memory, an internal error, or another answer than an independent reader's. Each find is
printed with its seed, and its files are kept; `--only SEED` tries it again.
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

PROJECT = Path(__file__).parents[1]
WORK = PROJECT / "build" / "fuzz"
TRIAL_SECONDS = 20
MEMORY_BYTES = 1 << 30
PROCESSES = 2


class Worker:
    """A process that does the trials of every `PROCESSES`th seed, and says so line by line."""

    def __init__(self, number: int, seed: int) -> None:
        self.number, self.seed, self.done = number, seed, 0
        self.folder = WORK / f"worker-{number}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._start()

    def _start(self) -> None:
        self.errors = (self.folder / "errors.txt").open("w+")
        command = [sys.executable, __file__, "--work", str(self.folder), "--seed", str(self.seed)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors)
        self.heard, self.since = b"", time.monotonic()

    def output(self) -> int:
        """The file number of what it says."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def check(self, is_heard: bool) -> list[str]:
        """Hear what it says, or that it says nothing for too long; what was found."""
        said = os.read(self.output(), 1 << 16) if is_heard else b""
        if is_heard and not said:
            code = self.process.wait()
            return self._ended(f"it ended with {code}: {self._errors()[-400:]}")
        *lines, self.heard = (self.heard + said).split(b"\n")
        found = [self._kept(line[5:].decode()) for line in lines if line.startswith(b"find ")]
        for _ in lines:
            self._next()
        if found:
            self._restart()
        if time.monotonic() - self.since > TRIAL_SECONDS:
            return found + self._ended(f"no answer within {TRIAL_SECONDS} s")
        return found

    def _next(self) -> None:
        self.seed += PROCESSES
        self.done += 1
        self.since = time.monotonic()

    def _ended(self, what: str) -> list[str]:
        phase = self.folder / "trial" / "phase"
        # A crash of the reader that we compare with is no find.
        is_ours = not phase.exists() or phase.read_text() != "read by another reader"
        found = [self._kept(what)] if is_ours else []
        self._next()
        self._restart()
        return found

    def _restart(self) -> None:
        self.stop()
        self._start()

    def _kept(self, what: str) -> str:
        kept = WORK / f"find-{self.seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.folder / "trial", kept, symlinks=True)
        return f"seed {self.seed}: {what}\n    files: {kept}"

    def _errors(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()


def watch(seconds: float, seed: int) -> int:
    """Let workers try until the time is over; the exit code."""
    shutil.rmtree(WORK, ignore_errors=True)
    workers = [Worker(number, seed + number) for number in range(PROCESSES)]
    finds, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        heard, _, _ = select.select([worker.output() for worker in workers], [], [], 0.5)
        for worker in workers:
            for found in worker.check(worker.output() in heard):
                finds += 1
                print(found, flush=True)
    for worker in workers:
        worker.stop()
    print(f"{sum(worker.done for worker in workers)} trials from seed {seed}, {finds} finds")
    return min(finds, 1)


def work(folder: Path, seed: int) -> None:
    """Do one trial after the other for the watcher."""
    while True:
        said = one(seed, folder)
        print(said, flush=True)
        if said.startswith("find"):
            # The watcher keeps the files, and starts another process.
            time.sleep(TRIAL_SECONDS)
        seed += PROCESSES


def one(seed: int, folder: Path) -> str:
    """Do the trial of `seed`; one line about it."""
    from fuzzing import Finding, trial

    from footfall import DataWarning

    # Broken files lose rows, which is told on standard error.
    warnings.simplefilter("ignore", DataWarning)
    before = _size_of_errors()
    try:
        name = trial(seed, folder / "trial")
    except Finding as finding:
        return "find " + " ".join(str(finding).split())[:800]
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MEMORY_BYTES:
        return f"find {name} took more than 1 GiB of memory"
    if _size_of_errors() > before:
        return f"find {name} wrote to standard error (a panic?)"
    return f"ok {name}"


def _size_of_errors() -> int:
    return os.fstat(2).st_size if not os.isatty(2) else 0


def main() -> int:
    """Watch, or work, or try one seed again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=270)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(PROJECT / "tests" / "python"))
    if options.work:
        work(options.work, options.seed)
    if options.only is not None:
        line = one(options.only, WORK / "only")
        print(line)
        return int(line.startswith("find"))
    return watch(options.seconds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
