"""Land and borders of the world, for maps that have no other base: Natural Earth 1:50m, public domain.

References
----------
https://www.naturalearthdata.com, by way of npm's world-atlas
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any

import numpy as np

from footfall.maps import static
from footfall.maps.base.geojson import drawn
from footfall.maps.mercator import Bounds, Floats
from footfall.maps.shapes.layers import Layer

ATTRIBUTION = "Natural Earth"
_PER_DEGREE = 100


def layers(window: Bounds) -> list[Layer]:
    """Return what lies in `window`, cut at its edges."""
    land = [[rings] for rings in _cut("land", window)]
    return drawn({"land": land, "border": [[line] for line in _cut("border", window)]})


@lru_cache(maxsize=1)
def _world() -> dict[str, list[list[Floats]]]:
    """Return the polygons of all land as lists of rings, and each border as a list of one line."""
    stored = json.loads(static.text("natural-earth.json"))
    return {
        "land": [[_ring(ring) for ring in rings] for rings in stored["land"]],
        "border": [[_line(line)] for line in stored["border"]],
    }


def _line(flat: list[int]) -> Floats:
    """Return a line that goes on beyond the antimeridian."""
    line = np.cumsum(np.array(flat, dtype=np.int64).reshape(-1, 2), axis=0) / _PER_DEGREE
    line[:, 0] = np.unwrap(line[:, 0], period=360)
    return line


def _ring(flat: list[int]) -> Floats:
    """Return a ring; around a pole, it is closed by the world's edge."""
    ring = _line(flat)
    if abs(ring[-1, 0] - ring[0, 0]) < 1:
        return ring
    pole = math.copysign(90, ring[:, 1].mean())
    return np.vstack([ring, [[ring[-1, 0], pole], [ring[0, 0], pole]], ring[:1]])


def _cut(name: str, window: Bounds) -> list[Any]:
    found: list[Any] = []
    # Beyond the antimeridian, the world begins anew.
    for turn in (-360, 0, 360):
        shift = np.array([turn, 0])
        for parts in _world()[name]:
            outer = parts[0] + shift
            if _is_apart(outer, window):
                continue
            if name == "border":
                found += _cut_line(outer, window)
            else:
                rings = [_cut_ring(part + shift, window) for part in parts]
                found += [[ring for ring in rings if len(ring) > 3]] if len(rings[0]) > 3 else []
    return found


def _is_apart(line: Floats, window: Bounds) -> bool:
    west, south = line.min(axis=0)
    east, north = line.max(axis=0)
    return bool(east < window.west or west > window.east or north < window.south or south > window.north)


def _cut_line(line: Floats, window: Bounds) -> list[Any]:
    """Return the pieces of a line that are inside, with one point more at each end."""
    inside = np.all((line >= [window.west, window.south]) & (line <= [window.east, window.north]), axis=1)
    near = inside.copy()
    near[1:] |= inside[:-1]
    near[:-1] |= inside[1:]
    starts = np.flatnonzero(np.diff(near.astype(int), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(near.astype(int), append=0) == -1) + 1
    return [line[start:end].tolist() for start, end in zip(starts, ends) if end - start > 1]


def _cut_ring(ring: Floats, window: Bounds) -> list[Any]:
    """Return the part of a ring inside, by Sutherland and Hodgman: one edge of the window after the other."""
    for axis, limit, sign in ((0, window.west, 1), (0, window.east, -1), (1, window.south, 1), (1, window.north, -1)):
        if not len(ring):
            return []
        ring = _cut_half(ring, axis, limit, sign)
    return ring.tolist()


def _cut_half(ring: Floats, axis: int, limit: float, sign: int) -> Floats:
    inside = sign * (ring[:, axis] - limit) >= 0
    before, was_inside = np.roll(ring, 1, axis=0), np.roll(inside, 1)
    crosses = inside != was_inside
    run = np.where(crosses, ring[:, axis] - before[:, axis], 1.0)
    crossing = before + ((limit - before[:, axis]) / run)[:, None] * (ring - before)
    both = np.stack([crossing, ring], axis=1).reshape(-1, 2)
    return both[np.stack([crosses, inside], axis=1).reshape(-1)]
