"""Columns and their values as people read them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from footfall._native import WEEKDAYS
from footfall.output.display import cell, percent

#: Columns that are shares, shown in percent.
SHARES = {"ctr", "ctr_low", "ctr_high", "ratio", "ratio_low", "ratio_high", "share"}


def column_words(column: str) -> str:
    """Return a column's heading.

    Examples
    --------
    >>> column_words("ctr_low"), column_words("attributed_visits")
    ('CTR from', 'attributed visits')
    """
    words = column.replace("_", " ").replace("ctr", "CTR").replace("km2", "km²")
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
    if column in SHARES:
        return percent(value)
    if column == "hour":
        return f"{value:02d}:00"
    if column == "weekday":
        return WEEKDAYS[value - 1]
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value:%B %Y}" if column == "month" else value.isoformat()
    return cell(value)
