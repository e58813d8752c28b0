"""What users are called whose ids are not told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def without_ids(table: pa.Table, order: Sequence[str]) -> pa.Table:
    """Return the table with the users called "user 1", "user 2" and so on, as they stand in `order`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> without_ids(pa.table({"user_id": ["ana", "rui", "ana"]}), ["rui", "ana"])["user_id"].to_pylist()
    ['user 2', 'user 1', 'user 2']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array([alias(number) for number in range(1, len(order) + 1)], pa.string())
    numbers = pc.index_in(table["user_id"], value_set=pa.array(order, table["user_id"].type))
    return table.set_column(table.column_names.index("user_id"), "user_id", pc.take(names, numbers))


def alias(number: int) -> str:
    """Return what a user is called whose id is not told."""
    return f"user {number}"
