"""NumPy: whole arrays at a time, in place where it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np

from benches.data import places_of

EARTH_DIAMETER_M = 2 * 6_371_008.8


def distances(data: Path) -> Callable[[], Any]:
    """Prepare the haversine formula in blocks that fit the cache, which is faster than over all at once."""
    places = places_of(data)

    def run() -> np.ndarray:
        metres = np.empty(len(places[0]))
        for start in range(0, len(metres), 16_384):
            block = slice(start, start + 16_384)
            metres[block] = haversine_m(*(degrees[block] for degrees in places))
        return metres

    return run


def haversine_m(latitude_a: Any, longitude_a: Any, latitude_b: Any, longitude_b: Any) -> np.ndarray:
    """Return the distances of each pair."""
    latitude_a, longitude_a, latitude_b, longitude_b = map(
        np.radians, (latitude_a, longitude_a, latitude_b, longitude_b)
    )
    north, east = np.sin((latitude_b - latitude_a) / 2), np.sin((longitude_b - longitude_a) / 2)
    squared = north * north + np.cos(latitude_a) * np.cos(latitude_b) * east * east
    return EARTH_DIAMETER_M * np.arcsin(np.sqrt(squared))
