"""Hexagons of H3, each in the shade of its number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall import _native
from footfall.errors import DataError, DefinitionError
from footfall.maps import tables
from footfall.maps.mercator import bounds_of
from footfall.maps.shapes import classes
from footfall.maps.shapes.layers import Layer, heading, legend

_FINEST = 15


def hexagons(id: str, given: Any, *, value: str | None, resolution: int | None) -> Layer:
    """Return a hexagon for each `cell` of a table; of places, the hexagons they are in, and how many or how much."""
    table = tables.read(id, given)
    if "cell" not in table.column_names:
        table, value = _counted(id, table, value, resolution)
    elif resolution is not None:
        raise DefinitionError(f"resolution = {resolution}: the table of {id} has cells already")
    return _layer(id, table, value or _number(id, table))


def _number(id: str, table: pa.Table) -> str:
    """Return the first column of numbers that is neither a place nor a time."""
    numeric = [each.name for each in table.schema if pa.types.is_integer(each.type) or pa.types.is_floating(each.type)]
    found = next((name for name in numeric if name not in ("cell", "latitude", "longitude")), None)
    if found is None:
        raise DefinitionError(f"the table of {id} has no column of numbers; name one: value=")
    return found


def _counted(id: str, table: pa.Table, value: str | None, resolution: int | None) -> tuple[pa.Table, str]:
    """Return places by cell, and by month where there is one: rows, users, or the sum of a column."""
    table, latitude, longitude = tables.coordinates(id, table)
    fine = chosen(latitude, longitude) if resolution is None else _checked(resolution)
    keys = pa.table({"cell": pa.array(_native.cells_of(pa.array(latitude), pa.array(longitude), fine))})
    unit = tables.unit(table)
    if unit:
        keys = keys.append_column(unit, table.column(unit))
    groups = [*keys.column_names]
    name = value or "places"
    if value is None:
        counted = keys.group_by(groups).aggregate([([], "count_all")])
    elif value == "users" and value not in table.column_names:
        tables.has(id, table, "user_id")
        counted = keys.append_column("n", table.column("user_id")).group_by(groups).aggregate([("n", "count_distinct")])
    else:
        numbers = pa.array(tables.numbers("value", table, value))
        counted = keys.append_column("n", numbers).group_by(groups).aggregate([("n", "sum")])
    return _renamed(counted, groups, name), name


def _renamed(counted: pa.Table, groups: list[str], name: str) -> pa.Table:
    """Return the table with its one column of numbers called `name`; older versions of pyarrow put keys last."""
    (number,) = (column for column in counted.column_names if column not in groups)
    return pa.table({**{key: counted.column(key) for key in groups}, name: counted.column(number)})


def chosen(latitude: Any, longitude: Any) -> int:
    """Return the resolution that fits a view of these places."""
    if not len(latitude):
        return 0
    bounds = bounds_of(latitude, longitude, np.ones(len(latitude)))
    return _native.cell_resolution(bounds.south, bounds.west, bounds.north, bounds.east)


def _checked(resolution: int) -> int:
    if not isinstance(resolution, int) or not 0 <= resolution <= _FINEST:
        raise DefinitionError(f"resolution = {resolution!r}: must be a whole number from 0 to {_FINEST}")
    return resolution


def _layer(id: str, table: pa.Table, value: str) -> Layer:
    table, column = tables.cells(id, table)
    tables.refuse_too_many(id, len(column))
    _refuse_twice(id, table, column)
    numbers = tables.numbers("value", table, value)
    made = classes.shaded(value, numbers)
    distinct = column.dictionary_encode()
    outlines = tables.polygons_of_cells(distinct.dictionary)
    fields, tips = tables.facts(table, [value])
    return Layer(
        id,
        "fill",
        [outlines[place] for place in distinct.indices.to_pylist()],
        made.colours,
        made.classes,
        steps=tables.steps(table),
        unit=tables.unit(table),
        fields=fields,
        tips=tips,
        opacity=0.72,
        width=0.4,
        weights=[max(number or 0.0, 0.0) for number in numbers],
        legend=[legend(heading(value), made, "fill")],
    )


def _refuse_twice(id: str, table: pa.Table, column: pa.Array) -> None:
    """Raise an error if a cell has two numbers at one time: the upper would hide the lower."""
    unit = tables.unit(table)
    keys = pa.table({"cell": column, **({unit: table.column(unit)} if unit else {})})
    counts = keys.group_by(keys.column_names).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts.column("count_all"), 1))
    if twice.num_rows:
        cell = f"{twice.column('cell')[0].as_py():x}"
        reason = "has several rows; sum them first, or add a month"
        raise DataError(f"{id}: cell {cell} {reason}", table=id, column="cell", value=cell, reason=reason)
