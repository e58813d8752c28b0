"""Rewrites a data set once, so that many reads of it are fast."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from footfall import _native
from footfall.inputs import zones
from footfall.inputs.config import read as read_config
from footfall.inputs.csv import Csv
from footfall.inputs.reading import reading
from footfall.output.progress import bar
from footfall.output.s3.objects import ObjectPath, Written, place
from footfall.output.s3.sets import whole_set


@dataclass(frozen=True)
class Counts:
    """What became of a table's rows: `read` is `written` and `left_out` together.

    Attributes
    ----------
    read : int
        Rows in the source.
    written : int
        Rows in the new files, by their footers.
    left_out : int
        Rows that no job can use; `Dataset.check` of the source says why.
    parts : int
        New files.
    """

    read: int
    written: int
    left_out: int
    parts: int


@dataclass(frozen=True)
class Ingested:
    """A data set that `ingest` wrote.

    Attributes
    ----------
    folder : pathlib.Path, or its like in S3
        Where it is; `footfall.open` reads it.
    tables : dict
        Each table's `Counts`.
    tz : str
        The time zone of the months.
    """

    folder: Written
    tables: dict[str, Counts]
    tz: str


def ingest(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    *,
    tz: str | None = None,
    columns: Mapping[str, str] | None = None,
    actions: Mapping[str, str] | None = None,
    epoch_unit: str | None = None,
    naive_tz: str | None = None,
    csv: Csv | Mapping[str, Csv] | None = None,
    config: bool = True,
    progress: bool = True,
) -> Ingested:
    """Rewrite a data set: by month, near places together, compact, its rows counted.

    Every job answers the same from the new folder as from the old one. The source is only read. The work takes bounded
    memory; interrupted, the same call goes on where it was.

    Parameters
    ----------
    src : path
        A folder as `footfall.open` takes it.
    dst : path
        A folder outside of `src`: new, empty, or begun by the same call. In S3 (``s3://bucket/prefix``) nothing else
        may be in it; it is written to this machine's folder for temporary files first, and `footfall.open` sees all of
        it or an unfinished set.
    tz : str, optional
        IANA time zone of the months that name the folders: by default what ``footfall.toml`` says, else UTC. Other time
        zones can be asked for all the same.
    columns, actions : mapping, optional
        Your names of columns and actions, as in `footfall.open`; the new files have ours, and no other columns.
    epoch_unit : {"s", "ms", "us", "ns"}, optional
        The unit of timestamps that are integers; the new files have instants.
    naive_tz : str, optional
        IANA time zone of the clock that wrote timestamps without an offset; without it they are refused.
    csv : Csv, or mapping from table names to Csv, optional
        How CSV is written, as in `footfall.open`.
    config : bool
        Read ``footfall.toml`` in `src` for all of this that is not given here.
    progress : bool
        Show a bar when it takes a while.

    Returns
    -------
    Ingested
        The folder, and how many rows of each table were read, written and left out. ``ingest.json`` in the folder
        says the same, and which files hold them.

    Raises
    ------
    DataError
        If a file cannot be read; if `dst` holds something else, or `src` has changed since the work was begun.
    DefinitionError
        If an option or ``footfall.toml`` makes no sense, or one folder lies in the other.

    Examples
    --------
    >>> import footfall, tempfile
    >>> city = footfall.synth.city(tempfile.mkdtemp(), pings=1_000)
    >>> done = footfall.ingest(city, tempfile.mkdtemp(), tz="America/Recife")
    >>> done.tables["pings"].written
    1000
    >>> footfall.open(done.folder, tz="America/Recife").rows()["pings"]
    1000
    """
    folder, source = place(dst), str(place(src))
    settings = read_config(source if config else None)
    zone = (settings.tz or zones.zone("UTC")) if tz is None else zones.zone(tz)
    said = reading(columns=columns, epoch_unit=epoch_unit, naive_tz=naive_tz, csv=csv, actions=actions)
    with bar("Ingest", shown=progress) as tick, _written(folder) as beside:
        done = _native.ingest(
            source,
            str(beside),
            tables=dict(settings.tables),
            tz=zone,
            reading=said.over(settings.reading).native(),
            rows_per_part=None,
            progress=tick,
        )
    return Ingested(folder, {name: _counts(table) for name, table in done.items()}, zone.name)


def _written(folder: Written) -> AbstractContextManager[Path]:
    """Return what gives the folder of this machine that is written."""
    return whole_set(folder) if isinstance(folder, ObjectPath) else nullcontext(folder)


def _counts(table: dict[str, int]) -> Counts:
    return Counts(table["rows_read"], table["rows_written"], table["rows_left_out"], table["parts"])
