"""PMTiles archives: tiles of one, and a smaller one of what is in view, both by the library `pmtiles`, within bounds.

References
----------
https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zlib
from functools import lru_cache
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

from pmtiles.tile import (
    Compression,
    Entry,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_directory,
    deserialize_header,
    find_tile,
    zxy_to_tileid,
)
from pmtiles.writer import Writer

from footfall.errors import DataError, DefinitionError
from footfall.maps.mercator import Bounds, tiles_in
from footfall.output.text import printable

_HEADER = 127
_MOST_TILES = 20_000
# Bytes, unpacked: of a tile or the metadata, of a directory, and of all directories that are read.
_PART, _DIRECTORY, _DIRECTORIES = 1 << 24, 1 << 21, 1 << 24
# The first directory, and three below it.
_DEEPEST = 4
# A varint of 64 bits has ten bytes at most; the library takes ever longer for longer ones.
_LONG_NUMBER = re.compile(rb"[\x80-\xff]{10}")
_LONGEST_ATTRIBUTION = 2000
# So much of what is beside the view goes along, for a map that is moved.
_AROUND = 0.5


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
        self._unread = _DIRECTORIES
        # Tiles are asked for in the order of their directories, so that the last few are enough.
        self._directory = lru_cache(_DEEPEST)(self._read_directory)
        self._file = path.open("rb")
        try:
            self._header = self._read_header()
            self._directory(self._header["root_offset"], self._header["root_length"])
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def max_zoom(self) -> int:
        """The deepest zoom that it has tiles of."""
        return int(self._header["max_zoom"])

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile, unpacked; None if it is not there."""
        entry = self._entry(zxy_to_tileid(zoom, x, y))
        return None if entry is None else self._unpacked(self._packed(entry), self._header["tile_compression"], _PART)

    def attribution(self) -> list[str]:
        """Return who made the tiles, without the HTML that it may be in."""
        head = self._header
        try:
            packed = self._bytes(head["metadata_offset"], head["metadata_length"])
            metadata = json.loads(self._unpacked(packed, head["internal_compression"], _PART))
            text = str(metadata.get("attribution") or "")
        except (ValueError, AttributeError, RecursionError):
            text = ""
        return [printable(_plain(text[:_LONGEST_ATTRIBUTION])) or "© OpenStreetMap"]

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
        reason = "it has no tile in view"
        for zoom in range(self._header["min_zoom"], self.max_zoom + 1):
            more = self._stored(window, zoom, limit - sum(map(len, found.values())), _MOST_TILES - len(found))
            if more is None:
                reason = f"no tile in view fits into {limit / 1e6:g} MB"
                break
            found.update(more)
        if not found:
            raise DefinitionError(f"basemap {self._path}: {reason}")
        return base64.b64encode(self._written(found)).decode(), window

    def _stored(self, window: Bounds, zoom: int, room: int, most: int) -> dict[int, bytes] | None:
        """Return the tiles of a zoom as they are packed; None if they are more than `room` bytes or `most` tiles."""
        numbers = [zxy_to_tileid(zoom, x, y) for x, y in islice(tiles_in(window, zoom), most + 1)]
        if len(numbers) > most:
            return None
        found = {}
        for number in sorted(numbers):
            entry = self._entry(number)
            if entry is not None:
                room -= entry.length
                if room < 0:
                    return None
                found[number] = self._packed(entry)
        return found

    def _written(self, found: dict[int, bytes]) -> bytes:
        """Return the bytes of an archive of these tiles, without the metadata."""
        made = io.BytesIO()
        writer = Writer(made)
        for number, packed in found.items():
            writer.write_tile(number, packed)
        writer.finalize(dict(self._header), {})
        return made.getvalue()

    def _read_header(self) -> HeaderDict:
        start = self._bytes(0, _HEADER)
        try:
            header = deserialize_header(start)
        except (MagicNumberNotFound, SpecVersionUnsupported, ValueError) as error:
            raise self._broken("it is no PMTiles archive of version 3") from error
        if header["tile_type"] is not TileType.MVT:
            kind = header["tile_type"].name
            raise self._broken(f"its tiles are of type {kind}; vector tiles (MVT) with Protomaps' layers are needed")
        return header

    def _entry(self, number: int) -> Entry | None:
        """Return where a tile is; the library's reader would unpack all directories above it anew for each tile."""
        offset, length = self._header["root_offset"], self._header["root_length"]
        for _ in range(_DEEPEST):
            entry = find_tile(self._directory(offset, length), number)
            if entry is None or entry.run_length:
                return entry
            offset, length = self._header["leaf_directory_offset"] + entry.offset, entry.length
        raise self._broken("its directories are nested too deeply")

    def _read_directory(self, offset: int, length: int) -> list[Entry]:
        packed = self._bytes(offset, length, _DIRECTORY)
        found = self._unpacked(packed, self._header["internal_compression"], _DIRECTORY)
        self._unread -= len(found)
        if self._unread < 0:
            raise self._broken(f"the directories of what is in view take more than {_DIRECTORIES >> 20} MiB")
        if _LONG_NUMBER.search(found):
            raise self._broken("a directory has a number of more than 64 bits")
        try:
            # The library reads directories in gzip alone.
            return deserialize_directory(gzip.compress(found, 0))
        except EOFError as error:
            raise self._broken("a directory ends early") from error

    def _packed(self, entry: Entry) -> bytes:
        """Return the bytes of a tile as they are stored."""
        return self._bytes(self._header["tile_data_offset"] + entry.offset, entry.length)

    def _bytes(self, offset: int, length: int, most: int = _PART) -> bytes:
        if length > most:
            raise self._broken(f"a part of it has {length:,} bytes; {most >> 20} MiB is the most")
        if not 0 <= offset <= self._size - length:
            raise self._broken(f"it has no bytes {offset:,} to {offset + length:,}")
        self._file.seek(offset)
        return self._file.read(length)

    def _unpacked(self, packed: bytes, compression: Compression, most: int) -> bytes:
        """Return at most `most` bytes, unpacked."""
        if compression is Compression.NONE:
            return packed
        if compression is not Compression.GZIP:
            name = compression.name.capitalize()
            raise self._broken(f"it is packed with {name}; gzip is what Protomaps' archives have")
        unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            found = unzip.decompress(packed, most)
        except zlib.error as error:
            raise self._broken(f"a part of it cannot be unpacked: {error}") from error
        if not unzip.eof or unzip.unused_data:
            raise self._broken(f"a part of it is not one stream of gzip of at most {most >> 20} MiB")
        return found

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
