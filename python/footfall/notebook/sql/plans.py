"""How a statement would be computed, as text."""

from __future__ import annotations

import re

from footfall.dataset import Dataset
from footfall.errors import QueryError
from footfall.inputs.values import rows
from footfall.notebook.sql.variables import Bound
from footfall.output.text import printable


def plan(data: Dataset, query: str, bound: Bound) -> str:
    """Return the plans of a statement.

    Raises
    ------
    QueryError
        If it does not run; it points at its place in `query`.
    """
    explains = re.match(r"\s*EXPLAIN\b", query, re.IGNORECASE)
    try:
        planned = data._sql(query if explains else f"EXPLAIN\n{query}", bound.parameters, bound.tables)
    except QueryError as error:
        raise (error if explains else _a_line_above(error)) from None
    told = [f"{row['plan_type']}\n{row['plan']}" for row in rows(planned.to_arrow())]
    return printable("\n".join(told), keep="\n")


def _a_line_above(error: QueryError) -> QueryError:
    """Return an error with the place that it has without the line before the statement."""
    if error.line is None:
        return error
    message = str(error).replace(f"\n  line {error.line}, ", f"\n  line {error.line - 1}, ")
    return QueryError(message, line=error.line - 1, column=error.column)
