"""Machines of an image: which of them is the primary, when each came and went, what they do when something fails."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aws_groups
import pytest
from aws_groups import Group

from footfall.aws.cluster import requests
from footfall.aws.cluster.orders import Order
from footfall.aws.cluster.records import hours
from footfall.aws.cluster.records.names import Launch
from footfall.aws.cluster.wheelhouse import Wheelhouse
from footfall.aws.workspace import Workspace

COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]
PATIENCE_S = 180
TOKEN = "the token of the test"


@pytest.fixture
def group(moto, tmp_path, monkeypatch):
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    new = Group(moto, moto.bucket(), aws_groups.small_wheelhouse(tmp_path / "wheelhouse"))
    yield new
    new.clear()


@contextmanager
def metadata(place):
    """The instance metadata service of a machine, of version 2 alone."""
    told = {
        "instance-id": f"i-{place}",
        "instance-type": "m4.large",
        "local-ipv4": f"10.0.0.{place + 7}",
        "ami-launch-index": str(place),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            is_asked = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
            self.answer(200 if is_asked else 400, TOKEN)

        def do_GET(self):
            is_let_in = self.headers["X-aws-ec2-metadata-token"] == TOKEN
            self.answer(200 if is_let_in else 401, told[self.path.rpartition("/")[2]] if is_let_in else "")

        def answer(self, status, text):
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *message):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def machine(group, what, address):
    """The module, as the user data of a machine runs it."""
    told = ["--workspace", f"s3://{group.bucket}/{group.name}", "--launch", "000001-ab", "--hours", "8"]
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path), "AWS_EC2_METADATA_SERVICE_ENDPOINT": address}
    return subprocess.Popen(
        [sys.executable, "-m", "footfall.aws.cluster.machine", what, *told],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_machines_find_the_primary_by_the_workspace_and_record_their_stay(group):
    with metadata(1) as worker, metadata(0) as primary:
        first = machine(group, "begin", worker)
        second = machine(group, "begin", primary)
        assert second.communicate(timeout=PATIENCE_S)[0] == "--role primary --primary 10.0.0.7\n"
        assert first.communicate(timeout=PATIENCE_S)[0] == "--role worker --primary 10.0.0.7\n"
        assert machine(group, "end", worker).wait(PATIENCE_S) == 0
    site = group.site()
    now = datetime.now(timezone.utc)
    stays = {stay.machine: stay for stay in hours.of_group(site.aws, site.objects, now)}
    assert set(stays) == {"i-0", "i-1"} and stays["i-1"].start < stays["i-1"].end < now
    # EC2 has never heard of it, so that it counts for as long as it may have lived.
    assert (stays["i-0"].end - stays["i-0"].start).total_seconds() == 8 * 3_600


STUBS = {
    # Of the files that it is asked to upload, what they say.
    "aws": 'echo "aws $*" >>"$SEEN"; for name; do [[ $name != /* || ! -f $name ]] || cat "$name" >>"$SEEN"; done',
    "shutdown": 'echo "shutdown $*" >>"$SEEN"',
    "systemd-run": 'echo "systemd-run $*" >>"$SEEN"',
    "hostname": "echo ip-10-0-0-7",
    "python": "echo --role primary --primary 10.0.0.7",
    "bootstrap": 'echo "bootstrap $*" >>"$SEEN"; echo "the bootstrap says this"; exit "${BOOTSTRAP:-0}"',
}


def run_user_data(script, folder, code=0):
    """Run user data below a folder, beside programs that only tell what they were asked."""
    (folder / "opt/bin").mkdir(parents=True)
    (folder / "log").mkdir()
    for name, body in STUBS.items():
        path = folder / "opt" / ("bootstrap.sh" if name == "bootstrap" else f"bin/{name}")
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)
    here = script.replace("/opt/footfall", str(folder / "opt")).replace("/var/log", str(folder / "log"))
    environment = {"PATH": f"{folder}/opt/bin:/usr/bin:/bin", "SEEN": str(folder / "seen"), "BOOTSTRAP": str(code)}
    done = subprocess.run(["bash", "-c", here], env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    return done, (folder / "seen").read_text().splitlines()


def scripts(group):
    launch = Launch(Workspace("bucket", group), "dask", "000001-ab", 8)
    order = Order(group, "dask", image="ami-1", idle_minutes=20)
    house = Wheelhouse(None, "wheelhouse-00aa", [])
    return requests.dask_user_data(order, launch, "sa-east-1"), requests.image_user_data(launch, house, "sa-east-1")


def test_a_machine_becomes_what_it_is_told_and_is_gone_by_its_hour(tmp_path):
    done, seen = run_user_data(scripts("team")[0], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    run = "--run s3://bucket/team/cluster/000001-ab"
    assert seen[0] == "shutdown -P +480"
    assert re.fullmatch(r"systemd-run --unit=footfall-end .*ExecStop=.* end --workspace s3://bucket/team .*", seen[1])
    node = f"--node {tmp_path}/opt/wheelhouse --role primary --primary 10.0.0.7 {run}"
    assert seen[2:] == [f"bootstrap {node} --idle 20 --max-hours 8 --power-off"]


@pytest.mark.parametrize("which", [0, 1], ids=["dask", "image"])
def test_what_fails_on_a_machine_is_told_and_ends_it(tmp_path, which):
    done, seen = run_user_data(scripts("team")[which], tmp_path, code=3)
    assert done.returncode != 0
    told = next(at for at, line in enumerate(seen) if "put-object" in line)
    assert "--if-none-match * --key team/cluster/000001-ab/failed-ip-10-0-0-7" in seen[told]
    assert "the bootstrap says this" in seen[told:] and seen[-1] == "shutdown -P now"


def test_what_becomes_an_image_has_no_credentials(tmp_path):
    _, seen = run_user_data(scripts("team")[1], tmp_path)
    assert seen[-1] == "bootstrap --image s3://bucket/team/wheelhouse-00aa --run s3://bucket/team/cluster/000001-ab"


def interrupted(group, answer):
    """`up` that waits for machines that never get ready, interrupted at a terminal and answered; what it said."""
    group.make_role()
    words = ["cluster", "up", group.name, "--engine", "dask", "--image", "ami-12c6146b"]
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    environment["FOOTFALL_WORKSPACE"] = f"s3://{group.bucket}/{group.name}"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words], env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said = read_until(ours, "running")
    process.send_signal(signal.SIGINT)
    said += read_until(ours, "end it?")
    os.write(ours, f"{answer}\n".encode())
    said += read_until(ours, "goes on with it" if answer == "keep" else "waits until it is gone")
    assert process.wait(PATIENCE_S) == 130
    os.close(ours)
    return said


def read_until(terminal, word):
    said = ""
    deadline = time.monotonic() + PATIENCE_S
    while word not in said:
        assert time.monotonic() < deadline, said
        said += os.read(terminal, 1 << 16).decode()
    return said


@pytest.mark.parametrize(
    "answer, state", [pytest.param("keep", "running", marks=pytest.mark.slow), ("end", "terminated")]
)
def test_whoever_interrupts_is_asked_what_becomes_of_it(group, answer, state):
    said = interrupted(group, answer)
    assert "3 machines for an hour: 0.30 USD (0.1 USD an hour and machine" in said
    assert set(group.machines().values()) == {state}


def test_a_request_says_all_in_json():
    launch = Launch(Workspace("bucket", "team"), "dask", "000001-ab", 8)
    told = requests.machines(Order("team", "dask", image="ami-1"), launch, "ami-1", "sg-1", "#!/bin/sh\n")
    assert json.loads(json.dumps(told)) == told
    assert told["MinCount"] == told["MaxCount"] == 3 and told["ClientToken"] == launch.id
    assert told["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert told["IamInstanceProfile"] == {"Name": "footfall-team"}
    assert [each["ResourceType"] for each in told["TagSpecifications"]] == ["instance", "volume"]
