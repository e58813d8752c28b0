"""The notebook's variables, as parameters and as tables of a statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from footfall.dataset import Dataset
from footfall.errors import DataError, DefinitionError
from footfall.inputs import arrow, options, parameters, statements
from footfall.inputs.arrow import ArrowStream

#: Names and types of columns, by table.
Tables = dict[str, list[tuple[str, str]]]


@dataclass(frozen=True)
class Bound:
    """What a statement takes from the notebook.

    Attributes
    ----------
    parameters : dict
        Arrays of one value, by placeholder.
    tables : dict
        Tables by the names that the statement gives them.
    notes : list of str
        What may be meant otherwise than it is read.
    """

    parameters: dict[str, Any]
    tables: dict[str, ArrowStream]
    notes: list[str] = field(default_factory=list)


def bind(query: str, data: Dataset, names: Mapping[str, Any]) -> Bound:
    """Return what the statement takes from the notebook's variables.

    Raises
    ------
    QueryError
        If there is no such variable, or no parameter and no table can be made of it; it points at its place.
    """
    placeholders, missing = data._session.planner.names_in(query)
    statements.refuse_missing(query, placeholders, names, "variable")
    bound = {name: _parameter(query, name, names[name], data) for name in placeholders}
    found = {name: variable for name in missing if (variable := _named(name, names)) is not None}
    tables = {name: _table(query, name, variable, names, data) for name, variable in found.items()}
    hidden = [name for name in sorted(statements.tables_read(query) - set(missing)) if is_table(names.get(name))]
    return Bound(bound, tables, [_note(name) for name in hidden])


def is_table(value: object) -> bool:
    """Return whether a variable may be a table; no stream is read for it."""
    return arrow.exports(type(value)) and not parameters.is_list(value)


def columns(query: str, names: Mapping[str, Any]) -> Tables:
    """Return the tables among the variables, with the columns of those that the statement names."""
    named = {token.name for token in statements.tokens(query)}
    there = {name: value for name, value in names.items() if not name.startswith("_") and is_table(value)}
    called = {name: name if name in named or name.lower() not in named else name.lower() for name in there}
    return {called[name]: columns_of(value) if called[name] in named else [] for name, value in there.items()}


def columns_of(table: Any) -> list[tuple[str, str]]:
    """Return names and types of a table's columns; nothing is read for it."""
    if hasattr(table, "dtypes") and hasattr(table.dtypes, "items"):
        return [(str(name), str(kind)) for name, kind in table.dtypes.items()]
    schema: Any = getattr(table, "schema", None)
    if isinstance(schema, Mapping):
        return [(name, str(kind)) for name, kind in schema.items()]
    if hasattr(schema, "names") and hasattr(schema, "types"):
        return [(name, str(kind)) for name, kind in zip(schema.names, schema.types)]
    return [(str(name), "") for name in getattr(table, "columns", ())]


def as_parameters(names: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that a placeholder can stand for, with their types in a word."""
    there = {name: value for name, value in names.items() if not isinstance(value, (ModuleType, FunctionType, type))}
    return {name: type(value).__qualname__ for name, value in there.items() if parameters.can_be(value)}


def _parameter(query: str, name: str, value: Any, data: Dataset) -> Any:
    try:
        return parameters.array(name, value, data._zone)
    except DefinitionError as error:
        raise statements.error_at(str(error), query, statements.place_of_placeholder(query, name)) from None


def _named(table: str, names: Mapping[str, Any]) -> str | None:
    """Return the variable that a table's name means: SQL does not tell Top from top unless it is quoted."""
    alike = [name for name in names if name.lower() == table and not name.startswith("_")]
    return table if table in names else alike[0] if len(alike) == 1 else None


def _table(query: str, table: str, variable: str, names: Mapping[str, Any], data: Dataset) -> ArrowStream:
    value = names[variable]
    try:
        if is_table(value):
            return arrow.read(variable, value)
        hint = "; collect it first" if hasattr(value, "collect") else ""
        kind = f"no table but of type {type(value).__qualname__}{hint}{options.meant(table, data.tables)}"
        message = f"there is no table {table}, and the variable {variable} is {kind}"
    except DataError as error:
        message = str(error)
    raise statements.error_at(message, query, statements.place_of_table(query, table))


def _note(name: str) -> str:
    return f"{name} is the data set's table; the variable {name} is not read. To read it, give it another name."
