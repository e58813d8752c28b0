"""All rows of a plain statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footfall.inputs import arrow

if TYPE_CHECKING:
    import pyarrow

    from footfall import _native
    from footfall.output.progress import Tick


def rows_of(session: _native.Session, query: str, progress: Tick | None = None) -> pyarrow.Table:
    """Return all rows of a query that has no placeholders."""
    return arrow.to_pyarrow(session.sql(query, None, None, None, progress))
