"""Ctrl-C: a KeyboardInterrupt and the end of the Rust work within half a second, and the process goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import busy
import pytest

CHILD = (
    f"""
import signal, sys, time
{busy.TABLES}
# A run in the background inherits an ignored Ctrl-C; a terminal's does not.
signal.signal(signal.SIGINT, signal.default_int_handler)
small, SQL = {busy.SMALL}, {busy.SQL!r}
"""
    + """
stacked = footfall.open({**tables, "establishments": establishments(1_000)}, progress=sys.argv[2] == "progress")
data = footfall.open(tables, progress=sys.argv[2] == "progress")
work = {
    "job": lambda: [data.visit_profile() for _ in range(1_000)],
    "stacked": lambda: stacked.visit_profile(),
    "sql": lambda: [data.sql(SQL) for _ in range(1_000)],
    "check": lambda: [data.check() for _ in range(1_000)],
    "synth": lambda: footfall.synth.city(sys.argv[3], pings=500_000_000, progress=sys.argv[2] == "progress"),
    "ingest": lambda: [footfall.ingest(sys.argv[3], f"{sys.argv[3]} {n}", progress=sys.argv[2] == "progress")
                       for n in range(1_000)],
    "kernel": lambda: [footfall.visit_join(tables["pings"], tables["establishments"]) for _ in range(1_000)],
}[sys.argv[1]]
if sys.argv[1] == "ingest":
    footfall.synth.city(sys.argv[3], pings=1_000_000, progress=False)
print("ready", flush=True)
try:
    work()
    print("finished", flush=True)
except KeyboardInterrupt:
    print("interrupted", time.time(), flush=True)
    time.sleep(0.5)
    busy = time.process_time()
    time.sleep(0.5)
    print("still busy for", time.process_time() - busy, flush=True)
    print("then", small.establishment_visits(by="period").to_arrow().num_rows, flush=True)
"""
)


@pytest.fixture
def child(project):
    """Starts the child, waits until it works, and ends it with the test."""
    started = []

    def start(*arguments):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True, env=environment, cwd=project
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.7)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("work", ["job", "stacked", "sql", "check", "kernel", "synth", "ingest"])
@pytest.mark.parametrize("progress", ["progress", "quiet"])
def test_it_stops_within_half_a_second_and_stays_usable(child, work, progress, tmp_path):
    process = child(work, progress, str(tmp_path / "city"))
    assert process.poll() is None, "the work was over before it could be interrupted"
    sent = time.time()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    verdict, busy, then = output.splitlines()
    assert verdict.startswith("interrupted")
    assert float(verdict.split()[-1]) - sent < 0.5
    # Processor seconds of all threads within half a second: the work is gone, not only its caller.
    assert float(busy.split()[-1]) < 0.1
    assert then == "then 12"
    assert process.returncode == 0
