"""The map as a picture, by Altair and without a browser: shapes in pixels that we work out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from footfall.charts.shared.theme import Chart, LayerChart, Rows, unvalidated
from footfall.lang import number
from footfall.maps.mercator import View
from footfall.maps.scene import LEGEND_PIXELS, Scene
from footfall.maps.shapes.layers import Layer, Legend

_INK = ("#1F2933", "#E6EBF0")
_MUTED = ("#5F6B76", "#A3AFBA")
_PAGE = ("#FFFFFF", "#111111")
_PANEL = ("#FFFFFF", "#18212A")
# What is so far outside is not drawn at all.
_MARGIN = 40
_SCALE_PIXELS = 110
_ROUND = (1, 2, 5)
# Pixels of a letter of a name, on average, and of a line.
_LETTER, _LINE = 6.2, 15
# The zooms between which the lines of a base map grow, and how.
_GROWTH = ((9, 13, 17), (1 / 3, 1, 6))


def chart(scene: Scene) -> LayerChart:
    """Return the picture as a chart."""
    # The whole is validated where it becomes Vega-Lite, and not each part as it is made.
    with unvalidated:
        return _chart(scene)


def _chart(scene: Scene) -> LayerChart:
    theme = int(scene.theme == "dark")
    view = scene.view
    parts = [part for layer in _ordered(scene) for part in _drawn(layer, scene, theme)]
    parts += [*_furniture(scene, theme), *_legend(scene, theme)]
    whole = LayerChart(
        layer=[_ground(scene, theme), *parts], width=view.width, height=view.height, background=_PAGE[theme]
    )
    heading: Any = alt.TitleParams(
        text=scene.title, subtitle=scene.step_text(scene.step), anchor="start", color=_INK[theme],
        subtitleColor=_MUTED[theme],
    )  # fmt: skip
    return whole.properties(title=heading) if scene.title or scene.steps else whole


def _ordered(scene: Scene) -> list[Layer]:
    """Return all layers, the names of places above the data, as the live map does."""
    base = [layer for layer in scene.base.layers if layer.min_zoom <= scene.view.zoom]
    labels = [layer for layer in base if layer.kind == "label"]
    return [*(layer for layer in base if layer.kind != "label"), *scene.layers, *labels]


def _ground(scene: Scene, theme: int) -> Chart:
    box = {"x": 0, "y": 0, "x2": scene.view.width, "y2": scene.view.height}
    return _marks([box], "rect", scene.view, fill=scene.base.ground[theme]).encode(
        **_at(scene.view), x2="x2:Q", y2="y2:Q"
    )


def _drawn(layer: Layer, scene: Scene, theme: int) -> list[Any]:
    shown = _shown(layer, scene)
    if layer.kind in ("circle", "label"):
        made = _points(layer, shown, scene.view, theme)
        return [made] if made else []
    return _shapes(layer, shown, scene.view, theme)


def _shown(layer: Layer, scene: Scene) -> list[int]:
    """Return the shapes that are seen at the step that is shown."""
    if not layer.steps:
        return list(range(len(layer.shapes)))
    step = scene.steps[scene.step] if scene.steps else None
    return [place for place, at in enumerate(layer.steps) if at == step]


def _points(layer: Layer, shown: list[int], view: View, theme: int) -> Any:
    rows = []
    for place in shown:
        (x, y), *_ = view.pixels([layer.shapes[place]]).tolist()
        if _is_near((x, y), (x, y), view):
            rows.append({"x": round(x, 1), "y": round(y, 1), **_look(layer, place, theme)})
    if not rows:
        return None
    if layer.kind == "label":
        return _labels(layer, _apart(rows), view, theme)
    edge = layer.outline[theme] if layer.outline else None
    marks = _marks(rows, "circle", view, opacity=layer.opacity, stroke=edge, strokeWidth=layer.width)
    size = alt.Size("area:Q", scale=None, legend=None)
    return marks.encode(**_at(view), size=size, fill=alt.Fill("colour:N", scale=None, legend=None))


def _look(layer: Layer, place: int, theme: int) -> dict[str, Any]:
    if layer.kind == "label":
        return {"name": (layer.names or [])[place]}
    radius = layer.radii[place] if layer.radii else 4.0
    return {"area": round(math.pi * radius**2, 1), "colour": layer.colours[theme][_class(layer, place)]}


def _class(layer: Layer, place: int) -> int:
    return layer.classes[place] if layer.classes else 0


def _apart(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return names that do not cover each other, the most important first."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        if not any(_touch(row, other) for other in kept):
            kept.append(row)
    return kept


def _touch(one: dict[str, Any], other: dict[str, Any]) -> bool:
    letters = (len(one["name"]) + len(other["name"])) / 2
    across, up = abs(one["x"] - other["x"]), abs(one["y"] - other["y"])
    return across < _LETTER * letters + 4 and up < _LINE


def _labels(layer: Layer, rows: list[dict[str, Any]], view: View, theme: int) -> LayerChart:
    halo = layer.outline[theme] if layer.outline else None
    look = {"fontSize": 11, "fill": layer.colours[theme][0], "stroke": halo, "strokeWidth": 2.5, "strokeJoin": "round"}
    below = _marks(rows, "text", view, **look).encode(**_at(view), text="name:N")
    above = _marks(rows, "text", view, **{**look, "stroke": None}).encode(**_at(view), text="name:N")
    return LayerChart(layer=[below, above])


def _shapes(layer: Layer, shown: list[int], view: View, theme: int) -> list[Chart]:
    """Return one mark for each class: a picture has no hover that would need each shape."""
    by_class: dict[int, list[Any]] = {}
    for place in shown:
        by_class.setdefault(_class(layer, place), []).extend(_near(layer, layer.shapes[place], view))
    kind = "MultiPolygon" if layer.kind == "fill" else "MultiLineString"
    return [
        _geoshape({"type": kind, "coordinates": shapes}, layer, layer.colours[theme][name], theme, view.zoom)
        for name, shapes in sorted(by_class.items())
        if shapes
    ]


def _near(layer: Layer, shape: Any, view: View) -> list[Any]:
    """Return the lines or polygons of a shape that touch the picture, in pixels."""
    found = []
    for part in shape:
        rings = [view.pixels(ring).round(1) for ring in (part if layer.kind == "fill" else [part])]
        if _is_near(rings[0].min(axis=0), rings[0].max(axis=0), view):
            found.append([ring.tolist() for ring in rings])
    return found if layer.kind == "fill" else [line for (line,) in found]


def _is_near(low: Any, high: Any, view: View) -> bool:
    """Return whether a box, from `low` to `high` in pixels, touches the picture."""
    ends = view.width + _MARGIN, view.height + _MARGIN
    return all(end >= -_MARGIN for end in high) and all(start <= end for start, end in zip(low, ends))


def _geoshape(geometry: dict[str, Any], layer: Layer, colour: str, theme: int, zoom: float) -> Chart:
    data = Rows([{"type": "Feature", "geometry": geometry, "properties": {}}])
    edge = colour if layer.outline is None else layer.outline[theme]
    if layer.kind == "line":
        width = layer.width * (float(np.interp(zoom, *_GROWTH)) if layer.is_base else 1)
        look: dict[str, Any] = {"filled": False, "stroke": colour, "strokeWidth": width, "opacity": layer.opacity}
    else:
        look = {"fill": colour, "fillOpacity": layer.opacity, "stroke": edge, "strokeWidth": layer.width}
    # Coordinates are pixels already: the projection leaves them alone.
    projection = alt.Projection(type="identity", scale=1, translate=[0, 0])
    return Chart(data, projection=projection).mark_geoshape(clip=True, strokeJoin="round", **look)


def _marks(rows: Sequence[dict[str, Any]], mark: str, view: View, **look: Any) -> Chart:
    made = Chart(Rows(list(rows)))
    return getattr(made, f"mark_{mark}")(
        clip=True, **{name: value for name, value in look.items() if value is not None}
    )


def _at(view: View) -> dict[str, Any]:
    """Return the positions of marks in pixels."""
    across = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, view.width], nice=False, zero=False))
    down = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[view.height, 0], nice=False, zero=False))
    return {"x": across, "y": down}


def _furniture(scene: Scene, theme: int) -> list[Any]:
    """Return the scale, and who made the base map."""
    view = scene.view
    metres = _round_below(_SCALE_PIXELS * view.metres_per_pixel)
    x, y, end = 12, view.height - 12, 12 + metres / view.metres_per_pixel
    bar = {"x": x, "y": y, "x2": round(end, 1)}
    words = f"{number(metres / 1000, ',.6g')} km" if metres >= 1000 else f"{number(metres, ',.6g')} m"
    rule = _marks([bar], "rule", view, stroke=_INK[theme], strokeWidth=2).encode(**_at(view), x2="x2:Q")
    text = _text(words, x, y - 5, view, _INK[theme], _PANEL[theme], align="left")
    credit = " · ".join(scene.attribution())
    made = (
        [_text(credit, view.width - 6, view.height - 5, view, _MUTED[theme], _PANEL[theme], "right", 9)]
        if credit
        else []
    )
    return [rule, text, *made]


def _text(
    words: str, x: float, y: float, view: View, colour: str, halo: str, align: str = "left", size: int = 11
) -> Any:
    row = [{"x": x, "y": y, "words": words}]
    look = {"fontSize": size, "align": align, "baseline": "bottom", "fill": colour}
    below = _marks(row, "text", view, **look, stroke=halo, strokeWidth=2.5, strokeJoin="round")
    parts = [below, _marks(row, "text", view, **look)]
    return LayerChart(layer=[part.encode(**_at(view), text="words:N") for part in parts])


def _round_below(value: float) -> float:
    unit = 10.0 ** math.floor(math.log10(value))
    return max(nice * unit for nice in _ROUND if nice * unit <= value)


def _legend(scene: Scene, theme: int) -> list[Any]:
    """Return the legends in a panel at the right, as the live map has them."""
    legends = scene.legends()
    return _Panel(scene.view, theme).drawn(legends) if legends else []


class _Panel:
    """A box of legends, filled from the top."""

    def __init__(self, view: View, theme: int) -> None:
        self.view, self.theme = view, theme
        self.left, self.y = view.width - LEGEND_PIXELS - 10, 10.0
        self.parts: list[Any] = []

    def drawn(self, legends: Sequence[Legend]) -> list[Any]:
        for legend in legends:
            self._block(legend)
        box = {"x": self.left, "y": 10, "x2": self.left + LEGEND_PIXELS, "y2": min(self.y + 8, self.view.height - 10)}
        look = {"fill": _PANEL[self.theme], "fillOpacity": 0.94, "stroke": _MUTED[self.theme], "strokeOpacity": 0.25}
        panel = _marks([box], "rect", self.view, cornerRadius=5, **look)
        return [panel.encode(**_at(self.view), x2="x2:Q", y2="y2:Q"), *self.parts]

    def _block(self, legend: Legend) -> None:
        self.y += 6
        if legend.title:
            self._words(legend.title, self.left + 12, _MUTED[self.theme], 600)
            self.y += 18
        for item in legend.items:
            height = max(18.0, 2 * (item.size or 0) + 3)
            self._mark(item, self.y + height / 2)
            self._words(item.label, self.left + 48, _INK[self.theme], 400, self.y + height / 2 - 8)
            self.y += height

    def _words(self, words: str, x: float, colour: str, weight: int, y: float | None = None) -> None:
        row = [{"x": x, "y": (self.y if y is None else y) + 8, "words": words}]
        look: Any = {"align": "left", "baseline": "middle", "fontSize": 11, "fill": colour, "fontWeight": weight}
        marks = _marks(row, "text", self.view, limit=self.left + LEGEND_PIXELS - x - 8, **look)
        self.parts.append(marks.encode(**_at(self.view), text="words:N"))

    def _mark(self, item: Any, y: float) -> None:
        x, colour = self.left + 26, item.colours[self.theme]
        height = {"fill": 6, "line": 1.5}.get(item.mark)
        if height:
            row = {"x": x - 11, "x2": x + 11, "y": y - height, "y2": y + height}
            marks = _marks([row], "rect", self.view, fill=colour).encode(**_at(self.view), x2="x2:Q", y2="y2:Q")
        else:
            area = math.pi * (item.size or 5) ** 2
            ring = {"filled": False, "stroke": colour, "strokeWidth": 2} if item.mark == "ring" else {"fill": colour}
            marks = _marks([{"x": x, "y": y}], "point", self.view, size=area, **ring, **_solid(item)).encode(
                **_at(self.view)
            )
        self.parts.append(marks)


def _solid(item: Any) -> dict[str, Any]:
    return {} if item.mark == "ring" else {"filled": True, "opacity": 0.85}
