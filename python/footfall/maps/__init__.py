"""Maps of places, hexagons, ways, areas and approaches, which need no network: live in a notebook, as a page, a picture."""

from __future__ import annotations

from footfall.maps.approaches import approach
from footfall.maps.map import Map

__all__ = ["Map", "approach"]
