"""Files as broken disks and broken writers leave them: bytes and a seed in, other bytes out."""

from __future__ import annotations

import io
import random
from typing import Any, Callable

import pyarrow as pa
import pyarrow.parquet as pq

MAGIC_AND_LENGTH = 8
LENGTHS = (0, 1, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
LAYOUTS: dict[str, dict[str, Any]] = {
    "dictionaries": {"compression": "none"},
    "plain": {"compression": "none", "use_dictionary": False},
    "small pages and their index": {
        "compression": "none",
        "write_page_index": True,
        "data_page_size": 100,
        "write_batch_size": 8,
    },
    "pages of version 2": {"data_page_version": "2.0", "data_page_size": 100, "write_batch_size": 8},
    "compressed row groups": {"compression": "zstd", "row_group_size": 13},
    "deltas": {
        "compression": "none",
        "use_dictionary": ["action", "category"],
        "column_encoding": {"timestamp": "DELTA_BINARY_PACKED"},
    },
}


def parquet(table: pa.Table, layout: str) -> bytes:
    """Write `table` as one of the `LAYOUTS`."""
    options = dict(LAYOUTS[layout])
    encodings = options.pop("column_encoding", {})
    there = {name: code for name, code in encodings.items() if name in table.column_names}
    sink = io.BytesIO()
    pq.write_table(table, sink, column_encoding=there or None, **options)
    return sink.getvalue()


def mutant(data: bytes, seed: int) -> bytes:
    """Change a few places of `data`, of any format: bits, bytes, ends, order."""
    chance = random.Random(seed)
    return _changed(data, chance, BYTES)


def parquet_mutant(data: bytes, seed: int) -> bytes:
    """Change a Parquet file: its pages or its footer, and half of the time by what Parquet's readers trust."""
    chance = random.Random(seed)
    start = _start_of_footer(data)
    if start is None or chance.random() < 0.1:
        return _changed(data, chance, BYTES)
    pages, footer, end = data[:start], data[start:-MAGIC_AND_LENGTH], data[-MAGIC_AND_LENGTH:]
    if chance.random() < 0.5:
        return _changed(pages, chance, WAYS) + footer + end
    footer = _changed(footer, chance, WAYS)
    return pages + footer + len(footer).to_bytes(4, "little") + end[4:]


def _start_of_footer(data: bytes) -> int | None:
    if len(data) < 3 * 4 or data[-4:] != b"PAR1":
        return None
    length = int.from_bytes(data[-MAGIC_AND_LENGTH:-4], "little")
    start = len(data) - MAGIC_AND_LENGTH - length
    return start if start >= 4 else None


def _changed(data: bytes, chance: random.Random, ways: tuple[Way, ...]) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if data:
            data = chance.choice(ways)(data, chance)
    return data


Way = Callable[[bytes, random.Random], bytes]


def _flip_a_bit(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _set_a_byte(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)))]) + data[at + 1 :]


def _cut_off(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _leave_out(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 1, 2, 4, 8, 100)) :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data)), chance.choice((1, 1, 2, 4, 8, 100))
    return data[: at + length] + data[at:]


def _exchange(data: bytes, chance: random.Random) -> bytes:
    length = chance.choice((1, 4, 8, 64))
    first, second = sorted(chance.randrange(len(data)) for _ in range(2))
    if second - first < length or second + length > len(data):
        return data
    middle = data[first + length : second]
    return (
        data[:first] + data[second : second + length] + middle + data[first : first + length] + data[second + length :]
    )


def _set_a_length(data: bytes, chance: random.Random) -> bytes:
    """Four bytes, as before texts and levels."""
    at = chance.randrange(len(data))
    return data[:at] + chance.choice(LENGTHS).to_bytes(4, "little") + data[at + 4 :]


def _set_a_varint(data: bytes, chance: random.Random) -> bytes:
    """A number as Thrift has it: of counts, sizes, offsets and kinds."""
    at = chance.randrange(len(data))
    number, code = chance.choice(LENGTHS), bytearray()
    while number >= 0x80:
        code.append(number & 0x7F | 0x80)
        number >>= 7
    return data[:at] + bytes(code) + bytes([number]) + data[at + chance.choice((1, 2, len(code) + 1)) :]


BYTES: tuple[Way, ...] = (_flip_a_bit, _set_a_byte, _cut_off, _leave_out, _repeat, _exchange)
WAYS: tuple[Way, ...] = (_flip_a_bit, _set_a_byte, _leave_out, _repeat, _exchange, _set_a_length, _set_a_varint)
