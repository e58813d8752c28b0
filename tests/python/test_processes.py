"""Forks, processes of a pool, pickles, and what ends with `close`."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest
from layouts import ipc_bytes, write_files
from worlds import random_world

import footfall

BUSY = random_world(15, events=400)
PATIENCE_S = 180
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def answer(data):
    return ipc_bytes(data.visit_attribution(by="month")), ipc_bytes(data.campaign_ctr(by="day"))


def distance(number):
    return footfall.haversine_m(0.0, 0.0, 0.0, number)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_files(BUSY.tables(), tmp_path_factory.mktemp("processes") / "data", "parquet", 2, seed=1)


@pytest.fixture(scope="module")
def data(root):
    return footfall.open(root, tz=BUSY.tz, progress=False)


@pytest.fixture(scope="module")
def expected(data):
    return answer(data)


def in_fork(work):
    """What `work` returns in a fork of this process, which is ended if it takes too long."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            with os.fdopen(send, "wb") as out:
                out.write(pickle.dumps(work()))
        finally:
            os._exit(0)
    os.close(send)
    timer = threading.Timer(PATIENCE_S, os.kill, (child, 9))
    timer.start()
    with os.fdopen(receive, "rb") as sent:
        content = sent.read()
    timer.cancel()
    os.waitpid(child, 0)
    assert content, "the fork hung or died"
    return pickle.loads(content)


@forks
def test_a_fork_answers(data, root, expected):
    assert in_fork(lambda: answer(data)) == expected
    assert in_fork(lambda: answer(footfall.open(root, tz=BUSY.tz, progress=False))) == expected
    assert in_fork(lambda: distance(1)) == distance(1)
    assert answer(data) == expected


@forks
def test_a_fork_of_a_fork_answers(data, expected):
    assert in_fork(lambda: in_fork(lambda: answer(data))) == expected
    assert in_fork(lambda: (answer(data), in_fork(lambda: answer(data)))) == (expected, expected)


@forks
def test_forks_while_the_parent_computes(data, expected):
    stop, failed = threading.Event(), []

    def work():
        while not stop.is_set():
            if answer(data) != expected:
                failed.append(True)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(10):
            assert in_fork(lambda: answer(data)) == expected
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert not failed


@pytest.mark.parametrize(
    "method", [each for each in ("fork", "spawn") if each in multiprocessing.get_all_start_methods()]
)
def test_pools_of_processes(method, data, expected):
    answer(data)
    context = multiprocessing.get_context(method)
    march = data.sample(users=0.5).between("2024-03-01", None)
    with context.Pool(2) as pool:
        assert pool.map_async(distance, [1, 2, 3]).get(PATIENCE_S) == [distance(number) for number in (1, 2, 3)]
        assert pool.map_async(answer, [data, march]).get(PATIENCE_S) == [expected, answer(march)]
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(answer, [data, data], timeout=PATIENCE_S)) == [expected, expected]


def test_a_pickled_data_set_is_opened_as_it_was(root, tmp_path, monkeypatch):
    monkeypatch.chdir(root.parent)
    tables = BUSY.tables()
    own = {"pings": tables["pings"].rename_columns(["device", *tables["pings"].column_names[1:]]),
           **{name: str(next(root.glob(f"{name}*")).relative_to(root.parent)) for name in
              ("ads", "establishments", "interactions")}}  # fmt: skip
    definitions = footfall.Definitions(visit_radius_m=40)
    data = footfall.open(own, tz=BUSY.tz, columns={"pings.user_id": "device"}, definitions=definitions, threads=2,
                         memory_limit="1GiB", progress=False)  # fmt: skip
    chosen = data.sample(users=0.7).between("2024-01-01", "2025-01-01")
    expected, march = answer(data), answer(chosen)
    assert expected != march
    monkeypatch.chdir(tmp_path)
    for again in (pickle.loads(pickle.dumps(chosen)), copy.deepcopy(chosen)):
        assert (again.selection, again.period, again.definitions, again.tz) == (
            chosen.selection, chosen.period, definitions, BUSY.tz)  # fmt: skip
        assert answer(again) == march and not again.progress
        assert again.time_zone == data.time_zone
    relative = footfall.open(os.path.relpath(root), tz=BUSY.tz, progress=False)
    kept, expected = pickle.dumps(relative.persist()), answer(relative)
    monkeypatch.chdir("/")
    assert answer(pickle.loads(kept)) == expected


