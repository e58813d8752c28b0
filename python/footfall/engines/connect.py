"""Connections to clusters, by name or address; one of each, as long as the process lives."""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING, Any

from footfall.engines.protocol import Cluster
from footfall.errors import DefinitionError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONNECT_SECONDS = 10


@cache
def local(name: str) -> Cluster:
    """Return the cluster of one master and two workers on this machine; it starts now and ends with the process."""
    from footfall.engines import cluster

    started = cluster.start(name)
    atexit.register(started.stop)
    return remote(name, started.address.partition("://")[2])


@cache
def remote(name: str, address: str) -> Cluster:
    """Return the cluster whose scheduler or master listens at `address`, ``host:port``.

    Raises
    ------
    ConnectionError
        If nobody answers there.
    """
    return {"dask": _dask, "spark": _spark}[name](address)


def _dask(address: str) -> Cluster:
    from distributed import Client

    from footfall.engines.dask import DaskCluster

    try:
        client: Any = Client(f"tcp://{address}", timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise ConnectionError(f"engine: no Dask scheduler answers at {address}") from error
    atexit.register(client.close)
    return DaskCluster(client)


def _spark(address: str) -> Cluster:
    from footfall.engines.spark import SparkCluster

    session = _spark_session(f"spark://{address}")
    atexit.register(session.stop)
    return SparkCluster(session)


def _spark_session(master: str) -> SparkSession:
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        if active.sparkContext.master == master:
            return active
        reason = f"a SparkSession on {active.sparkContext.master} is running; stop it, or give it as engine="
        raise DefinitionError(f"engine = {master!r}: {reason}")
    builder = SparkSession.builder.master(master).appName("footfall").config("spark.ui.showConsoleProgress", "false")
    if master.startswith("spark://127.0.0.1:"):
        # Nothing of a cluster on this machine need be seen from others.
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    return builder.getOrCreate()
