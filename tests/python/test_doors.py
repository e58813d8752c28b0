"""Clusters on this machine are their owner's alone: others get no code, no job and no page."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import strangers
from machine import family, listening

import footfall
from footfall.engines import cluster, connect
from footfall.engines.cluster import credentials
from footfall.engines.cluster import dask as cluster_of_dask

# Asks every port for pages, plain and by TLS; a port that does not speak HTTP is asked once.
ASK_PAGES = """
import json, ssl, sys, urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor

ignorant = ssl.create_default_context()
ignorant.check_hostname, ignorant.verify_mode = False, ssl.CERT_NONE
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ignorant))
paths = ["/", "/status", "/json/", "/json/counts.json", "/info/main/workers.html", "/metrics", "/health", "/logPage/"]

def pages(server):
    found = []
    for path in paths:
        try:
            with opener.open(server + path, timeout=5) as answer:
                found.append(f"{server}{path} {answer.status}")
        except urllib.error.HTTPError:
            continue
        except Exception:
            break
    return found

servers = [f"{scheme}://127.0.0.1:{port}" for port in json.loads(sys.argv[1]) for scheme in ("http", "https")]
with ThreadPoolExecutor(len(servers)) as threads:
    print(json.dumps(sum(threads.map(pages, servers), [])))
"""


@pytest.fixture
def key(tmp_path):
    """A key and a certificate of somebody else, which everybody can read."""
    folder = tmp_path / "own"
    folder.mkdir()
    credentials.write_key(folder)
    return [str(folder / name) for name in (credentials.KEY, credentials.CERTIFICATE)]


def test_a_stranger_runs_no_code_on_dask_without_the_key(live_clusters, tmp_path, key):
    """Neither at the scheduler nor at a worker, neither plain nor by TLS with a key of his own."""
    started, client = live_clusters("dask")
    ports = [started.address.rpartition(":")[2]] + [worker.rpartition(":")[2] for worker in client.nthreads()]
    plain = strangers.ask_dask([f"tcp://127.0.0.1:{port}" for port in ports], [None], tmp_path)
    locked = strangers.ask_dask([f"tls://127.0.0.1:{port}" for port in ports], [None, key], tmp_path)
    assert len(plain) == 3 and len(locked) == 6
    assert all(str(answer).startswith("refused") for answer in (plain | locked).values()), plain | locked
    ours = [str(started.credentials / name) for name in (credentials.KEY, credentials.CERTIFICATE)]
    (given,) = strangers.ask_dask([f"tls://127.0.0.1:{ports[0]}"], [ours], tmp_path).values()
    assert given == os.getuid(), "who has the key gets in, as the owner: what is refused above is refused for the key"


def test_a_stranger_in_the_schedulers_place_is_refused(tmp_path, key):
    """He lets everybody in, and has a key of his own."""
    ours = tmp_path / "ours"
    ours.mkdir()
    credentials.write_key(ours)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(key[1], key[0])
    told = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"dask+tls://127.0.0.1:{listener.getsockname()[1]}"

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    try:
                        with context.wrap_socket(connection, server_side=True) as secured:
                            told.append(secured.recv(1))
                    except OSError as error:
                        told.append(str(error))

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        with pytest.raises(OSError):
            cluster_of_dask.connect(address, settings={"timeout": "5s"}, credentials=ours)
        listener.shutdown(socket.SHUT_RDWR)
        # He hears of it after his guest has gone.
        server.join(timeout=60)
    assert told and all("ALERT_UNKNOWN_CA" in str(each).upper() for each in told), told


def test_a_stranger_gets_no_job_of_spark_without_the_secret(live_clusters, tmp_path):
    started, _ = live_clusters("spark")
    log = started.credentials.parent / "master.log"
    for secret in ("", "f" * 64):
        assert strangers.ask_spark(started.address, secret, tmp_path) == "refused"
    assert "Registering app stranger" not in log.read_text()
    # Whoever is given the secret is registered; our own session has the cores.
    given = credentials.read_properties(started.credentials / credentials.PROPERTIES)["spark.authenticate.secret"]
    process = strangers.start(strangers.ASK_SPARK, started.address, given, home=tmp_path, SPARK_LOCAL_IP="127.0.0.1")
    try:
        wait_for(lambda: "Registering app stranger" in log.read_text())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(there, seconds=90):
    deadline = threading.Event()
    for _ in range(10 * seconds):
        if there():
            return
        deadline.wait(0.1)
    raise AssertionError("it did not come")


@pytest.mark.parametrize("name", ["dask", "spark"])
def test_nobody_else_can_read_the_credentials(live_clusters, name):
    started, _ = live_clusters(name)
    files = sorted(started.credentials.iterdir())
    assert files and stat.S_IMODE(started.credentials.stat().st_mode) == 0o700
    assert stat.S_IMODE(started.credentials.parent.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 and not strangers.can_read(file) for file in files)
    assert strangers.can_read(Path("/etc/passwd"))


def test_sparks_secret_is_on_no_command_line_and_in_no_other_environment(live_clusters):
    started, session = live_clusters("spark")
    session.sparkContext.parallelize(range(4), 4).map(lambda n: n).collect()
    secret = credentials.read_properties(started.credentials / credentials.PROPERTIES)["spark.authenticate.secret"]
    processes = [process for process in Path("/proc").iterdir() if process.name.isdecimal()]
    lines = [read(process / "cmdline") for process in processes]
    assert any(str(started.credentials) in line for line in lines), "the daemons are told a file"
    assert not [line for line in lines if secret in line]
    # Spark tells executors by their environment, which is the owner's alone to read; nobody else has it.
    others = {"CoarseGrainedExecutorBackend", "pyspark.daemon"}
    for process in processes:
        if secret in read(process / "environ"):
            assert any(name in read(process / "cmdline") for name in others), read(process / "cmdline")


def read(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def pages_of(started, home):
    ports = sorted({port for _, port in listening(family(*started.processes.values()))})
    assert len(ports) >= len(started.processes)
    return json.loads(strangers.said(strangers.start(ASK_PAGES, json.dumps(ports), home=home), timeout=300))


@pytest.mark.parametrize("name", ["dask", "spark"])
def test_a_stranger_sees_no_page(live_clusters, name, tmp_path):
    started, _ = live_clusters(name)
    assert started.pages == {}
    assert pages_of(started, tmp_path) == []


@pytest.mark.parametrize("name", ["dask", "spark"])
def test_pages_are_shown_if_they_are_asked_for(name, tmp_path):
    with cluster.start(name, workers=1, pages=True) as started:
        assert list(started.pages) == list(started.processes)
        seen = pages_of(started, tmp_path)
        assert all(any(page.startswith(own) for page in seen) for own in started.pages.values()), seen


# Clusters that run somewhere.


@pytest.mark.parametrize("address", ["dask://192.0.2.1:8786", "spark://192.0.2.1:7077", "dask://host.example:8786"])
def test_other_machines_need_a_lock_or_consent(address, monkeypatch):
    """192.0.2.0/24 is for examples: nobody is there."""
    monkeypatch.delenv(credentials.VARIABLE, raising=False)
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.1)
    with pytest.raises(footfall.DefinitionError, match=rf"{address}.*insecure=True"):
        footfall.open({}, engine=address)
    with pytest.raises(ConnectionError, match="nobody answers there"):
        footfall.open({}, engine=address, insecure=True)


def test_a_secret_of_spark_is_a_lock(monkeypatch, tmp_path):
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.1)
    credentials.write_properties(tmp_path / credentials.PROPERTIES, {"spark.authenticate.secret": "x"})
    monkeypatch.setenv(credentials.VARIABLE, str(tmp_path))
    with pytest.raises(ConnectionError, match="nobody answers there"):
        footfall.open({}, engine="spark://192.0.2.1:7077")


def test_tls_without_a_key_says_where_keys_come_from(live_clusters, monkeypatch, tmp_path):
    started, _ = live_clusters("dask")
    monkeypatch.delenv(credentials.VARIABLE, raising=False)
    with pytest.raises(footfall.DefinitionError, match=rf"{credentials.VARIABLE}.*distributed\.comm\.tls"):
        connect._connected(*started.address.split("://"))
    monkeypatch.setenv(credentials.VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(footfall.DefinitionError, match=r"there is no folder .*gone"):
        connect._connected(*started.address.split("://"))


OWNER = """
import sys, dask, footfall
from footfall.verify import first_difference
engine, city, configured = sys.argv[1:]
if configured:
    key, certificate = f"{configured}/key.pem", f"{configured}/certificate.pem"
    dask.config.set({"distributed.comm.tls": {
        "ca-file": certificate, "client": {"key": key, "cert": certificate}, "ciphers": None,
        "min-version": None, "max-version": None, "scheduler": {"key": None, "cert": None},
        "worker": {"key": None, "cert": None}}})
