"""Connections to clusters, by name or address; one of each, as long as the process lives."""

from __future__ import annotations

import atexit
import socket
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from footfall.engines.protocol import Adapter

CONNECT_SECONDS = 10


@lru_cache(maxsize=4)
def adapter_of(connection: Any) -> Adapter | None:
    """Return the adapter of a ``distributed.Client`` or a ``SparkSession``; None for anything else.

    Its workers are asked for their version once.
    """
    library = type(connection).__module__.partition(".")[0]
    if library == "distributed":
        from footfall.engines.dask import DaskAdapter

        return DaskAdapter(connection)
    if library == "pyspark":
        from footfall.engines.spark import SparkAdapter

        return SparkAdapter(connection)
    return None


@cache
def local(name: str) -> Adapter | None:
    """Return the cluster of one master and two workers on this machine; it starts now and ends with the process."""
    from footfall.engines import cluster

    started = cluster.start(name)
    atexit.register(started.stop)
    return _kept(started.connect())


@cache
def remote(name: str, address: str) -> Adapter | None:
    """Return the cluster whose scheduler or master listens at `address`, ``host:port``.

    Raises
    ------
    DefinitionError
        If the engine is not installed.
    ConnectionError
        If nobody answers there.
    """
    from footfall.engines import cluster

    cluster.check_installed(name)
    _check_there(name, address)
    return _kept(import_module(f"footfall.engines.cluster.{name}").connect(address))


def _check_there(name: str, address: str) -> None:
    # Spark tries for minutes, and says so to nobody who listens.
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(f"engine = '{name}://{address}': nobody answers there: {error}") from error


def _kept(connection: Any) -> Adapter | None:
    atexit.register(connection.stop if hasattr(connection, "stop") else connection.close)
    return adapter_of(connection)
