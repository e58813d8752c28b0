"""Values of Arrow as Python's, also instants and days that Python's calendar, which ends with 9999, does not have."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

_EPOCH = datetime(1970, 1, 1)
_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
#: The Gregorian calendar repeats after 400 years.
_ERA = 146_097 * _DAY
#: Nanoseconds, as which an integer of Arrow counts its instants.
_UNITS = {"s": _SECOND, "ms": 1_000_000, "us": 1_000, "ns": 1}


def to_python(values: Any) -> list[Any]:
    """Return the values of an array of pyarrow; what lies beyond Python's calendar as ISO 8601 text.

    Examples
    --------
    >>> import pyarrow as pa
    >>> to_python(pa.array([0, 2_932_897], pa.date32()))
    [datetime.date(1970, 1, 1), '+10000-01-01']
    """
    try:
        return list(values.to_pylist())
    except (OverflowError, ValueError):
        return [_value(scalar) for scalar in values]


def rows(table: Any) -> list[dict[str, Any]]:
    """Return the rows of a table or a batch, with the values of `to_python`."""
    columns = [to_python(column) for column in table.columns]
    return [dict(zip(table.schema.names, row)) for row in zip(*columns)]


def as_text(table: pyarrow.Table) -> pyarrow.Table:
    """Return the table with text for each column of instants or days some of which Arrow cannot write."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        column = table.column(place)
        if _nanoseconds(field.type) and not _is_within(column):
            table = table.set_column(place, field.name, pa.array(map(_text, column), pa.string()))
    return table


def _is_within(column: Any) -> bool:
    """Return whether Python's calendar has all instants or days of `column`."""
    import pyarrow.compute as pc

    try:
        pc.min_max(column).as_py()
    except (OverflowError, ValueError):
        return False
    return True


def _value(scalar: Any) -> Any:
    import pyarrow.types as types

    if not scalar.is_valid:
        return None
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        if types.is_dictionary(scalar.type):
            return _value(scalar.value)
        if types.is_struct(scalar.type):
            return {field.name: _value(scalar[field.name]) for field in scalar.type}
        if _nanoseconds(scalar.type):
            return _text(scalar)
        return [_value(element) for element in scalar.values]


def _nanoseconds(kind: Any) -> int | None:
    """Return how long the unit of this type of instants or days is; None for other types."""
    import pyarrow.types as types

    if types.is_date32(kind):
        return _DAY
    if types.is_date64(kind):
        return _UNITS["ms"]
    return _UNITS[kind.unit] if types.is_timestamp(kind) else None


def _text(scalar: Any) -> str | None:
    """Return an instant or a day of any year, written as Arrow does."""
    import pyarrow.types as types

    if not scalar.is_valid:
        return None
    era, rest = divmod(scalar.value * (_nanoseconds(scalar.type) or 0), _ERA)
    second, fraction = divmod(rest, _SECOND)
    moment = _EPOCH + timedelta(seconds=second)
    year = moment.year + 400 * era
    date = (f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}") + f"{moment:-%m-%d}"
    if not types.is_timestamp(scalar.type):
        return date
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[scalar.type.unit]
    places = f".{fraction:09d}"[: digits + 1] if digits else ""
    return f"{date} {moment:%H:%M:%S}{places}{'Z' if scalar.type.tz else ''}"
