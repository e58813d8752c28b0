"""Columns and their values as people read them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from footfall._native import DAY_PARTS, WEEKDAYS
from footfall.lang import date_text, mark, month_text, tr
from footfall.output.display import cell, percent

#: Columns that are shares, shown in percent.
SHARES = {"ctr", "ctr_low", "ctr_high", "ratio", "ratio_low", "ratio_high", "share"}

# The columns of answers and tables in words; those of a user's own stay as they are.
_COLUMNS = {
    mark("month"),
    mark("week"),
    mark("day"),
    mark("campaign id"),
    mark("views"),
    mark("clicks"),
    mark("CTR"),
    mark("CTR from"),
    mark("CTR to"),
    mark("rank"),
    mark("establishment id"),
    mark("name"),
    mark("category"),
    mark("visits"),
    mark("visitors"),
    mark("attributed visits"),
    mark("ratio"),
    mark("ratio from"),
    mark("ratio to"),
    mark("hour"),
    mark("interactions"),
    mark("share"),
    mark("user id"),
    mark("day part"),
    mark("tied"),
    mark("weekday"),
    mark("pings"),
    mark("users"),
    mark("places"),
    mark("cells"),
    mark("km²"),
    mark("latitude"),
    mark("longitude"),
    mark("timestamp"),
    mark("accuracy m"),
    mark("distance m"),
    mark("attributed"),
    mark("ad id"),
    mark("interaction timestamp"),
    mark("action"),
    mark("outcome"),
    mark("miss m"),
    mark("eta s"),
    mark("chance"),
    mark("came"),
}


def column_words(column: str) -> str:
    """Return a column's heading.

    Examples
    --------
    >>> column_words("ctr_low"), column_words("attributed_visits")
    ('CTR from', 'attributed visits')
    """
    words = column.replace("_", " ").replace("ctr", "CTR").replace("km2", "km²")
    words = words.replace(" low", " from").replace(" high", " to")
    return tr(words) if words in _COLUMNS else words


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
        return tr(WEEKDAYS[value - 1])
    if column == "day_part" and value in DAY_PARTS:
        return tr(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return month_text(value) if column == "month" else date_text(value.isoformat())
    return cell(value)
