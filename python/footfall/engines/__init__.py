"""Where the work is done: this machine, or the workers of a Dask or Spark cluster.

A module here is imported when its engine is asked for.
"""

from __future__ import annotations

from typing import Any

from footfall.engines.protocol import Cluster, Session
from footfall.errors import DefinitionError

CLUSTERS = ("dask", "spark")
ENGINES = ("local", *CLUSTERS)


def open_session(engine: Any, root: str | None, tables: dict[str, Any], **settings: Any) -> Session:
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

    return distributed.open_session(cluster_of(engine), root, tables, **settings)


def cluster_of(engine: Any) -> Cluster:
    """Return the cluster that `engine` names or is."""
    library = type(engine).__module__.partition(".")[0]
    if library == "distributed":
        from footfall.engines.dask import DaskCluster

        return DaskCluster(engine)
    if library == "pyspark":
        from footfall.engines.spark import SparkCluster

        return SparkCluster(engine)
    if isinstance(engine, str):
        from footfall.engines import connect

        name, has_address, address = engine.partition("://")
        if name in CLUSTERS and bool(has_address) == bool(address):
            return connect.remote(name, address) if address else connect.local(name)
    expected = "local, dask, spark, dask://host:port, spark://host:port, a distributed.Client or a SparkSession"
    raise DefinitionError(f"engine = {engine!r}: expected {expected}")
