"""What counts as an Arrow table: anything that speaks the Arrow PyCapsule protocol.

pyarrow, polars, pandas (2.2 and later), DuckDB relations and Footfall's own results all do.

References
----------
https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from footfall.errors import DataError

if TYPE_CHECKING:
    import pyarrow


class ArrowStream(Protocol):
    """A table that hands out its rows as a stream of Arrow batches."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a PyCapsule that holds an ``ArrowArrayStream``."""
        ...


def exports(value: Any) -> bool:
    """Return whether `value` speaks the protocol: as a table, or as one column."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def read(name: str, table: Any) -> pyarrow.Table:
    """Return what the caller gave as table `name`, without a copy; a stream is read to its end.

    Raises
    ------
    DataError
        If it does not speak the protocol, or its rows cannot be read; the message names the table.
    """
    if not exports(table):
        kind = f"{type(table).__module__}.{type(table).__qualname__}"
        hint = "; collect it first" if hasattr(table, "collect") else ""
        reason = f"needs an Arrow table (pyarrow, polars, pandas >= 2.2, DuckDB), but is a {kind}{hint}"
        raise DataError(f"table {name} {reason}", table=name, value=kind, reason=reason)
    try:
        return to_pyarrow(table)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"table {name} cannot be read: {error}", table=name, reason=str(error)) from error


def to_pyarrow(table: ArrowStream) -> pyarrow.Table:
    """Return `table` as a ``pyarrow.Table``, without a copy."""
    import pyarrow as pa

    # `pa.table` would import pandas, to ask whether this is a frame: a third of a second of the first answer.
    if hasattr(table, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(table).read_all()
    return pa.table(table)
