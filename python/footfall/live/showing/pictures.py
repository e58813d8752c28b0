"""A live map as it stands: layers of a map, and the words beside it."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall.lang import mark, tr
from footfall.live.showing.frames import Frames, Seen, headings
from footfall.live.showing.positions import APPROACHING, HELD_OUT, MOVING, SUGGESTED
from footfall.maps.shapes.classes import ACCENT, TRACK, Colours
from footfall.maps.shapes.layers import Item, Layer, Legend
from footfall.output.display import plural, several

if TYPE_CHECKING:
    from footfall.maps import Map

_NAMES = {
    MOVING: mark("User"), APPROACHING: mark("Approaching"), SUGGESTED: mark("Suggested"), HELD_OUT: mark("Held out"),
}  # fmt: skip
#: By kind: on a light map, on a dark one.
_COLOURS = {
    MOVING: (TRACK[0][0], TRACK[1][0]),
    APPROACHING: ("#C77F00", "#F2B632"),
    SUGGESTED: ("#D2420B", "#FF7A45"),
    HELD_OUT: ("#5F6B76", "#B4BEC8"),
}
_RADII = {MOVING: 3.2, APPROACHING: 4.2, SUGGESTED: 6.0, HELD_OUT: 5.0}
#: Of establishments, which stay: those who move matter more.
SHOP_RADIUS = 2.4
_TABLE = "border-collapse:collapse;margin-top:8px;font-variant-numeric:tabular-nums"
_CELL = "text-align:left;padding:2px 14px 2px 0;font-weight:{weight}"


def legend() -> Legend:
    """Return what the colours of a live map mean."""
    items = [Item("circle", _COLOURS[kind], tr(_NAMES[kind]), _RADII[kind]) for kind in _NAMES]
    return Legend("", [*items, _establishment()])


def _establishment() -> Item:
    return Item("circle", (ACCENT[0][0], ACCENT[1][0]), tr("Establishment"), SHOP_RADIUS)


def legend_json() -> list[dict[str, Any]]:
    """Return the legend for the page, with the kind that each item is of."""
    kinds = [*_NAMES, None]
    return [{**vars(item), "kind": kind} for item, kind in zip(legend().items, kinds)]


def ground(below: Map) -> Map:
    """Return a map whose establishments are small, and their legend with them."""
    return replace(below, _layers=tuple(_small(layer) for layer in below._layers))


def _small(layer: Layer) -> Layer:
    if layer.kind != "circle":
        return layer
    radii, key = [SHOP_RADIUS] * len(layer.shapes), [Legend("", [_establishment()])]
    return replace(layer, radii=radii, opacity=0.7, width=0.5, legend=key)


def picture(below: Map, frames: Frames) -> Map:
    """Return a map of what is there now."""
    seen = frames.current()
    layers = [layer for layer in (_corridors(seen), _ways(seen), _users(frames, seen)) if layer.shapes]
    return replace(below, _layers=(*below._layers, *layers))


def _corridors(seen: list[Seen]) -> Layer:
    kinds = [each.kind for each in seen]
    shapes = [[[each.ring.tolist()]] for each in seen]
    return Layer("corridors", "fill", shapes, _colours(), kinds, opacity=0.16, outline=None, width=0.0, weights=[])


def _ways(seen: list[Seen]) -> Layer:
    lines = [[[each.here[::-1], each.place[::-1]]] for each in seen]
    return Layer("ways", "line", lines, _colours(), [each.kind for each in seen], width=1.6, weights=[])


def _users(frames: Frames, seen: list[Seen]) -> Layer:
    kinds = frames.kinds(seen)
    slots = np.flatnonzero(kinds)
    # Those who matter are drawn above the others.
    slots = slots[np.argsort(kinds[slots], kind="stable")]
    shown = kinds[slots].tolist()
    return Layer(
        "users", "circle", frames.positions.degrees[slots].tolist(), _colours(), shown,
        [_RADII[kind] for kind in shown], width=0.6, weights=[], legend=[Legend("", legend().items[: len(_NAMES)])],
    )  # fmt: skip


def _colours() -> Colours:
    """Return the colours by kind; that of nobody is not seen."""
    by_kind = [_COLOURS.get(kind, ("#000000", "#000000")) for kind in range(max(_COLOURS) + 1)]
    return [light for light, _ in by_kind], [dark for _, dark in by_kind]


def html(below: Map, frames: Frames) -> str:
    """Return the last frame as a notebook keeps it: a map, what was counted, and the last suggestions."""
    shown = picture(below, frames)
    words = " · ".join(
        f"{escape(name)} <b>{escape(value)}</b>"
        for name, value in frames.facts(int(np.count_nonzero(frames.kinds([]))))
    )
    clock = escape(frames.time_text(frames.positions.now_us, 0, 16))
    return f"{shown._repr_mimebundle_()['text/html']}<div><b>{clock}</b> · {words}</div>{_table(frames)}"


def _table(frames: Frames) -> str:
    if not frames.rows:
        return ""
    rows = [_row(headings(), 600), *(_row(frames.cells(row), 400) for row in frames.rows)]
    return f'<table style="{_TABLE}">{"".join(rows)}</table>'


def _row(texts: Any, weight: int) -> str:
    style = _CELL.format(weight=weight)
    return f"<tr>{''.join(f'<td style={style!r}>{escape(text)}</td>' for text in texts)}</tr>"


def counts(frames: Frames) -> str:
    """Return what was counted, in words."""
    counted = frames.counts
    made = counted["suggested"] + counted["held_out"]
    told = [several(counted["fixes"], "fix"), several(counted["approaches"], "approach"), plural(made, "suggestion")]
    return ", ".join([plural(len(frames.positions), "user"), *told])
