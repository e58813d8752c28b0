"""Nodes as Debian roots in namespaces of their own: they reach an S3 endpoint and each other, and nothing else.

The roots are layers over one that debootstrap made, with what Debian's packages give a node: Python, Java, the AWS CLI.
The endpoint, moto's, lives in a namespace, too, whose bridge joins them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import skip_unless_possible as skip_unless

PROJECT = Path(__file__).parents[2]
#: Made once, and kept: it takes minutes.
DEBIAN = Path(os.environ.get("FOOTFALL_DEBIAN_ROOT", PROJECT / "build" / "debian-12"))
MIRROR = "http://deb.debian.org/debian"
PACKAGES = "python3,python3-venv,openjdk-17-jre-headless,iproute2,procps,ca-certificates"
TOOLS = ("debootstrap", "ip", "unshare", "nsenter", "mount")
ENDPOINT = "10.213.0.1"
PORT = 5000
ADDRESSES = {"primary": "10.213.0.11", "worker-1": "10.213.0.12", "worker-2": "10.213.0.13"}
AWS = {
    "AWS_ENDPOINT_URL": f"http://{ENDPOINT}:{PORT}",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIATESTOFFOOTFALL02",
    "AWS_SECRET_ACCESS_KEY": uuid.uuid4().hex,
    "AWS_EC2_METADATA_DISABLED": "true",
}
# As the first process of its namespace, it also takes leave of those that others left.
INIT = (
    'mount -t tmpfs -o mode=1777 tmpfs /dev/shm; hostname "$0"; ip link set lo up; while :; do sleep 3600 & wait; done'
)


def skip_unless_possible():
    """Skip a test where it cannot make roots and namespaces."""
    skip_unless("roots and namespaces", TOOLS, "apt-get install debootstrap iproute2 util-linux")


def debian():
    """The root below all nodes."""
    if not (DEBIAN / ".ready").exists():
        shutil.rmtree(DEBIAN, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", DEBIAN, MIRROR]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=1200)
        install_aws(DEBIAN)
        (DEBIAN / ".ready").touch()
    return DEBIAN


def install_aws(root):
    """Put the AWS CLI into a root, in which Debian's own is too old to create without replacing."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", root / "opt" / "awscli", "awscli"]
    subprocess.run(pip, check=True, timeout=600)
    command = root / "usr" / "local" / "bin" / "aws"
    command.write_text('#!/bin/sh\nPYTHONPATH=/opt/awscli exec python3 -m awscli "$@"\n')
    command.chmod(0o755)


@dataclass
class Machine:
    """A root in its namespaces."""

    name: str
    address: str
    root: Path
    process: int

    def start(self, *command, **more):
        """Start a command in it."""
        # Where this process is, is nowhere in that root.
        enter = ["nsenter", "--target", str(self.process), "--all", "--root", "/usr/bin/env", "-C", "/"]
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            **AWS,
            **more,
        }
        return subprocess.Popen(
            [*enter, *map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def says(self, *command, seconds=300, fails=False, **more):
        """What a command in it prints."""
        started = self.start(*command, **more)
        said, _ = started.communicate(timeout=seconds)
        assert fails or started.returncode == 0, (
            f"{self.name}: {command}: exit code {started.returncode}\n{said[-6000:]}"
        )
        return said

    def files(self, *folders):
        """All files of folders, with size and time."""
        return self.says("find", *folders, "-type", "f", "-not", "-path", "*/__pycache__/*", "-printf", r"%p %s %T@\n")


@contextmanager
def cluster(folder):
    """The endpoint's namespace, by its name, and the machines by theirs."""
    mark = f"ff{uuid.uuid4().hex[:5]}"
    with ExitStack() as made:
        made.enter_context(namespace(mark))
        ip("-n", mark, "link", "add", "bridge", "type", "bridge")
        ip("-n", mark, "address", "add", f"{ENDPOINT}/24", "dev", "bridge")
        ip("-n", mark, "link", "set", "bridge", "up")
        ip("-n", mark, "link", "set", "lo", "up")
        made.enter_context(endpoint(mark, folder))
        machines = [made.enter_context(machine(mark, number, folder)) for number in range(len(ADDRESSES))]
        yield mark, {each.name: each for each in machines}


def ip(*told):
    subprocess.run(["ip", *told], check=True, capture_output=True)


@contextmanager
def namespace(name):
    ip("netns", "add", name)
    try:
        yield
    finally:
        ip("netns", "delete", name)


@contextmanager
def endpoint(mark, folder):
    """An S3 server that the machines reach."""
    command = ["ip", "netns", "exec", mark, sys.executable, "-m", "moto.server", "-H", ENDPOINT, "-p", str(PORT)]
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def at_endpoint(mark, *command, seconds=600):
    """Run a command of this machine beside the endpoint."""
    enter = ["ip", "netns", "exec", mark, *map(str, command)]
    done = subprocess.run(enter, env={**os.environ, **AWS}, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def machine(mark, number, folder):
    """A root and its namespaces, joined to the bridge."""
    name, address = list(ADDRESSES.items())[number]
    own = f"{mark}-{number}"
    with ExitStack() as made:
        root = made.enter_context(layer(folder / name))
        made.enter_context(namespace(own))
        ip("-n", mark, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", own)
        ip("-n", mark, "link", "set", f"v{number}", "master", "bridge", "up")
        ip("-n", own, "address", "add", f"{address}/24", "dev", "eth0")
        ip("-n", own, "link", "set", "eth0", "up")
        hosts = "".join(f"{each} {other}\n" for other, each in ADDRESSES.items())
        (root / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
        # What an instance role gives on AWS.
        keys = "[default]\naws_access_key_id={AWS_ACCESS_KEY_ID}\naws_secret_access_key={AWS_SECRET_ACCESS_KEY}\n"
        for home in ("root", "etc/skel"):
            (root / home / ".aws").mkdir(mode=0o700)
            (root / home / ".aws" / "credentials").write_text(keys.format(**AWS))
        unshare = [
            "unshare",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child",
            f"--root={root}",
            "--mount-proc",
        ]
        init = subprocess.Popen(["ip", "netns", "exec", own, *unshare, "/bin/bash", "-c", INIT, name])
        try:
            yield Machine(name, address, root, first_of(init.pid))
        finally:
            init.kill()
            init.wait()


def first_of(process):
    """The first process of the namespaces that another made."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if children:
            time.sleep(0.5)
            return int(children[0])
        time.sleep(0.05)
    raise TimeoutError("unshare started nothing")


@contextmanager
def layer(folder):
    """A root over Debian's, which stays as it is."""
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for each in (upper, work, root):
        each.mkdir(parents=True)
    told = f"lowerdir={debian()},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", told, root], check=True)
    try:
        yield root
    finally:
        # What was killed a moment ago may still have files open.
        subprocess.run(["umount", "--lazy", root], check=True)
