"""How a table looks: in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from footfall.inputs.values import to_python
from footfall.output.text import printable

if TYPE_CHECKING:
    import pyarrow

_WIDEST = 40


@dataclass(frozen=True)
class Preview:
    """The first rows of a table as text, and which columns are numbers."""

    columns: list[str]
    rows: list[list[str]]
    numeric: list[bool]


def preview(table: pyarrow.Table, limit: int) -> Preview:
    """Return the first `limit` rows of `table` as text."""
    import pyarrow.types as types

    head = table.slice(0, limit)
    cells = [[cell(value) for value in to_python(column)] for column in head.columns]
    numeric = [types.is_integer(field.type) or types.is_floating(field.type) for field in table.schema]
    return Preview([printable(name) for name in table.column_names], [list(row) for row in zip(*cells)], numeric)


def cell(value: Any) -> str:
    """Return one value as text, in one line and without control characters."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if 1_000 <= abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").replace("+00:00", "Z")
    return printable(str(value))


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 1:
        return f"{max(1, round(1000 * seconds))} ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{seconds:.1f} s"


def percent(share: float) -> str:
    r"""Return a share in percent, with three figures.

    Examples
    --------
    >>> [percent(share).replace("\xa0", " ") for share in (0.01234, 0.5, 1.0, 0.0, 1e-9)]
    ['1.23 %', '50.0 %', '100 %', '0 %', '< 0.01 %']
    """
    value = 100 * share
    if 0 < value < 0.005:
        return "< 0.01\xa0%"
    digits = 0 if value == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f}\xa0%"


def plural(count: int, thing: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "campaign"), plural(1200, "visit")
    ('1 campaign', '1,200 visits')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def all_of(count: int, thing: str) -> str:
    """Return how to call all of something.

    Examples
    --------
    >>> all_of(1, "campaign"), all_of(3, "campaign")
    ('The only campaign', 'All 3 campaigns')
    """
    return f"The only {thing}" if count == 1 else f"All {plural(count, thing)}"


def compact(count: int) -> str:
    """Return a count that fits a small cell.

    Examples
    --------
    >>> compact(9_999), compact(12_345), compact(1_234_567)
    ('9,999', '12k', '1.2M')
    """
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def text_table(shown: Preview) -> str:
    """Return a preview as aligned lines."""
    rows = [[_shortened(value) for value in row] for row in [shown.columns, *shown.rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(shown.columns))]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, shown.numeric)
        return "  ".join(f"{value:{'>' if number else '<'}{width}}" for value, width, number in cells).rstrip()

    return "\n".join(line(row) for row in rows)


def html_table(shown: Preview) -> str:
    """Return a preview as an HTML table; every value is escaped."""

    def row(tag: str, values: Sequence[str]) -> str:
        cells = zip(values, shown.numeric)
        return "".join(
            f'<{tag} style="text-align: {"right" if number else "left"}">{escape(value)}</{tag}>'
            for value, number in cells
        )

    body = "".join(f"<tr>{row('td', values)}</tr>" for values in shown.rows)
    return f"<table><thead><tr>{row('th', shown.columns)}</tr></thead><tbody>{body}</tbody></table>"


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