def test_a_pickle_that_cannot_be_opened_says_why(tmp_path):
    gone = write_files(BUSY.tables(), tmp_path / "gone", "parquet", 1, seed=1)
    kept = pickle.dumps(footfall.open(gone, tz=BUSY.tz, progress=False))
    (tmp_path / "gone").rename(tmp_path / "elsewhere")
    with pytest.raises(footfall.FootfallError, match="gone"):
        pickle.loads(kept)


def test_a_data_set_on_a_live_connection_cannot_be_pickled(live_clusters):
    data = footfall.open(BUSY.tables(), engine=live_clusters("dask")[1], progress=False)
    with pytest.raises(footfall.DefinitionError, match="cannot be pickled; open it by the cluster's address"):
        pickle.dumps(data)


def test_a_closed_data_set(root):
    with footfall.open(root, tz=BUSY.tz, progress=False) as data:
        sample = data.sample(users=0.5)
        assert data.persist().rows()["pings"]
    uses = [lambda it: it.rows(), lambda it: it.persist(), lambda it: it.campaign_ctr(), lambda it: it.jobs(),
            lambda it: it.sql("SELECT 1"), lambda it: it.sample(users=0.5), lambda it: it.between(),
            lambda it: it.__enter__(), lambda it: it.check(), lambda it: it.tables, lambda it: it.unpersist(),
            pickle.dumps]  # fmt: skip
    for closed in (data, sample):
        for use in uses:
            with pytest.raises(footfall.DefinitionError, match="is closed; open it again"):
                use(closed)
        assert repr(closed).endswith("(closed)") and "(closed)" in closed._repr_html_()
        closed.close()


def test_it_is_closed_after_an_error_too(root):
    with pytest.raises(ZeroDivisionError), footfall.open(root, progress=False) as data:
        raise ZeroDivisionError
    assert "(closed)" in repr(data)


# In a process of its own, since a process has one SparkSession at a time; and clusters of other tests go on.
CLOSE = """
import sys
import footfall
from footfall.engines import cluster, connect

def alive(cluster):
    return [name for name, process in cluster._processes._running.items() if process.poll() is None]

def main(name, clusters, root):
    started, start = [], cluster.start
    cluster.start = lambda *given, **options: started.append(start(*given, **options)) or started[-1]
    with footfall.open(root, engine=name, progress=False) as data:
        other = footfall.open(root, engine=name, progress=False)
        expected = data.campaign_ctr().to_arrow()
        assert len(started) == 1 and len(alive(started[0])) == 3
        data.persist()
    assert len(alive(started[0])) == 3, "another data set works on it"
    assert other.campaign_ctr().to_arrow().equals(expected)
    other.close()
    other.close()
    assert not alive(started[0])
    if clusters == "two":
        with footfall.open(root, engine=name, progress=False) as again:
            assert len(started) == 2 and again.campaign_ctr().to_arrow().equals(expected)
        assert not alive(started[1])
    print("done")

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


# Each cluster of Spark takes most of a minute to start.
CLUSTERS = [("dask", "two"), ("spark", "one"), pytest.param("spark", "two", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("engine_", "clusters_"), CLUSTERS)
def test_close_ends_the_cluster_that_was_started(engine_, clusters_, root, tmp_path):
    script = tmp_path / "close.py"
    script.write_text(CLOSE, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), engine_, clusters_, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
    assert done.stdout.endswith("done\n"), done.stderr


def test_a_cluster_that_others_started_goes_on(clusters, live_clusters, root):
    with footfall.open(root, tz=BUSY.tz, engine=clusters("dask"), progress=False) as data:
        expected = answer(data)
    assert not live_clusters("dask")[0].ended()
    with footfall.open(root, tz=BUSY.tz, engine=live_clusters("dask")[1], progress=False) as data:
        assert answer(data) == expected
    assert live_clusters("dask")[1].status == "running"


@forks
def test_a_fork_cannot_use_its_parents_connection(clusters, root):
    data = footfall.open(root, tz=BUSY.tz, engine=clusters("dask"), progress=False)
    expected = answer(data)

    def refused():
        try:
            answer(data)
        except footfall.DefinitionError as error:
            data.close()
            return str(error)
        return "no error"

    assert "open the data set in the fork" in in_fork(refused)
    assert answer(data) == expected
