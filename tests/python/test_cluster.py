"""Clusters of this machine: real processes, on loopback only, that end when they should."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from machine import family, listening

import footfall
from footfall.engines import cluster

ENGINES = ["dask", "spark"]
FOOTFALL = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; from footfall.cli import main; main()"]
LOOPBACK = re.compile(r"127\.0\.0\.1|\[::ffff:127\.0\.0\.1\]|\[::1\]")
SCHEMES = {"dask": r"dask\+tls", "spark": "spark"}
HEAD = {"dask": "scheduler", "spark": "master"}


@pytest.fixture(params=ENGINES)
def live(request, live_clusters):
    """A cluster with a connection."""
    return live_clusters(request.param)


def alive(process):
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(processes):
    deadline = time.monotonic() + 15
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [process for process in processes if alive(process)]


def where_workers_find_footfall(started, session):
    def place(_):
        import footfall

        return sys.executable, footfall.__file__

    if started.engine == "dask":
        return set(session.gather(session.map(place, range(4), pure=False)))
    return set(session.sparkContext.parallelize(range(4), 4).map(place).collect())


def test_every_socket_is_on_loopback_and_no_job_can_be_submitted(live):
    started, session = live
    where_workers_find_footfall(started, session)
    sockets = listening(family(os.getpid()))
    assert len(sockets) >= 2 * len(started.processes)
    assert all(LOOPBACK.fullmatch(address) for address, _ in sockets), sockets
    assert "6066" not in {port for _, port in sockets}


def test_workers_run_this_python_and_this_footfall(live):
    assert where_workers_find_footfall(*live) == {(sys.executable, footfall.__file__)}


def test_each_process_has_a_name(live):
    started, _ = live
    assert list(started.processes) == [HEAD[started.engine], "worker 0", "worker 1"]


@pytest.mark.parametrize("name", ENGINES)
def test_the_command_names_a_dead_worker_and_ctrl_c_stops_the_rest(name):
    command = [*FOOTFALL, "cluster", "local", "--engine", name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = "".join(iter_until(process.stdout, "Ctrl-C"))
    assert re.search(rf'footfall\.open\(\.\.\., engine="{SCHEMES[name]}://127\.0\.0\.1:\d+"\)', told)
    numbers = dict(re.findall(r"(\S+(?: \d)?) +process (\d+)", told))
    everything = family(process.pid)
    assert set(map(int, numbers.values())) < everything
    os.kill(int(numbers["worker 1"]), signal.SIGKILL)
    assert f"worker 1 (process {numbers['worker 1']}) ended by SIGKILL" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "stopped" in output
    wait_until_gone(everything)


def iter_until(stream, word):
    """The lines up to the one with that word."""
    for line in stream:
        yield line
        if word in line:
            return


def test_if_the_command_is_killed_its_processes_end():
    process = subprocess.Popen([*FOOTFALL, "cluster", "local", "--engine", "dask"], stdout=subprocess.PIPE, text=True)
    "".join(iter_until(process.stdout, "Ctrl-C"))
    everything = family(process.pid)
    assert len(everything) == 5, "the command, its guard, a scheduler and two workers"
    process.kill()
    process.communicate()
    wait_until_gone(everything)


def test_a_process_that_dies_at_start_shows_the_end_of_its_log(monkeypatch):
    monkeypatch.setattr(
        "footfall.engines.cluster.dask.Plan._scheduler", lambda *_: ["/bin/sh", "-c", "echo no luck; exit 3"]
    )
    with pytest.raises(ChildProcessError, match=r"(?s)scheduler .*ended with exit code 3.*no luck"):
        cluster.start("dask")


def test_stop_removes_the_folder_and_may_be_called_again():
    started = cluster.start("dask", workers=1)
    folder, numbers = started._processes.folder, started.processes
    assert (folder / "scheduler.log").exists() and not started.ended()
    started.stop()
    started.stop()
    assert not folder.exists() and not any(map(alive, numbers.values()))


def test_what_is_not_there_is_named(monkeypatch):
    with pytest.raises(footfall.DefinitionError, match=r"'ray'.*dask, spark"):
        cluster.start("ray")
    with pytest.raises(footfall.DefinitionError, match="workers = 0"):
        cluster.start("dask", workers=0)
    with pytest.raises(footfall.DefinitionError, match="450MiB"):
        cluster.start("spark", memory="100MiB")
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(footfall.DefinitionError, match="Java 17 or later, and JAVA_HOME=/nowhere"):
        cluster.start("spark")
    monkeypatch.setattr("footfall.extras.find_spec", lambda name: None)
    with pytest.raises(footfall.DefinitionError, match=r"distributed is not installed here.*extra `dask`"):
        cluster.start("dask")


def test_an_old_java_is_refused(monkeypatch):
    monkeypatch.setattr("footfall.engines.cluster.java.run", lambda *_: 'openjdk version "1.8.0_402"')
    with pytest.raises(footfall.DefinitionError, match=r"17 or later.*1\.8\.0_402"):
        cluster.start("spark")
