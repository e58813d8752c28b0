"""A machine becomes a node: from a wheelhouse alone, once and again, and with a clear word where it cannot."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import node_roots
import pytest
from node_roots import PROJECT

from footfall import DefinitionError
from footfall.aws import keys, memory, standalone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nodes are Linux")
# What Linux says of the 8 GiB with which an m4.large is sold, and less.
MEMORY_OF_8_GB = (7750, 7600)
PACKAGES = PROJECT / "deploy" / "system_packages.sh"
SCRIPTS = [PROJECT / "bootstrap.sh", PACKAGES, *sorted(node_roots.NODE.glob("*.sh")), node_roots.NODE / "supervise"]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return node_roots.make_wheelhouse(tmp_path_factory.mktemp("pristine") / "wheelhouse")


@pytest.fixture
def wheelhouse(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "wheelhouse")


def emr_settings():
    """EMR's configuration: its properties by classification, those of nested ones with their parent's."""
    found = {}
    for each in json.loads((PROJECT / "deploy" / "aws" / "emr.json").read_text()):
        nested = each.get("Configurations", [])
        found[each["Classification"]] = {
            **each["Properties"],
            **{k: v for n in nested for k, v in n["Properties"].items()},
        }
    return found


def mib(written):
    return int(re.fullmatch(r"(\d+)m?", written)[1])


def test_scripts_are_clean():
    if shutil.which("shellcheck") is None:
        pytest.skip("there is no shellcheck; ./bootstrap.sh --tests installs it")
    # Sourced together, they share their variables.
    command = ["shellcheck", "-x", "--exclude=SC2034", *SCRIPTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=PROJECT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("total", MEMORY_OF_8_GB)
def test_eight_gigabytes_carry_both_engines(total):
    told = emr_settings()
    spark, yarn = told["spark-defaults"], mib(told["yarn-site"]["yarn.nodemanager.resource.memory-mb"])
    shared = memory.shares(total, "worker", emr=True, yarn=yarn)
    assert shared.total == total and shared.spark == yarn and shared.dask >= 2048
    executor = mib(spark["spark.executor.memory"]) + mib(spark["spark.executor.memoryOverhead"])
    master = mib(spark["spark.yarn.am.memory"]) + mib(spark["spark.yarn.am.memoryOverhead"])
    assert executor + master <= yarn <= mib(told["yarn-site"]["yarn.nodemanager.resource.memory-mb"])
    daemons = mib(told["yarn-env"]["YARN_NODEMANAGER_HEAPSIZE"]) + mib(told["hadoop-env"]["HADOOP_DATANODE_HEAPSIZE"])
    assert shared.system - daemons >= 1024
    primary = memory.shares(total, "primary", emr=True)
    assert primary.total == total and primary.notebooks >= 2 * mib(spark["spark.driver.memory"])


@pytest.mark.parametrize("emr", [False, True])
@pytest.mark.parametrize("role", memory.ROLES)
def test_shares_are_all_of_the_memory_and_never_too_small(role, emr):
    held = 0
    for total in range(512, 65_536, 500):
        try:
            shared = memory.shares(total, role, emr=emr)
        except DefinitionError as error:
            assert "take a machine with more memory" in str(error) and held == 0
            continue
        held += 1
        assert shared.total == total and min(shared.system, shared.dask) >= 512
        assert standalone.heaps(shared.spark) >= 1024 or role == "primary"
    assert held > 100


def test_a_share_of_yarn_that_leaves_nothing_is_refused():
    with pytest.raises(DefinitionError, match=r"Spark 6144, Dask -442, .* leave dask less than the 1536 MiB"):
        memory.shares(7750, "worker", emr=True, yarn=6144)
    with pytest.raises(DefinitionError, match="role = 'master': must be one of primary, worker"):
        memory.shares(7750, "master")


def instance_files(root, *, primary, pretty):
    folder = root / "mnt" / "var" / "lib" / "info"
    folder.mkdir(parents=True)
    instance = {"instanceGroupId": "ig-1", "isMaster": primary, "isRunningNameNode": primary}
    flow = {"jobFlowId": "j-2AXX", "masterInstanceId": "i-0", "masterPrivateDnsName": "ip-10-0-1-23.ec2.internal"}
    for name, told in (("instance", instance), ("job-flow", flow)):
        (folder / f"{name}.json").write_text(json.dumps(told, indent=2 if pretty else None))


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize("primary", [False, True])
def test_role_and_primary_come_from_emrs_files(tmp_path, primary, pretty):
    instance_files(tmp_path, primary=primary, pretty=pretty)
    told = 'kind=emr; find_role; echo "$role of $primary in $(told jobFlowId "$info/job-flow.json")"'
    done = node_roots.sourced(told, root=tmp_path)
    role = "primary" if primary else "worker"
    assert done.stdout == f"{role} of ip-10-0-1-23.ec2.internal in j-2AXX\n", done.stderr


@pytest.mark.parametrize(
    "asked, reason",
    [
        ("kind=emr; find_role", "so this is no node of EMR; --node is for others"),
        ("kind=node; find_role", "--role : must be primary or worker"),
        ("kind=node role=worker; find_role", "--primary ADDRESS: where the others of the cluster find the primary"),
        ("role=primary; fetch_credentials", "--credentials PLACE: the folder with the cluster's key"),
    ],
)
def test_what_a_node_cannot_know_is_asked_for(tmp_path, asked, reason):
    done = node_roots.sourced(asked, root=tmp_path)
    assert done.returncode == 1 and reason in done.stderr


def test_emr_keeps_its_own_spark(tmp_path):
    ours = "pyspark-client==4 --hash=sha256:cc\nrich==1 \\\n    --hash=sha256:dd\n"
    lock = f"# python 3.11\npy4j==1 --hash=sha256:aa\npyspark==4 --hash=sha256:bb\n{ours}"
    (tmp_path / "requirements.lock").write_text(lock)
    kept = node_roots.sourced(f"emr=yes wheelhouse={tmp_path}; our_lock").stdout
    assert kept == ours
    assert node_roots.sourced(f"emr='' wheelhouse={tmp_path}; our_lock").stdout == lock


@pytest.mark.parametrize(
    "manager, emr, wanted",
    [
        ("dnf", "", "install -y python3.11 shadow-utils util-linux java-17-amazon-corretto-headless"),
        ("dnf", "yes", "install -y python3.11 shadow-utils util-linux"),
        ("apt-get", "", "python3 python3-venv passwd util-linux openjdk-17-jre-headless"),
    ],
)
def test_system_packages_by_a_stub_of_the_manager(tmp_path, manager, emr, wanted):
    """No Amazon Linux is here: the stub only tells what it was asked for."""
    (tmp_path / "manifest").write_text("# python 3.11\n")
    for name in ("bash", "sed", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    stub = tmp_path / manager
    stub.write_text(f'#!{tmp_path}/bash\necho "$@"\n')
    stub.chmod(0o755)
    done = node_roots.sourced(f"emr={emr!r} wheelhouse={tmp_path}; system_packages", path=str(tmp_path))
    assert done.returncode == 0 and done.stdout.rstrip().endswith(wanted), done.stdout + done.stderr


def test_installing_again_changes_no_file(tmp_path, wheelhouse):
    root = tmp_path / "root"
    first = node_roots.bootstrap(root, "--image", wheelhouse)
    assert first.returncode == 0, first.stdout + first.stderr
    assert re.search(r"self-test: \d+ campaigns from disk", first.stdout)
    assert re.search(r"bootstrap.sh: done after \d+ s; log: ", first.stdout)
    before = node_roots.snapshot(root)
    assert {"opt/footfall/bin/python", "opt/footfall/share/jupyter/kernels/footfall/kernel.json"} <= before.keys()
    again = node_roots.bootstrap(root, "--image", wheelhouse)
    assert again.returncode == 0, again.stdout + again.stderr
    assert node_roots.snapshot(root) == before
    logs = sorted((root / "var/log/footfall").iterdir())
    assert logs and first.stdout.splitlines()[0] in logs[0].read_text()


def test_the_same_by_its_own_file_alone_and_by_sh(tmp_path, wheelhouse):
    """As EMR runs it: one file, far from the project. It checks everything before it installs anything."""
    alone = shutil.copy(PROJECT / "bootstrap.sh", tmp_path)
    (wheelhouse / node_roots.WHEEL).write_bytes(b"another")
    done = subprocess.run(
        ["sh", alone, "--image", wheelhouse],
        env={"PATH": os.environ["PATH"], "FOOTFALL_ROOT": str(tmp_path / "root")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"{node_roots.WHEEL}: FAILED" in done.stdout
    assert "these are not the bytes that it was made of" in done.stdout and "Nothing was installed" in done.stdout
    assert "FAILED, exit code 1" in done.stdout
    assert not (tmp_path / "root/opt/footfall/bin").exists()


def test_a_place_is_named_by_its_hash(tmp_path, wheelhouse):
    name = node_roots.write_manifest(wheelhouse)
    other = f"{int(name, 16) ^ 1:016x}"
    wheelhouse.rename(tmp_path / other)
    done = node_roots.bootstrap(tmp_path / "root", "--image", tmp_path / other)
    assert done.returncode == 1 and f"the manifest's hash is {name}" in done.stdout


def test_pip_refuses_what_the_lock_does_not_know(tmp_path, wheelhouse):
    lock = wheelhouse / "requirements.lock"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0")[:-2] + "\n")
    node_roots.write_manifest(wheelhouse)
    done = node_roots.bootstrap(tmp_path / "root", "--image", wheelhouse)
    assert done.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stdout
    assert "pip refused the wheelhouse" in done.stdout


def test_the_first_error_ends_it_with_line_and_command(tmp_path, wheelhouse):
    (wheelhouse / "node.tar.gz").write_bytes(b"no archive")
    node_roots.write_manifest(wheelhouse)
    done = node_roots.bootstrap(tmp_path / "root", "--image", wheelhouse)
    assert done.returncode != 0
    assert re.search(r'bootstrap.sh: line \d+: tar -xzf "\$wheelhouse/node.tar.gz" .*: exit code 2', done.stdout)
    (log,) = (tmp_path / "root/var/log/footfall").iterdir()
    assert log.read_text().splitlines()[-1].startswith("bootstrap.sh: FAILED, exit code 2, after ")


@pytest.mark.parametrize(
    "told, reason",
    [
        (["--idle", "soon"], "--idle soon: must be a number"),
        (["--max-hours", "1.5.2"], "--max-hours 1.5.2: must be a number"),
        (["--role"], "--role what?"),
        (["--rule", "primary"], "--rule: there is no such option; there are install.sh WHEELHOUSE --emr"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path, wheelhouse, told, reason):
    done = node_roots.bootstrap(tmp_path / "root", "--image", wheelhouse, *told)
    assert done.returncode == 1 and reason in done.stdout, done.stdout


def test_a_place_without_a_wheelhouse(tmp_path):
    assert "no manifest, so it is no wheelhouse" in node_roots.bootstrap(tmp_path / "root", "--image", tmp_path).stdout
    done = node_roots.bootstrap(tmp_path / "root", "--image")
    assert done.returncode == 2 and "--image what? A folder, or s3://" in done.stderr


def test_keys_are_their_owners_alone(tmp_path):
    folder = tmp_path / "credentials"
    keys.write(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    names = {"certificate.pem", "key.pem", "spark.conf", keys.PASSWORD}
    assert modes == {"credentials": 0o700, **dict.fromkeys(names, 0o600)}
    with pytest.raises(FileExistsError):
        keys.write(folder)


def test_what_ends_is_started_again_and_what_is_stopped_stays_so(tmp_path):
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("a service changes its user, which needs root and setpriv")
    command, pid = tmp_path / "command", tmp_path / "pid"
    command.write_text(f"#!/bin/sh\necho started >>{tmp_path}/told\nexec sleep 600\n")
    command.chmod(0o755)
    supervisor = subprocess.Popen([node_roots.NODE / "supervise", "root", pid, command], stdout=subprocess.DEVNULL)
    try:
        child = wait_for(lambda: children(supervisor.pid))
        os.kill(child, 9)
        assert wait_for(lambda: (children(supervisor.pid) or child) != child and len(said(tmp_path)) == 2)
        assert int(pid.read_text()) == supervisor.pid
    finally:
        supervisor.terminate()
        supervisor.wait(20)
    assert not pid.exists() and len(said(tmp_path)) == 2


def said(folder):
    return (folder / "told").read_text().splitlines()


def children(process):
    """The one process that another started, if it is what it shall be."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process and b"600" in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    return None


def wait_for(what, seconds=30):
    import time

    until = time.monotonic() + seconds
    while not (held := what()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return held
