"""Maps of places, hexagons, ways, areas and approaches, without a network: in a notebook, as a page, as a picture."""

from __future__ import annotations

from footfall.maps.map import Map
from footfall.maps.shapes.approaches import approach

__all__ = ["Map", "approach"]
