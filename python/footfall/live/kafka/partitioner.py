"""To which partition a key belongs, as the clients that produce it decide."""

from __future__ import annotations

import zlib
from typing import Callable

from footfall.errors import DefinitionError
from footfall.inputs.options import choices

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
# Kafka's own seed: org.apache.kafka.common.utils.Utils.murmur2.
_SEED = 0x9747B28C


def murmur2(key: bytes) -> int:
    """Return MurmurHash2 of 32 bits, by Austin Appleby, with Kafka's seed.

    Examples
    --------
    >>> murmur2(b"kafka") & 0x7fffffff, murmur2(b"") & 0x7fffffff
    (1348980580, 275646681)
    """
    hashed = _SEED ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> 24) * _MULTIPLIER & _MASK
        hashed = hashed * _MULTIPLIER & _MASK ^ word
    if whole < len(key):
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * _MULTIPLIER & _MASK
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _MASK
    return hashed ^ hashed >> 15


def _of_java(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _of_librdkafka(key: bytes, partitions: int) -> int:
    return zlib.crc32(key) % partitions


#: By librdkafka's names: that of Java's clients, and librdkafka's own default.
PARTITIONERS: dict[str, Callable[[bytes, int], int] | None] = {
    "murmur2_random": _of_java,
    "consistent_random": _of_librdkafka,
    "none": None,
}


def partitioner(name: str) -> Callable[[bytes, int], int] | None:
    """Return what tells the partition of a key, of so many; None if nothing shall be told.

    Raises
    ------
    DefinitionError
        If the name is none of these.
    """
    if name not in PARTITIONERS:
        raise DefinitionError(f"partitioner = {name!r}{choices(name, PARTITIONERS)}")
    return PARTITIONERS[name]
