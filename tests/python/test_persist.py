"""What a cluster keeps for us goes when it is not needed any more, also where Python's garbage collector never runs."""

from __future__ import annotations

import gc
import os
import sys
import time

import pytest
from layouts import ipc_bytes, write_files
from worlds import random_world

import footfall
from footfall.engines import connect, dask, distributed

BUSY = random_world(15, events=400)
CLUSTERS = ["dask", "spark"]
PATIENCE_S = 60


@pytest.fixture(params=CLUSTERS)
def remote(request, clusters, monkeypatch):
    """The address of a cluster; its driver hears of its work all the time, and collects no circles of references."""
    monkeypatch.setattr(dask, "HEARTBEAT_S", 0.001)
    address = clusters(request.param)
    footfall.open(BUSY.tables(), engine=address, progress=False)
    gc.collect()
    gc.disable()
    yield address
    gc.enable()


def held(address):
    """What the cluster holds in memory or knows of: keys of Dask, numbers of Spark's persistent frames."""
    adapter = connect.remote(*address.split("://"))
    if hasattr(adapter, "client"):
        return set(adapter.client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)))
    return set(adapter.session.sparkContext._jsc.sc().getPersistentRDDs().keySet().mkString(" ").split())


def left_of(address, before):
    """What is held beside what was `before`, once the cluster has had its time."""
    deadline = time.monotonic() + PATIENCE_S
    while (left := held(address) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def opened(address):
    return footfall.open(BUSY.tables(), tz=BUSY.tz, engine=address, progress=False)


def test_unpersist_lets_everything_go(remote):
    before, data = held(remote), opened(remote)
    sample = data.sample(users=0.5)
    assert len(held(remote)) == len(before)
    expected = ipc_bytes(data.visit_attribution(by="month"))
    data.persist()
    assert len(held(remote) - before) >= 2
    assert ipc_bytes(data.visit_attribution(by="month")) == expected
    sample.campaign_ctr()
    data.unpersist()
    assert not left_of(remote, before)


def test_a_data_set_that_nobody_has_any_more_keeps_nothing(remote):
    before = held(remote)
    sample = opened(remote).persist().sample(users=0.5)
    sample.establishment_visits(by="month")
    assert held(remote) - before
    del sample
    assert not left_of(remote, before)


def test_jobs_leave_nothing(remote, monkeypatch):
    monkeypatch.setattr(distributed, "PIECES_ADDED_UP_HERE", 0)
    before, data = held(remote), opened(remote)
    answers = [data.visit_attribution(by="day"), data.establishment_visits(by="month"), data.campaign_ctr(by="week")]
    assert all(map(len, answers))
    assert not left_of(remote, before)


def _break_unseen(path):
    """Breaks a file that was opened, whose size and time stay."""
    whole, stat = path.read_bytes(), path.stat()
    broken = len(whole) // 4
    path.write_bytes(whole[:4] + b"\xff" * broken + whole[4 + broken :])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_an_error_leaves_nothing(remote, tmp_path):
    root = write_files(BUSY.tables(), tmp_path / "data", "parquet", 1, seed=1)
    before, data = held(remote), footfall.open(root, engine=remote, progress=False)
    _break_unseen(root / "pings.parquet")
    for work in (data.persist, data.visit_attribution):
        # The error and its traceback live on while we look.
        with pytest.raises(footfall.DataError) as caught:
            work()
        data.unpersist()
        assert not left_of(remote, before), caught.value


def test_an_interrupt_leaves_nothing(remote, monkeypatch):
    before, data = held(remote), opened(remote)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            data._whole.persist(interrupt)
            data.unpersist()
    assert not left_of(remote, before)


def test_on_this_machine_the_tables_are_freed_at_once():
    data = opened("local").persist()
    (kept,) = data._session.kept
    data.unpersist()
    # The variable and the argument are all that is left.
    assert sys.getrefcount(kept) == 2
    data.persist()
    (kept,) = data._session.kept
    del data
    assert sys.getrefcount(kept) == 2
