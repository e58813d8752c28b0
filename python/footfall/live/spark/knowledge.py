"""The tables that batches were worked out with, in the checkpoint's folder: a batch that comes again gets the same."""

from __future__ import annotations

import json
import re
import tempfile
import uuid
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from footfall.engines import packets
from footfall.live.options import Approach
from footfall.live.tables import NAMES, Tables

#: What tells a task which file it is.
PROPERTY = "footfall.live.tables"
_FOLDER = "footfall"
_FILE = re.compile(r"tables-(\d{12})-(\w+)-\w+\.arrow")
_KEPT = 2


class Shelved(NamedTuple):
    """Tables in the folder: the first batch that has them, their version, and the name of their file."""

    first: int
    version: str
    name: str


class Shelf:
    """The tables of a query's batches.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Sends files to its executors, before the next task.
    checkpoint : str
        The folder of the query.
    """

    def __init__(self, session: Any, checkpoint: str) -> None:
        self._context = session.sparkContext
        self._paths = self._context._jvm.org.apache.hadoop.fs.Path
        self._folder = self._paths(checkpoint.rstrip("/"), _FOLDER)
        self._files = self._folder.getFileSystem(self._context._jsc.hadoopConfiguration())
        self._sent: set[str] = set()
        self.all = self._listed()

    @property
    def last(self) -> Shelved | None:
        """The newest."""
        return self.all[-1] if self.all else None

    def put(self, batch: int, tables: Tables) -> None:
        """Have tables from a batch on; whoever works on it after us has them, too."""
        shelved = Shelved(batch, tables.version, f"tables-{batch:012d}-{tables.version}-{uuid.uuid4().hex[:8]}.arrow")
        self._files.mkdirs(self._folder)
        with tempfile.TemporaryDirectory(prefix="footfall-tables-") as folder:
            file = Path(folder, shelved.name)
            file.write_bytes(packed(tables))
            beside = self._path(f".{shelved.name}.new")
            self._files.copyFromLocalFile(self._paths(file.as_uri()), beside)
        self._files.rename(beside, self._path(shelved.name))
        self.all.append(shelved)
        self._drop_old()

    def send(self, batch: int) -> str:
        """Send the executors the tables of a batch, and return the name of their file."""
        name = [shelved.name for shelved in self.all if shelved.first <= batch][-1]
        if name not in self._sent:
            self._context.addFile(str(self._files.makeQualified(self._path(name)).toString()))
            self._sent.add(name)
        return name

    def _listed(self) -> list[Shelved]:
        if not self._files.exists(self._folder):
            return []
        names = [status.getPath().getName() for status in self._files.listStatus(self._folder)]
        found = [(name, match) for name in names if (match := _FILE.fullmatch(name))]
        return sorted(Shelved(int(match[1]), match[2], name) for name, match in found)

    def _drop_old(self) -> None:
        for shelved in self.all[:-_KEPT]:
            self._files.delete(self._path(shelved.name), False)
        self.all = self.all[-_KEPT:]

    def _path(self, name: str) -> Any:
        return self._paths(self._folder, name)


def packed(tables: Tables) -> bytes:
    """Return tables as bytes: one row of Arrow, with a table in each column."""
    import pyarrow as pa

    there = {name: table for name in NAMES if (table := getattr(tables, name)) is not None}
    cells = {name: [packets.of_table(name, table).payload] for name, table in there.items()}
    told = json.dumps({"options": asdict(tables.options), "tz": tables.tz})
    return bytes(packets.of_table("tables", pa.table({**cells, "told": [told]})).payload)


def unpacked(content: bytes) -> Tables:
    """Return the tables of `packed`."""
    (row,) = packets.table(packets.Packet(0, "tables", content)).to_pylist()
    told = json.loads(row["told"])
    cells = {name: row.get(name) for name in NAMES}
    read = {name: cell and packets.table(packets.Packet(0, name, cell)) for name, cell in cells.items()}
    return Tables(**read, options=Approach(**told["options"]), tz=told["tz"])


@lru_cache(maxsize=_KEPT)
def of_task(file: str) -> Any:
    """Return what detectors of this worker share."""
    return unpacked(Path(file).read_bytes()).native()
