"""A broker of one's own on a machine that others use, too; and how clients are told where brokers are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import brokers
import machine
import pytest
import strangers

import footfall
from footfall.live import kafka
from footfall.live.kafka import client
from footfall.live.kafka.client import VARIABLE, Connections
from footfall.live.kafka.local import jars


@pytest.fixture
def own(kafka_broker):
    if isinstance(kafka_broker, brokers.Named):
        pytest.skip(f"{VARIABLE} names a broker of somebody else")
    return kafka_broker


def passwords(broker):
    """All that must not be known: the client's password and the controller's."""
    server = (broker.properties.parent / "server.properties").read_text(encoding="utf-8")
    own = server.split('user_controller="')[1].split('"')[0]
    return [broker.client["sasl.password"], own]


def test_every_socket_is_on_loopback_and_asks_for_a_password(own):
    from confluent_kafka import KafkaException

    sockets = machine.listening(machine.family(own.pid))
    assert len(sockets) == 2 and {address.removeprefix("[::ffff:").strip("]") for address, _ in sockets} == {
        "127.0.0.1"
    }
    wrong = {"sasl.username": "footfall", "sasl.password": "guessed"}
    for _, port in sockets:
        for settings in (
            {"security.protocol": "PLAINTEXT"},
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", **wrong},
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", **wrong},
        ):
            stranger = Connections({"bootstrap.servers": f"127.0.0.1:{port}", **settings}).admin()
            with pytest.raises(KafkaException):
                stranger.list_topics(timeout=3)
    assert Connections(own.client).admin().list_topics(timeout=brokers.PATIENCE_S).brokers


def test_nobody_else_can_read_the_passwords_of_the_broker(own):
    assert not strangers.can_read(own.properties)
    assert not strangers.can_read(own.properties.parent / "server.properties")
    assert len(set(passwords(own))) == 2 and all(len(password) == 64 for password in passwords(own))


def command_lines():
    """What `ps` shows of all processes, without the time that it takes to start it."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_bytes().replace(b"\0", b" ").decode(errors="replace")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc here")
def test_the_command_starts_a_broker_shows_no_password_and_stops_it(tmp_path):
    """Nor does `ps`, at any time of the start."""
    seen, over = set(), threading.Event()

    def look():
        while not over.is_set():
            seen.update(command_lines())
            time.sleep(0.02)

    looking = threading.Thread(target=look)
    looking.start()
    command = [*brokers.COMMAND, "kafka", "local"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    first = process.stdout.readline()
    exported = process.stdout.readline().strip()
    over.set()
    looking.join()
    assert first.startswith("Kafka broker at 127.0.0.1:")
    pid = int(first.rsplit(None, 1)[1])
    properties = Path(exported.removeprefix(f"export {VARIABLE}="))
    settings = client.settings(files=[properties])
    for program in ("kafka.Kafka", "format.args"):
        assert any(program in line for line in seen), program
    assert not any(settings["sasl.password"] in line for line in seen)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=brokers.PATIENCE_S)
    assert process.returncode == 0 and settings["sasl.password"] not in first + rest
    assert not properties.exists() and not Path(f"/proc/{pid}").exists()


@pytest.mark.slow
def test_a_broker_ends_with_the_one_who_started_it_however_he_ends(tmp_path):
    script = (
        "import time; from footfall.live import kafka; print(kafka.broker.start().pid, flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.communicate()
    brokers.wait_for(lambda: not Path(f"/proc/{pid}").exists(), lambda: "the broker lives")
    brokers.wait_for(lambda: not list(tmp_path.iterdir()), lambda: list(tmp_path.iterdir()))


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(footfall.DefinitionError, match=r"footfall kafka local: needs Java 17 .* JAVA_HOME=/nowhere"):
        kafka.broker.start()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(footfall.DefinitionError, match=r"no mvn is on the PATH"):
        jars.folder()
    mvn = tmp_path / "mvn"
    mvn.write_text("#!/bin/sh\necho '[ERROR] no such repository'; exit 3\n", encoding="utf-8")
    mvn.chmod(0o755)
    with pytest.raises(ChildProcessError, match=r"exit code 3\):\n    \[ERROR\] no such repository"):
        jars.folder()
    assert (tmp_path / "footfall").stat().st_mode & 0o777 == 0o700
    assert not list((tmp_path / "footfall").iterdir()), "half of the jars would be taken for all"


def test_settings_come_from_files_pairs_and_the_environment(monkeypatch, tmp_path):
    file = tmp_path / "client.properties"
    file.write_text("# ours\nbootstrap.servers=kafka:9092\nsecurity.protocol=SASL_SSL\nsasl.password=a=b#c\n", "utf-8")
    wanted = {"bootstrap.servers": "kafka:9092", "security.protocol": "SASL_SSL", "sasl.password": "a=b#c"}
    assert client.settings(files=[file]) == wanted
    assert client.settings("here:1", [file], ["client.id=x"]) == {
        **wanted,
        "bootstrap.servers": "here:1",
        "client.id": "x",
    }
    monkeypatch.setenv(VARIABLE, str(file))
    assert client.settings() == wanted
    monkeypatch.setenv(VARIABLE, "127.0.0.1:9092")
    assert client.settings() == {"bootstrap.servers": "127.0.0.1:9092"}


@pytest.mark.parametrize(
    ("bootstrap", "pairs", "named", "told"),
    [
        (None, [], None, "no broker is named"),
        (None, [], "/nowhere/client.properties", "has the broker been stopped"),
        ("kafka.example:9092", [], None, "say how what goes there is kept from others"),
        ("localhost:1,kafka.example:9092", [], None, "Kafka at kafka.example:9092"),
        ("localhost:1", ["sasl.password=x"], None, "others see command lines"),
        ("localhost:1", ["group.id=x"], None, "group.id is decided by Footfall"),
        ("localhost:1", ["nonsense"], None, "is not written name=value"),
    ],
)
def test_settings_that_will_not_do_are_refused(monkeypatch, bootstrap, pairs, named, told):
    monkeypatch.delenv(VARIABLE, raising=False)
    if named is not None:
        monkeypatch.setenv(VARIABLE, named)
    with pytest.raises(footfall.DefinitionError, match=told):
        client.settings(bootstrap, pairs=pairs)


def test_a_setting_that_librdkafka_does_not_know_is_named():
    with pytest.raises(footfall.DefinitionError, match=r'No such configuration property: "no\.such"'):
        Connections({"bootstrap.servers": "127.0.0.1:1", "no.such": "1"}).admin()


def test_a_broker_that_is_not_there_is_an_error_that_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr("footfall.live.kafka.topics.ASK_SECONDS", 2)
    with pytest.raises(ConnectionError, match=r"Kafka at 127\.0\.0\.1:1: "):
        kafka.feed(None, "pings", {"bootstrap.servers": "127.0.0.1:1"})


def test_clients_in_java_get_the_same_connection(own):
    java = client.for_java(own.client)
    assert java["security.protocol"] == "SASL_PLAINTEXT" and java["sasl.mechanism"] == "SCRAM-SHA-256"
    assert f'password="{own.client["sasl.password"]}";' in java["sasl.jaas.config"]
    quoted = client.for_java({"sasl.mechanism": "PLAIN", "sasl.username": "a", "sasl.password": 'x"\\'})
    assert quoted["sasl.jaas.config"].endswith('username="a" password="x\\"\\\\";')
