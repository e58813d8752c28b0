"""Values, columns and tables as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from footfall.lang import date_text, tr
from footfall.output.words import column_words, value_text

# Columns of numbers that name something, shown at the left.
_LABELS = {"hour", "weekday"}


@dataclass(frozen=True)
class Table:
    """Headings, rows of text, and which columns are numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[bool]


def result_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return rows of a result as a table: headings in words, shares in percent, counts with separators."""
    columns = list(rows[0])
    return Table(
        [column_words(column) for column in columns],
        [[value_text(column, row[column]) for column in columns] for row in rows],
        [_is_numeric(column, [row[column] for row in rows]) for column in columns],
    )


def _is_numeric(column: str, values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    plain = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known)
    return bool(known) and plain and column not in _LABELS


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words.

    Examples
    --------
    >>> listed(["ads"]), listed(["ads", "pings", "visits"])
    ('ads', 'ads, pings and visits')
    """
    if len(names) == 1:
        return names[0]
    return tr("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])


def local(instant: str) -> str:
    """Return a local instant in ISO 8601 to the minute.

    Examples
    --------
    >>> local("2024-03-01T12:30:00-03:00")
    '2024-03-01 12:30'
    """
    date, _, time = instant.partition("T")
    return f"{date_text(date)} {time[:5]}"
