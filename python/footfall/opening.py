"""Opening a data set: what is where, and on which engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from footfall import quality
from footfall.dataset import Dataset, Opened
from footfall.definitions import Definitions
from footfall.engines import open_session
from footfall.errors import DefinitionError
from footfall.inputs import arrow, options, paths, zones
from footfall.inputs.config import read as read_config
from footfall.inputs.csv import Csv
from footfall.inputs.reading import reading
from footfall.lang import ENGLISH, chosen
from footfall.quality import MAX_UNUSABLE


def open(
    root: str | os.PathLike[str] | Mapping[str, Any],
    *,
    tz: str | None = None,
    engine: Any = "local",
    insecure: bool = False,
    tables: Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    actions: Mapping[str, str] | None = None,
    definitions: Definitions | None = None,
    strict: bool = False,
    max_unusable: float = MAX_UNUSABLE,
    epoch_unit: str | None = None,
    naive_tz: str | None = None,
    csv: Csv | Mapping[str, Csv] | None = None,
    config: bool = True,
    threads: int | None = None,
    memory_limit: int | str | None = None,
    progress: bool = True,
    lang: str | None = None,
) -> Dataset:
    """Open a data set; unless `strict`, nothing but schemas and some rows of each table are read yet.

    Parameters
    ----------
    root : path or mapping
        A folder with a file, or a folder of files, per table (Parquet, CSV or JSON lines), or a mapping from
        table names to where they are: a path; a pattern such as ``"exports/pings-*.csv"`` (``**``: folders however
        deep); a list of both; or anything that speaks the Arrow PyCapsule protocol (pyarrow, polars, pandas, DuckDB).
        The tables are establishments, ads, interactions and pings; each job needs only its own.
    tz : str, optional
        IANA time zone of months, hours and weekdays: by default what ``footfall.toml`` says, else UTC.
    engine : str, distributed.Client or pyspark.sql.SparkSession
        Where the work is done: ``local``, this machine; ``dask`` or ``spark``, a cluster of one master and two workers
        that is started on this machine; ``dask+tls://host:8786``, ``dask://host:8786`` or ``spark://host:7077``, one
        that runs; or a connection to one. The answers are the same, to the bit.
    insecure : bool
        Go to a cluster on other machines by ``dask://``, or by ``spark://`` without a secret: whoever is on the way
        can read rows and run code.
    tables : mapping, optional
        Tables as in a mapping as `root`, beside those of the folder or instead of them.
    columns : mapping, optional
        Your column names, where they differ: ``{"user_id": "device", "pings.latitude": "lat"}``, ours to yours.
    actions : mapping, optional
        Your names of actions: ``{"Impression": "view", "Tap": "click"}``, yours to ours.
    definitions : Definitions, optional
        What a visit and an attributed visit are, and how wide the intervals.
    strict : bool
        Read everything now and raise `DataError` if a row cannot be used; by default such rows are left out, and
        `Dataset.check` counts them.
    max_unusable : float
        Unless `strict`: the largest share of some rows of a table, from 0 to 1, that may be unusable for one reason; of
        more than 1 % a `DataWarning` tells. 1 opens everything.
    epoch_unit : {"s", "ms", "us", "ns"}, optional
        The unit of timestamps that are integers.
    naive_tz : str, optional
        IANA time zone of the clock that wrote timestamps without an offset; without it they are refused.
    csv : Csv, or mapping from table names to Csv, optional
        How CSV is written; by default it is found out from each file.
    config : bool
        Read ``footfall.toml`` in the folder, if it is there, for all of this that is not given here.
    threads : int, optional
        By default one per core.
    memory_limit : int or str, optional
        Bytes, or text such as ``"2GiB"``: what work may hold, beyond which it spills to disk or is a `DefinitionError`.
        The small tables and the answer itself come on top.
    progress : bool
        Show a bar (rows and rate) for work that lasts, in a terminal or a notebook.
    lang : str, optional
        The language of charts, maps, tables and reports, ``en`` or ``pt``: by default what the variable
        ``FOOTFALL_LANG`` of the environment says, else English.

    Returns
    -------
    Dataset
        It never changes; `Dataset.sample` and `Dataset.between` return others.

    Raises
    ------
    DataError
        If a file cannot be read, a pattern matches none, a column is missing or of an unusable type, or more than
        `max_unusable` of a sample is lost; if `strict`, also for a row.
    DefinitionError
        If an option or ``footfall.toml`` makes no sense, a worker of the cluster has no Footfall or another version of
        it, or the way to it is neither secure nor `insecure`.
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
    limit = options.share("max_unusable", max_unusable)
    folder = None if isinstance(root, Mapping) else _folder(root)
    settings = read_config(folder if config else None)
    given = _given(root if isinstance(root, Mapping) else {}, tables)
    language = chosen(lang)
    definitions = Definitions() if definitions is None else definitions
    if not isinstance(definitions, Definitions):
        raise DefinitionError(f"definitions = {definitions!r}: must be footfall.Definitions(...)")
    said = reading(columns=columns, epoch_unit=epoch_unit, naive_tz=naive_tz, csv=csv, actions=actions)
    session_options: dict[str, Any] = {
        "tz": (settings.tz or zones.zone("UTC")) if tz is None else zones.zone(tz),
        "reading": said.over(settings.reading),
        "threads": None if threads is None else options.whole("threads", threads, at_least=1),
        "memory_limit": None if memory_limit is None else options.byte_count("memory_limit", memory_limit),
    }
    found = {**settings.tables, **given}
    shown: dict[str, Any] = {"progress": progress, "lang": language}
    data = _opened(engine, folder, found, definitions, session_options, insecure, strict=strict, **shown)
    if not strict:
        _tell(data, limit)
    return data


