"""Which tiles there are, and where PMTiles has them: numbers on a Hilbert curve, and directories of them.

References
----------
https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from footfall.maps.mercator import Bounds
from footfall.maps.varints import varints

# Its header and first directory lie in the first 16 KiB of an archive: larger directories are leaves.
_PER_LEAF = 2_000


@dataclass(frozen=True)
class Entry:
    """A run of tiles with the same bytes; of a run of 0, the bytes are a directory."""

    tile: int
    offset: int
    length: int
    run: int


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


def before(all: list[Entry], name: int) -> Entry | None:
    """Return the last entry that starts at `name` or before."""
    low, high = 0, len(all)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if all[middle].tile <= name else (low, middle)
    return all[low - 1] if low else None


def entries(packed: bytes) -> list[Entry]:
    """Return the entries of a directory; IndexError if it ends early."""
    numbers = varints(packed)
    count = next(numbers, 0)
    columns = [list(islice(numbers, count)) for _ in range(4)]
    if len(columns[-1]) < count:
        raise IndexError("it ends early")
    found: list[Entry] = []
    name = offset = 0
    for step, run, length, place in zip(*columns):
        name += step
        # 0 follows the entry before; else it is one more than the offset.
        offset = found[-1].offset + found[-1].length if place == 0 and found else place - 1
        found.append(Entry(name, offset, length, run))
    return found


def directories(all: list[Entry]) -> tuple[bytes, bytes]:
    """Return the root directory, and the leaves of many entries."""
    if len(all) <= _PER_LEAF:
        return _directory(all), b""
    parts = [all[start : start + _PER_LEAF] for start in range(0, len(all), _PER_LEAF)]
    root, leaves, offset = [], [], 0
    for part in parts:
        leaves.append(_directory(part))
        root.append(Entry(part[0].tile, offset, len(leaves[-1]), 0))
        offset += len(leaves[-1])
    return _directory(root), b"".join(leaves)


def _directory(all: Sequence[Entry]) -> bytes:
    steps = [after.tile - before for before, after in zip([0, *(entry.tile for entry in all)], all)]
    columns: list[list[Any]] = [
        steps,
        [entry.run for entry in all],
        [entry.length for entry in all],
        [entry.offset + 1 for entry in all],
    ]
    return b"".join(_number(value) for value in [len(all), *(value for column in columns for value in column)])


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
