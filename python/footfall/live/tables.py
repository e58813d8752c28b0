"""What the live process needs to know of the world: small tables in a folder, of which there is always a whole one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from footfall import _native
from footfall.errors import DataError, DefinitionError
from footfall.inputs import arrow, zones
from footfall.live.options import Approach, Chances
from footfall.output.formats import write_parquet
from footfall.output.writing import whole_file

if TYPE_CHECKING:
    import pyarrow

NAMES = ("establishments", "ads", "tastes", "familiar", "chances")
_MANIFEST = "live.json"
_FORMAT = 1
#: A process may still read the version before.
_KEPT = 2
_VERSION_DIGITS = 12


@dataclass(frozen=True)
class Tables:
    """What a detector knows: places, ads, habits, counted chances and options; `prepare` and `load` make it.

    Attributes
    ----------
    establishments : pyarrow.Table
        establishment_id, name, category, latitude, longitude; opens_min and closes_min (minutes of the local day).
    ads : pyarrow.Table
        ad_id, campaign_id, category, establishment_id, ctr_low; starts and ends (local days).
    tastes : pyarrow.Table or None
        user_id, day_part, category, share.
    familiar : pyarrow.Table or None
        user_id, establishment_id: who is at home, or works, there.
    chances : pyarrow.Table or None
        miss_from_m, eta_from_s, speed_from_mps, approaches, arrivals.
    options : Approach
        When an approach is one.
    tz : str
        The time zone of days, hours and day parts.
    """

    establishments: pyarrow.Table
    ads: pyarrow.Table
    tastes: pyarrow.Table | None
    familiar: pyarrow.Table | None
    chances: pyarrow.Table | None
    options: Approach
    tz: str

    @property
    def version(self) -> str:
        """A hash of the tables, the options and the time zone; every suggestion tells it."""
        parts = {name: _digest(getattr(self, name)) for name in NAMES}
        said = json.dumps({**parts, "options": asdict(self.options), "tz": self.tz}, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:_VERSION_DIGITS]

    def told(self, options: Approach | None = None, chances: Chances | pyarrow.Table | None = None) -> Tables:
        """Return these tables with other options or chances, where they are given."""
        counted = self.chances if chances is None else chance_table(chances)
        return replace(self, options=options or self.options, chances=counted)

    def native(self, kernel: Any = _native, options: Mapping[str, Any] | None = None) -> Any:
        """Return what detectors share; `kernel` has the classes ``LiveTables`` and ``Detector``."""
        given = (getattr(self, name) for name in NAMES)
        return kernel.LiveTables(*given, options or self.options.native(), zones.zone(self.tz), self.version)

    def detector(self, kernel: Any = _native) -> Any:
        """Return a detector that knows nobody yet."""
        return kernel.Detector(self.native(kernel))

    def save(self, out: str | os.PathLike[str]) -> Path:
        """Write the tables to a folder; what reads it finds the old ones or these, and never a part.

        Raises
        ------
        DefinitionError
            If the folder holds something else.
        OSError
            If it cannot be written; what was there stays as it was.
        """
        folder = _folder(out)
        version = self.version
        if not (folder / version).exists():
            _write_whole(folder / version, self)
        said = {"format": _FORMAT, "version": version, "tz": self.tz, "options": self.options.native()}
        with whole_file(folder / _MANIFEST) as file:
            file.write(json.dumps(said, indent=1).encode())
        _remove_old(folder, version)
        return folder


def load(folder: str | os.PathLike[str]) -> Tables:
    """Return the tables that `prepare` wrote to a folder.

    Parameters
    ----------
    folder : path
        Of ``footfall live prepare ROOT --out``.

    Returns
    -------
    Tables
        The newest.

    Raises
    ------
    DefinitionError
        If it is no such folder.
    DataError
        If a file in it is not as it was written.

    Examples
    --------
    >>> import footfall.live, pyarrow as pa, tempfile
    >>> places = pa.table({"establishment_id": ["cafe"], "category": ["food"],
    ...                    "latitude": [-8.0634], "longitude": [-34.8711]})
    >>> ads = pa.table({"ad_id": ["lunch"], "campaign_id": ["food"], "category": ["food"],
    ...                 "establishment_id": ["cafe"]})
    >>> made = footfall.live.prepare(footfall.open({"establishments": places, "ads": ads}), tempfile.mkdtemp())
    >>> footfall.live.load(made.save(tempfile.mkdtemp())).version == made.version
    True
    """
    root = Path(folder).expanduser()
    said = _manifest(root)
    read = {name: _read(root / said["version"] / f"{name}.parquet") for name in NAMES}
    tables = Tables(**read, options=Approach(**said["options"]), tz=said["tz"])
    if tables.version != said["version"]:
        reason = "is not as it was written; prepare it again"
        raise DataError(f"{root / said['version']} {reason}", value=said["version"], reason=reason)
    return tables


class Watch:
    """Looks at a folder of tables between two batches, and loads what is new.

    Parameters
    ----------
    folder : path
        As for `load`.
    change : callable, optional
        Makes of the tables what is wanted, such as others with the options of the command.
    """

    def __init__(self, folder: str | os.PathLike[str], change: Callable[[Tables], Tables] = lambda tables: tables):
        self._folder = Path(folder).expanduser()
        self._change = change
        self._seen = self._stamp()
        self.tables = change(load(self._folder))

    def newer(self) -> Tables | None:
        """Return the tables that were prepared since; None if there are none."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        tables = self._change(load(self._folder))
        if tables.version == self.tables.version:
            return None
        self.tables = tables
        return tables

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._folder / _MANIFEST)
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size


