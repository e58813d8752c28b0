"""What tables and functions are, in names, types and meanings; nothing is read for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footfall.dataset import Dataset
from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.notebook.sql import variables

#: Name and what is known of it.
Facts = list[tuple[str, str]]

_DERIVED = ("visits", "attributed_visits")


def of_all(data: Dataset, names: Mapping[str, Any]) -> Facts:
    """Return the tables of a data set with their columns, and the variables that are tables."""
    own = {name: ", ".join(column for column, _ in columns) for name, columns in tables(data).items()}
    others = variables.columns("", names).keys() - own.keys()
    return [*own.items(), *((name, _variable(names[name])) for name in sorted(others))]


def of_one(data: Dataset, names: Mapping[str, Any], name: str) -> tuple[str, Facts]:
    """Return a title and facts for a table, or a function.

    Raises
    ------
    DefinitionError
        If `name` is neither; it says which there are.
    """
    if not name:
        raise DefinitionError("%describe: needs the name of a table or a function; %tables shows all tables")
    own = tables(data)
    if name in own:
        found = _described(data, f"SELECT * FROM {name}")
        return f"{name}: {found[3]}", [(column, _column(data, name, column, kind)) for column, kind in own[name]]
    if variables.is_table(names.get(name)):
        return f"{name}: {_variable(names[name])}", variables.columns_of(names[name])
    kind, _, signature, meaning = _described(data, f"SELECT {name}")
    if kind == "function":
        return signature, [("meaning", meaning)]
    there = [*own, *variables.columns("", names)]
    raise DefinitionError(f"%describe {name}: is no table and no function{options.choices(name, there)}")


def tables(data: Dataset) -> variables.Tables:
    """Return all tables of a data set, derived ones too, with their columns and types."""
    schemas = {name: _described(data, f"SELECT * FROM {name}")[2] for name in (*data.tables, *_DERIVED)}
    return {name: [_name_and_type(line) for line in schema.splitlines()] for name, schema in schemas.items() if schema}


def _name_and_type(line: str) -> tuple[str, str]:
    name, _, kind = line.partition(" ")
    return name, kind


def _column(data: Dataset, table: str, column: str, kind: str) -> str:
    meaning = _described(data, f"SELECT {table}.{column} FROM {table}", f"SELECT {table}.")[3]
    return f"{kind}: {meaning}" if meaning else kind


def _variable(value: Any) -> str:
    return f"variable of type {type(value).__qualname__}"


def _described(data: Dataset, query: str, before: str | None = None) -> tuple[str, str, str, str]:
    """Return what is known of the last name of a query, or of the one after the text `before`."""
    at = len(query if before is None else before)
    return data._session.planner.describe(query, at, None) or ("", "", "", "")
