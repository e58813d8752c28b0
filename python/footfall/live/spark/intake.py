"""A worker's first step: messages become packets, of fixes by bucket of their users, and of what else there is."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from footfall.engines import packets
from footfall.engines.packets import Packet
from footfall.errors import FootfallError
from footfall.live.kafka.messages import Raw, Reader
from footfall.live.streaming import DistanceRows

if TYPE_CHECKING:
    import pyarrow

#: What a packet holds; its name tells partition and offsets, too.
FIXES, DEAD, SEEN, DISTANCES = "fixes", "dead", "seen", "distances"


class Name(NamedTuple):
    """The name of a packet of messages; names of a kind sort as messages are to be read."""

    kind: str
    partition: int
    first: int
    last: int

    @classmethod
    def of(cls, text: str) -> Name:
        """Return the name that stands in `text`.

        Examples
        --------
        >>> Name.of(str(Name("fixes", 3, 120, 131))).first
        120
        """
        kind, *numbers = text.split("/")
        return cls(kind, *map(int, numbers))

    def __str__(self) -> str:
        return f"{self.kind}/{self.partition:06d}/{self.first:015d}/{self.last:015d}"


@dataclass(frozen=True)
class Intake:
    """Reads messages.

    Attributes
    ----------
    buckets : int
        Of the users.
    epoch_unit : str, optional
        As `Reader` has it.
    distances : DistanceRows, optional
        Makes distances of the fixes.
    """

    buckets: int
    epoch_unit: str | None = None
    distances: DistanceRows | None = None

    def __call__(self, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[Packet]:
        """Yield the packets of a task's messages."""
        reader = Reader(self.epoch_unit)
        for batch in batches:
            for partition, messages in groupby(_raws(batch), key=lambda raw: raw.partition):
                yield from self._packets(reader, partition, list(messages))

    def _packets(self, reader: Reader, partition: int, messages: Sequence[Raw]) -> Iterator[Packet]:
        read = reader.read(messages)
        place = partition, messages[0].offset, messages[-1].offset
        # What is no fix goes to any bucket, and past it to the driver.
        share = partition % self.buckets
        latest_us = max((raw.received_us or 0 for raw in messages), default=0)
        told = {"messages": len(messages), "received_us": latest_us}
        yield Packet(share, str(Name(SEEN, *place)), json.dumps(told).encode())
        if read.dead:
            yield packets.of_table(str(Name(DEAD, *place)), _letters(read.dead), share)
        if self.distances is not None:
            yield _distances(self.distances, read.fixes, str(Name(DISTANCES, *place)), share)
        for bucket, fixes in self._by_bucket(read.fixes):
            yield packets.of_table(str(Name(FIXES, *place)), fixes, bucket, compressed=False)

    def _by_bucket(self, fixes: pyarrow.Table) -> Iterator[tuple[int, pyarrow.Table]]:
        import numpy as np

        if not fixes.num_rows:
            return
        coded = fixes["user_id"].combine_chunks().dictionary_encode()
        of_user = np.array([bucket_of(user, self.buckets) for user in coded.dictionary.to_pylist()] or [0])
        # Nobody's fixes are counted, in any bucket.
        number = of_user[np.asarray(coded.indices.fill_null(0))]
        order = np.argsort(number, kind="stable")
        rows, sizes = fixes.take(order), np.bincount(number, minlength=self.buckets)
        starts = np.cumsum(sizes) - sizes
        for bucket in np.flatnonzero(sizes).tolist():
            yield bucket, rows.slice(int(starts[bucket]), int(sizes[bucket]))


def bucket_of(user: str, buckets: int) -> int:
    """Return the bucket of a user, the same for as long as there are states.

    Examples
    --------
    >>> bucket_of("ana", 64), bucket_of("ana", 1)
    (34, 0)
    """
    return zlib.crc32(user.encode()) % buckets


def letters(table: pyarrow.Table) -> list[tuple[Raw, str]]:
    """Return the messages that cannot be read, and why, of a packet's table."""
    return [(Raw(*values), reason) for *values, reason in zip(*(column.to_pylist() for column in table.columns))]


def _letters(dead: Sequence[tuple[Raw, str]]) -> pyarrow.Table:
    import pyarrow as pa

    names = ("key", "value", "partition", "offset", "received_us", "reason")
    kinds = (pa.binary(), pa.binary(), pa.int32(), pa.int64(), pa.int64(), pa.string())
    columns = zip(*((*raw, reason) for raw, reason in dead))
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, kinds)})


def _distances(rows: DistanceRows, fixes: pyarrow.Table, name: str, share: int) -> Packet:
    try:
        return packets.of_table(name, rows(fixes.drop_columns(["received"])), share)
    except FootfallError as error:
        return packets.of_error(error)


def _raws(batch: pyarrow.RecordBatch) -> Iterator[Raw]:
    """Yield the messages of Spark's rows: key, value, partition, offset, received_us."""
    columns: list[Any] = [column.to_pylist() for column in batch.columns]
    return map(Raw, *columns)
