"""Where suggestions go: to the terminal, to a callback, to files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Protocol, TextIO

from footfall.errors import DefinitionError
from footfall.inputs import zones
from footfall.output.display import duration, percent
from footfall.output.formats import write_parquet
from footfall.output.text import cut, printable
from footfall.output.writing import whole_file

if TYPE_CHECKING:
    import pyarrow

    from footfall.live.tables import Tables

_WIDEST = 40


class Sink(Protocol):
    """Takes the rows of each commit."""

    def write(self, rows: pyarrow.Table, name: str) -> None:
        """Take the rows of one commit, whose `name` tells its offsets; again under the same name after a crash."""
        ...


def part_name(source: str, first: int, last: int) -> str:
    """Return the name of a commit of the offsets `first` to `last`, both included; names sort as offsets do.

    Examples
    --------
    >>> part_name("pings", 0, 41)
    'pings-000000000000-000000000041'
    """
    return f"{source}-{first:012d}-{last:012d}"


class Files:
    """A Parquet file for each commit that has rows, named by its offsets; it has that name once it is whole.

    Parameters
    ----------
    folder : path
        New, empty, or of an earlier run. Held-out suggestions are written, too, and marked.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self._folder = Path(folder).expanduser()
        if self._folder.exists() and not self._folder.is_dir():
            raise DefinitionError(f"to = {str(self._folder)!r}: is a file; name a folder")
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(self, rows: pyarrow.Table, name: str) -> None:
        """Write the part, or replace it by itself."""
        if rows.num_rows:
            with whole_file(self._folder / f"{name}.parquet") as file:
                write_parquet(rows, file)


class Callback:
    """Calls a function for each suggestion that is not held out; after a crash again, with the same id.

    Parameters
    ----------
    function : callable
        Takes a mapping from the names of the columns to their values.
    """

    def __init__(self, function: Callable[[Mapping[str, Any]], object]):
        self._function = function

    def write(self, rows: pyarrow.Table, name: str) -> None:
        """Call the function for each row."""
        for row in rows.to_pylist():
            if not row.get("held_out"):
                self._function(row)


class Terminal:
    """A line for each suggestion that is not held out.

    Parameters
    ----------
    tables : Tables
        Tells names and categories of establishments, and the time zone.
    stream : text file, optional
        By default standard output.
    """

    def __init__(self, tables: Tables, stream: TextIO | None = None):
        self._stream = stream or sys.stdout
        self._zone = zones.zone(tables.tz)
        columns = (tables.establishments[name].to_pylist() for name in ("establishment_id", "name", "category"))
        self._places = {place: (name or place, category) for place, name, category in zip(*columns)}

    def write(self, rows: pyarrow.Table, name: str) -> None:
        """Print the lines."""
        for row in rows.to_pylist():
            if not row.get("held_out"):
                print(self._line(row), file=self._stream)
        if rows.num_rows:
            self._stream.flush()

    def _line(self, row: Mapping[str, Any]) -> str:
        at = self._zone.local_text(_microseconds(row["timestamp"]))[:19].replace("T", " ")
        place, category = self._places.get(row["establishment_id"], (row["establishment_id"], None))
        there = f"{_short(place)} ({_short(category)})" if category else _short(place)
        way = f"{row['distance_m']:,.0f} m, {duration(row['eta_s'])}, chance {percent(row['chance'])}"
        ad = f"ad {_short(row['ad_id'])} of {_short(row['campaign_id'])}"
        return f"{at}  {_short(row['user_id'])} approaches {there}: {way}; {ad}".replace("\N{NO-BREAK SPACE}", " ")


class DistanceLines:
    """A line for each distance.

    Parameters
    ----------
    stream : text file, optional
        By default standard output.
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stdout

    def write(self, rows: pyarrow.Table, name: str) -> None:
        """Print the lines."""
        for row in rows.to_pylist():
            at = row["timestamp"].isoformat(sep=" ").replace("+00:00", "Z")
            ids = f"{_short(row['user_id'])} to {_short(row['establishment_id'])}"
            print(f"{at}  {ids}: {row['distance_m']:,.1f} m", file=self._stream)
        self._stream.flush()


def _short(value: Any) -> str:
    """Return text of data in one short line that steers no terminal."""
    return cut(printable(str(value)), _WIDEST)


def _microseconds(instant: Any) -> int:
    from footfall.inputs.options import instant_us

    return instant_us("timestamp", instant, zones.zone("UTC"))
