"""Footers of Parquet files as trees: what a file tells of itself can be changed, and its pages stay as they are.

Thrift's compact protocol, from its description. A struct is a dictionary of field numbers to values with their kinds.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Callable

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
Tree = dict[int, Any]

# parquet.thrift: FileMetaData, RowGroup, ColumnChunk, ColumnMetaData, Statistics.
ROW_GROUPS, COLUMN_ORDERS = 4, 7
COLUMNS = 1
META_DATA = 3
PATH_IN_SCHEMA, DATA_PAGE_OFFSET, DICTIONARY_PAGE_OFFSET, STATISTICS = 3, 9, 11, 12
OLD_MAX, OLD_MIN, NULL_COUNT, MAX_VALUE, MIN_VALUE, IS_MAX_EXACT, IS_MIN_EXACT = 1, 2, 3, 5, 6, 7, 8


def edit(path: Path, column: str, change: Callable[[Tree, int], None]) -> None:
    """Call `change` with the metadata of `column` in each row group, and the row group's number."""

    def of_column(footer: Tree) -> None:
        for number, group in enumerate(footer[ROW_GROUPS][1][1]):
            for chunk in group[COLUMNS][1][1]:
                meta = chunk[META_DATA][1]
                if meta[PATH_IN_SCHEMA][1][1] == [column.encode()]:
                    change(meta, number)

    edit_footer(path, of_column)


def edit_footer(path: Path, change: Callable[[Tree], None]) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = Reader(data[-8 - length : -8]).struct()
    change(footer)
    new = written(footer)
    path.write_bytes(data[: -8 - length] + new + len(new).to_bytes(4, "little") + b"PAR1")


def statistics(**ends: Any) -> Callable[[Tree, int], None]:
    """A change that sets statistics: bytes are ends, None leaves one out, integers are counts, booleans say exact."""
    fields = {"old_max": OLD_MAX, "old_min": OLD_MIN, "nulls": NULL_COUNT, "max": MAX_VALUE, "min": MIN_VALUE,
              "max_is_exact": IS_MAX_EXACT, "min_is_exact": IS_MIN_EXACT}  # fmt: skip

    def change(meta: Tree, _group: int) -> None:
        told = meta.setdefault(STATISTICS, (STRUCT, {}))[1]
        for name, value in ends.items():
            told.pop(fields[name], None)
            if isinstance(value, bool):
                told[fields[name]] = (TRUE if value else FALSE, value)
            elif isinstance(value, bytes):
                told[fields[name]] = (BINARY, value)
            elif value is not None:
                told[fields[name]] = (I64, value)

    return change


def f64(value: float) -> bytes:
    return struct.pack("<d", value)


def i64(value: int) -> bytes:
    return struct.pack("<q", value)


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.bytes(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def zigzag(self) -> int:
        number = self.varint()
        return number >> 1 ^ -(number & 1)

    def struct(self) -> Tree:
        fields: Tree = {}
        last = 0
        while (head := self.bytes(1)[0]) != 0:
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            fields[last] = (head & 15, self.value(head & 15))
        return fields

    def value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self.bytes(1)[0]
        if kind in (I16, I32, I64):
            return self.zigzag()
        if kind == DOUBLE:
            return self.bytes(8)
        if kind == BINARY:
            return self.bytes(self.varint())
        if kind in (LIST, SET):
            head = self.bytes(1)[0]
            count = head >> 4 if head >> 4 < 15 else self.varint()
            inner = head & 15
            if inner in (TRUE, FALSE):
                return inner, [self.bytes(1)[0] == TRUE for _ in range(count)]
            return inner, [self.value(inner) for _ in range(count)]
        if kind == STRUCT:
            return self.struct()
        raise ValueError(f"no such kind in a footer: {kind}")


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def written(fields: Tree) -> bytes:
    out, last = bytearray(), 0
    for number in sorted(fields):
        kind, value = fields[number]
        kind = (TRUE if value else FALSE) if kind in (TRUE, FALSE) else kind
        near = 0 < number - last <= 15
        out += bytes([(number - last) << 4 | kind]) if near else bytes([kind]) + varint(number << 1)
        out += b"" if kind in (TRUE, FALSE) else _value(kind, value)
        last = number
    return bytes(out) + b"\0"


def _value(kind: int, value: Any) -> bytes:
    if kind in (I16, I32, I64):
        return varint((value << 1) ^ (value >> 63))
    if kind == BYTE:
        return bytes([value])
    if kind == DOUBLE:
        return bytes(value)
    if kind == BINARY:
        return varint(len(value)) + bytes(value)
    if kind in (LIST, SET):
        inner, items = value
        head = bytes([len(items) << 4 | inner]) if len(items) < 15 else bytes([0xF0 | inner]) + varint(len(items))
        if inner in (TRUE, FALSE):
            return head + bytes(TRUE if item else FALSE for item in items)
        return head + b"".join(_value(inner, item) for item in items)
    return written(value)
