"""A primary and two workers in Debian roots without a network: from the wheelhouse to the same answers of both engines.

The tests go on from each other, in order.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import debian_nodes
import pytest
from debian_nodes import ADDRESSES, at_endpoint

from footfall.aws import keys
from footfall.aws.watcher import LOOK_EVERY_S

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2]
WHEELHOUSE = Path(os.environ.get("FOOTFALL_WHEELHOUSE", PROJECT / "build" / "wheelhouse"))
BUCKET, GROUP = "course", "team-7"
RUN = f"s3://{BUCKET}/{GROUP}/_footfall/runs/000001-test"
FOLDERS = ("/opt/footfall", "/etc/footfall", "/etc/profile.d", "/etc/passwd", "/etc/shadow")
# By the form, as a browser does it; then what the hub and the user's own server say.
LOG_IN = """
import http.cookiejar, json, sys, time, urllib.parse, urllib.request
jar = http.cookiejar.CookieJar()
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
base = "http://127.0.0.1:800/"
opener.open(base + "hub/login", timeout=60).read()
xsrf = [each.value for each in jar if each.name == "_xsrf"][0]
password = open("/etc/footfall/credentials/hub-password").read()
form = {"username": "footfall", "password": sys.argv[1] if len(sys.argv) > 1 else password, "_xsrf": xsrf}
try:
    opener.open(base + "hub/login?next=%2Fhub%2Fspawn", urllib.parse.urlencode(form).encode(), timeout=60).read()
except urllib.error.HTTPError as error:
    sys.exit(f"refused: {error.code}")
# The server's page comes once it runs, and gives the cookie by which its API knows who asks.
why, told = None, None
for _ in range(240):
    try:
        opener.open(base + "user/footfall/lab", timeout=60).read()
        told = json.load(opener.open(base + "user/footfall/api/kernelspecs", timeout=60))
        break
    except (urllib.error.HTTPError, ValueError) as error:
        why = f"{error!r} of {getattr(error, 'url', None)}"
        time.sleep(0.5)
if told is None:
    sys.exit(f"no kernels: {why}")
print(json.dumps(told["kernelspecs"]["footfall"]["spec"]["env"]))
"""
# The workers are there once the scheduler says so.
WORKERS = """
import os, sys, time
from footfall.engines.cluster import dask
client = dask.connect(os.environ["FOOTFALL_DASK"])
client.wait_for_workers(2, timeout=120)
print(sorted(worker["name"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()))
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """All three, on which nothing is installed yet."""
    debian_nodes.skip_unless_possible()
    if not (WHEELHOUSE / "manifest").exists():
        pytest.skip(f"there is no {WHEELHOUSE}; make wheelhouse makes it")
    with debian_nodes.cluster(tmp_path_factory.mktemp("nodes")) as (mark, machines):
        keys.write(credentials := tmp_path_factory.mktemp("keys") / "credentials")
        at_endpoint(mark, "aws", "s3api", "create-bucket", "--bucket", BUCKET)
        for source, target in ((WHEELHOUSE, place()), (credentials, f"{RUN}/credentials")):
            at_endpoint(mark, "aws", "s3", "cp", "--recursive", "--only-show-errors", source, target)
        machines["endpoint"] = mark
        yield machines


def place():
    return f"s3://{BUCKET}/{GROUP}/_footfall/wheelhouse/{keys_of_manifest()}"


def keys_of_manifest():
    from node_roots import sha256

    return sha256((WHEELHOUSE / "manifest").read_bytes())[:16]


def bootstrap(machine, **more):
    """Start the bootstrap, as one file from S3, on a machine."""
    role = machine.name.partition("-")[0]
    (machine.root / "srv" / "bootstrap.sh").write_bytes((PROJECT / "bootstrap.sh").read_bytes())
    told = ["--role", role, "--primary", ADDRESSES["primary"], "--run", RUN, "--idle", "30", "--max-hours", "8"]
    return machine.start("bash", "/srv/bootstrap.sh", "--node", place(), *told, **more)


def all_three(nodes):
    """Run the bootstrap on all at once, and return what each said."""
    started = {name: bootstrap(nodes[name]) for name in ADDRESSES}
    said = {name: process.communicate(timeout=1200)[0] for name, process in started.items()}
    for name, process in started.items():
        assert process.returncode == 0, f"{name}:\n{said[name][-8000:]}"
    return said


def as_user(machine, command, seconds=600):
    """What a command prints that somebody runs who has logged in to a node."""
    told = f". /etc/profile.d/footfall.sh; cd; {command}"
    return machine.says("su", "-", "footfall", "-c", told, seconds=seconds)


def test_nodes_reach_the_endpoint_and_nothing_else(nodes):
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)"
    for name in ADDRESSES:
        nodes[name].says("python3", "-c", reach, debian_nodes.ENDPOINT, debian_nodes.PORT)
        assert "unreachable" in nodes[name].says("python3", "-c", reach, "1.1.1.1", 443, fails=True)


