"""What the watcher decides, by a clock of the test; what it sees, of a real Dask scheduler and Jupyter server."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from footfall.aws import evidence
from footfall.aws.evidence import Jupyter, Kernel, Scheduler, Yarn
from footfall.aws.idleness import TELL_EVERY_S, Limits, Remembered, Seen, decide
from footfall.aws.watcher import Node, step

MINUTE, HOUR = 60, 3600
LIMITS = Limits(idle_s=30 * MINUTE, most_s=8 * HOUR)
TOKEN = "of-the-test"


def kernel(name="one", *, busy=False, active="t0"):
    return Kernel(f"http://hub/api/kernels/{name}", busy, active)


def decisions(looks, limits=LIMITS):
    """What is decided at each of several looks, given with their times."""
    remembered = Remembered(started=0, busy=0)
    for now, seen in looks:
        decision, remembered = decide(seen, remembered, limits, now)
        yield decision


def test_only_what_computes_is_told():
    seen = [Seen(), Seen(("Dask",)), Seen(kernels=(kernel(),)), Seen(kernels=(kernel(busy=True),))]
    told = [decision.busy for decision in decisions(enumerate(seen))]
    assert told == [(), ("Dask",), (), ("kernel http://hub/api/kernels/one",)]


def test_a_kernel_ends_when_it_was_idle_for_the_time():
    looks = [(minute * MINUTE, Seen(kernels=(kernel(), kernel("two", active=f"t{minute}")))) for minute in range(32)]
    culled = [decision.idle for decision in decisions(looks)]
    assert culled[:30] == [()] * 30 and culled[30] == (kernel(),) and culled[31] == (kernel(),)


def test_a_kernel_that_computes_is_not_idle_however_long_it_says_nothing():
    looks = [(hour * HOUR, Seen(kernels=(kernel(busy=True),))) for hour in range(7)]
    after = [(6 * HOUR + 29 * MINUTE, Seen(kernels=(kernel(),))), (6.5 * HOUR, Seen(kernels=(kernel(),)))]
    *before, at_29, at_30 = decisions([*looks, *after])
    assert not any(each.idle for each in [*before, at_29]) and at_30.idle == (kernel(),)


def test_the_cluster_ends_at_its_hour_computing_or_not():
    for seen in (Seen(), Seen(("Dask",))):
        early, late = decisions([(8 * HOUR - 1, seen), (8 * HOUR, seen)])
        assert early.end is None and late.end == "it has lived 8 h, its most"


def test_a_machine_that_nobody_else_ends_ends_when_idle():
    limits = replace(LIMITS, ends_when_idle=True)
    looks = [
        (0, Seen(("Dask",))),
        (30 * MINUTE - 1, Seen()),
        (30 * MINUTE, Seen(kernels=(kernel(),))),
        (60 * MINUTE, Seen()),
    ]
    assert [each.end for each in decisions(looks, limits)] == [None, None, None, "nothing has computed for 30 min"]
    assert [each.end for each in decisions(looks)] == [None] * 4


def test_the_workspace_is_told_when_work_begins_and_ends_and_every_five_minutes():
    seen = [Seen(), Seen(), Seen(("Dask",)), Seen(("Dask",)), Seen()]
    told = [each.tell for each in decisions(zip(itertools.count(0, 15), seen))]
    assert told == [True, False, True, False, True]
    quiet = [each.tell for each in decisions((now, Seen()) for now in range(0, 2 * TELL_EVERY_S + 1, 15))]
    assert sum(quiet) == 3
    assert [each.idle_s for each in decisions([(0, Seen(("Dask",))), (90, Seen())])] == [0, 90]


class Recorder(Node):
    """The node, which tells what it would end."""

    def end(self):
        ended.append(self.emr)


ended: list = []


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A real scheduler and worker, with its key where Dask's configuration finds it; and a client."""
    from footfall.engines import cluster

    with cluster.start("dask", workers=1) as started, started.connect() as client:
        import dask

        key, certificate = (str(started.credentials / name) for name in ("key.pem", "certificate.pem"))
        tls = {"ca-file": certificate, "client.key": key, "client.cert": certificate}
        with dask.config.set({f"distributed.comm.tls.{name}": path for name, path in tls.items()}):
            yield Scheduler(started.address.partition("://")[2]), client


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A real Jupyter server on loopback."""
    folder = tmp_path_factory.mktemp("jupyter")
    told = {"JUPYTER_RUNTIME_DIR": str(folder), "JUPYTER_CONFIG_DIR": str(folder), "JUPYTER_TOKEN": TOKEN}
    command = [sys.executable, "-m", "jupyter_server", "--ip=127.0.0.1", "--port=0", "--no-browser", "--allow-root"]
    command.append("--ServerApp.jpserver_extensions={}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--ServerApp.root_dir={folder}"], env={**os.environ, **told}, stderr=log)
    try:
        told = wait_for(lambda: list(folder.glob("jpserver-*.json")))[0]
        server = Jupyter(json.loads(told.read_text())["url"], TOKEN)
        wait_for(lambda: answers(server))
        yield server
    finally:
        process.terminate()
        process.wait(30)


def answers(server):
    try:
        return server.kernels() == []
    except OSError:
        return False


def wait_for(what, seconds=240):
    until = time.monotonic() + seconds
    while not (held := what()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return held


def execute(kernel, code):
    """Have a kernel compute, as a page does, and return once it does."""
    asyncio.run(asyncio.wait_for(begun(kernel.url, code), 240))


async def begun(url, code):
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    where = HTTPRequest(f"ws{url.removeprefix('http')}/channels", headers={"Authorization": f"token {TOKEN}"})
    page = await websocket_connect(where)
    header = {
        "msg_id": "1",
        "msg_type": "execute_request",
        "session": "s",
        "username": "",
        "version": "5.3",
        "date": "",
    }
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await page.write_message(json.dumps(message))
    while True:
        told = json.loads(await page.read_message())
        if told["parent_header"].get("msg_id") == "1" and told["msg_type"] == "status":
            page.close()
            return


def test_dask_is_busy_while_a_worker_has_a_task(dask, tmp_path):
    scheduler, client = dask
    assert not scheduler.computing()
    flag = tmp_path / "done"
    task = client.submit(until_there, str(flag))
    wait_for(scheduler.computing)
    flag.touch()
    assert task.result(timeout=30) == "done"
    wait_for(lambda: not scheduler.computing())


def until_there(path):
    while not os.path.exists(path):
        time.sleep(0.05)
    return "done"


def test_emr_is_told_of_dask_and_of_a_busy_kernel_and_an_idle_kernel_ends(dask, jupyter, tmp_path):
    (scheduler, _), server = dask, jupyter
    is_busy, run = tmp_path / "metricscollector" / "isbusy", tmp_path / "run"
    is_busy.parent.mkdir()
    node = Recorder("primary", scheduler, server, None, str(run), "j-1", is_busy)
    clock, remembered = itertools.count(0, 60), Remembered(0, 0)
    server.ask("POST", "api/kernels")
    (started,) = server.kernels()
    stop = tmp_path / "stop"
    execute(started, f"import os, time\nwhile not os.path.exists({str(stop)!r}): time.sleep(0.05)")
    wait_for(lambda: server.kernels()[0].busy)
    decision, remembered = step(node, remembered, LIMITS, next(clock))
    assert f"kernel {started.url}" in decision.busy and is_busy.exists()
    is_busy.unlink()
    stop.touch()
    wait_for(lambda: not server.kernels()[0].busy)
    for _ in range(31):
        assert len(server.kernels()) == 1
        decision, remembered = step(node, remembered, LIMITS, next(clock))
    assert [each.url for each in decision.idle] == [started.url]
    wait_for(lambda: server.kernels() == [])
    assert ended == []
    step(node, remembered, LIMITS, 8 * HOUR)
    assert ended == ["j-1"]
    told = [json.loads(file.read_text()) for file in sorted((run / "activity").iterdir())]
    assert told[0]["busy"] and told[0]["idle_s"] == 0 and told[-1]["idle_s"] > HOUR


def test_a_worker_is_of_use_as_long_as_its_scheduler_is_there(dask, capsys, monkeypatch):
    monkeypatch.setattr(evidence, "TIMEOUT_S", 2)
    assert Node("worker", dask[0]).look().work == ("the scheduler is there",)
    assert Node("worker", Scheduler("127.0.0.1:9")).look() == Seen()
    assert "the scheduler does not answer" in capsys.readouterr().err


def test_what_does_not_answer_is_told_and_does_not_compute(jupyter, capsys, monkeypatch):
    monkeypatch.setattr(evidence, "TIMEOUT_S", 2)
    node = Node("primary", Scheduler("127.0.0.1:9"), Jupyter(jupyter.url, "wrong"), Yarn("http://127.0.0.1:9/"))
    assert not node.look().kernels
    told = capsys.readouterr().err
    assert (
        "Dask does not answer" in told
        and "YARN does not answer" in told
        and "Jupyter does not answer: HTTPError" in told
    )


@pytest.mark.parametrize("containers, busy", [(None, False), ([1], False), ([1, 3], True)])
def test_yarn_is_busy_beyond_a_session_that_waits(containers, busy):
    """No YARN is here: its answer is as Hadoop documents it."""
    apps = containers and {"app": [{"id": "application_1", "runningContainers": each} for each in containers]}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            assert self.path == "/ws/v1/cluster/apps?states=RUNNING"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"apps": apps}).encode())

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.handle_request).start()
    assert Yarn(f"http://127.0.0.1:{server.server_port}/").computing() is busy
    server.server_close()


def test_our_own_commands_are_jobs(tmp_path):
    for number, line in enumerate(
        ["/opt/footfall/bin/python|/opt/footfall/bin/footfall|report|s3://b/g", "vi|footfall.md", "footfall"]
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes(line.replace("|", "\0").encode() + b"\0")
    assert sorted(evidence.commands_of_ours(tmp_path)) == ["footfall", "footfall report"]


def test_ending_falls_back_to_the_machine_itself(tmp_path, monkeypatch, capsys):
    """AWS and the machine's own end are stubs here: the one refuses."""
    told = tmp_path / "told"
    for name, code in (("aws", 255), ("shutdown", 0)):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $@" >>{told}\nexit {code}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    Node("primary", Scheduler("127.0.0.1:9"), emr="j-1").end()
    assert told.read_text() == "aws emr terminate-clusters --cluster-ids j-1\nshutdown -h now\n"
    assert "exit code 255" in capsys.readouterr().err
