"""What counts as an Arrow table: anything that speaks the Arrow PyCapsule protocol.

pyarrow, polars, pandas (2.2 and later), DuckDB relations and Footfall's own results all do.

References
----------
https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Union

from footfall.errors import DataError

if TYPE_CHECKING:
    import pyarrow


class ArrowStream(Protocol):
    """A table that hands out its rows as a stream of Arrow batches."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a PyCapsule that holds an ``ArrowArrayStream``."""
        ...


class ArrowBatch(Protocol):
    """One batch of rows."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Return PyCapsules that hold an ``ArrowSchema`` and an ``ArrowArray``."""
        ...


ArrowTable = Union[ArrowStream, ArrowBatch]


def checked(name: str, table: object) -> ArrowTable:
    """Return `table` itself when it speaks the protocol.

    Raises
    ------
    DataError
        If it does not; the message names the table and its type.
    """
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return table  # type: ignore[return-value]
    kind = f"{type(table).__module__}.{type(table).__qualname__}"
    hint = "; collect it first" if hasattr(table, "collect") else ""
    reason = f"needs an Arrow table (pyarrow, polars, pandas >= 2.2, DuckDB), but is a {kind}{hint}"
    raise DataError(f"table {name} {reason}", table=name, value=kind, reason=reason)


def to_pyarrow(table: ArrowTable) -> pyarrow.Table:
    """Return `table` as a ``pyarrow.Table``, without a copy."""
    import pyarrow as pa

    return pa.table(table)