def test_all_three_install_and_test_themselves(nodes):
    said = all_three(nodes)
    for name, told in said.items():
        print(f"{name}: {re.search(r'bootstrap.sh: done after [0-9]+ s', told)[0]}")
        assert re.search(r"self-test: \d+ campaigns from disk, the same from s3://course/team-7/", told), told
    listed = at_endpoint(nodes["endpoint"], "aws", "s3", "ls", "--recursive", f"{RUN}/")
    assert len(re.findall(r"/logs/(?:primary|worker-.)-bootstrap-", listed)) == 3
    assert len(re.findall(r"/nodes/(?:primary|worker-.)-\d", listed)) == 3


def test_both_engines_answer_like_this_machine(nodes):
    primary = nodes["primary"]
    assert as_user(primary, f"/opt/footfall/bin/python -c '{WORKERS}'") == "['worker-1', 'worker-2']\n"
    city = "import os, footfall; footfall.synth.city(os.environ['FOOTFALL_WORKSPACE'] + '/city', pings=50_000)"
    as_user(primary, f'/opt/footfall/bin/python -c "{city}"')
    engines = f"local,$FOOTFALL_DASK,spark://{ADDRESSES['primary']}:7077"
    verify = f"/opt/footfall/bin/footfall verify $FOOTFALL_WORKSPACE/city --tz America/Recife --engines {engines}"
    told = as_user(primary, verify)
    assert "DIFFERENT" not in told and len(re.findall(r"\bsame\b", told)) >= 6, told


def test_the_hub_logs_in_who_has_the_password(nodes):
    told = nodes["primary"].says("/opt/footfall/bin/python", "-c", LOG_IN)
    variables = json.loads(told)
    assert variables["FOOTFALL_CLUSTER_CREDENTIALS"] == "/etc/footfall/credentials"
    assert variables["FOOTFALL_WORKSPACE"] == f"s3://{BUCKET}/{GROUP}"
    assert "refused: 403" in nodes["primary"].says("/opt/footfall/bin/python", "-c", LOG_IN, "wrong", fails=True)


def test_nothing_but_the_cluster_listens_beyond_loopback(nodes):
    """Dask by TLS and Spark by its secret listen to the cluster, the hub to this machine."""
    listed = nodes["primary"].says("ss", "-ltnpH")
    open_to_others = [
        line for line in listed.splitlines() if not re.search(r"\s(127\.0\.0\.1|\[::1\]|\[::ffff:127)", line)
    ]
    assert all(re.search(r':8786\s.*"dask|:8786\s.*python|"java"', line) for line in open_to_others), open_to_others


def test_the_watcher_has_told_the_run(nodes):
    until = time.monotonic() + 60
    while not (listed := at_endpoint(nodes["endpoint"], "aws", "s3", "ls", f"{RUN}/activity/")).strip():
        assert time.monotonic() < until, nodes["primary"].says("cat", "/var/log/footfall/watcher.log")
        time.sleep(2)
    assert re.search(r"\d{8}T\d+Z\.json", listed)
    # Its first looks may be before the hub listens.
    before = nodes["primary"].says("cat", "/var/log/footfall/watcher.log")
    time.sleep(2 * LOOK_EVERY_S + 5)
    assert nodes["primary"].says("cat", "/var/log/footfall/watcher.log") == before


def test_installing_again_changes_no_file_and_restarts_nothing(nodes):
    before = {name: nodes[name].files(*FOLDERS) for name in ADDRESSES}
    services = {name: nodes[name].says("sh", "-c", "cat /run/footfall/*.pid") for name in ADDRESSES}
    all_three(nodes)
    assert {name: nodes[name].files(*FOLDERS) for name in ADDRESSES} == before
    assert {name: nodes[name].says("sh", "-c", "cat /run/footfall/*.pid") for name in ADDRESSES} == services


def test_what_was_changed_on_the_way_is_refused(nodes):
    at_endpoint(
        nodes["endpoint"], "aws", "s3", "cp", "--only-show-errors", PROJECT / "LICENSE", f"{place()}/proxy.tar.gz"
    )
    worker = nodes["worker-2"]
    worker.says("rm", "/opt/footfall/.wheelhouse")
    started = bootstrap(worker)
    said, _ = started.communicate(timeout=300)
    assert started.returncode == 1 and "proxy.tar.gz: FAILED" in said
    assert "these are not the bytes that it was made of" in said
