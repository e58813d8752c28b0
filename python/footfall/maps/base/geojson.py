"""A base map from GeoJSON: what its features are drawn as."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from footfall.errors import DataError
from footfall.maps.shapes.layers import Layer
from footfall.output.text import printable

#: On a light map and on a dark one.
SEA = ("#D3E2EC", "#0D171F")
LAND = ("#F3F1EB", "#1B242C")
_BORDER = ("#BDB7AB", "#46535F")
_COAST = ("#A3BBCA", "#33495A")
_ROAD = ("#FFFFFF", "#36434E")
_CASING = ("#D9D4C8", "#141B21")
_LABEL = ("#4A5661", "#B4C0CA")
_HALO = ("#FFFFFF", "#12191F")
#: What vector tiles are drawn in, by Protomaps' names of colours.
FLAVOR = {
    **dict.fromkeys(("background", "water"), SEA),
    "earth": LAND,
    "boundaries": _BORDER,
    **dict.fromkeys(("minor_a", "minor_b", "minor_service", "major", "highway", "link", "other"), _ROAD),
    **dict.fromkeys(("minor_casing", "major_casing_early", "major_casing_late"), _CASING),
    **dict.fromkeys(("highway_casing_early", "highway_casing_late", "link_casing"), _CASING),
    **dict.fromkeys(("subplace_label", "city_label", "state_label", "country_label"), _LABEL),
    **dict.fromkeys(("roads_label_minor", "roads_label_major"), _LABEL),
    **dict.fromkeys(("subplace_label_halo", "city_label_halo"), _HALO),
}

_WATER = ("water", "coast", "sea", "ocean")
# By geometry: what a feature of no known kind is.
_POLYGONS = {"land": "land", **dict.fromkeys(_WATER, "water")}
_LINES = {"border": "border", "street": "street", "avenue": "avenue", **dict.fromkeys(_WATER, "coast")}
# By which of these the names of places are more or less important.
_IMPORTANCE = ("population", "population_rank", "homes")


def base_layers(collection: Any, source: str) -> list[Layer]:
    """Return the layers of a FeatureCollection whose features have a `kind`, and a `name` where there is one.

    Kinds are land, water, coast, border, road, avenue, street and, for points with a name, anything; those with more
    `population` or `homes` are named first.

    Raises
    ------
    DataError
        If it is no FeatureCollection, or a geometry has no numbers.
    """
    parts: dict[str, list[Any]] = {}
    places: list[tuple[float, str, Any]] = []
    try:
        for properties, kind, shape in _features(collection):
            role = _role(properties.get("kind"), kind)
            if kind == "point":
                places.append((importance(properties), name_of(properties), shape))
            else:
                parts.setdefault(role, []).append([shape])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"base map {source}: is no GeoJSON FeatureCollection: {error!r}", table=source) from error
    return drawn(parts, places)


def importance(properties: dict[str, Any]) -> float:
    """Return how important a place is among others."""
    values = (properties.get(name) for name in _IMPORTANCE)
    return float(next((value for value in values if isinstance(value, (int, float))), 0))


def name_of(properties: dict[str, Any]) -> str:
    """Return the name of a place; nothing if it has none."""
    return printable(str(properties.get("name") or ""))


def drawn(
    parts: dict[str, list[Any]], places: list[tuple[float, str, Any]] | None = None, *, edges: bool = True
) -> list[Layer]:
    """Return the layers of shapes by what they are, in the order of drawing.

    Places are given as importance, name and point. The edges of tiles are none of what is in them.
    """
    named = sorted((place for place in places or () if place[1]), key=lambda place: (-place[0], place[1]))
    shapes = {**parts, "label": [point for _, _, point in named]}
    names = [name for _, name, _ in named]
    made = [layer(shapes[role], names) for role, layer in _STYLES.items() if shapes.get(role)]
    return made if edges else [replace(layer, width=0.0) if layer.kind == "fill" else layer for layer in made]


def _features(collection: Any) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yield properties, point, line or polygon, and coordinates."""
    for feature in collection["features"]:
        for kind, shape in _parts(feature["geometry"] or {"type": "GeometryCollection", "geometries": []}):
            yield feature.get("properties") or {}, kind, shape


def _parts(geometry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        for each in geometry["geometries"]:
            yield from _parts(each)
        return
    shapes = geometry["coordinates"] if kind.startswith("Multi") else [geometry["coordinates"]]
    single = {"Point": "point", "LineString": "line", "Polygon": "polygon"}[kind.replace("Multi", "")]
    depth = {"point": 0, "line": 1, "polygon": 2}[single]
    for shape in shapes:
        yield single, _pairs(shape, depth)


def _pairs(shape: Any, depth: int) -> Any:
    """Return coordinates as pairs of floats: heights are left out."""
    if depth:
        return [_pairs(part, depth - 1) for part in shape]
    return [float(shape[0]), float(shape[1])]


def _role(kind: Any, shape: str) -> str:
    if shape == "polygon":
        return _POLYGONS.get(kind, "area")
    return _LINES.get(kind, "road")


def _fill(id: str, colours: tuple[str, str], edge: tuple[str, str] | None = None) -> Callable[..., Layer]:
    width = 0.8 if edge else 0.0
    return lambda shapes, _: Layer(
        id, "fill", shapes, ([colours[0]], [colours[1]]), opacity=1.0, outline=edge, width=width
    )


def _line(id: str, colours: tuple[str, str], width: float, min_zoom: float = 0.0) -> Callable[..., Layer]:
    look: dict[str, Any] = {"opacity": 1.0, "width": width, "is_base": True, "min_zoom": min_zoom}
    return lambda shapes, _: Layer(id, "line", shapes, ([colours[0]], [colours[1]]), **look)


def _labels(shapes: list[Any], names: list[str]) -> Layer:
    return Layer("base-label", "label", shapes, ([_LABEL[0]], [_LABEL[1]]), names=names, outline=_HALO)


_STYLES: dict[str, Callable[..., Layer]] = {
    "land": _fill("base-land", LAND, _COAST),
    "area": _fill("base-area", LAND, _BORDER),
    "water": _fill("base-water", SEA, _COAST),
    "coast": _line("base-coast", _COAST, 1.0),
    "border": _line("base-border", _BORDER, 1.0),
    "street": _line("base-street", _ROAD, 1.0, 10.0),
    "avenue": _line("base-avenue", _ROAD, 2.2, 9.5),
    "road": _line("base-road", _ROAD, 3.0),
    "label": _labels,
}
