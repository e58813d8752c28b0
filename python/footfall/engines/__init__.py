"""Where the work is done: this machine, or the workers of a Dask or Spark cluster.

A module here is imported when its engine is asked for.
"""

from __future__ import annotations

from typing import Any

from footfall.engines.protocol import Adapter, Session
from footfall.errors import DefinitionError

STARTED = ("dask", "spark")
REACHED = ("dask", "dask+tls", "spark")


def open_session(
    engine: Any, root: str | None, tables: dict[str, Any], *, insecure: bool = False, **settings: Any
) -> Session:
    """Open a session on `engine`; see `footfall.open`.

    Raises
    ------
    DefinitionError
        If there is no such engine, or a worker has another version of Footfall.
    """
    if engine == "local":
        from footfall.engines import local

        return local.open_session(root, tables, **settings)
    from footfall.engines import distributed

    return distributed.open_session(adapter(engine, insecure=insecure), root, tables, **settings)


def adapter(engine: Any, *, insecure: bool = False) -> Adapter:
    """Return the adapter of the cluster that `engine` names or is connected to."""
    from footfall.engines import connect

    if isinstance(engine, str):
        name, address = _parts(engine)
        return connect.remote(name, address, insecure=insecure) if address else connect.local(name)
    found = connect.adapter_of(engine)
    if found is None:
        raise _unknown(engine)
    return found


def check_name(engine: str) -> None:
    """Raise DefinitionError if there is no engine of that name, or it is not installed; nothing is started."""
    if engine != "local":
        from footfall.engines import cluster

        cluster.check_installed(_parts(engine)[0].partition("+")[0])


def _parts(engine: str) -> tuple[str, str]:
    """Return the name of a cluster's engine, and its address; no address for a cluster that is started."""
    name, has_address, address = engine.partition("://")
    if name in (REACHED if has_address else STARTED) and bool(has_address) == bool(address):
        return name, address
    raise _unknown(engine)


def _unknown(engine: Any) -> DefinitionError:
    expected = (
        "local, dask, spark, dask+tls://host:port, dask://host:port, spark://host:port, a distributed.Client"
        " or a SparkSession"
    )
    return DefinitionError(f"engine = {engine!r}: expected {expected}")
