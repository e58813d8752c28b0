"""Maps of places, hexagons, ways and areas, which need no network: live in a notebook, as a page, as a picture."""

from __future__ import annotations

from footfall.maps.map import Map

__all__ = ["Map"]