data = footfall.open(city, tz="America/Recife", engine=engine, progress=False)
ours = footfall.open(city, tz="America/Recife", progress=False)
print(first_difference(ours.establishment_visits().to_arrow(), data.establishment_visits().to_arrow()))
"""


SPARK = pytest.param("spark", "environment", marks=pytest.mark.slow)


@pytest.mark.parametrize("name, how", [("dask", "environment"), ("dask", "configuration"), SPARK])
def test_the_owner_works_from_another_process(name, how, city):
    """The folder that the command prints, and Dask's own configuration."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment.pop(credentials.VARIABLE, None)
    with cluster.start(name) as started:
        if how == "environment":
            environment[credentials.VARIABLE] = str(started.credentials)
        configured = str(started.credentials) if how == "configuration" else ""
        command = [sys.executable, "-c", OWNER, started.address, str(city), configured]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout.strip().endswith("None")


def test_properties_are_read_as_spark_reads_them(tmp_path):
    (tmp_path / "spark.conf").write_text("# ours\n\nspark.authenticate true\nspark.a=b=c\n  spark.d   e f \n")
    found = credentials.read_properties(tmp_path / "spark.conf")
    assert found == {"spark.authenticate": "true", "spark.a": "b=c", "spark.d": "e f"}


def test_the_command_tells_where_the_credentials_are(tmp_path):
    script = f"import sys; sys.path[:0] = {sys.path!r}; from footfall.cli import main; main()"
    command = [sys.executable, "-c", script, "cluster", "local", "--engine", "dask", "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = ""
    for line in process.stdout:
        told += line
        if "Ctrl-C" in line:
            break
    folder = Path(re.search(rf"^export {credentials.VARIABLE}=(\S+)$", told, re.M)[1])
    assert (folder / credentials.KEY).is_file() and "http://" not in told
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert not folder.exists()
