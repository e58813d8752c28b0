"""Places as points, as circles to scale, and as areas."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from footfall import _native
from footfall.lang import number, tr
from footfall.maps import tables
from footfall.maps.shapes import classes
from footfall.maps.shapes.classes import ACCENT, Classed
from footfall.maps.shapes.layers import Item, Layer, Legend, heading, legend
from footfall.output.words import value_text

_PLAIN = 4.5
# A polygon of so many corners lies within 0.1 % of its circle.
_CORNERS = 72


def points(id: str, title: str, given: Any, *, size: str | None, color: str | None) -> Layer:
    """Return a circle for each row, the largest at the bottom."""
    table, latitude, longitude = tables.coordinates(id, tables.read(id, given))
    tables.refuse_too_many(id, table.num_rows)
    table, latitude, longitude = _sorted(table, latitude, longitude, size)
    coloured, key = _coloured(table, color, title)
    key = key if color or not size else []
    numbers = tables.numbers("size", table, size) if size else []
    scale = classes.sizes(size, numbers) if size else None
    radii = [scale.radius(value) for value in numbers] if scale else [_PLAIN] * table.num_rows
    fields, tips = tables.facts(table, ["name", "establishment_id", size, color])
    return Layer(
        id,
        "circle",
        np.column_stack([longitude, latitude]).tolist(),
        coloured.colours,
        coloured.classes,
        radii,
        tables.steps(table),
        tables.unit(table),
        fields,
        tips,
        weights=[1.0] * table.num_rows,
        legend=[*key, *([_sizes(size, scale, coloured)] if size and scale else [])],
    )


def _sorted(table: pa.Table, latitude: Any, longitude: Any, size: str | None) -> tuple[pa.Table, Any, Any]:
    if size is None or size not in table.column_names:
        return table, latitude, longitude
    values = np.array([-(value or 0) for value in tables.numbers("size", table, size)])
    order = np.argsort(values, kind="stable")
    return table.take(pa.array(order)), latitude[order], longitude[order]


def _coloured(table: pa.Table, color: str | None, title: str) -> tuple[Classed, list[Legend]]:
    """Return the classes of a column: shades for numbers, else a colour for each text; and their legend."""
    if color is None:
        return Classed([0] * table.num_rows, [title], ACCENT), [legend("", Classed([], [title], ACCENT), "circle")]
    tables.has("color", table, color)
    kind = table.column(color).type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    made = classes.shaded(color, tables.numbers("color", table, color)) if is_number else classes.categories(
        table.column(color).to_pylist()
    )  # fmt: skip
    return made, [legend(heading(color), made, "circle")]


def _sizes(column: str, scale: classes.Sizes, coloured: Classed) -> Legend:
    grey = ("#7B8794", "#9AA5B1")
    colours = (coloured.colours[0][0], coloured.colours[1][0]) if len(coloured.labels) == 1 else grey
    examples = [(value, value_text(column, int(value) if value == int(value) else value)) for value in scale.examples()]
    items = [Item("circle", colours, text, scale.radius(value)) for value, text in examples]
    return Legend(heading(column), items)


def areas(id: str, title: str, given: Any, *, column: str, color: str | None) -> Layer:
    """Return the polygons of a column of WKB."""
    table, shapes = tables.polygons_of_wkb(id, tables.read(id, given, [column]), column)
    tables.refuse_too_many(id, len(shapes))
    made, key = _coloured(table, color, title)
    fields, tips = tables.facts(table, ["name", "establishment_id", color])
    return Layer(
        id,
        "fill",
        shapes,
        made.colours,
        made.classes,
        steps=tables.steps(table),
        unit=tables.unit(table),
        fields=fields,
        tips=tips,
        opacity=0.3,
        outline=None,
        width=2.0,
        legend=[Legend(each.title, [Item("fill", i.colours, i.label) for i in each.items]) for each in key],
    )


def circles(id: str, given: Any, *, radius_m: float) -> Layer:
    """Return the circle of `radius_m` metres around each place, true to scale."""
    table, latitude, longitude = tables.coordinates(id, tables.read(id, given))
    tables.refuse_too_many(id, table.num_rows)
    texts = [_native.circle(*place, radius_m, _CORNERS) for place in zip(latitude.tolist(), longitude.tolist())]
    title = tr("Within {radius} m", radius=number(radius_m, ",.4g"))
    return Layer(
        id,
        "fill",
        [tables.polygons(json.loads(text)) for text in texts],
        ACCENT,
        opacity=0.12,
        outline=None,
        width=0.9,
        weights=[1.0] * table.num_rows,
        legend=[Legend("", [Item("ring", (ACCENT[0][0], ACCENT[1][0]), title)])],
    )
