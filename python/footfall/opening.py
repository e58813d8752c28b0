"""Opening a data set: what is where, and on which engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from footfall.dataset import Dataset, Opened
from footfall.definitions import Definitions
from footfall.engines import open_session
from footfall.errors import DefinitionError
from footfall.inputs import arrow, options, zones


def open(
    root: str | os.PathLike[str] | Mapping[str, Any],
    *,
    tz: str = "UTC",
    engine: Any = "local",
    insecure: bool = False,
    columns: Mapping[str, str] | None = None,
    definitions: Definitions | None = None,
    strict: bool = False,
    epoch_unit: str | None = None,
    threads: int | None = None,
    memory_limit: int | str | None = None,
    progress: bool = True,
) -> Dataset:
    """Open a data set; unless `strict`, nothing but schemas is read yet.

    Parameters
    ----------
    root : path or mapping
        A folder with a file, or a folder of files, per table (Parquet, CSV or JSON lines), or a mapping from
        table names to such paths or to anything that speaks the Arrow PyCapsule protocol (pyarrow, polars, pandas,
        DuckDB). The tables are establishments, ads, interactions and pings; each job needs only its own.
    tz : str
        IANA time zone of months, hours and weekdays.
    engine : str, distributed.Client or pyspark.sql.SparkSession
        Where the work is done: ``local``, this machine; ``dask`` or ``spark``, a cluster of one master and two workers
        that is started on this machine; ``dask+tls://host:8786``, ``dask://host:8786`` or ``spark://host:7077``, one
        that runs; or a connection to one. The answers are the same, to the bit.
    insecure : bool
        Go to a cluster on other machines by ``dask://``, or by ``spark://`` without a secret: whoever is on the way
        can read rows and run code.
    columns : mapping, optional
        Your column names, where they differ: ``{"user_id": "device", "pings.latitude": "lat"}``, ours to yours.
    definitions : Definitions, optional
        What a visit and an attributed visit are, and how wide the intervals.
    strict : bool
        Read everything now and raise `DataError` if a row cannot be used; by default such rows are left out, and
        `Dataset.check` counts them.
    epoch_unit : {"s", "ms", "us", "ns"}, optional
        The unit of timestamps that are integers.
    threads : int, optional
        By default one per core.
    memory_limit : int or str, optional
        Bytes, or text such as ``"2GiB"``: what work may hold, beyond which it spills to disk or is a `DefinitionError`.
        The small tables and the answer itself come on top.
    progress : bool
        Show a bar (rows and rate) for work that lasts, in a terminal or a notebook.

    Returns
    -------
    Dataset
        It never changes; `Dataset.sample` and `Dataset.between` return others.

    Raises
    ------
    DataError
        If a file cannot be read, or a column is missing or of an unusable type; if `strict`, also for a row.
    DefinitionError
        If an option makes no sense, a worker of the cluster has no Footfall or another version of it, or the way to
        it is neither secure nor `insecure`.
    ConnectionError
        If no cluster answers at that address.

    Examples
    --------
    >>> import footfall, pyarrow as pa
    >>> ads = pa.table({"ad": [7], "campaign_id": ["lunch"], "category": ["food"]})
    >>> data = footfall.open({"ads": ads}, tz="America/Recife", columns={"ad_id": "ad"})
    >>> data.sql("SELECT ad_id, campaign_id FROM ads").to_arrow().to_pylist()
    [{'ad_id': '7', 'campaign_id': 'lunch'}]
    """
    given = dict(root) if isinstance(root, Mapping) else {}
    folder = None if isinstance(root, Mapping) else _path("root", root)
    definitions = Definitions() if definitions is None else definitions
    if not isinstance(definitions, Definitions):
        raise DefinitionError(f"definitions = {definitions!r}: must be footfall.Definitions(...)")
    settings: dict[str, Any] = {
        "tz": zones.zone(tz),
        "columns": dict(columns or {}),
        "epoch_unit": epoch_unit,
        "threads": None if threads is None else options.whole("threads", threads, at_least=1),
        "memory_limit": None if memory_limit is None else options.byte_count("memory_limit", memory_limit),
    }
    tables = {name: _table(name, table) for name, table in given.items()}
    return _opened(engine, folder, tables, definitions, settings, insecure=insecure, strict=strict, progress=progress)


def _opened(
    engine: Any,
    folder: str | None,
    tables: dict[str, Any],
    definitions: Definitions,
    settings: dict[str, Any],
    insecure: bool = False,
    *,
    strict: bool = False,
    progress: bool = True,
) -> Dataset:
    """Open what `open` has checked."""
    session = open_session(
        engine, folder, tables, insecure=insecure, definitions=definitions.native(), strict=strict, **settings
    )
    zone = settings["tz"]
    root = folder and _absolute(folder)
    found = {name: _absolute(table) if isinstance(table, str) else table for name, table in tables.items()}

    def again() -> tuple[Any, tuple[Any, ...]]:
        if not isinstance(engine, str):
            kind = type(engine).__name__
            raise DefinitionError(f"engine: a data set on a {kind} cannot be pickled; open it by the cluster's address")
        return _opened, (engine, root, found, definitions, settings, insecure)

    opened = Opened(session, zone, again)
    return Dataset(opened, session, folder or "tables in memory", zone.name, definitions, progress)


def _absolute(path: str) -> str:
    """Return a path that another process understands, in whatever folder it is."""
    return path if "://" in path else os.path.abspath(path)


def _path(name: str, path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise DefinitionError(f"{name} = {path!r}: must be a path, or a mapping from table names to tables")
    return os.path.expanduser(os.fspath(path))


def _table(name: str, table: Any) -> Any:
    return _path(name, table) if isinstance(table, (str, os.PathLike)) else arrow.read(name, table)
