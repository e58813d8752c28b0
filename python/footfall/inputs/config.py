"""Settings that stand beside the data: the file ``footfall.toml`` in its folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from footfall.errors import DataError, DefinitionError
from footfall.inputs import options, paths, toml, zones
from footfall.inputs.csv import Csv
from footfall.inputs.reading import ALL, TABLES, Reading, reading, table

if TYPE_CHECKING:
    from footfall._native import Zone

NAME = "footfall.toml"
_MOST_BYTES = 1_000_000
_KEYS = ("tz", "naive_tz", "epoch_unit", "columns", "actions", "csv", "tables")
_CSV_KEYS = tuple(each.name for each in fields(Csv))


@dataclass(frozen=True)
class Config:
    """What a file of settings says.

    Attributes
    ----------
    tz : Zone, optional
        The time zone of months, hours and weekdays.
    reading : Reading
        How files are to be read.
    tables : mapping
        Where tables are that are not found by their name, as `paths.find` gives it.
    """

    tz: Zone | None = None
    reading: Reading = field(default_factory=Reading)
    tables: Mapping[str, paths.Found] = field(default_factory=dict)


def read(folder: str | None) -> Config:
    """Return the settings of the data set in `folder`; none if there is no such file.

    Raises
    ------
    DefinitionError
        If the file cannot be understood, has an unknown key or a value of the wrong kind, or names paths out of the
        folder; the message names file, line, key and what is expected.
    DataError
        If a pattern of files matches nothing.
    """
    if folder is None:
        return Config()
    if "://" in folder:
        return _of_bucket(folder)
    file = os.path.join(folder, NAME)
    if not os.path.lexists(file):
        return Config()
    with _named(file):
        content = _content(file, folder)
    return _said(content, folder, file)


def _of_bucket(folder: str) -> Config:
    """Return the settings that lie beside a data set in S3."""
    from footfall import _native

    place = f"{folder.rstrip('/')}/{NAME}"
    content = _native.read_object(place)
    return Config() if content is None else _said(content, folder, place)


@contextmanager
def _named(place: str, text: str = "") -> Iterator[None]:
    """Say in errors that they are about this part of the settings, or this file, and the line of its text."""
    try:
        yield
    except DefinitionError as error:
        raise DefinitionError(_with_place(place, text, error)) from None
    except DataError as error:
        raise DataError(_with_place(place, text, error), **vars(error)) from None


def _with_place(place: str, text: str, error: Exception) -> str:
    line = toml.line_of(str(error), text)
    return f"{place}{f', line {line}' if line else ''}: {error}"


def _content(file: str, folder: str) -> bytes:
    found = os.stat(file) if paths.lies_within(file, folder) and os.path.exists(file) else None
    if found is None or not stat.S_ISREG(found.st_mode):
        raise DefinitionError("must be a file in that folder")
    _refuse_large(found.st_size)
    with open(file, "rb") as opened:
        return opened.read(_MOST_BYTES)


def _refuse_large(count: int) -> None:
    if count > _MOST_BYTES:
        raise DefinitionError(f"has {count:,} bytes; must have at most {_MOST_BYTES:,}")


def _said(content: bytes, folder: str, file: str) -> Config:
    """Return what the content of a file says; errors name the file and, where they are about one, the line."""
    with _named(file):
        _refuse_large(len(content))
        said, text = toml.parsed(content)
    with _named(file, text):
        return _config(said, folder, file)


def _config(said: dict[str, Any], folder: str, file: str) -> Config:
    _refuse_unknown("", said, _KEYS)
    tz = said.get("tz")
    read_so = reading(
        columns=_names("columns", said.get("columns", {})),
        epoch_unit=_text("epoch_unit", said.get("epoch_unit")),
        naive_tz=said.get("naive_tz"),
        csv=_csv(_table("csv", said.get("csv", {}))),
        actions=_names("actions", said.get("actions", {})),
    )
    tables = _table("tables", said.get("tables", {}))
    return Config(
        None if tz is None else zones.zone(tz),
        replace(read_so, file=file),
        {table("tables", name): paths.find(name, _paths(name, given), folder) for name, given in tables.items()},
    )


def _csv(said: Mapping[str, Any]) -> dict[str, Csv]:
    """Return the options for all tables, and those in a table of their own for one."""
    _refuse_unknown("csv", said, (*_CSV_KEYS, *TABLES))
    for_all = {name: value for name, value in said.items() if name not in TABLES}
    by_table = {name: _table(f"csv.{name}", value) for name, value in said.items() if name in TABLES}
    return {name: _csv_of(name, given) for name, given in {ALL: for_all, **by_table}.items()}


def _csv_of(name: str, given: dict[str, Any]) -> Csv:
    place = f"csv.{name}" if name else "csv"
    _refuse_unknown(place, given, _CSV_KEYS)
    with _named(f"[{place}]"):
        return Csv(**given)


def _refuse_unknown(within: str, said: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in said:
        if name not in known:
            where = f"[{within}] " if within else ""
            raise DefinitionError(f"{where}{name}: there is no such key{options.choices(name, known)}")


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DefinitionError(f"{name} = {value!r}: must be a table, [{name}]")
    return value


def _names(name: str, value: Any) -> dict[str, Any]:
    """Return a table of names; a dot in a name, which would make a table of its own, needs quotes."""
    said = _table(name, value)
    for key, inner in said.items():
        if isinstance(inner, dict) and inner:
            dotted = f"{key}.{next(iter(inner))}"
            raise DefinitionError(f'[{name}] {dotted}: a name with a dot stands in quotes, "{dotted}" = ...')
    return said


def _text(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise DefinitionError(f"{name} = {value!r}: must be text")
    return value


def _paths(name: str, given: Any) -> Any:
    for each in given if isinstance(given, list) else [given]:
        if not isinstance(each, str):
            raise DefinitionError(f"[tables] {name} = {given!r}: must be a path, a pattern or a list of them")
    return given
