"""What travels between driver and workers: packets, each a table of one share of the users, or a list of files.

A payload is an Arrow IPC stream; or a Parquet file, to be kept; or JSON, which begins with a bracket, that names files
and the bytes to read of them; or JSON that describes an error. None of them is code: a pickle is not among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from footfall.errors import (
    DataError,
    DefinitionError,
    FootfallError,
    InternalError,
    MissingTableError,
    QueryError,
)
from footfall.inputs import paths

if TYPE_CHECKING:
    import pyarrow

#: A file; the first byte and the end of what is read of it, all of it if None; and, if the driver opened it, the folder
#: or file where its table begins, its bytes, its time of change in nanoseconds and what S3 calls its content.
Slice = tuple[str, Optional[tuple[int, int]], Optional[tuple[str, int, int, Optional[str]]]]
#: The name of a packet that holds an exception, and the classes that it may be of.
ERROR = "error"
ERRORS: dict[str, type[FootfallError]] = {
    each.__name__: each
    for each in (DataError, DefinitionError, FootfallError, InternalError, MissingTableError, QueryError)
}
#: How a Parquet file begins, and a list of files.
PARQUET, FILES = b"PAR1", b"["
#: Up to how many bytes the ids of a million rows stay codes.
DICTIONARY_BYTES = 32 << 20
#: What a packet holds: a table, or the files that are one.
Content = Union["pyarrow.Table", list[Slice]]


class Packet(NamedTuple):
    """A payload (bytes or a buffer) by the name of what it holds; those of one share belong to the same users."""

    share: int
    name: str
    payload: Any


def of_files(name: str, number: int, slices: Sequence[Slice]) -> Packet:
    """Return the packet that names these parts of files, for workers in whatever folder they are."""
    here = [
        (paths.absolute_path(path), span, opened and (paths.absolute_path(opened[0]), *opened[1:]))
        for path, span, opened in slices
    ]
    return Packet(number, name, json.dumps(here).encode())


def of_kept(name: str, table: pyarrow.Table, share: int) -> Packet:
    """Return the packet that holds `table` as a Parquet file: text as codes, which jobs count faster than text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    text = [field.name for field in table.schema if pa.types.is_string(field.type)]
    pq.write_table(table, sink, compression="lz4", use_dictionary=text, dictionary_pagesize_limit=DICTIONARY_BYTES)
    return Packet(share, name, sink.getvalue().to_pybytes())


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

    # Bits of nothing, should there be no part.
    words = [np.zeros(1, "uint64"), *(table(part).column("words").to_numpy() for part in parts)]
    longest = max(map(len, words))
    bits = np.bitwise_or.reduce([np.resize(part, longest) for part in words], axis=0)
    return of_table(name, pa.table({"words": bits}))


def of_error(error: FootfallError) -> Packet:
    """Return the packet that carries an exception to the driver: a user's mistake is no reason to try again."""
    name = next(each.__name__ for each in type(error).__mro__ if each.__name__ in ERRORS)
    details = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    told = {"class": name, "message": str(error), "details": details}
    return Packet(0, ERROR, json.dumps(told, default=str).encode())


def error_in(packets: Iterable[Packet]) -> FootfallError | None:
    """Return the first exception among `packets`."""
    return next((_error(packet) for packet in packets if packet.name == ERROR), None)


def raise_error_in(packets: Iterable[Packet]) -> None:
    """Raise the first exception among `packets`."""
    # No variable here refers to it: with the frame in its traceback, that were a circle, which holds what callers have.
    for packet in packets:
        if packet.name == ERROR:
            raise _error(packet)


@contextmanager
def piece(packets: Sequence[Packet]) -> Iterator[Content]:
    """Yield the piece of one table that all `packets` are; Parquet as files, which are there for so long."""
    if _is(packets[0], PARQUET):
        with TemporaryDirectory(prefix="footfall-") as folder:
            yield [_written(packet, f"{folder}/{number}.parquet") for number, packet in enumerate(packets)]
    elif _is(packets[0], FILES):
        yield [_slice(*values) for packet in packets for values in _slices(packet)]
    else:
        (table,) = tables(packets).values()
        yield table


def tables(packets: Iterable[Packet]) -> dict[str, pyarrow.Table]:
    """Return the tables that the packets hold, by name: packets of one name are one table."""
    import pyarrow as pa

    by_name: dict[str, list[pyarrow.Table]] = {}
    for packet in packets:
        by_name.setdefault(packet.name, []).append(table(packet))
    return {name: pa.concat_tables(parts) for name, parts in by_name.items()}


def table(packet: Packet) -> pyarrow.Table:
    """Return the table that one packet holds."""
    import pyarrow as pa

    return pa.ipc.open_stream(packet.payload).read_all()


def _error(packet: Packet) -> FootfallError:
    """Return the exception that a packet describes; our own if it describes none of ours."""
    try:
        told = json.loads(bytes(packet.payload))
        return ERRORS[told["class"]](str(told["message"]), **told["details"])
    except (ValueError, TypeError, KeyError):
        return InternalError(f"a worker sent an error that cannot be read: {bytes(packet.payload)[:200]!r}")


def _written(packet: Packet, path: str) -> Slice:
    with open(path, "wb") as file:
        file.write(packet.payload)
    return path, None, None


def _slice(path: str, span: Any, opened: Any) -> Slice:
    return path, span and (span[0], span[1]), opened and (opened[0], opened[1], opened[2], opened[3])


def _slices(packet: Packet) -> list[Any]:
    return list(json.loads(bytes(packet.payload)))


def _is(packet: Packet, kind: bytes) -> bool:
    return bytes(memoryview(packet.payload)[: len(kind)]) == kind
