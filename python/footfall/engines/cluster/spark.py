"""Spark: a standalone master and workers, started as Java without the scripts, which start Java twice.

All of them, and the driver, have the same secret, and speak to nobody who has not.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from footfall.engines.cluster import credentials as stored
from footfall.engines.cluster import java
from footfall.engines.cluster.processes import HOST, Size, log_of, search_path
from footfall.errors import DefinitionError

_WHO = "engine = 'spark'"
# Spark's own: an executor's heap must be 1.5 times the 300 MiB that it reserves.
LEAST_MEMORY_MIB = 450

# A master and a worker only pass messages on: starting fast is all they need.
_DAEMON = [
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Djava.net.preferIPv4Stack=true",
]
CLOSED = (
    f"give it spark.authenticate and a secret, with a {stored.PROPERTIES} that says so in the folder that "
    f"{stored.VARIABLE} names"
)
_CLOSED = {
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.network.crypto.saslFallback": "false",
}
_SECRET = "spark.authenticate.secret"
_OF_DAEMONS = {
    # Else anybody who reaches port 6066 can run programs here.
    "spark.master.rest.enabled": "false",
    "spark.ui.killEnabled": "false",
    "spark.master.ui.decommission.allow.mode": "DENY",
}
_STORE = "pages.p12"
_LISTENS = re.compile(r"Starting Spark master at (spark://[\d.]+:\d+)\s")
_WORKER = re.compile(r"Registering worker ([\d.]+:\d+) with")
_PAGE = re.compile(r"Bound \w+ to .* and started at http://[^\s:]+:(\d+)\s")


def check(size: Size) -> None:
    """Raise DefinitionError if Java is not there or too old, or a worker too small."""
    if size.memory_mib < LEAST_MEMORY_MIB:
        raise DefinitionError(f"memory = {size.memory_bytes}: a Spark worker needs at least {LEAST_MEMORY_MIB}MiB")
    java.check(_WHO)


class Plan:
    """The processes of a cluster: where they listen, and who is there, they tell in their logs."""

    def __init__(self, size: Size, folder: Path, credentials: Path, pages: bool) -> None:
        self._size = size
        self._folder = folder
        self._pages = pages
        self._properties = credentials / "daemons.conf"
        closed = new_secret()
        stored.write_properties(credentials / stored.PROPERTIES, closed)
        stored.write_properties(self._properties, daemon_properties(closed, None if pages else credentials))

    @property
    def environment(self) -> dict[str, str]:
        """What all processes are told."""
        local = str(self._folder / "local")
        return {**_loopback(), "SPARK_LOCAL_DIRS": local, "SPARK_SCALA_VERSION": scala_version()}

    def commands(self) -> dict[str, list[str]]:
        """Return the command of the master."""
        return {"master": self._daemon("master.Master")}

    def commands_at(self, address: str) -> dict[str, list[str]]:
        """Return the commands of the workers."""
        return {f"worker {number}": self._worker(number, address) for number in range(self._size.workers)}

    def address(self) -> str | None:
        """Return where the master listens; None if it does not yet."""
        found = _LISTENS.search(self._log("master"))
        return found and found[1]

    def workers_there(self, address: str) -> int:
        """Return how many workers the master has registered."""
        return len(set(_WORKER.findall(self._log("master"))))

    def pages(self, address: str) -> dict[str, str]:
        """Return the web pages, by process."""
        if not self._pages:
            return {}
        logs = {name: self._log(name) for name in (*self.commands(), *self.commands_at(address))}
        ports = {name: _PAGE.search(log) for name, log in logs.items()}
        return {name: f"http://{HOST}:{port[1]}" for name, port in ports.items() if port is not None}

    def _worker(self, number: int, address: str) -> list[str]:
        size = ["--cores", str(self._size.threads), "--memory", f"{self._size.memory_mib}m"]
        return [*self._daemon("worker.Worker"), *size, "--work-dir", str(self._folder / f"{number}"), address]

    def _daemon(self, name: str) -> list[str]:
        return daemon_command(name, HOST, 0, self._properties)

    def _log(self, name: str) -> str:
        return log_of(self._folder, name).read_text(encoding="utf-8", errors="replace")


def new_secret() -> dict[str, str]:
    """Return the properties of a cluster with a new secret, which all its processes and drivers have."""
    return {**_CLOSED, _SECRET: stored.secret()}


def daemon_properties(closed: Mapping[str, str], locked: Path | None) -> dict[str, str]:
    """Return the properties of a master or worker, whose web pages a new key in the folder `locked` shuts."""
    return {**closed, **_OF_DAEMONS, **({} if locked is None else _locked(locked))}


def daemon_command(name: str, host: str, port: int, properties: Path) -> list[str]:
    """Return the command of ``master.Master`` or ``worker.Worker``, to which more may be added."""
    command = [java.find(_WHO), *_DAEMON, "-cp", str(home() / "jars" / "*"), f"org.apache.spark.deploy.{name}"]
    where = ["--host", host, "--port", str(port), "--webui-port", "0"]
    return [*command, *where, "--properties-file", str(properties)]


def connect(
    address: str,
    size: Size | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
    *,
    credentials: Path | None = None,
    pages: bool = False,
) -> Any:
    """Return a session whose driver is this process; of a cluster on this machine, nothing is open to others.

    Parameters
    ----------
    address : str
        ``spark://host:port`` of the master.
    size : Size, optional
        What each worker has: executors fill it.
    settings : mapping
        Of the session.
    credentials : path, optional
        The folder with the secret; by default what the environment names.
    pages : bool
        Show the driver's web page.

    Raises
    ------
    DefinitionError
        If this process has a session of another master.
    """
    # What we send to Spark is Arrow data, for which no version of pandas matters.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    here = address.startswith(f"spark://{HOST}:")
    public = {**_own_settings(here, size, pages), **settings}
    builder = SparkSession.builder.master(address).appName("footfall")
    for name, value in public.items():
        builder = builder.config(name, value)
    with _environment(_loopback() if here else {}):
        SparkContext._ensure_initialized(conf=_without_java(public))
        with _told(SparkContext._jvm, _secrets(credentials)):
            session = builder.getOrCreate()
    if session.sparkContext.master != address:
        raise DefinitionError(
            f"a Spark session of {session.sparkContext.master} is live in this process; stop it, or give it as engine="
        )
    return session


def is_open(address: str) -> bool:
    """Return whether anybody who reaches the address can use the cluster, as far as we know."""
    return _SECRET not in _secrets(None)


def _own_settings(here: bool, size: Size | None, pages: bool) -> dict[str, Any]:
    own: dict[str, Any] = {"spark.ui.showConsoleProgress": False, "spark.ui.enabled": pages}
    own |= {"spark.ui.killEnabled": False, "spark.python.task.killTimeout": "100ms"}
    # Workers tell their version all at once: Spark looks 40 times whether they are there, each 15 s unless told.
    own["spark.scheduler.barrier.maxConcurrentTasksCheck.interval"] = "3s"
    if here:
        own |= {"spark.driver.bindAddress": HOST, "spark.driver.host": HOST, "spark.ui.port": 0}
    if size is not None:
        own["spark.executor.memory"] = f"{size.memory_mib}m"
    return own


def _without_java(settings: Mapping[str, Any]) -> Any:
    """Return a configuration with which the driver's Java starts, for what it must know by then: its memory, say."""
    from pyspark import SparkConf

    conf = SparkConf(loadDefaults=False)
    for name, value in settings.items():
        conf.set(name, str(value))
    return conf


