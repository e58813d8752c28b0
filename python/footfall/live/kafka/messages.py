"""What messages say: fixes as JSON, or batches of them as Arrow; what cannot be read is told with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from footfall.errors import DefinitionError
from footfall.inputs.options import choices
from footfall.output.text import cut

if TYPE_CHECKING:
    import pyarrow

#: Units of JSON timestamps that are numbers, in nanoseconds.
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
# The key of a state is an id; a broker takes messages of a megabyte.
LONGEST_ID_BYTES = 1_000
# Columns of nulls take no room in a message, and much in memory.
MOST_ROWS = 1_000_000
_REQUIRED = ("user_id", "timestamp", "latitude", "longitude")
_NUMBERS = ("latitude", "longitude", "accuracy_m")
_STREAM, _FILE = b"\xff\xff\xff\xff", b"ARROW1"
_REASON_CHARACTERS = 200
_UNFIT = (KeyError, ValueError, TypeError, OverflowError)
# One object, and where it ends: without the search for an encoding of `json.loads`.
_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().raw_decode


class Unreadable(ValueError):
    """A message from which no fix can be taken."""


class Raw(NamedTuple):
    """A message as it came.

    Attributes
    ----------
    key, value : bytes, optional
        What the producer gave.
    partition, offset : int
        Where it stands.
    received_us : int, optional
        The message's own time, in microseconds.
    """

    key: bytes | None
    value: bytes | None
    partition: int
    offset: int
    received_us: int | None


@dataclass(frozen=True)
class Read:
    """What messages of one partition say.

    Attributes
    ----------
    fixes : pyarrow.Table
        user_id, timestamp, latitude, longitude, accuracy_m and received, in the order of the messages.
    dead : list of (Raw, str)
        The messages that cannot be read, and why.
    """

    fixes: pyarrow.Table
    dead: list[tuple[Raw, str]]


class Reader:
    """Reads messages.

    Parameters
    ----------
    epoch_unit : {"s", "ms", "us", "ns"}, optional
        The unit of timestamps of JSON that are numbers, which are unreadable without; text has its offset.
    """

    def __init__(self, epoch_unit: str | None = None) -> None:
        if epoch_unit is not None and epoch_unit not in UNITS:
            raise DefinitionError(f"epoch_unit = {epoch_unit!r}{choices(epoch_unit, UNITS)}")
        self._unit = epoch_unit

    def read(self, messages: Sequence[Raw]) -> Read:
        """Return the fixes of messages of one partition, in their order."""
        import pyarrow as pa

        dead: list[tuple[Raw, str]] = []
        tables: list[pyarrow.Table] = []
        rows: list[tuple[Raw, dict[str, Any]]] = []
        for raw in messages:
            try:
                if _is_arrow(raw.value):
                    batch = self._of_arrow(raw)
                    tables.append(self._flushed(rows, dead))
                    tables.append(batch)
                else:
                    rows.append((raw, _of_json(raw.value)))
            except Unreadable as error:
                dead.append((raw, str(error)))
        tables.append(self._flushed(rows, dead))
        return Read(pa.concat_tables(tables), dead)

    def _flushed(self, rows: list[tuple[Raw, dict[str, Any]]], dead: list[tuple[Raw, str]]) -> pyarrow.Table:
        """Return the table of rows, which are then no more; of those that do not fit it, tell why."""
        taken, rows[:] = list(rows), []
        try:
            return self._table(taken)
        except _UNFIT:
            return self._one_by_one(taken, dead)

    def _one_by_one(self, rows: list[tuple[Raw, dict[str, Any]]], dead: list[tuple[Raw, str]]) -> pyarrow.Table:
        good = []
        for raw, row in rows:
            try:
                self._table([(raw, row)])
                good.append((raw, row))
            except _UNFIT as error:
                dead.append((raw, _reason(error)))
        return self._table(good)

    def _table(self, rows: Sequence[tuple[Raw, dict[str, Any]]]) -> pyarrow.Table:
        import pyarrow as pa

        said = [row for _, row in rows]
        columns = {
            "user_id": _ids([row["user_id"] for row in said]),
            "timestamp": self._instants([row["timestamp"] for row in said]),
            "latitude": _numbers("latitude", [row["latitude"] for row in said]),
            "longitude": _numbers("longitude", [row["longitude"] for row in said]),
            "accuracy_m": _numbers("accuracy_m", [row.get("accuracy_m") for row in said]),
            "received": pa.array([raw.received_us for raw, _ in rows], pa.timestamp("us", "UTC")),
        }
        return pa.table(columns)

    def _instants(self, values: list[Any]) -> pyarrow.Array:
        import pyarrow as pa

        if set(map(type, values)) <= {str, type(None)}:
            return _of_text(values)
        if self._unit is None:
            raise Unreadable("timestamp is no text with an offset; numbers need --epoch-unit")
        nanoseconds = UNITS[self._unit]
        return pa.array([_microseconds(value, nanoseconds) for value in values], pa.timestamp("us", "UTC"))

    def _of_arrow(self, raw: Raw) -> pyarrow.Table:
        import pyarrow as pa

        try:
            return _as_fixes(_opened(raw.value or b""), raw)
        except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as error:
            raise Unreadable(f"is no Arrow stream of fixes: {cut(str(error), _REASON_CHARACTERS)}") from None


def _is_arrow(value: bytes | None) -> bool:
    return value is not None and (value.startswith(_STREAM) or value.startswith(_FILE))


def _opened(value: bytes) -> pyarrow.Table:
    import pyarrow.ipc as ipc

    opened = ipc.open_file(value) if value.startswith(_FILE) else ipc.open_stream(value)
    table = opened.read_all()
    # Broken offsets are found here, not where they are followed.
    table.validate(full=True)
    return table


def _as_fixes(table: pyarrow.Table, raw: Raw) -> pyarrow.Table:
    """Return the columns of fixes, by name, of the types that they have everywhere."""
    import pyarrow as pa

    instant = pa.timestamp("us", "UTC")
    _refuse_missing(table.column_names)
    if len(table) > MOST_ROWS:
        raise Unreadable(f"has {len(table):,} rows; at most {MOST_ROWS:,} are taken")
    given = table["timestamp"].type
    if not pa.types.is_timestamp(given) or given.tz is None:
        raise Unreadable(f"timestamp is {given}, not a timestamp with a zone")
    ids = _of_fair_length(table["user_id"].cast(pa.string()))
    there = [name for name in _NUMBERS if name in table.column_names]
    columns = {
        "user_id": ids,
        "timestamp": _to_microseconds(table["timestamp"]),
        **{name: table[name].cast(pa.float64()) for name in there},
        **{name: pa.nulls(len(table), pa.float64()) for name in _NUMBERS if name not in there},
        "received": pa.array([raw.received_us] * len(table), instant),
    }
    return pa.table({name: columns[name] for name in ("user_id", "timestamp", *_NUMBERS, "received")})


def _of_json(value: bytes | None) -> dict[str, Any]:
    """Return the one object that a message is."""
    if not value:
        raise Unreadable("is empty")
    try:
        text = value.decode().strip()
        found, end = _SCAN(text, 0)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is not JSON: {cut(str(error), _REASON_CHARACTERS)}") from None
    if end != len(text):
        raise Unreadable(f"is not one JSON object: more follows after character {end}")
    if not isinstance(found, dict):
        raise Unreadable(f"is not a JSON object but {type(found).__name__}")
    return found


def _refuse_missing(names: Iterable[str]) -> None:
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise Unreadable(f"has no {' and no '.join(missing)}")


def _ids(values: list[Any]) -> pyarrow.Array:
    import pyarrow as pa

    kinds = set(map(type, values))
    if not kinds <= {str, int, type(None)}:
        raise Unreadable("user_id is neither text nor an integer")
    if int in kinds:
        values = [None if value is None else str(value) for value in values]
    return _of_fair_length(pa.array(values, pa.string()))


def _of_fair_length(ids: Any) -> Any:
    import pyarrow.compute as pc

    longest = pc.max(pc.binary_length(ids)).as_py() or 0
    if longest > LONGEST_ID_BYTES:
        raise Unreadable(f"user_id has {longest} bytes; at most {LONGEST_ID_BYTES} are taken")
    return ids


def _numbers(name: str, values: list[Any]) -> pyarrow.Array:
    import pyarrow as pa

    if not set(map(type, values)) <= {float, int, type(None)}:
        raise Unreadable(f"{name} is no number")
    return pa.array(values, pa.float64())


def _of_text(values: list[str | None]) -> pyarrow.Array:
    """Return the instants of ISO 8601 texts, to the microsecond."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.array(values, pa.string())
    try:
        return pc.cast(texts, pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        try:
            return _to_microseconds(pc.cast(texts, pa.timestamp("ns", "UTC")))
        except pa.ArrowInvalid:
            raise Unreadable("timestamp is no ISO 8601 text with an offset, such as 2024-03-01T09:30:00Z") from None


def _to_microseconds(instants: Any) -> Any:
    """Return instants without what is finer; what is out of range is an error."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(instants, options=pc.CastOptions(pa.timestamp("us", "UTC"), allow_time_truncate=True))


def _microseconds(value: Any, nanoseconds: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable("timestamp is no number, where others are")
    return int(value * nanoseconds) // 1_000 if isinstance(value, float) else value * nanoseconds // 1_000


def _reason(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return str(error)
    if isinstance(error, KeyError):
        return f"has no {error.args[0]}"
    return cut(f"has a value that cannot be read: {error}", _REASON_CHARACTERS)


def iso(instants_us: Any) -> list[str]:
    """Return instants as messages have them.

    Examples
    --------
    >>> import numpy as np
    >>> iso(np.array([1_500_000]))
    ['1970-01-01T00:00:01.500000Z']
    """
    import numpy as np

    return [f"{text}Z" for text in np.datetime_as_string(instants_us.astype("datetime64[us]")).tolist()]
