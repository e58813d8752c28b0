"""PMTiles archives: reading tiles of one, and a smaller one of what is in view.

References
----------
https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import IO, Any

from footfall.errors import DataError, DefinitionError
from footfall.maps.mercator import Bounds
from footfall.maps.varints import varints
from footfall.output.text import printable

_HEADER = struct.Struct("<7sB11Q6B4iB2i")
_NONE, _GZIP = 1, 2
_VECTOR = 1
# Its header and first directory lie in the first 16 KiB of an archive: larger directories are leaves.
_PER_LEAF = 2_000
_MOST_TILES = 20_000
# So much of what is beside the view goes along, for a map that is moved.
_AROUND = 0.5


@dataclass(frozen=True)
class _Entry:
    """A run of tiles with the same bytes; of a run of 0, the bytes are a directory."""

    tile: int
    offset: int
    length: int
    run: int


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
        self._file: IO[bytes] = path.open("rb")
        try:
            self._header = self._read_header()
            self._root = self._directory(*self._header.root)
        except BaseException:
            self._file.close()
            raise
        self._leaves: dict[int, list[_Entry]] = {}

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
            metadata = json.loads(self._unpacked(self._bytes(*self._header.metadata), self._header.directory_compression))
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
            names = list(tiles_in(window, zoom))
            more = {name: packed for name in map(lambda place: tile_id(*place), names) if (packed := self._packed(name))}
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
        entries, data, offset = [], [], 0
        for name, packed in sorted(found.items()):
            entries.append(_Entry(name, offset, len(packed), 1))
            data.append(packed)
            offset += len(packed)
        root, leaves = _directories(entries)
        head = self._header
        ends = [_HEADER.size]
        for part in (root, b"{}", leaves):
            ends.append(ends[-1] + len(part))
        places = [ends[0], len(root), ends[1], 2, ends[2], len(leaves), ends[3], offset]
        kinds = [1, _NONE, head.tile_compression, _VECTOR, head.min_zoom, deepest]
        west, south, east, north = head.bounds
        middle = [head.min_zoom, (west + east) // 2, (south + north) // 2]
        counts = [len(entries)] * 3
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
        entries = self._root
        for _ in range(4):
            entry = _before(entries, name)
            if entry is None:
                return None
            if entry.run:
                is_in = name < entry.tile + entry.run
                return self._bytes(self._header.data + entry.offset, entry.length) if is_in else None
            entries = self._leaf(entry)
        raise self._broken("its directories are nested too deeply")

    def _leaf(self, entry: _Entry) -> list[_Entry]:
        if entry.offset not in self._leaves:
            self._leaves[entry.offset] = self._directory(self._header.leaves + entry.offset, entry.length)
        return self._leaves[entry.offset]

    def _directory(self, offset: int, length: int) -> list[_Entry]:
        packed = self._unpacked(self._bytes(offset, length), self._header.directory_compression)
        try:
            return _entries(packed)
        except IndexError as error:
            raise self._broken("a directory ends early") from error

    def _bytes(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        found = self._file.read(length)
        if len(found) < length:
            raise self._broken(f"it ends before byte {offset + length:,}")
        return found

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


def tile_id(zoom: int, x: int, y: int) -> int:
    """Return the number of a tile: all of lower zooms come first, then along a Hilbert curve.

    Examples
    --------
    >>> [tile_id(*tile) for tile in ((0, 0, 0), (1, 0, 0), (1, 1, 0), (2, 0, 0))]
    [0, 1, 4, 5]
    """
    number, side = (4**zoom - 1) // 3, 1 << zoom
    half = side // 2
    while half:
        right, low = int(bool(x & half)), int(bool(y & half))
        number += half * half * ((3 * right) ^ low)
        if not low:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        half //= 2
    return number


def tiles_in(window: Bounds, zoom: int) -> Iterator[tuple[int, int, int]]:
    """Yield zoom, x and y of the tiles that `window` touches."""
    side = 1 << zoom
    left, right = (math.floor((degrees / 360 + 0.5) * side) for degrees in (window.west, window.east))
    top, bottom = (min(max(math.floor(_y(degrees) * side), 0), side - 1) for degrees in (window.north, window.south))
    for x in sorted({x % side for x in range(left, min(right, left + side) + 1)}):
        for y in range(top, bottom + 1):
            yield zoom, x, y


def _y(latitude: float) -> float:
    return 0.5 - math.atanh(math.sin(math.radians(latitude))) / (2 * math.pi)


def _before(entries: list[_Entry], name: int) -> _Entry | None:
    """Return the last entry that starts at `name` or before."""
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if entries[middle].tile <= name else (low, middle)
    return entries[low - 1] if low else None


def _entries(packed: bytes) -> list[_Entry]:
    numbers = varints(packed)
    count = next(numbers, 0)
    columns = [list(islice(numbers, count)) for _ in range(4)]
    if len(columns[-1]) < count:
        raise IndexError("it ends early")
    entries: list[_Entry] = []
    name = offset = 0
    for step, run, length, place in zip(*columns):
        name += step
        # 0 follows the entry before; else it is one more than the offset.
        offset = entries[-1].offset + entries[-1].length if place == 0 and entries else place - 1
        entries.append(_Entry(name, offset, length, run))
    return entries


def _directories(entries: list[_Entry]) -> tuple[bytes, bytes]:
    """Return the root directory, and the leaves of many entries."""
    if len(entries) <= _PER_LEAF:
        return _directory(entries), b""
    parts = [entries[start : start + _PER_LEAF] for start in range(0, len(entries), _PER_LEAF)]
    root, leaves, offset = [], [], 0
    for part in parts:
        leaves.append(_directory(part))
        root.append(_Entry(part[0].tile, offset, len(leaves[-1]), 0))
        offset += len(leaves[-1])
    return _directory(root), b"".join(leaves)


def _directory(entries: Sequence[_Entry]) -> bytes:
    steps = [after.tile - before for before, after in zip([0, *(entry.tile for entry in entries)], entries)]
    columns: list[list[Any]] = [
        steps,
        [entry.run for entry in entries],
        [entry.length for entry in entries],
        [entry.offset + 1 for entry in entries],
    ]
    return b"".join(_number(value) for value in [len(entries), *(value for column in columns for value in column)])


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


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
