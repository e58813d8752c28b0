"""The base map of a picture from vector tiles with the layers of Protomaps.

References
----------
https://github.com/mapbox/vector-tile-spec/tree/master/2.1, https://docs.protomaps.com/basemaps/layers
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from footfall.errors import DataError
from footfall.maps.base.archive import Archive
from footfall.maps.base.geojson import drawn, importance, name_of
from footfall.maps.mercator import View, latitude_of, tiles_in
from footfall.maps.shapes.layers import Layer

__all__ = ["Archive", "layers"]

_POINT, _LINE, _POLYGON = 1, 2, 3
_ROLES = {("earth", _POLYGON): "land", ("water", _POLYGON): "water", ("boundaries", _LINE): "border"}
# Of roads, a picture of a city shows those that lead somewhere.
_ROADS = {"highway": "road", "major_road": "avenue", "medium_road": "street", "minor_road": "street"}
# What decoding raises of bytes that are no tile; RuntimeError is of a geometry that ends early.
_BROKEN = (ArithmeticError, AttributeError, IndexError, RuntimeError, TypeError, UnicodeDecodeError, struct.error)


@dataclass(frozen=True)
class _Feature:
    """A feature of a tile: its layer, properties, type of geometry and parts, in units of the tile's extent."""

    layer: str
    properties: dict[str, Any]
    kind: int
    parts: list[list[tuple[float, float]]]


def layers(archive: Archive, view: View) -> list[Layer]:
    """Return what a picture of `view` shows of the archive's tiles."""
    zoom = max(min(round(view.zoom), archive.max_zoom), 0)
    parts: dict[str, list[Any]] = {}
    places: list[tuple[float, str, Any]] = []
    for x, y in tiles_in(view.bounds, zoom):
        packed = archive.tile(zoom, x, y)
        for feature in _features(packed) if packed else ():
            shape = [[_place(zoom, x, y, *point) for point in part] for part in feature.parts]
            if feature.layer == "places" and feature.kind == _POINT and shape:
                places.append((importance(feature.properties), name_of(feature.properties), shape[0][0]))
            elif feature.layer == "roads" and feature.kind == _LINE:
                role = _ROADS.get(str(feature.properties.get("kind")), "path")
                parts.setdefault(role, []).append(shape)
            elif (feature.layer, feature.kind) in _ROLES:
                whole = [shape] if feature.kind == _POLYGON else shape
                parts.setdefault(_ROLES[feature.layer, feature.kind], []).append(whole)
    return drawn(parts, places, edges=False)


def _place(zoom: int, x: int, y: int, east: float, south: float) -> list[float]:
    side = 1 << zoom
    # Nothing is seen beyond the poles, and far beyond them no latitude can be computed.
    return [360 * (x + east) / side - 180, latitude_of(min(max((y + south) / side, -1), 2))]


# Our own decoding: mapbox-vector-tile would bring shapely, protobuf and pyclipper.
def _features(packed: bytes) -> Iterator[_Feature]:
    try:
        for field, layer in _fields(packed):
            if field == 3:
                yield from _of_layer(layer)
    except _BROKEN as error:
        raise DataError(f"a vector tile of the base map cannot be read: {error}") from error


def _of_layer(packed: bytes) -> Iterator[_Feature]:
    name, extent = "", 4096
    features: list[bytes] = []
    keys: list[str] = []
    values: list[Any] = []
    for field, value in _fields(packed):
        if field == 1:
            name = value.decode()
        elif field == 2:
            features.append(value)
        elif field == 3:
            keys.append(value.decode())
        elif field == 4:
            values.append(_value(value))
        elif field == 5:
            extent = value
    for feature in features:
        found = dict(_fields(feature))
        tags = list(_varints(found.get(2, b"")))
        properties = {keys[key]: values[value] for key, value in zip(tags[::2], tags[1::2])}
        yield _Feature(name, properties, found.get(3, 0), _geometry(found.get(4, b""), found.get(3, 0), extent))


def _geometry(packed: bytes, kind: int, extent: int) -> list[list[tuple[float, float]]]:
    parts: list[list[tuple[float, float]]] = []
    numbers = _varints(packed)
    x = y = 0
    for command in numbers:
        what, times = command & 7, command >> 3
        if what == 7:
            parts[-1].append(parts[-1][0])
            continue
        for _ in range(times):
            x, y = x + _signed(next(numbers)), y + _signed(next(numbers))
            if what == 1:
                parts.append([])
            parts[-1].append((x / extent, y / extent))
    return parts


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _value(packed: bytes) -> Any:
    for field, value in _fields(packed):
        if field == 1:
            return value.decode()
        if field in (2, 3):
            return struct.unpack("<f" if field == 2 else "<d", value)[0]
        return _signed(value) if field == 6 else bool(value) if field == 7 else value
    return None


def _fields(packed: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a message of Protocol Buffers."""
    place = 0
    while place < len(packed):
        key, place = _varint(packed, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(packed, place)
            yield key >> 3, value
            continue
        length, place = (8, place) if kind == 1 else (4, place) if kind == 5 else _varint(packed, place)
        if place + length > len(packed):
            raise IndexError("it ends early")
        yield key >> 3, packed[place : place + length]
        place += length


def _varints(packed: bytes) -> Iterator[int]:
    place = 0
    while place < len(packed):
        number, place = _varint(packed, place)
        yield number


def _varint(packed: bytes, place: int) -> tuple[int, int]:
    """Return the integer at `place`, and where it ends; IndexError if it ends early or has more than 64 bits."""
    number = 0
    for shift in range(0, 70, 7):
        byte = packed[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise IndexError("an integer has more than 64 bits")
