"""Tables of places: any Arrow table with latitude and longitude, an H3 `cell`, or a `geometry` as WKB."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall import _native
from footfall.errors import DataError, DataWarning, DefinitionError
from footfall.inputs import arrow, options
from footfall.inputs.values import to_python
from footfall.maps.mercator import Floats
from footfall.maps.shapes.layers import heading
from footfall.output.display import plural
from footfall.output.words import value_text

# A browser draws more, but nobody sees them; and a saved notebook holds them all.
MOST_SHAPES = 50_000
#: The units of the calendar that a slider may go over.
UNITS = tuple(unit for unit in _native.UNITS if unit != "period")
# What a reader takes in at one place.
_MOST_FIELDS = 9
_LONGEST = 80
_PLACED_BY = {"latitude", "longitude", "cell", "geometry", "footprint"}


def read(name: str, given: Any, columns: Iterable[str] = ()) -> pa.Table:
    """Return what the caller gave as a table that has these columns.

    Raises
    ------
    DataError
        If it is no Arrow table.
    DefinitionError
        If it lacks a column.
    """
    table = _taken(arrow.read(name, given))
    for column in columns:
        has(name, table, column)
    return table


def _taken(table: pa.Table) -> pa.Table:
    """Return the table without views of text and bytes, as polars gives them: pyarrow cannot choose rows of these."""
    kinds = {"string_view": pa.string(), "binary_view": pa.binary()}
    fields = [field.with_type(kinds.get(str(field.type), field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def has(name: str, table: pa.Table, column: str) -> None:
    """Raise a DefinitionError if the table lacks `column`."""
    if column not in table.column_names:
        raise DefinitionError(f"{name}: no column {column!r}{options.choices(column, table.column_names)}")


def coordinates(name: str, table: pa.Table) -> tuple[pa.Table, Floats, Floats]:
    """Return the rows that have a place on earth, their latitudes and longitudes; warn of rows without one."""
    latitude, longitude = (_degrees(name, table, column) for column in ("latitude", "longitude"))
    usable = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    return _only(name, table, usable, "no latitude and longitude"), latitude[usable], longitude[usable]


def _degrees(name: str, table: pa.Table, column: str) -> Floats:
    has(name, table, column)
    try:
        values = table.column(column).cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise DataError(f"{name}: {column} is no number of degrees: {error}", table=name, column=column) from error
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _only(name: str, table: pa.Table, usable: Any, reason: str) -> pa.Table:
    missing = int(len(usable) - np.count_nonzero(usable))
    if missing:
        rows = plural(missing, "row")
        warnings.warn(DataWarning(f"{rows} of {table.num_rows:,} of {name} not drawn: {reason}"), stacklevel=2)
    return table.filter(pa.array(usable)) if missing else table


def cells(name: str, table: pa.Table) -> tuple[pa.Table, pa.Array]:
    """Return the rows whose `cell` is one of H3, and the cells: integers, or text in base 16."""
    column = table.column("cell").combine_chunks()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pa.array([_of_text(name, text) for text in to_python(column)], pa.uint64())
    try:
        column = column.cast(pa.uint64())
    except pa.ArrowInvalid as error:
        raise DataError(f"{name}: cell is no H3 cell: {error}", table=name, column="cell") from error
    kept = _only(name, table, np.asarray(column.is_valid()), "no cell")
    return kept, column.drop_null()


def _of_text(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else int(text, 16)
    except ValueError as error:
        reason = "is no H3 cell: not a number in base 16"
        raise DataError(f"{name}: cell {text!r} {reason}", table=name, column="cell", value=text) from error


def polygons_of_cells(column: pa.Array) -> list[Any]:
    """Return the polygons of H3 cells, one list for each."""
    return [polygons(json.loads(text)) for text in _native.cell_boundaries(column) if text]


def polygons_of_wkb(name: str, table: pa.Table, column: str) -> tuple[pa.Table, list[Any]]:
    """Return the rows that have polygons in a column of WKB, and those."""
    binary = table.column(column).combine_chunks()
    if not (pa.types.is_binary(binary.type) or pa.types.is_large_binary(binary.type)):
        raise DefinitionError(f"{name}: {column} is {binary.type}; geometry is given as binary, in WKB")
    texts = _native.geojson_of_wkb(binary.cast(pa.binary()))
    shapes = [polygons(json.loads(text)) if text else [] for text in texts]
    kept = _only(name, table, np.array([bool(shape) for shape in shapes], dtype=bool), f"no polygon in {column}")
    return kept, [shape for shape in shapes if shape]


def polygons(geometry: dict[str, Any]) -> list[Any]:
    """Return the polygons of a GeoJSON geometry."""
    if geometry["type"] == "GeometryCollection":
        return [polygon for each in geometry["geometries"] for polygon in polygons(each)]
    if geometry["type"] == "Polygon":
        return [geometry["coordinates"]]
    return list(geometry["coordinates"]) if geometry["type"] == "MultiPolygon" else []


def numbers(option: str, table: pa.Table, column: str) -> list[Any]:
    """Return the values of a column of numbers; NaN is None.

    Raises
    ------
    DefinitionError
        If there is no such column, or it holds no numbers.
    """
    has(option, table, column)
    values = table.column(column)
    kind = values.type
    if pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise DefinitionError(f"{option} = {column!r}: is {kind}; numbers are needed")
    return [None if value is None or value != value else value for value in values.to_pylist()]


def steps(table: pa.Table) -> list[Any] | None:
    """Return the month, week or day of each row, if the table has several: a slider goes over them."""
    for unit in UNITS:
        if unit in table.column_names and len(pc.unique(table.column(unit))) > 1:
            return to_python(table.column(unit))
    return None


def unit(table: pa.Table) -> str | None:
    """Return which calendar unit the rows are by."""
    return next((unit for unit in UNITS if unit in table.column_names), None)


def facts(table: pa.Table, first: Sequence[str | None] = ()) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the texts, by column, of what a place tells when it is pointed at."""
    named = [column for column in first if column] + [each for each in table.column_names if each not in _PLACED_BY]
    shown = [column for column in dict.fromkeys(named) if column in table.column_names][:_MOST_FIELDS]
    texts = [[_short(value_text(name, value)) for value in to_python(table.column(name))] for name in shown]
    return [heading(name) for name in shown], texts


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def refuse_too_many(name: str, count: int) -> None:
    """Raise a DefinitionError if nobody could see so many shapes."""
    if count > MOST_SHAPES:
        most = f"at most {MOST_SHAPES:,}"
        raise DefinitionError(f"{name}: {count:,} shapes are too many for a map, {most}; draw hexagons, or fewer rows")


def with_columns(table: pa.Table, establishments: pa.Table, columns: Iterable[str]) -> pa.Table:
    """Return rows about establishments with these columns of each, null where it is unknown."""
    row = {str(id): place for place, id in enumerate(to_python(establishments.column("establishment_id")))}
    places = pa.array([row.get(str(id)) for id in to_python(table.column("establishment_id"))], pa.int64())
    for column in columns:
        if column in establishments.column_names and column not in table.column_names:
            table = table.append_column(column, establishments.column(column).take(places))
    return table
