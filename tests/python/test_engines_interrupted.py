"""Work on clusters that is watched, interrupted, or loses a worker in the middle."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pyarrow as pa
import pytest
from layouts import ipc_bytes

import footfall


def run(data, job, tick):
    return pa.table(data._session.run(job, by="month", users=None, rank_by=None, progress=tick))


def test_progress_counts_the_tasks_of_the_cluster(remote, city, city_data):
    told = []
    data = footfall.open(city, tz="America/Recife", engine=remote, progress=False)
    while not told:
        run(data, "visit_attribution", lambda *numbers: told.append(numbers))
    assert all(done <= total for done, total in told if total is not None)


def test_an_interrupt_ends_the_work_of_the_cluster(remote, city, city_data):
    data = footfall.open(city, tz="America/Recife", engine=remote, progress=False)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            run(data, "visit_attribution", interrupt)
    expected = city_data.visit_attribution(by="month")
    assert ipc_bytes(data.visit_attribution(by="month")) == ipc_bytes(expected)


# In a process of its own, since a process has one SparkSession at a time.
LOSE_A_WORKER = """
import os, signal, sys
import pyarrow as pa
import footfall
from footfall.engines import cluster, distributed

name, job, city, kept = sys.argv[1:]
distributed.PIECES_PER_CORE = 16
whole = footfall.open(city, tz="America/Recife", progress=False)
with cluster.start(name) as running, running.connect() as live:
    data = footfall.open(city, tz="America/Recife", engine=live, progress=False)
    if kept:
        data.persist()
    lost = []

    def lose(done, total):
        if done > 0 and not lost:
            lost.append(done)
            os.killpg(running.processes["worker 1"], signal.SIGKILL)

    found = pa.table(data._session.run(job, by="month", users=None, rank_by=None, progress=lose))
    assert found.equals(whole.run(job, by="month").to_arrow())
    print("lost after", lost, flush=True)
"""


LOST = [(job, name, kept) for job in ("establishment_visits", "visit_attribution")
        for name in ("dask", "spark") for kept in ("", "persisted")]  # fmt: skip
# Spark takes a minute to give a worker up.
SELDOM = {"dask": (), "spark": pytest.mark.slow}


@pytest.mark.parametrize(("job", "name", "kept"), [pytest.param(*case, marks=SELDOM[case[1]]) for case in LOST])
def test_a_worker_lost_in_the_middle_changes_nothing(name, kept, job, city):
    """Kill -9 takes a worker and its children; the other one does what it had done, and the rest."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", LOSE_A_WORKER, name, job, str(city), kept]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert re.search(r"lost after \[\d+\]", done.stdout), "the work was over before a worker could be lost"
