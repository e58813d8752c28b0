"""Small pieces of HTML; all text that goes in is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from html import escape
from typing import Any

from footfall.display import cell

# Columns that are shares, shown in percent.
_SHARES = {"ctr", "ctr_low", "ctr_high", "ratio", "ratio_low", "ratio_high", "share"}
# Columns of numbers that name something, shown at the left.
_LABELS = {"hour", "weekday"}
_WEEKDAYS = ["", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def tag(name: str, content: str, **attributes: str) -> str:
    """Return an element; `content` is HTML, the attributes are text (``class_`` is the class).

    Examples
    --------
    >>> tag("p", text("a < b"), class_="note")
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{content}</{name}>"


def text(value: object) -> str:
    """Return any text as HTML."""
    return escape(str(value))


def paragraph(words: str, class_: str | None = None) -> str:
    """Return a paragraph of plain text."""
    return tag("p", text(words), **({"class_": class_} if class_ else {}))


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a grid of (name, value)."""
    boxes = (tag("div", tag("dt", text(name)) + tag("dd", text(value))) for name, value in pairs)
    return tag("dl", "".join(boxes), class_="facts")


def details(title: str, content: str) -> str:
    """Return HTML that opens on a click."""
    return tag("details", tag("summary", text(title)) + content)


def code(source: str) -> str:
    """Return a block of source text."""
    return tag("pre", text(source.strip()))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """Return a table; the cells are HTML."""
    kinds: list[dict[str, str]] = [{"class_": "number"} if number else {} for number in numeric]
    head = "".join(tag("th", text(name), **kind) for name, kind in zip(columns, kinds))
    body = "".join(tag("tr", "".join(tag("td", c, **kind) for c, kind in zip(row, kinds))) for row in rows)
    return tag("div", tag("table", tag("thead", tag("tr", head)) + tag("tbody", body)), class_="scroll")


def result_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of a result as a table: headings in words, shares in percent, counts with separators."""
    columns = list(rows[0])
    shown = [[text(value_text(column, row[column])) for column in columns] for row in rows]
    numeric = [_numeric(column, [row[column] for row in rows]) for column in columns]
    return table([column_words(column) for column in columns], shown, numeric)


def _numeric(column: str, values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    plain = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known)
    return bool(known) and plain and column not in _LABELS


def column_words(column: str) -> str:
    """Return a column's heading.

    Examples
    --------
    >>> column_words("ctr_low"), column_words("attributed_visits")
    ('CTR from', 'attributed visits')
    """
    words = column.replace("_", " ").replace("ctr", "CTR")
    return words.replace(" low", " from").replace(" high", " to")


def value_text(column: str, value: Any) -> str:
    """Return a value as people read it.

    Examples
    --------
    >>> value_text("views", 12345), value_text("hour", 9), value_text("weekday", 1)
    ('12,345', '09:00', 'Monday')
    """
    if value is None:
        return cell(None)
    if column in _SHARES:
        return percent(value)
    if column == "hour":
        return f"{value:02d}:00"
    if column == "weekday":
        return _WEEKDAYS[value]
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value:%B %Y}" if column == "month" else value.isoformat()
    return cell(value)


def local(instant: str) -> str:
    """Return a local instant in ISO 8601 to the minute.

    Examples
    --------
    >>> local("2024-03-01T12:30:00-03:00")
    '2024-03-01 12:30'
    """
    date, _, time = instant.partition("T")
    return f"{date} {time[:5]}"


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
