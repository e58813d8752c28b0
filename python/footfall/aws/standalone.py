"""Spark's own master or worker on a node without YARN, for those who have the cluster's secret."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from footfall.engines.cluster import credentials as stored
from footfall.engines.cluster import spark

#: MiB of a worker's share that are its own Java's. Of the rest, executors' Java has a half: our code runs beside it.
_OWN = 256


def heaps(share: int) -> int:
    """Return the MiB of a worker's share that are for the Java heaps of its executors.

    Examples
    --------
    >>> heaps(2304)
    1024
    """
    return (share - _OWN) // 2


def command(told: argparse.Namespace, properties: Path) -> list[str]:
    """Return the command of a master or a worker."""
    if told.role == "master":
        return spark.daemon_command("master.Master", told.host, told.port, properties)
    started = spark.daemon_command("worker.Worker", told.host, 0, properties)
    size = ["--cores", str(told.cores), "--memory", f"{heaps(told.memory)}m"]
    return [*started, *size, "--work-dir", str(told.state / "work"), f"spark://{told.master}"]


def environment(told: argparse.Namespace) -> dict[str, str]:
    """Return what it is told beside what this process knows."""
    own = {"SPARK_HOME": str(spark.home()), "SPARK_LOCAL_IP": told.host, "SPARK_LOCAL_DIRS": str(told.state / "local")}
    return {**os.environ, **own, "PYSPARK_PYTHON": sys.executable, "SPARK_SCALA_VERSION": spark.scala_version()}


def _fresh(folder: Path) -> Path:
    """Return a folder that is empty and its owner's alone: what an earlier start left there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return folder


def main() -> None:
    """Become the master or the worker."""
    parser = argparse.ArgumentParser(prog="python -m footfall.aws.standalone", description=__doc__)
    parser.add_argument("role", choices=["master", "worker"])
    parser.add_argument("--host", required=True, help="address of this node")
    parser.add_argument("--credentials", type=Path, required=True, help="folder with the secret")
    parser.add_argument("--state", type=Path, required=True, help="folder for what it writes")
    parser.add_argument("--port", type=int, default=7077, help="of a master")
    parser.add_argument("--master", help="host:port, of a worker")
    parser.add_argument("--cores", type=int, help="of a worker")
    parser.add_argument("--memory", type=int, metavar="MIB", help="share of a worker")
    told = parser.parse_args()
    properties = _fresh(told.state / "own") / "daemon.conf"
    closed = stored.read_properties(told.credentials / stored.PROPERTIES)
    stored.write_properties(properties, spark.daemon_properties(closed, properties.parent))
    started = command(told, properties)
    os.execve(started[0], started, environment(told))


if __name__ == "__main__":
    main()