def _tell(data: Dataset, max_unusable: float) -> None:
    """Warn of what is lost; a data set that is refused for it lets go what it has."""
    try:
        quality.tell(data._session, max_unusable)
    except BaseException:
        data.close()
        raise


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
    lang: str = ENGLISH,
) -> Dataset:
    """Open what `open` has checked."""
    session = open_session(
        engine, folder, tables, insecure=insecure, definitions=definitions.native(), strict=strict, **settings
    )
    zone = settings["tz"]
    root = folder and paths.absolute(folder)
    found = {name: paths.absolute(table) if paths.are_paths(table) else table for name, table in tables.items()}

    def again(on: str | None, by: Definitions | None) -> tuple[Any, tuple[Any, ...]]:
        where = engine if on is None else on
        if by is None and not isinstance(where, str):
            kind = type(engine).__name__
            raise DefinitionError(f"engine: a data set on a {kind} cannot be pickled; open it by the cluster's address")
        return _opened, (where, root, found, by or definitions, settings, insecure)

    opened = Opened(session, zone, settings["reading"], again, _name_of(engine))
    return Dataset(opened, session, folder or _place(tables), zone.name, definitions, progress, lang=lang)


def _name_of(engine: Any) -> str:
    return engine if isinstance(engine, str) else f"a {type(engine).__name__}"


def _place(tables: dict[str, Any]) -> str:
    return "tables in files" if all(map(paths.are_paths, tables.values())) else "tables in memory"


def _folder(path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise _no_mapping("root", path, "a path, or a mapping")
    return os.path.expanduser(str(os.fspath(path)))


def _given(*tables: Any) -> dict[str, Any]:
    """Return where the files of tables are, or their rows; what is given later goes before."""
    given: dict[str, Any] = {}
    for each in tables:
        if each is not None and not isinstance(each, Mapping):
            raise _no_mapping("tables", each, "a mapping")
        given.update(each or {})
    return {name: _table(name, table) for name, table in given.items()}


def _no_mapping(option: str, given: Any, wanted: str) -> DefinitionError:
    """Return an error that tells the type alone, since a table would be shown with its rows."""
    what = f'{wanted} from table names to tables, such as {{"pings": ...}}'
    return DefinitionError(f"{option} is of type {type(given).__qualname__}: must be {what}")


def _table(name: str, table: Any) -> Any:
    return paths.find(name, table) if paths.are_paths(table) else arrow.read(name, table)
