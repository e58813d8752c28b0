"""Web Mercator: where a place on earth stands in a picture, and which view holds a set of places.

References
----------
https://en.wikipedia.org/wiki/Web_Mercator_projection
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall._native import EARTH_RADIUS_M

Floats = npt.NDArray[np.float64]

#: Pixels of the world's width at zoom 0, as MapLibre counts.
WORLD = 512
#: Where the world of Web Mercator, a square, ends.
_NORTHMOST = 85.0511
METRES_PER_DEGREE = math.radians(1) * EARTH_RADIUS_M
# A view of one place shows some streets around it.
_LEAST_METRES = 600
# The bulk of places, and how far around it others are seen, in its own size.
_BULK = (0.04, 0.96)
_AROUND = 0.3
# Pixels between what is to be seen and the edge.
_PADDING = 24


@dataclass(frozen=True)
class Bounds:
    """A rectangle in degrees; `east` is beyond 180 where it holds the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    @property
    def middle(self) -> tuple[float, float]:
        """Latitude and longitude of its middle."""
        return (self.south + self.north) / 2, (self.west + self.east) / 2

    def turned(self, turns: int) -> Bounds:
        """Return it so many times further around the world."""
        return Bounds(self.west + 360 * turns, self.south, self.east + 360 * turns, self.north)

    def padded(self, times: float) -> Bounds:
        """Return it with so many times its size more at each side, within the world."""
        across, up = times * (self.east - self.west), times * (self.north - self.south)
        west, east = self.west - across, self.east + across
        if east - west >= 360:
            west, east = -180.0, 180.0
        return Bounds(west, max(self.south - up, -_NORTHMOST), east, min(self.north + up, _NORTHMOST))


def bounds_of(latitudes: Floats, longitudes: Floats, weights: Floats | None = None) -> Bounds:
    """Return the rectangle of all places; with weights, of all but those that are far off from the bulk.

    Examples
    --------
    >>> bounds_of(np.array([-17.0, -16.0]), np.array([179.0, -179.0]))
    Bounds(west=179.0, south=-17.0, east=181.0, north=-16.0)
    """
    south, north = _range(np.clip(latitudes, -_NORTHMOST, _NORTHMOST), weights)
    west, east = _range(_unwrapped(longitudes), weights)
    return _at_least(Bounds(west, south, east, north))


def union(all: Sequence[Bounds]) -> Bounds:
    """Return the rectangle that holds all rectangles, which are moved by whole turns to where the widest is.

    Examples
    --------
    >>> union([Bounds(20, 0, 210, 5), Bounds(-175, -5, -170, 0)])
    Bounds(west=20, south=-5, east=210, north=5)
    """
    widest = max(all, key=lambda each: each.east - each.west)
    near = [each.turned(round((widest.middle[1] - each.middle[1]) / 360)) for each in all]
    souths, norths = [each.south for each in near], [each.north for each in near]
    return Bounds(min(each.west for each in near), min(souths), max(each.east for each in near), max(norths))


def _unwrapped(longitudes: Floats) -> Floats:
    """Return longitudes of which the largest gap between neighbours lies outside."""
    ordered = np.sort(longitudes)
    gaps = np.diff(ordered, append=ordered[0] + 360)
    after = int(np.argmax(gaps)) + 1
    first = ordered[after] if after < len(ordered) else ordered[0]
    return np.where(longitudes < first, longitudes + 360, longitudes)


def _range(values: Floats, weights: Floats | None) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if weights is None or not weights.sum() > 0:
        return low, high
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    first, last = (float(values[order][np.searchsorted(reached, end)]) for end in _BULK)
    around = _AROUND * (last - first)
    return max(low, first - around), min(high, last + around)


