"""Connections to clusters, by name or address; one of each, until nobody uses it or the process ends."""

from __future__ import annotations

import atexit
import ipaddress
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Callable
from weakref import WeakSet

from footfall.engines.protocol import Adapter
from footfall.errors import DefinitionError

CONNECT_SECONDS = 10


class Connection:
    """A connection that we made, what ends it, and the tables that are worked on by it."""

    def __init__(self, adapter: Adapter, end: Callable[[], None]) -> None:
        self.adapter = adapter
        self.users: WeakSet[Any] = WeakSet()
        self._end = end
        self._owner = os.getpid()
        atexit.register(self.end)

    def end(self) -> None:
        """End it, and the cluster if it was started for it."""
        atexit.unregister(self.end)
        # A fork of the process has no say.
        if os.getpid() == self._owner:
            self._end()


#: By process, since a fork cannot use what its parent made; by name and address.
_made: dict[tuple[int, str, str], Connection] = {}


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


def local(name: str, settings: Mapping[str, Any] = MappingProxyType({})) -> Adapter:
    """Return the cluster of one master and two workers on this machine; it starts if it does not run.

    Parameters
    ----------
    name : str
        ``dask`` or ``spark``.
    settings : mapping
        Of a new connection.
    """
    return _connection(name, "", settings, _started).adapter


def remote(
    name: str, address: str, *, insecure: bool = False, settings: Mapping[str, Any] = MappingProxyType({})
) -> Adapter:
    """Return the cluster whose scheduler or master listens at `address`.

    Parameters
    ----------
    name : str
        ``dask``, ``dask+tls`` or ``spark``.
    address : str
        ``host:port``.
    insecure : bool
        Go to other machines, too, without a key or a secret.
    settings : mapping
        Of a new connection.

    Raises
    ------
    DefinitionError
        If the engine is not installed, has no credentials, or would send rows and code where others can change them.
    ConnectionError
        If nobody answers there.
    """
    kind = _kind(name)
    if not insecure and not _is_loopback(address) and kind.is_open(f"{name}://{address}"):
        raise DefinitionError(
            f"engine = '{name}://{address}': whoever is on the way to that machine can read the rows and run code; "
            f"{kind.CLOSED}, or say insecure=True (--insecure)"
        )
    return _connection(name, address, settings, _connected).adapter


def use(adapter: Adapter, user: Any) -> None:
    """Note that `user` works by `adapter`: its connection is not ended before it leaves, or is no more."""
    for connection in _made.values():
        if connection.adapter is adapter:
            connection.users.add(user)


def leave(adapter: Adapter, user: Any) -> None:
    """End the connection of `adapter`, and the cluster if it was started for it, unless others than `user` use it."""
    for key, connection in list(_made.items()):
        if connection.adapter is adapter and key[0] == os.getpid():
            connection.users.discard(user)
            if not connection.users:
                del _made[key]
                # It keeps connections that have ended, too.
                adapter_of.cache_clear()
                connection.end()


_Make = Callable[[str, str, Mapping[str, Any]], Connection]


def _connection(name: str, address: str, settings: Mapping[str, Any], make: _Make) -> Connection:
    key = os.getpid(), name, address
    if key not in _made:
        _made[key] = make(name, address, settings)
    return _made[key]


def _started(name: str, _: str, settings: Mapping[str, Any]) -> Connection:
    from footfall.engines import cluster

    started = cluster.start(name)
    try:
        return _of(started.connect(**settings), started.stop)
    except BaseException:
        started.stop()
        raise


def _connected(name: str, address: str, settings: Mapping[str, Any] = MappingProxyType({})) -> Connection:
    _check_there(name, address)
    return _of(_kind(name).connect(f"{name}://{address}", settings=settings), lambda: None)


def _kind(name: str) -> Any:
    """Return the module that knows how to reach this kind of cluster."""
    from footfall.engines import cluster

    engine = name.partition("+")[0]
    cluster.check_installed(engine)
    return import_module(f"footfall.engines.cluster.{engine}")


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_there(name: str, address: str) -> None:
    # Spark tries for minutes, and says so to nobody who listens.
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(f"engine = '{name}://{address}': nobody answers there: {error}") from error


def _of(live: Any, end_cluster: Callable[[], None]) -> Connection:
    """Return the connection `live`, of a library, as ours."""
    close = live.stop if hasattr(live, "stop") else live.close

    def end() -> None:
        with suppress(Exception):  # A connection to a cluster that is no more cannot be closed well.
            close()
        end_cluster()

    try:
        adapter = adapter_of(live)
    except BaseException:
        end()
        raise
    assert adapter is not None, "it is of one of the two libraries"
    return Connection(adapter, end)
