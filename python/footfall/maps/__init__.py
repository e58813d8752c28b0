"""Maps of places, hexagons, ways, areas and approaches, without a network: in a notebook, as a page, as a picture."""

from __future__ import annotations

from footfall.maps.approaches import approach
from footfall.maps.map import Map

__all__ = ["Map", "approach"]
