"""A broker on this machine: Apache Kafka in KRaft mode, one process, on loopback only, for its owner only.

>>> from footfall.live.kafka import broker
>>> with broker.start() as local:  # doctest: +SKIP
...     print(local.address, local.properties)
127.0.0.1:40123 /tmp/footfall-kafka-x1y2/client.properties

Other users of the machine reach every port of loopback, so that each listener asks for a password. Clients prove theirs
by SCRAM, which gives it to nobody, and have the broker prove that it knows it.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import time
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from footfall.engines.cluster import credentials, java
from footfall.engines.cluster.processes import HOST, Processes, log_of
from footfall.live.kafka import client
from footfall.live.kafka.local import jars

READY_SECONDS = 180
_POLL_SECONDS = 0.05
_WHO = "footfall kafka local"
_NAME = "broker"
_USER = "footfall"
_HEAP = "-Xmx512m"
_CLIENTS, _CONTROLLER = "CLIENTS", "CONTROLLER"
_LISTENS = re.compile(rf"Awaiting socket connections on {re.escape(HOST)}:(\d+)\.")
_STARTED = "Kafka Server started"
_LOGS = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.network.DataPlaneAcceptor=info",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
]
_JAVA = ["-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true", *_LOGS]
_ALONE = (
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
)


class Broker:
    """A broker, until `stop`, the end of a ``with``, or the end of this process, however it ends.

    Attributes
    ----------
    address : str
        ``127.0.0.1:PORT``.
    properties : pathlib.Path
        The file, readable for its owner alone, that clients need: librdkafka's settings with the password.
    client : dict of str to str
        The same settings.
    """

    def __init__(self) -> None:
        java.check(_WHO)
        self._jars = jars.folder()
        self._processes = Processes("kafka")
        self._stop = weakref.finalize(self, self._processes.stop)
        self._folder = self._processes.folder
        self.properties = self._folder / "client.properties"
        self._password, self._controller = credentials.secret(), _free_port()
        self._own_password = credentials.secret()
        try:
            self._format()
            self.address = f"{HOST}:{self._started(0)}"
            self.client = _client_settings(self.address, self._password)
            credentials.write(self.properties, client.as_file(self.client).encode())
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The process id of the broker."""
        return self._processes.ids()[_NAME]

    def ended(self) -> dict[str, str]:
        """Tell how the broker ended, if it runs no more."""
        return self._processes.ended()

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process by a signal, and start it again at the same address with the same logs."""
        os.kill(self.pid, number)
        while not self.ended():
            time.sleep(_POLL_SECONDS)
        self._started(int(self.address.rpartition(":")[2]))

    def stop(self) -> None:
        """End the broker and remove its folder, with all topics; again does nothing."""
        self._stop()

    def __enter__(self) -> Broker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _format(self) -> None:
        """Make the log folder, in which the client's password is stored for SCRAM."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._write_settings(0)
        # Java reads its command line from the file, so that `ps` does not show the password.
        arguments = self._folder / "format.args"
        scram = f"SCRAM-SHA-256=[name={_USER},password={self._password}]"
        # An id may begin with a hyphen.
        tool = f"kafka.tools.StorageTool format --cluster-id={cluster} -c {self._settings} --standalone --add-scram"
        content = f'-XX:-UsePerfData -XX:TieredStopAtLevel=1\n-cp "{self._jars}/*"\n{tool} "{scram}"\n'
        credentials.write(arguments, content.encode())
        done = subprocess.run([java.find(_WHO), f"@{arguments}"], capture_output=True, text=True, timeout=READY_SECONDS)
        arguments.unlink()
        if done.returncode != 0:
            raise ChildProcessError(f"Kafka's StorageTool ended with exit code {done.returncode}:\n{done.stderr}")

    @property
    def _settings(self) -> Path:
        return self._folder / "server.properties"

    def _write_settings(self, port: int) -> None:
        with suppress(FileNotFoundError):
            self._settings.unlink()
        settings = _server_settings(port, self._controller, self._folder / "log", self._password, self._own_password)
        credentials.write(self._settings, client.as_file(settings).encode())

    def _started(self, port: int) -> int:
        """Start the process and return the port where it listens to clients."""
        self._write_settings(port)
        command = [java.find(_WHO), _HEAP, *_JAVA, "-cp", f"{self._jars}/*", "kafka.Kafka", str(self._settings)]
        self._processes.start({_NAME: command}, {})
        return self._waited_for()

    def _waited_for(self) -> int:
        deadline = time.monotonic() + READY_SECONDS
        while _STARTED not in (log := log_of(self._folder, _NAME).read_text(encoding="utf-8", errors="replace")):
            for how in self.ended().values():
                raise ChildProcessError(how)
            if time.monotonic() > deadline:
                raise TimeoutError(f"the broker was not ready after {READY_SECONDS} s\n{self._processes.logs()}")
            time.sleep(_POLL_SECONDS)
        return next(port for port in map(int, _LISTENS.findall(log)) if port != self._controller)


def start() -> Broker:
    """Start a broker on this machine and return once it listens.

    Returns
    -------
    Broker

    Raises
    ------
    DefinitionError
        If Java or Maven is missing or too old.
    ChildProcessError
        If it ends at once, or its jars cannot be fetched; with the last lines of its log.
    TimeoutError
        If it does not listen after a minute.
    """
    return Broker()


def _client_settings(address: str, password: str) -> dict[str, str]:
    return {
        "bootstrap.servers": address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": _USER,
        "sasl.password": password,
    }


def _server_settings(port: int, controller: int, log: Path, password: str, own_password: str) -> dict[str, str]:
    """Return the settings of broker and controller in one process.

    The controller is asked before passwords of SCRAM can be looked up, so that it has one of its own in these settings.
    """
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    own = f'username="controller" password="{own_password}" user_controller="{own_password}"'
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller}",
        "listeners": f"{_CLIENTS}://{HOST}:{port},{_CONTROLLER}://{HOST}:{controller}",
        "controller.listener.names": _CONTROLLER,
        "inter.broker.listener.name": _CLIENTS,
        "listener.security.protocol.map": f"{_CONTROLLER}:SASL_PLAINTEXT,{_CLIENTS}:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": f"{plain} {own};",
        "listener.name.clients.scram-sha-256.sasl.jaas.config": (f'{scram} username="{_USER}" password="{password}";'),
        "log.dirs": str(log),
        "group.initial.rebalance.delay.ms": "0",
        # A broker that a busy machine keeps waiting for its default of 9 s would lose its partitions, to nobody.
        "broker.session.timeout.ms": "30000",
        # Partitions of the broker's own topics are files; fifty of each are for clusters.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        **dict.fromkeys(_ALONE, "1"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
