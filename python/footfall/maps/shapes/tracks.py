"""A user's way, as a line with its fixes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall import _native
from footfall.errors import DefinitionError
from footfall.lang import tr
from footfall.maps import tables
from footfall.maps.mercator import bounds_of, fitted
from footfall.maps.shapes import classes
from footfall.maps.shapes.classes import TRACK, Classed
from footfall.maps.shapes.layers import Layer, legend

# Several lines are told apart by colour; more are a knot.
_MOST_USERS = 6
# A way is as the eye sees it at this size, four times as near.
_PIXELS = 4000
_FIX = 2.6


def tracks(id: str, given: Any) -> list[Layer]:
    """Return the way of each user in order of time, and its fixes, simplified to what can be seen."""
    table, _, _ = tables.coordinates(id, tables.read(id, given))
    made = _users(id, table)
    table = table.append_column("track", pa.array(made.classes, pa.int32()))
    if "timestamp" in table.column_names:
        table = table.sort_by([("track", "ascending"), ("timestamp", "ascending")])
    parts = [_simplified(table.filter(pc.equal(table.column("track"), place))) for place in sorted(set(made.classes))]
    kept = pa.concat_tables(parts) if parts else table
    lines = Layer(
        f"{id}-line",
        "line",
        [[unbroken(_places(part))] for part in parts],
        made.colours,
        list(range(len(parts))),
        opacity=0.8,
        width=2.5,
        legend=[legend("", made, "line")],
    )
    return [lines, _fixes(id, kept, made)]


def _users(id: str, table: pa.Table) -> Classed:
    """Return the class of each row's user."""
    if "user_id" not in table.column_names:
        return Classed([0] * table.num_rows, [tr("Track")], TRACK)
    users = table.column("user_id").to_pylist()
    if len(set(users)) > _MOST_USERS:
        raise DefinitionError(f"{id}: {len(set(users)):,} users; at most {_MOST_USERS} tracks can be told apart")
    made = classes.categories(users)
    colours = TRACK if len(made.labels) == 1 else made.colours
    return Classed(made.classes, [tr("User {id}", id=label) for label in made.labels], colours)


def _places(table: pa.Table) -> Any:
    columns = [table.column(name).cast(pa.float64()).to_numpy() for name in ("longitude", "latitude")]
    return np.column_stack(columns)


def _simplified(table: pa.Table) -> pa.Table:
    """Return the fixes without which the way would look another."""
    longitude, latitude = _places(table).T
    view = fitted(bounds_of(latitude, longitude), _PIXELS, _PIXELS)
    kept = _native.simplified(np.ascontiguousarray(latitude), np.ascontiguousarray(longitude), view.metres_per_pixel)
    return table.take(pa.array(kept, pa.int64()))


def unbroken(places: Any) -> list[Any]:
    """Return a way as a line that goes on beyond the antimeridian."""
    made: list[Any] = np.column_stack([np.unwrap(places[:, 0], period=360), places[:, 1]]).tolist()
    return made


def _fixes(id: str, table: pa.Table, made: Classed) -> Layer:
    track = table.column("track").to_pylist()
    fields, tips = tables.facts(table.drop_columns(["track"]), ["user_id", "timestamp"])
    return Layer(
        id, "circle", _places(table).tolist(), made.colours, track, [2.6] * len(track), None, None, fields, tips
    )
