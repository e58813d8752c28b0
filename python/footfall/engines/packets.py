"""What travels between driver and workers: packets, each a table of one share of the users, or a list of files.

A payload is an Arrow IPC stream; or JSON, which begins with a bracket, that names files and the bytes to read of them.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from footfall.errors import FootfallError

if TYPE_CHECKING:
    import pyarrow

#: A file, and the first byte and the end of what is read of it; all of it if None.
Slice = tuple[str, Optional[tuple[int, int]]]
#: The name of a packet that holds an exception.
ERROR = "error"
#: What a packet holds.
Content = Union["pyarrow.Table", list[Slice]]


class Packet(NamedTuple):
    """A payload (bytes or a buffer) by the name of what it holds; those of one share belong to the same users."""

    share: int
    name: str
    payload: Any


def of_files(name: str, number: int, slices: Sequence[Slice]) -> Packet:
    """Return the packet that names these parts of files, for workers in whatever folder they are."""
    return Packet(number, name, json.dumps([[os.path.abspath(path), span] for path, span in slices]).encode())


def of_table(name: str, table: pyarrow.Table, share: int = 0, *, compressed: bool = True) -> Packet:
    """Return the packet that holds `table`: compressed to travel, or as it is, to be read without a copy."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd" if compressed else None)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table.combine_chunks())
    return Packet(share, name, sink.getvalue().to_pybytes())


def of_shares(name: str, table: pyarrow.Table) -> list[Packet]:
    """Return a packet for each value of the column ``share``, by which the rows are sorted."""
    import pyarrow.compute as pc

    counts = pc.value_counts(table.column("share")).to_pylist()
    rows, first, packets = table.drop_columns(["share"]), 0, []
    for count in counts:
        packets.append(of_table(name, rows.slice(first, count["counts"]), count["values"]))
        first += count["counts"]
    return packets


def of_bits(name: str, parts: Sequence[Packet]) -> Packet:
    """Return the packet with the bits of all `parts`, each again and again until it is as long as the longest."""
    import numpy as np
    import pyarrow as pa

    words = [content(part).column("words").to_numpy() for part in parts]
    longest = max(map(len, words))
    bits = np.bitwise_or.reduce([np.resize(part, longest) for part in words], axis=0)
    return of_table(name, pa.table({"words": bits}))


def of_error(error: FootfallError) -> Packet:
    """Return the packet that carries an exception to the driver: a user's mistake is no reason to try again."""
    return Packet(0, ERROR, pickle.dumps(error))


def error_in(packets: Iterable[Packet]) -> FootfallError | None:
    """Return the first exception among `packets`."""
    errors = (pickle.loads(packet.payload) for packet in packets if packet.name == ERROR)
    return next(errors, None)


def contents(packets: Iterable[Packet]) -> dict[str, Content]:
    """Return what the packets hold, by name: packets of one name are one table, or one list of files."""
    by_name: dict[str, list[Content]] = {}
    for packet in packets:
        by_name.setdefault(packet.name, []).append(content(packet))
    return {name: _together(parts) for name, parts in by_name.items()}


def content(packet: Packet) -> Content:
    """Return what one packet holds."""
    import pyarrow as pa

    if bytes(memoryview(packet.payload)[:1]) == b"[":
        slices = json.loads(bytes(packet.payload))
        return [(path, None if span is None else (span[0], span[1])) for path, span in slices]
    return pa.ipc.open_stream(packet.payload).read_all()


def _together(parts: list[Content]) -> Content:
    import pyarrow as pa

    if isinstance(parts[0], list):
        return [piece for part in parts for piece in part]
    return pa.concat_tables(parts)