def _at_least(bounds: Bounds) -> Bounds:
    latitude, longitude = bounds.middle
    up = _LEAST_METRES / METRES_PER_DEGREE / 2
    across = up / max(math.cos(math.radians(latitude)), 0.01)
    return Bounds(
        min(bounds.west, longitude - across),
        min(bounds.south, latitude - up),
        max(bounds.east, longitude + across),
        max(bounds.north, latitude + up),
    )


@dataclass(frozen=True)
class View:
    """A picture of the world: its middle (in the world's unit square), pixels per world, and its size in pixels."""

    x: float
    y: float
    scale: float
    width: int
    height: int

    @property
    def zoom(self) -> float:
        """The zoom level, as MapLibre counts."""
        return math.log2(self.scale / WORLD)

    @property
    def metres_per_pixel(self) -> float:
        """Metres on the ground, in the middle."""
        return 360 * METRES_PER_DEGREE * math.cos(math.radians(latitude_of(self.y))) / self.scale

    @property
    def bounds(self) -> Bounds:
        """What it shows, in degrees."""
        across, up = self.width / self.scale / 2, self.height / self.scale / 2
        north, south = latitude_of(max(self.y - up, 0.0)), latitude_of(min(self.y + up, 1.0))
        return Bounds(360 * (self.x - across) - 180, south, 360 * (self.x + across) - 180, north)

    def pixels(self, points: Sequence[Sequence[float]] | Floats) -> Floats:
        """Return the pixels, x to the right and y down, of (longitude, latitude) pairs; on the nearer side of 180."""
        places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        x, y = _world(places[:, 1], places[:, 0])
        # A line that crosses the antimeridian is not torn: its first place says on which side it is.
        x += np.round(self.x - x[0]) if len(x) else 0
        return np.column_stack(
            [(x - self.x) * self.scale + self.width / 2, (y - self.y) * self.scale + self.height / 2]
        )


def fitted(bounds: Bounds, width: int, height: int, *, covered: int = 0) -> View:
    """Return the view of `width` and `height` pixels that holds `bounds`, left of what is `covered` at the right."""
    (west, east), (top, bottom) = _world(np.array([bounds.north, bounds.south]), np.array([bounds.west, bounds.east]))
    room = max(width - covered - 2 * _PADDING, 1), max(height - 2 * _PADDING, 1)
    scale = min(room[0] / max(east - west, 1e-12), room[1] / max(bottom - top, 1e-12))
    # The world is not repeated, nor is its top below the picture's.
    scale = max(scale, width, height)
    half, aside = height / scale / 2, covered / scale / 2
    return View(
        float(west + east) / 2 + aside, float(np.clip((top + bottom) / 2, half, 1 - half)), scale, width, height
    )


def _world(latitudes: Floats, longitudes: Floats) -> tuple[Floats, Floats]:
    sines = np.sin(np.radians(np.clip(latitudes, -_NORTHMOST, _NORTHMOST)))
    return longitudes / 360 + 0.5, 0.5 - np.arctanh(sines) / (2 * np.pi)


def tiles_in(window: Bounds, zoom: int) -> Iterator[tuple[int, int]]:
    """Yield x and y of the tiles that `window` touches, each once.

    Examples
    --------
    >>> list(tiles_in(Bounds(170, 10, 190, 20), 2))
    [(3, 1), (0, 1)]
    """
    side = 1 << zoom
    across, down = _world(np.array([window.north, window.south]), np.array([window.west, window.east]))
    left, right, top, bottom = (math.floor(value * side) for value in (*across, *down))
    for x in range(left, min(right, left + side - 1) + 1):
        for y in range(max(top, 0), min(bottom, side - 1) + 1):
            yield x % side, y


def latitude_of(y: float) -> float:
    """Return the latitude of a height in the unit square: 0 at the top."""
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y))))


def points_of(shape: Any) -> Iterable[Sequence[float]]:
    """Yield the (longitude, latitude) pairs of nested coordinates."""
    if shape and isinstance(shape[0], (int, float)):
        yield shape
        return
    for part in shape:
        yield from points_of(part)
