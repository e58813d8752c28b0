"""A map as a whole: its layers, what is to be seen, and the JSON that the live map draws."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from footfall.errors import DefinitionError
from footfall.lang import mark, tr
from footfall.maps.base.basemap import BaseMap, base_map
from footfall.maps.mercator import Bounds, View, bounds_of, fitted, points_of, union
from footfall.maps.shapes.layers import Layer, Legend
from footfall.output.text import printable
from footfall.output.words import value_text

_WORLD = Bounds(-180.0, -60.0, 180.0, 75.0)
# 0.1 m; the live map divides by it.
_PER_DEGREE = 1_000_000
_UNITS = {"day": mark("Day"), "week": mark("Week"), "month": mark("Month")}
#: How wide the legend is, at the right of the picture.
LEGEND_PIXELS = 168


@dataclass(frozen=True)
class Scene:
    """Layers above a base map, in a view.

    Attributes
    ----------
    steps : list
        The months, weeks or days that the slider goes over; empty without one.
    step : int
        Which of them is shown: the latest.
    """

    title: str
    theme: str
    layers: Sequence[Layer]
    base: BaseMap
    bounds: Bounds
    view: View
    steps: list[Any]

    @property
    def step(self) -> int:
        """The place of the step that is shown first."""
        return max(len(self.steps) - 1, 0)

    def step_text(self, place: int) -> str:
        """Return a step as people read it."""
        return value_text(self._unit or "", self.steps[place]) if self.steps else ""

    def unit_text(self) -> str:
        """Return what the slider goes over, as a heading."""
        return tr(_UNITS[self._unit or "month"])

    @property
    def _unit(self) -> str | None:
        return next((layer.unit for layer in self.layers if layer.steps), None)

    def legends(self) -> list[Legend]:
        """Return the legends of all layers, the topmost first; what several layers say alike is said once."""
        found: dict[object, Legend] = {}
        for legend in (legend for layer in reversed(self.layers) for legend in layer.legend):
            found.setdefault(legend.says(), legend)
        return list(found.values())

    def attribution(self) -> list[str]:
        """Return who made the base map, in words."""
        return [printable(words) for words in self.base.attribution if words]

    def packed(self) -> str:
        """Return the scene for the live map: JSON, packed with gzip, in base64, which no HTML is in."""
        text = json.dumps(self._json(), separators=(",", ":"), allow_nan=False)
        return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()

    def _json(self) -> dict[str, Any]:
        base = {"kind": "shapes", "ground": self.base.ground, "layers": [layer_json(each) for each in self.base.layers]}
        return {
            "title": self.title,
            "theme": self.theme,
            "bounds": _corners(self.bounds),
            "limits": _corners(self.base.limits) if self.base.limits else None,
            "zoom": self.view.zoom,
            "covered": LEGEND_PIXELS,
            "base": self.base.live or base,
            "layers": [layer_json(layer, self.steps) for layer in self.layers],
            "legend": [{"title": each.title, "items": [vars(item) for item in each.items]} for each in self.legends()],
            "steps": [self.step_text(place) for place in range(len(self.steps))],
            "step": self.step,
            "attribution": self.attribution(),
            "words": {"play": tr("Play"), "step": self.unit_text(), "controls": _controls()},
        }


def _controls() -> dict[str, str]:
    """Return what the live map's library says, by its keys."""
    return {
        "Map.Title": tr("Map"),
        "NavigationControl.ZoomIn": tr("Zoom in"),
        "NavigationControl.ZoomOut": tr("Zoom out"),
        "CooperativeGesturesHandler.WindowsHelpText": tr("Use Ctrl + scroll to zoom the map"),
        "CooperativeGesturesHandler.MacHelpText": tr("Use ⌘ + scroll to zoom the map"),
        "CooperativeGesturesHandler.MobileHelpText": tr("Use two fingers to move the map"),
    }


def scene(
    title: str, theme: str, layers: Sequence[Layer], basemap: Any, size: tuple[int, int], megabytes: float
) -> Scene:
    """Return the scene of these layers, in a view of `size` pixels that holds all of them."""
    bounds = _bounds(layers)
    covered = LEGEND_PIXELS if any(layer.legend for layer in layers) and size[0] > 3 * LEGEND_PIXELS else 0
    view = fitted(bounds, *size, covered=covered)
    base = base_map(basemap, view, megabytes)
    return Scene(printable(title), theme, layers, base, bounds, view, _steps(layers))


def _bounds(layers: Sequence[Layer]) -> Bounds:
    found = [_bounds_of(layer) for layer in layers if layer.shapes and layer.weights != []]
    return union(found) if found else _WORLD


def _bounds_of(layer: Layer) -> Bounds:
    if layer.weights is None:
        longitudes, latitudes = np.array(list(points_of(layer.shapes))).T
        return bounds_of(latitudes, longitudes)
    longitudes, latitudes = np.array([next(iter(points_of(shape))) for shape in layer.shapes]).T
    return bounds_of(latitudes, longitudes, np.array(layer.weights, dtype=np.float64))


def _steps(layers: Sequence[Layer]) -> list[Any]:
    units = {layer.unit for layer in layers if layer.steps}
    if len(units) > 1:
        raise DefinitionError(f"layers by {' and '.join(sorted(map(str, units)))}: a slider goes over one of them")
    return sorted({step for layer in layers for step in layer.steps or () if step is not None})


def _corners(bounds: Bounds) -> list[float]:
    return [bounds.west, bounds.south, bounds.east, bounds.north]


def layer_json(layer: Layer, steps: Sequence[Any] = ()) -> dict[str, Any]:
    """Return a layer for the live map."""
    place = {step: i for i, step in enumerate(steps)}
    return {
        "id": layer.id,
        "kind": layer.kind,
        "shapes": [_SHAPES[layer.kind](shape) for shape in layer.shapes],
        "colours": layer.colours,
        "classes": layer.classes,
        "radii": None if layer.radii is None else [round(radius, 2) for radius in layer.radii],
        "steps": None if layer.steps is None else [place.get(step, -1) for step in layer.steps],
        "fields": layer.fields,
        "tips": layer.tips or None,
        "names": layer.names,
        "opacity": layer.opacity,
        "outline": layer.outline,
        "width": layer.width,
        "isBase": layer.is_base,
        "minZoom": layer.min_zoom,
    }


def _differences(line: Any) -> list[int]:
    """Return a line as integers: its first point, then steps from point to point, which pack well."""
    whole = np.rint(np.asarray(line, dtype=np.float64).reshape(-1, 2) * _PER_DEGREE).astype(np.int64)
    return np.diff(whole, axis=0, prepend=0).reshape(-1).tolist()


_SHAPES: dict[str, Callable[[Any], list[Any]]] = {
    "circle": _differences,
    "label": _differences,
    "line": lambda lines: [_differences(line) for line in lines],
    "fill": lambda polygons: [[_differences(ring) for ring in rings] for rings in polygons],
}
