"""Fixes as a detector takes them: text ids, instants in microseconds, in the order of their time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from footfall.errors import DataError, MissingTableError
from footfall.inputs import arrow

if TYPE_CHECKING:
    import pyarrow

    from footfall.dataset import Dataset

COLUMNS = ("user_id", "timestamp", "latitude", "longitude", "accuracy_m")
# Of fixes at the same instant, the same one comes first whatever the order of the rows.
_ORDER = [(name, "ascending") for name in ("timestamp", "user_id", "latitude", "longitude", "accuracy_m")]
_SPAN_US = 24 * 3_600 * 1_000_000
_SPAN = (
    "SELECT user_id, timestamp, latitude, longitude, {accuracy} AS accuracy_m FROM pings "
    "WHERE CAST(timestamp AS BIGINT) >= {start} AND CAST(timestamp AS BIGINT) < {end}"
)
_NEXT = "SELECT CAST(min(timestamp) AS BIGINT) FROM pings WHERE CAST(timestamp AS BIGINT) >= {start}"
_ENDS = "SELECT CAST(min(timestamp) AS BIGINT), CAST(max(timestamp) AS BIGINT), count(*) FROM pings"


def schema() -> pyarrow.Schema:
    """Return names and types of fixes."""
    import pyarrow as pa

    kinds = (pa.string(), pa.timestamp("us", "UTC"), pa.float64(), pa.float64(), pa.float64())
    return pa.schema(list(zip(COLUMNS, kinds)))


def of_table(pings: Any) -> pyarrow.Table:
    """Return the fixes of a table of pings, in the order of their time.

    Raises
    ------
    DataError
        If a column is missing, or of a type that is none of ours; times without a zone are taken for UTC.
    """
    import pyarrow as pa

    given, wanted = arrow.read("pings", pings), schema()
    columns = []
    for field in wanted:
        if field.name not in given.column_names and field.name != COLUMNS[-1]:
            reason = f"has no column {field.name}; it has {', '.join(given.column_names)}"
            raise DataError(f"table pings {reason}", table="pings", column=field.name, reason=reason)
        columns.append(_column(given, field))
    return pa.table(columns, schema=wanted).sort_by(_ORDER)


def _column(given: pyarrow.Table, field: Any) -> Any:
    import pyarrow as pa

    if field.name not in given.column_names:
        return pa.nulls(given.num_rows, field.type)
    column = given[field.name]
    try:
        if pa.types.is_timestamp(field.type) and pa.types.is_timestamp(column.type):
            # What is below a microsecond is cut off, as everywhere.
            return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(field.type)
        if pa.types.is_timestamp(field.type) and not pa.types.is_string(column.type):
            raise pa.ArrowInvalid(f"{column.type} is no instant")
        return column.cast(field.type)
    except pa.ArrowInvalid as error:
        reason = f"cannot be read: {error}"
        message = f"table pings, column {field.name} {reason}"
        raise DataError(message, table="pings", column=field.name, reason=reason) from None


def of_data(data: Dataset) -> Iterator[pyarrow.Table]:
    """Yield the fixes of a data set day by day, in the order of their time; memory holds a day of them."""
    if "pings" not in data.tables:
        raise MissingTableError(f"live suggestions need pings; this data set has {', '.join(data.tables)}")
    first, last, _ = ends(data)
    accuracy = "accuracy_m" if "accuracy_m" in data.tables["pings"] else "CAST(NULL AS DOUBLE)"
    start = first if first is not None else 0
    while last is not None and start <= last:
        rows = data.sql(_SPAN.format(accuracy=accuracy, start=start, end=start + _SPAN_US)).to_arrow()
        if rows.num_rows:
            yield of_table(rows)
        start = start + _SPAN_US if rows.num_rows else _next(data, start + _SPAN_US, last)


def _next(data: Dataset, start: int, last: int) -> int:
    """Return the next instant with a ping: one wrong clock makes no thousand empty days."""
    found = data.sql(_NEXT.format(start=start)).to_arrow()
    instant = found.column(0)[0].as_py()
    return last + 1 if instant is None else int(instant)


def ends(data: Dataset) -> tuple[int | None, int | None, int]:
    """Return the instants of the first and last ping, in microseconds, and how many there are."""
    row = data.sql(_ENDS).to_arrow()
    first, last, count = (column[0].as_py() for column in row.columns)
    return first, last, count


def batches(pings: Any) -> Iterator[pyarrow.Table]:
    """Yield the fixes of a data set, or of a table of pings, in the order of their time."""
    from footfall.dataset import Dataset

    if isinstance(pings, Dataset):
        yield from of_data(pings)
    else:
        yield of_table(pings)
