"""Tables on S3, read by Footfall beside polars, pyarrow and DataFusion: requests, bytes and time of each.

Usage: python -m benches.s3_reading [--only polars,Footfall] [--delays 0,50] [--out benches/S3.md]

The server is versitygw on this machine, behind the tests' proxy, which counts what passes and lets each answer wait.
Every reader is a process that has imported its library before the clock starts; opening and asking are told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benches.data import ROOT
from benches.s3_data import data, needs
from benches.s3_readers import READERS

sys.path.append(str(Path(__file__).parents[1] / "tests" / "python"))

QUESTIONS = {
    "columns": "2 of 8 columns of a file of 207 MB in 16 row groups: job 1",
    "places": "places in 2 % of the latitudes of such a file: job 2",
    "months": "one month of 200 files of 156 kB: job 1",
}


class Passed(NamedTuple):
    """What a step of a reader took."""

    seconds: float
    requests: str
    count: int
    megabytes: float


def main() -> None:
    """Make the data, ask all, print the tables."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--only", default=",".join(READERS), help="Readers, with commas between.")
    options.add_argument("--questions", default=",".join(QUESTIONS))
    options.add_argument("--delays", default="0,50", help="Milliseconds that each answer waits.")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--out", type=Path, help="File for the tables.")
    told = options.parse_args()
    lines = measured(told.questions.split(","), told.only.split(","), told.delays.split(","), told.rounds)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if told.out:
        told.out.write_text(text, encoding="utf-8")


def measured(questions: list[str], readers: list[str], delays: list[str], rounds: int) -> list[str]:
    """Return the lines of a table for each question and delay."""
    import s3_proxy
    import s3_servers

    made = data(ROOT / "build" / "bench" / "s3")
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        server = s3_servers.versitygw(folder)
        try:
            bucket = server.bucket()
            server.upload(made, bucket)
            for question in questions:
                for delay in delays:
                    with s3_proxy.Proxy(server.address, delay_s=int(delay) / 1_000) as proxy:
                        environment = {**os.environ, **server.environment(proxy.address), "AWS_ALLOW_HTTP": "true"}
                        ask = _Asking(proxy, question, f"s3://{bucket}", environment)
                        lines += _table(question, delay, {each: ask.best(each, rounds) for each in readers}, made)
        finally:
            server.stop()
    return lines


class _Asking(NamedTuple):
    """A question, asked of one reader after the other."""

    proxy: Any
    question: str
    root: str
    environment: dict[str, str]

    def best(self, reader: str, rounds: int) -> tuple[Passed, Passed, dict[str, int]]:
        """The round whose steps took the least time together."""
        return min((self.once(reader) for _ in range(rounds)), key=lambda told: told[0].seconds + told[1].seconds)

    def once(self, reader: str) -> tuple[Passed, Passed, dict[str, int]]:
        command = [sys.executable, "-m", "benches.s3_readers", self.question, reader, self.root]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=self.environment, **pipes) as process:
            try:
                opened, _ = self._step(process)
                asked, answer = self._step(process)
                return opened, asked, answer
            finally:
                process.kill()

    def _step(self, process: Any) -> tuple[Passed, dict[str, int]]:
        self.proxy.clear()
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise ChildProcessError(f"{process.args}: ended with code {process.wait()}")
        told, counts = json.loads(line), self.proxy.counts()
        requests = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
        return Passed(told["seconds"], requests, counts.total(), self.proxy.bytes_sent() / 1e6), told["answer"]


def _table(question: str, delay: str, told: dict[str, tuple[Passed, Passed, dict[str, int]]], made: Path) -> list[str]:
    answers = {json.dumps(answer, sort_keys=True) for _, _, answer in told.values()}
    if len(answers) != 1:
        raise AssertionError(f"{question}: the answers differ: { {name: each[2] for name, each in told.items()} }")
    needed = f"; the chunks that are needed have {needs(made, question) / 1e6:.2f} MB" if question != "places" else ""
    lines = [f"**{QUESTIONS[question]}**, {delay} ms a request{needed}", ""]
    lines += ["| reader | opening: s | requests | MB | asking: s | requests | MB |", "|---|---|---|---|---|---|---|"]
    for name, (opened, asked, _) in told.items():
        cells = [f"{each.seconds:.2f} | {each.requests} | {each.megabytes:.2f}" for each in (opened, asked)]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
