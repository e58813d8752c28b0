"""Spark: a standalone master and workers, started as Java without the scripts, which start Java twice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from footfall.engines.cluster.processes import HOST, Plan, Size, free_ports, search_path
from footfall.errors import DefinitionError

JAVA_VERSION = 17
# Spark's own: an executor's heap must be 1.5 times the 300 MiB that it reserves.
LEAST_MEMORY_MIB = 450

# A master and a worker only pass messages on: starting fast is all they need. Without retries, a port that somebody
# took in the meantime is an error at once, not another port.
_DAEMON = [
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Djava.net.preferIPv4Stack=true",
    "-Dspark.port.maxRetries=0",
    # Else anybody who reaches port 6066 can run programs here.
    "-Dspark.master.rest.enabled=false",
]


def check(size: Size) -> None:
    """Raise DefinitionError if Java is not there or too old, or a worker too small."""
    if size.memory_mib < LEAST_MEMORY_MIB:
        raise DefinitionError(f"memory = {size.memory_bytes}: a Spark worker needs at least {LEAST_MEMORY_MIB}MiB")
    told = _run_java("-version")
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    if found is None or int(found[1]) < JAVA_VERSION:
        first = (told.splitlines() or ["nothing"])[0]
        raise DefinitionError(f"engine = 'spark': needs Java {JAVA_VERSION} or later; {_java()} says: {first}")


def plan(size: Size, folder: Path) -> Plan:
    """Return the commands of a master and its workers."""
    port, page, *others = free_ports(2 + 2 * size.workers)
    pairs = list(zip(others[::2], others[1::2]))
    address = f"spark://{HOST}:{port}"
    commands = {"master": [*_daemon("master.Master"), *_where(port, page)]}
    commands |= {f"worker {n}": _worker(n, address, pair, size, folder) for n, pair in enumerate(pairs)}
    pages = {"master": f"http://{HOST}:{page}"}
    pages |= {f"worker {n}": f"http://{HOST}:{at}" for n, (_, at) in enumerate(pairs)}
    environment = {**_loopback(), "SPARK_LOCAL_DIRS": str(folder / "local"), "SPARK_SCALA_VERSION": _scala_version()}
    return Plan(address, pages, commands, environment, f"http://{HOST}:{page}/json/", _count_workers)


def connect(address: str, size: Size | None = None, settings: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Return a session whose driver is this process; of a cluster on this machine, nothing is open to others.

    Parameters
    ----------
    address : str
        ``host:port`` of the master.
    size : Size, optional
        What each worker has: executors fill it.
    settings : mapping
        Of the session.
    """
    from pyspark.sql import SparkSession

    master = f"spark://{address.partition('://')[2] or address}"
    here = master.startswith(f"spark://{HOST}:")
    own: dict[str, Any] = {"spark.ui.showConsoleProgress": False}
    if here:
        own |= {"spark.driver.bindAddress": HOST, "spark.driver.host": HOST, "spark.ui.port": 0}
    if size is not None:
        own["spark.executor.memory"] = f"{size.memory_mib}m"
    builder = SparkSession.builder.master(master).appName("footfall")
    for name, value in {**own, **settings}.items():
        builder = builder.config(name, value)
    with _environment(_loopback() if here else {}):
        session = builder.getOrCreate()
    if session.sparkContext.master != master:
        raise DefinitionError(
            f"a Spark session of {session.sparkContext.master} is live in this process; stop it, or give it as engine="
        )
    return session


def _count_workers(status: Any) -> int:
    return sum(worker["state"] == "ALIVE" for worker in status["workers"])


def _worker(number: int, address: str, ports: tuple[int, int], size: Size, folder: Path) -> list[str]:
    what = ["--cores", str(size.threads), "--memory", f"{size.memory_mib}m", "--work-dir", str(folder / f"{number}")]
    return [*_daemon("worker.Worker"), *_where(*ports), *what, address]


def _daemon(name: str) -> list[str]:
    return [_java(), *_DAEMON, "-cp", str(_home() / "jars" / "*"), f"org.apache.spark.deploy.{name}"]


def _where(port: int, page: int) -> list[str]:
    return ["--host", HOST, "--port", str(port), "--webui-port", str(page)]


def _loopback() -> dict[str, str]:
    """Return what a master, a worker and a driver here all need to know."""
    return {
        "SPARK_HOME": str(_home()),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": search_path(),
    }


def _home() -> Path:
    """Return Spark's folder by the same rule as pyspark itself."""
    if "SPARK_HOME" in os.environ:
        return Path(os.environ["SPARK_HOME"])
    package = find_spec("pyspark")
    assert package is not None and package.origin is not None, "it was found before"
    return Path(package.origin).parent


def _scala_version() -> str:
    """Return what the scripts would tell a worker, which refuses to start executors without it."""
    jar = next((_home() / "jars").glob("spark-core_*.jar"))
    return jar.name.split("_")[1].split("-")[0]


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java") if home else "java")
    if java is None:
        where = f"JAVA_HOME={home} has none" if home else "none is on the PATH"
        raise DefinitionError(f"engine = 'spark': needs Java {JAVA_VERSION} or later, and {where}")
    return java


def _run_java(*arguments: str) -> str:
    done = subprocess.run([_java(), *arguments], capture_output=True, text=True, timeout=60)
    return done.stderr + done.stdout


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
