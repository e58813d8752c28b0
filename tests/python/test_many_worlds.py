"""Three hundred more worlds against the oracle, in all the ways in which the same rows can be asked about.

`make test-slow` runs them: 20 questions of each world, whole, by period, of a sample of the users, ingested, and within
a limit of memory, on one thread and on three.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from layouts import write_files
from oracle import Oracle, assert_same
from worlds import at, questions, random_world

import footfall

SEEDS = range(2_000, 2_300)
FORMATS = ["parquet", "csv", "jsonl"]

pytestmark = pytest.mark.slow


def opened(source, world, threads, **options):
    return footfall.open(source, tz=world.tz, threads=threads, max_unusable=1, progress=False, **options)


def compare(data, oracle, what):
    for job, options in questions():
        assert_same(getattr(data, job)(**options), getattr(oracle, job)(**options), f"{what}, {job} {options}")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_in_all_ways(tmp_path, seed, threads):
    world = random_world(seed, events=90)
    data = opened(world.tables(), world, threads)
    compare(data, Oracle(world), f"seed {seed}")
    compare_a_period(data, world, seed)
    compare_a_sample(data, world, seed)
    compare(opened(world.tables(), world, threads, memory_limit="64MB"), Oracle(world), f"seed {seed}, limited")
    files = write_files(world.tables(), tmp_path / "files", FORMATS[seed % 3], 2, seed=seed)
    done = footfall.ingest(files, tmp_path / "ingested", tz=world.tz, progress=False)
    compare(opened(done.folder, world, threads), Oracle(world), f"seed {seed}, ingested")


def compare_a_period(data, world, seed):
    instants = sorted(row["timestamp"] for row in world.pings + world.interactions if row["timestamp"] is not None)
    if len(instants) < 4:
        return
    start, end = instants[len(instants) // 4], instants[3 * len(instants) // 4] + 1
    period = data.between(at(start), at(end))
    compare(period, Oracle(world, start_us=start, end_us=end), f"seed {seed}, a period")


def compare_a_sample(data, world, seed):
    """A sample is of whole users: the answers are those about all rows of the users that it keeps."""
    sample = data.sample(users=0.5)
    tables = ("interactions", "pings")
    users = {name: _users(sample.sql(f"SELECT DISTINCT user_id FROM {name}")) for name in tables}
    everybody = {name: _users(data.sql(f"SELECT DISTINCT user_id FROM {name}")) for name in tables}
    kept = users["interactions"] | users["pings"]
    assert all(kept & everybody[name] == users[name] for name in tables), f"seed {seed}: a user's rows were split"
    rows = {name: [row for row in getattr(world, name) if str(row["user_id"]) in kept] for name in tables}
    compare(sample, Oracle(replace(world, **rows)), f"seed {seed}, a sample")


def _users(result):
    return set(result.to_arrow()["user_id"].to_pylist())
