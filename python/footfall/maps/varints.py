"""Integers of a variable number of bytes, as Protocol Buffers and PMTiles write them."""

from __future__ import annotations

from collections.abc import Iterator


def varints(packed: bytes) -> Iterator[int]:
    """Yield all integers of `packed`."""
    place = 0
    while place < len(packed):
        number, place = varint(packed, place)
        yield number


def varint(packed: bytes, place: int) -> tuple[int, int]:
    """Return the integer at `place`, and where it ends; IndexError if it ends early."""
    number = shift = 0
    while True:
        byte = packed[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7
