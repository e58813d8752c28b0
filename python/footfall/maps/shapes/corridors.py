"""The corridor of an approach: where an establishment counts as lying ahead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from footfall._native import EARTH_RADIUS_M
from footfall.maps.mercator import Floats

# Of each side, and of the far end.
_POINTS = 9

#: Latitude and longitude.
Place = tuple[float, float]


def metres_from(origin: Place, latitude: Any, longitude: Any) -> tuple[Any, Any]:
    """Return metres east and north of an origin, in the plane that touches the earth there.

    Examples
    --------
    >>> east, north = metres_from((0.0, 180.0), 0.001, -179.999)
    >>> round(float(east)), round(float(north))
    (111, 111)
    """
    turned = (np.asarray(longitude) - origin[1] + 180) % 360 - 180
    east = EARTH_RADIUS_M * np.radians(turned) * math.cos(math.radians(origin[0]))
    return east, EARTH_RADIUS_M * np.radians(np.asarray(latitude) - origin[0])


def heading(before: Place, here: Place) -> float:
    """Return where a leg leads, in radians from the east, turning north."""
    east, north = metres_from(here, *before)
    return math.atan2(-north, -east)


def miss_m(here: Place, ahead: float, place: Place) -> float:
    """Return how far the line ahead passes a place.

    Examples
    --------
    >>> round(miss_m((0.0, 0.0), math.radians(90), (0.002, 0.0005)))
    56
    """
    east, north = metres_from(here, *place)
    return abs(float(east * math.sin(ahead) - north * math.cos(ahead)))


def towards(here: Place, place: Place, missed_m: float, ahead: float | None) -> float:
    """Return the heading that passes a place at so many metres; of the two, the one nearer to where it went."""
    east, north = metres_from(here, *place)
    straight = math.atan2(north, east)
    off = math.asin(min(1.0, missed_m / max(math.hypot(east, north), 1e-9)))
    return min((straight - off, straight + off), key=lambda each: 0.0 if ahead is None else _apart(each, ahead))


def _apart(one: float, other: float) -> float:
    return abs((one - other + math.pi) % (2 * math.pi) - math.pi)


def corridor(here: Place, ahead: float, reach_m: float, miss_m: float, miss_share: float) -> Floats:
    """Return the outline of where an establishment counts as lying ahead: longitudes and latitudes.

    A place at the distance D, ahead, is in it if the line of the leg passes it within `miss_m` + `miss_share` * D.

    Parameters
    ----------
    here : tuple of float
        Latitude and longitude of the anchor.
    ahead : float
        Of `heading`.
    reach_m : float
        How far it is drawn.
    miss_m, miss_share : float
        As of `footfall.live.Approach`.

    Examples
    --------
    >>> ring = corridor((0.0, 0.0), math.radians(90), 500, 30, 0.1)
    >>> [round(float(metres)) for metres in metres_from((0.0, 0.0), *ring[0][::-1])]
    [33, 0]
    """
    nearest = min(miss_m / (1 - miss_share), reach_m) if miss_share < 1 else reach_m
    distance = np.linspace(nearest, reach_m, _POINTS)
    off = np.arcsin(np.minimum(1.0, (miss_m + miss_share * distance) / np.maximum(distance, 1e-9)))
    across = np.linspace(-off[-1], off[-1], _POINTS)[1:-1]
    angles = ahead + np.concatenate([-off, across, off[::-1]])
    lengths = np.concatenate([distance, np.full(len(across), reach_m), distance[::-1]])
    return _degrees(here, lengths * np.cos(angles), lengths * np.sin(angles))


def _degrees(origin: Place, east: Floats, north: Floats) -> Floats:
    latitude = origin[0] + np.degrees(north / EARTH_RADIUS_M)
    longitude = origin[1] + np.degrees(east / (EARTH_RADIUS_M * math.cos(math.radians(origin[0]))))
    ring = np.column_stack([longitude, latitude])
    return np.vstack([ring, ring[:1]])