def _secrets(credentials: Path | None) -> dict[str, str]:
    folder = credentials or stored.folder_with(stored.PROPERTIES)
    return {} if folder is None else stored.read_properties(folder / stored.PROPERTIES)


@contextmanager
def _told(virtual_machine: Any, properties: Mapping[str, str]) -> Iterator[None]:
    """Tell the driver's Java, while it makes its session, what stands in no command line, since ``ps`` shows those."""
    system = virtual_machine.java.lang.System
    before = {name: system.getProperty(name) for name in properties}
    for name, value in properties.items():
        system.setProperty(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                system.clearProperty(name)
            else:
                system.setProperty(name, value)


def _locked(credentials: Path) -> dict[str, str]:
    """Return what shuts the web pages, which Spark always serves: to those who have a key that nobody has."""
    store = credentials / _STORE
    password = stored.write_key_store(store)
    settings = {"enabled": "true", "needClientAuth": "true"}
    for kind in ("keyStore", "trustStore"):
        settings |= {kind: str(store), f"{kind}Password": password, f"{kind}Type": "PKCS12"}
    return {f"spark.ssl.standalone.{name}": value for name, value in settings.items()}


def _loopback() -> dict[str, str]:
    """Return what a master, a worker and a driver here all need to know."""
    return {
        "SPARK_HOME": str(home()),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": search_path(),
    }


def home() -> Path:
    """Return Spark's folder by the same rule as pyspark itself."""
    if "SPARK_HOME" in os.environ:
        return Path(os.environ["SPARK_HOME"])
    package = find_spec("pyspark")
    assert package is not None and package.origin is not None, "it was found before"
    return Path(package.origin).parent


def scala_version() -> str:
    """Return what the scripts would tell a worker, which refuses to start executors without it."""
    jar = next((home() / "jars").glob("spark-core_*.jar"))
    return jar.name.split("_")[1].split("-")[0]


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
