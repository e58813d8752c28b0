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

    found = None
    if isinstance(engine, str):
        name, has_address, address = engine.partition("://")
        if not has_address and name in STARTED:
            return connect.local(name)
        if address and name in REACHED:
            return connect.remote(name, address, insecure=insecure)
    else:
        found = connect.adapter_of(engine)
    if found is None:
        expected = (
            "local, dask, spark, dask+tls://host:port, dask://host:port, spark://host:port, a distributed.Client"
            " or a SparkSession"
        )
        raise DefinitionError(f"engine = {engine!r}: expected {expected}")
    return found
