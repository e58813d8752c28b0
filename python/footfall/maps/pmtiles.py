"""PMTiles archives: reading tiles of one, and a smaller one of what is in view.

References
----------
https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import IO

from footfall.errors import DataError, DefinitionError
from footfall.maps.directories import Entry, before, directories, entries, tile_id, tiles_in
from footfall.maps.mercator import Bounds
from footfall.output.text import printable

_HEADER = struct.Struct("<7sB11Q6B4iB2i")
_NONE, _GZIP = 1, 2
_VECTOR = 1
_MOST_TILES = 20_000
# So much of what is beside the view goes along, for a map that is moved.
_AROUND = 0.5


@dataclass(frozen=True)
class _Header:
    root: tuple[int, int]
    metadata: tuple[int, int]
    leaves: int
    data: int
    directory_compression: int
    tile_compression: int
    min_zoom: int
    max_zoom: int
    bounds: tuple[int, int, int, int]


class Archive:
    """A ``.pmtiles`` file of vector tiles, open for reading.

    Raises
    ------
    DataError
        If it is none, or is packed in a way that needs another library.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size
        self._file: IO[bytes] = path.open("rb")
        try:
            self._header = self._read_header()
            self._root = self._directory(*self._header.root)
        except BaseException:
            self._file.close()
            raise
        self._leaves: dict[int, list[Entry]] = {}

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def max_zoom(self) -> int:
        """The deepest zoom that it has tiles of."""
        return self._header.max_zoom

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile, unpacked; None if it is not there."""
        packed = self._packed(tile_id(zoom, x, y))
        return None if packed is None else self._unpacked(packed, self._header.tile_compression)

    def attribution(self) -> list[str]:
        """Return who made the tiles, without the HTML that it may be in."""
        try:
            metadata = json.loads(
                self._unpacked(self._bytes(*self._header.metadata), self._header.directory_compression)
            )
            text = str(metadata.get("attribution") or "")
        except (ValueError, AttributeError):
            text = ""
        return [printable(_plain(text)) or "© OpenStreetMap"]

    def cut(self, view: Bounds, limit: int) -> tuple[str, Bounds]:
        """Return an archive of the tiles around `view`, in base64, and where it ends.

        It has as many zooms as fit into `limit` bytes.

        Raises
        ------
        DefinitionError
            If not even the first does.
        """
        window = view.padded(_AROUND)
        found: dict[int, bytes] = {}
        deepest = None
        for zoom in range(self._header.min_zoom, self.max_zoom + 1):
            names = [tile_id(*place) for place in tiles_in(window, zoom)]
            more = {name: packed for name in names if (packed := self._packed(name))}
            size = sum(map(len, found.values())) + sum(map(len, more.values()))
            if size > limit or len(found) + len(names) > _MOST_TILES:
                break
            found.update(more)
            deepest = zoom
        if deepest is None or not found:
            reason = f"no tile in view fits into {limit / 1e6:g} MB" if deepest is None else "it has no tile in view"
            raise DefinitionError(f"basemap {self._path}: {reason}")
        return base64.b64encode(self._written(found, deepest)).decode(), window

    def _written(self, found: dict[int, bytes], deepest: int) -> bytes:
        """Return the bytes of an archive of these tiles."""
        listed, data, offset = [], [], 0
        for name, packed in sorted(found.items()):
            listed.append(Entry(name, offset, len(packed), 1))
            data.append(packed)
            offset += len(packed)
        root, leaves = directories(listed)
        head = self._header
        ends = [_HEADER.size]
        for part in (root, b"{}", leaves):
            ends.append(ends[-1] + len(part))
        places = [ends[0], len(root), ends[1], 2, ends[2], len(leaves), ends[3], offset]
        kinds = [1, _NONE, head.tile_compression, _VECTOR, head.min_zoom, deepest]
        west, south, east, north = head.bounds
        middle = [head.min_zoom, (west + east) // 2, (south + north) // 2]
        counts = [len(listed)] * 3
        header = _HEADER.pack(b"PMTiles", 3, *places, *counts, *kinds, *head.bounds, *middle)
        return b"".join([header, root, b"{}", leaves, *data])

    def _read_header(self) -> _Header:
        try:
            magic, version, *fields = _HEADER.unpack(self._bytes(0, _HEADER.size))
        except struct.error as error:
            raise self._broken("it is too short") from error
        if magic != b"PMTiles" or version != 3:
            raise self._broken("it is no PMTiles archive of version 3")
        places, kinds, bounds = fields[:11], fields[11:17], fields[17:21]
        if kinds[3] != _VECTOR:
            raise self._broken("its tiles are pictures; vector tiles with Protomaps' layers are needed")
        root, metadata = (places[0], places[1]), (places[2], places[3])
        return _Header(root, metadata, places[4], places[6], kinds[1], kinds[2], kinds[4], kinds[5], tuple(bounds))

    def _packed(self, name: int) -> bytes | None:
        """Return the bytes of a tile as they are stored."""
        listed = self._root
        for _ in range(4):
            entry = before(listed, name)
            if entry is None:
                return None
            if entry.run:
                is_in = name < entry.tile + entry.run
                return self._bytes(self._header.data + entry.offset, entry.length) if is_in else None
            listed = self._leaf(entry)
        raise self._broken("its directories are nested too deeply")

    def _leaf(self, entry: Entry) -> list[Entry]:
        if entry.offset not in self._leaves:
            self._leaves[entry.offset] = self._directory(self._header.leaves + entry.offset, entry.length)
        return self._leaves[entry.offset]

    def _directory(self, offset: int, length: int) -> list[Entry]:
        packed = self._unpacked(self._bytes(offset, length), self._header.directory_compression)
        try:
            return entries(packed)
        except IndexError as error:
            raise self._broken("a directory ends early") from error

    def _bytes(self, offset: int, length: int) -> bytes:
        if offset + length > self._size:
            raise self._broken(f"it ends before byte {offset + length:,}")
        self._file.seek(offset)
        return self._file.read(length)

    def _unpacked(self, packed: bytes, compression: int) -> bytes:
        if compression == _NONE:
            return packed
        if compression != _GZIP:
            raise self._broken("it is packed with Brotli or Zstandard; gzip is what Protomaps' archives have")
        try:
            return gzip.decompress(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise self._broken(f"a part of it cannot be unpacked: {error}") from error

    def _broken(self, reason: str) -> DataError:
        return DataError(f"basemap {self._path}: {reason}", table=str(self._path), reason=reason)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def _plain(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return " ".join("".join(reader.parts).split())
