"""What a map asks its data set, in SQL, so that every engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from footfall.errors import DefinitionError, MissingTableError
from footfall.inputs import arrow, options
from footfall.maps.shapes.cells import chosen
from footfall.maps.tables import UNITS, with_columns

_MEASURES = {"pings": "count(*)", "users": "count(DISTINCT user_id)", "visits": "count(*)"}


class Data(Protocol):
    """What a map asks a data set for; `footfall.Dataset` is one."""

    @property
    def source(self) -> str:
        """Where it is."""
        ...

    @property
    def tables(self) -> dict[str, list[str]]:
        """The names of its tables, and of their columns."""
        ...

    def sql(self, query: str) -> arrow.ArrowStream:
        """Answer a query."""
        ...


def establishments(data: Data) -> Any:
    """Return all establishments."""
    _needs(data, "establishments")
    return arrow.to_pyarrow(data.sql("SELECT * FROM establishments ORDER BY establishment_id"))


def located(data: Data | None, table: Any) -> Any:
    """Return rows about establishments with the places of these, unless they have their own."""
    return table if "latitude" in table.column_names else _told(data, table, ("latitude", "longitude", "footprint"))


def named(data: Data | None, table: Any) -> Any:
    """Return rows about establishments with the names of these."""
    return _told(data, table, ["name"])


def _told(data: Data | None, table: Any, columns: Sequence[str]) -> Any:
    """Return rows with what a data set tells about their establishments, if both have any."""
    if data is None or "establishment_id" not in table.column_names or "establishments" not in data.tables:
        return table
    return with_columns(table, establishments(data), columns)


def hexagons(data: Data, measure: str, resolution: int | None, by: str | None) -> Any:
    """Return how many pings, users or visits each cell has."""
    if measure not in _MEASURES:
        raise DefinitionError(f"value = {measure!r}: is not counted{options.choices(measure, _MEASURES)}")
    if by is not None and by not in UNITS:
        raise DefinitionError(f"by = {by!r}: no such unit{options.choices(by, UNITS)}")
    _needs(data, "pings")
    rows = "pings" if measure != "visits" else _visits(data)
    fine = resolution if resolution is not None else _resolution(data)
    unit = f"local_{by}(timestamp) AS {by}, " if by else ""
    groups = "1, 2" if by else "1"
    cell = f"h3_cell(latitude, longitude, {int(fine)}) AS cell"
    return data.sql(f"SELECT {unit}{cell}, {_MEASURES[measure]} AS {measure} FROM {rows} GROUP BY {groups}")


def _visits(data: Data) -> str:
    _needs(data, "establishments")
    joined = "visits JOIN establishments ON visits.establishment_id = establishments.establishment_id"
    return f"(SELECT visits.user_id, visits.timestamp, latitude, longitude FROM {joined})"


def _resolution(data: Data) -> int:
    """Return the one that fits the city: of its establishments, which are few, or else of a thousand pings."""
    table = "establishments" if "establishments" in data.tables else "(SELECT * FROM pings LIMIT 1000)"
    found = arrow.to_pyarrow(data.sql(f"SELECT latitude, longitude FROM {table}"))
    latitude, longitude = (np.asarray(found.column(name).cast("float64")) for name in ("latitude", "longitude"))
    return chosen(latitude, longitude)


def pings(data: Data, user: object) -> Any:
    """Return the pings of a user."""
    _needs(data, "pings")
    (text,) = options.ids("user", [user])
    quoted = text.replace("'", "''")
    condition = f"CAST(user_id AS VARCHAR) = '{quoted}'"
    return arrow.to_pyarrow(data.sql(f"SELECT * FROM pings WHERE {condition} ORDER BY timestamp"))


def _needs(data: Data, table: str) -> None:
    if table not in data.tables:
        raise MissingTableError(f"a map of {table} needs the table {table}, which {data.source} lacks")
