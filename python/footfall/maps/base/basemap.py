"""What lies below the data: the city's own map, a user's, or the world's land and borders."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footfall import extras
from footfall.aws.workspace import is_in_s3
from footfall.errors import DataError, DefinitionError
from footfall.lang import spoken
from footfall.maps.base import geojson, natural_earth
from footfall.maps.mercator import Bounds, View
from footfall.maps.shapes.layers import Layer
from footfall.output.s3 import objects

#: The file beside a data set's tables.
BESIDE = "basemap.geojson"
# A map that is cut at an edge cannot be moved beyond it: so many times its size to each side.
_AROUND = 2.5


@dataclass(frozen=True)
class BaseMap:
    """A base map around a view.

    Attributes
    ----------
    layers : list of Layer
        What a picture shows; the live map, too, unless it has its own.
    attribution : list of str
        Who made it.
    live : dict or None
        The live map's own: tiles or a style.
    limits : Bounds or None
        Where it ends; None for the whole world.
    ground : tuple of two colours
        Below all: on a light map and on a dark one.
    address : str
        Where in the network the live map finds it; empty for none, as if not given.
    """

    layers: list[Layer]
    attribution: list[str] = field(default_factory=list)
    live: dict[str, Any] | None = None
    limits: Bounds | None = None
    ground: tuple[str, str] = geojson.SEA
    address: str = ""


def base_map(chosen: Any, view: View, megabytes: float) -> BaseMap:
    """Return the base map that the user has chosen, or Natural Earth's.

    Parameters
    ----------
    chosen : path, str, mapping or None
        A ``.pmtiles`` or GeoJSON file, a MapLibre style or GeoJSON as a mapping or in a file, or an ``https`` address
        of a ``.pmtiles`` file or a style.
    view : View
        What is to be seen.
    megabytes : float
        How much of tiles may go along.
    """
    if chosen is None:
        return _world(view)
    if isinstance(chosen, Mapping):
        return _of_json(dict(chosen), "given as a mapping", view)
    if not isinstance(chosen, (str, os.PathLike)):
        raise DefinitionError(f"basemap = {chosen!r}: must be a path, an address, or a style or GeoJSON as a mapping")
    if str(chosen).startswith(("https://", "http://")):
        return _of_address(str(chosen), view)
    if is_in_s3(chosen):
        return _of_json(_parsed(objects.read(str(chosen)), str(chosen)), str(chosen), view)
    path = Path(chosen).expanduser()
    if not path.is_file():
        raise DefinitionError(f"basemap = {str(chosen)!r}: there is no such file")
    if path.suffix.lower() == ".pmtiles":
        return _of_tiles(path, view, megabytes)
    return _of_json(_parsed(path.read_bytes(), str(path)), str(path), view)


def _parsed(content: bytes, source: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise DataError(f"basemap {source}: is neither PMTiles nor JSON: {error}", table=source) from error


def _world(view: View) -> BaseMap:
    limits = view.bounds.padded(_AROUND)
    return BaseMap(natural_earth.layers(limits), [natural_earth.ATTRIBUTION], limits=limits)


def _of_json(found: Any, source: str, view: View) -> BaseMap:
    if not isinstance(found, dict):
        raise DataError(f"basemap {source}: is neither a MapLibre style nor GeoJSON", table=source)
    if "layers" in found and "sources" in found:
        return BaseMap(_world(view).layers, live={"kind": "style", "style": found}, address=_addresses(found))
    layers = geojson.base_layers(found, source)
    is_sea = any(layer.id == "base-land" for layer in layers)
    return BaseMap(layers, [str(found.get("attribution", ""))], ground=geojson.SEA if is_sea else geojson.LAND)


def _addresses(style: dict[str, Any]) -> str:
    """Return whether a style names anything in the network, by any address that it may take."""
    return "https:" if "https://" in json.dumps(style) or "http://" in json.dumps(style) else ""


def _of_address(address: str, view: View) -> BaseMap:
    kind = "pmtiles" if address.split("?")[0].lower().endswith(".pmtiles") else "style"
    own = _tiles() if kind == "pmtiles" else {"kind": kind}
    return BaseMap(_world(view).layers, live={**own, "url": address}, address=address)


def _tiles() -> dict[str, Any]:
    return {"kind": "pmtiles", "language": spoken(), "flavor": geojson.FLAVOR}


def _of_tiles(path: Path, view: View, megabytes: float) -> BaseMap:
    extras.need("notebook", "pmtiles", by=f"basemap {path}")
    from footfall.maps.base import tiles

    with tiles.Archive(path) as archive:
        packed, limits = archive.cut(view.bounds, int(megabytes * 1e6))
        live = {**_tiles(), "data": packed}
        return BaseMap(tiles.layers(archive, view), archive.attribution(), live, limits)
