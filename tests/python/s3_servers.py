"""Two S3 servers on this machine, for as long as tests need them.

moto takes any signature, and its conditional writes are atomic behind our proxy, which lets them pass one by one: races
are proven at them. versitygw checks signatures, and policies by prefix, and serves files of a folder; it knows no
conditions of policies, and two may win its races.
Both listen on loopback, on a port that the system gives them, and are ended by their own process id.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from machine import listening

HOST = "127.0.0.1"
REGION = "us-east-1"
READY_SECONDS = 60
#: The end of a Parquet object that is read before its length is known.
END = 65_536
GATEWAY = Path(__file__).parents[2] / "build" / "s3" / "versitygw"
WHERE_FROM = "versitygw is not here: where there is Go, ./bootstrap.sh --tests builds it"
#: What of this machine's own settings would be found instead of the test's.
NOBODYS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Server:
    """An S3 server that runs, and the credentials of its owner."""

    name: str
    process: subprocess.Popen = field(repr=False)
    address: str
    access_key: str
    secret_key: str = field(repr=False)

    def environment(self, address=None):
        """The variables by which a client finds the server; by another address, if a proxy is in front of it."""
        return {
            **NOBODYS,
            "AWS_ENDPOINT_URL": address or self.address,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def reach(self, monkeypatch, address=None, **more):
        """Have this process find the server, and nothing of what its environment said of AWS before."""
        clear(monkeypatch)
        for name, value in {**self.environment(address), **more}.items():
            monkeypatch.setenv(name, value)

    def client(self, service="s3", address=None, access_key=None, secret_key=None):
        """A client of boto3, as the owner or as somebody else, that asks once."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=address or self.address,
            region_name=REGION,
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def bucket(self):
        """The name of a new bucket."""
        name = f"footfall-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def upload(self, folder, bucket, prefix=""):
        """Copy a folder's files into a bucket."""
        client, folder = self.client(), Path(folder)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = "/".join(part for part in (prefix.strip("/"), path.relative_to(folder).as_posix()) if part)
            with path.open("rb") as file:
                client.put_object(Bucket=bucket, Key=key, Body=file)

    def keys(self, bucket, prefix=""):
        """The keys of a bucket's objects with their sizes."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])}

    def read(self, bucket, key):
        return self.client().get_object(Bucket=bucket, Key=key)["Body"].read()

    def new_user(self, name):
        """The secret key of a new user of versitygw, who may do what policies of buckets say."""
        secret_key = secrets.token_hex(20)
        told = f"<Account><Access>{name}</Access><Secret>{secret_key}</Secret><Role>user</Role></Account>"
        self._administrate("create-user", told)
        return secret_key

    def remove_user(self, name):
        """Refuse a user of versitygw from now on."""
        self._administrate(f"delete-user?access={name}", "")

    def _administrate(self, what, told):
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        asked = AWSRequest(method="PATCH", url=f"{self.address}/{what}", data=told.encode())
        S3SigV4Auth(Credentials(self.access_key, self.secret_key), "s3", REGION).add_auth(asked)
        request = urllib.request.Request(asked.url, told.encode(), dict(asked.headers), method="PATCH")
        urllib.request.urlopen(request, timeout=READY_SECONDS).close()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def clear(monkeypatch):
    """Have this process know nothing of AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in NOBODYS.items():
        monkeypatch.setenv(name, value)


def moto(folder):
    """Start moto's server; its log is in the folder."""
    log = Path(folder) / "moto.log"
    process = _started([sys.executable, "-m", "moto.server", "-H", HOST, "-p", "0"], log, {})
    return Server("moto", process, _address(process, log), "AKIATESTOFFOOTFALL00", secrets.token_hex(20))


def versitygw(folder):
    """Start versitygw over a folder, in which its buckets are folders; the test is skipped where it is not."""
    program = shutil.which("versitygw") or (GATEWAY if GATEWAY.exists() else pytest.skip(WHERE_FROM))
    folder, access_key, secret_key = Path(folder), "AKIATESTOFFOOTFALL01", secrets.token_hex(20)
    places = {name: folder / name for name in ("buckets", "attributes", "users")}
    for place in places.values():
        place.mkdir()
    log = folder / "versitygw.log"
    # The environment, unlike a command line, is its owner's alone.
    environment = {"ROOT_ACCESS_KEY_ID": access_key, "ROOT_SECRET_ACCESS_KEY": secret_key}
    options = ["--port", f"{HOST}:0", "--region", REGION, "--keep-alive", "--quiet"]
    # Who is removed is refused at once.
    options += ["--iam-dir", str(places["users"]), "--iam-cache-disable"]
    storage = ["posix", "--sidecar", str(places["attributes"]), str(places["buckets"])]
    process = _started([str(program), *options, *storage], log, environment)
    return Server("versitygw", process, _address(process, log), access_key, secret_key)


def _started(command, log, environment):
    with log.open("wb") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env={**os.environ, **NOBODYS, **environment}
        )


def _address(process, log):
    """Where the process listens, as soon as it does: the system has chosen the port."""
    deadline = time.monotonic() + READY_SECONDS
    while not (found := listening({process.pid})):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise ChildProcessError(f"{process.args[0]} did not start: {log.read_text(errors='replace')[-2_000:]}")
        time.sleep(0.1)
    return f"http://{HOST}:{found[0][1]}"