def chance_table(chances: Any) -> pyarrow.Table:
    """Return counted chances, rows or an Arrow table, as a detector takes them."""
    import pyarrow as pa

    kinds = [(name, pa.float64()) for name in ("miss_from_m", "eta_from_s", "speed_from_mps")]
    schema = pa.schema([*kinds, ("approaches", pa.int64()), ("arrivals", pa.int64())])
    if isinstance(chances, list):
        return pa.Table.from_pylist(chances, schema=schema)
    return arrow.to_pyarrow(chances).select(schema.names).cast(schema)


def _digest(table: pyarrow.Table | None) -> str:
    """Return a hash of the names, types and values of a table, however they lie in memory."""
    import pyarrow.csv

    if table is None:
        return ""
    hashed = hashlib.sha256(str([(field.name, str(field.type)) for field in table.schema]).encode())
    pyarrow.csv.write_csv(table, _Hashing(hashed))
    return hashed.hexdigest()


class _Hashing:
    """A file whose bytes are hashed and not kept."""

    closed = False

    def __init__(self, hashed: Any):
        self._hashed = hashed

    def write(self, data: bytes) -> int:
        self._hashed.update(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _folder(out: str | os.PathLike[str]) -> Path:
    folder = Path(out).expanduser()
    if folder.exists() and not folder.is_dir():
        raise DefinitionError(f"out = {str(folder)!r}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MANIFEST).exists():
        raise DefinitionError(f"out = {str(folder)!r}: holds something else; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_whole(target: Path, tables: Tables) -> None:
    """Write a folder beside its place and rename it when it is whole."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        for name in NAMES:
            table = getattr(tables, name)
            if table is not None:
                with whole_file(beside / f"{name}.parquet") as file:
                    write_parquet(table, file)
        os.replace(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _remove_old(folder: Path, version: str) -> None:
    """Remove versions before the last; this one is kept whenever it was made."""
    versions = [path for path in folder.iterdir() if path.is_dir() and len(path.name) == _VERSION_DIGITS]
    others = sorted((path for path in versions if path.name != version), key=lambda path: path.stat().st_mtime_ns)
    for path in others[: max(len(others) - (_KEPT - 1), 0)]:
        shutil.rmtree(path, ignore_errors=True)


def _manifest(root: Path) -> dict[str, Any]:
    try:
        said = json.loads((root / _MANIFEST).read_bytes())
    except FileNotFoundError:
        hint = f"make it with `footfall live prepare ROOT --out {root}`"
        raise DefinitionError(f"{str(root)!r} holds no tables for the live process; {hint}") from None
    except ValueError as error:
        raise DataError(f"{root / _MANIFEST} is no JSON: {error}", reason=str(error)) from None
    version = said.get("version") if isinstance(said, dict) else None
    is_ours = isinstance(version, str) and len(version) == _VERSION_DIGITS and version.isalnum()
    if not is_ours or said.get("format") != _FORMAT:
        reason = "is of another version of Footfall; prepare the tables again"
        raise DataError(f"{root / _MANIFEST} {reason}", reason=reason)
    return dict(said)


def _read(file: Path) -> pyarrow.Table | None:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(file).read() if file.exists() else None
