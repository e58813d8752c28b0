"""From a result's table to the few rows that a chart shows; all that is left out is left out here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from footfall import _native
from footfall._native import DAY_PARTS
from footfall.charts.shared import units
from footfall.definitions import Definitions
from footfall.lang import day_text, mark, marks, month_text, tr, trn
from footfall.output.display import cell

Row = dict[str, Any]

# Python and browsers count days from the year 1 to 9999; an axis may need a little more than its data.
FIRST_DAY, END_OF_DAYS = date(2, 1, 1), date(9999, 1, 1)
HOURS_PER_DAY_PART = 24 // len(DAY_PARTS)
_UNNAMED = mark("no category")


@dataclass(frozen=True)
class Context:
    """The time zone and the definitions that the rows were made with."""

    tz: str
    definitions: Definitions


@dataclass(frozen=True)
class Options:
    """What the caller of a chart may choose; None leaves it to the chart."""

    top: int | None = None
    users: list[str] | None = None
    width: int | None = None
    height: int | None = None


def unit(table: pa.Table) -> str | None:
    """Return the calendar unit of a result: the name of its first column, or None for the whole period."""
    return table.column_names[0] if table.column_names[0] in _native.UNITS else None


def within_reach(table: pa.Table) -> tuple[pa.Table, str]:
    """Return the rows whose unit no axis of time is too short for, and the note that others are left out."""
    by = unit(table)
    if by is None:
        return table, ""
    is_within = pc.and_(pc.greater_equal(table[by], FIRST_DAY), pc.less(table[by], END_OF_DAYS))
    others = table.filter(pc.invert(is_within))
    count = distinct(others, by) if others.num_rows else 0
    return (table.filter(is_within), units.beyond(by, count)) if count else (table, "")


def unit_label(by: str, start: date) -> str:
    """Return how people call the unit that starts on `start`.

    Examples
    --------
    >>> unit_label("month", date(2024, 3, 1)), unit_label("week", date(2024, 3, 4))
    ('March 2024', 'Week of 4 March 2024')
    """
    if by == "month":
        text = month_text(start)
        return text[0].upper() + text[1:]
    return tr("Week of {day}", day=day_text(start)) if by == "week" else day_text(start)


def latest(table: pa.Table, by: str, limit: int) -> tuple[list[date], int]:
    """Return the latest `limit` units in order, and how many there are."""
    starts = sorted(pc.unique(table[by].combine_chunks()).drop_null().to_pylist())
    return starts[-limit:], len(starts)


def where(table: pa.Table, column: str, values: Sequence[Any]) -> pa.Table:
    """Return the rows whose `column` is among `values`."""
    return table.filter(pc.is_in(table[column], value_set=pa.array(values, table[column].type)))


def best(table: pa.Table, top: int, measure: str) -> list[Row]:
    """Return the rows of rank 1 to `top` that have a `measure`, in order of rank."""
    chosen = table.filter(pc.and_(pc.less_equal(table["rank"], top), pc.is_valid(table[measure])))
    return chosen.sort_by("rank").to_pylist()


def summed(table: pa.Table, key: str, counts: Sequence[str]) -> list[Row]:
    """Return the sums of `counts` per `key`, largest first count first, then by key."""
    return _summed(table, key, counts).to_pylist()


def keys_by_sum(table: pa.Table, key: str, count: str) -> list[Any]:
    """Return the values of `key`, those with the largest sum of `count` first, then in their order."""
    return _summed(table, key, [count])[key].to_pylist()


def _summed(table: pa.Table, key: str, counts: Sequence[str]) -> pa.Table:
    sums = table.group_by(key).aggregate([(count, "sum") for count in counts])
    sums = sums.rename_columns([name[:-4] if name.endswith("_sum") else name for name in sums.column_names])
    return sums.sort_by([(counts[0], "descending"), (key, "ascending")])


def total(table: pa.Table, column: str) -> int:
    """Return the sum of `column`, 0 for none."""
    return pc.sum(table[column]).as_py() or 0


def distinct(table: pa.Table, column: str) -> int:
    """Return how many values `column` has."""
    return pc.count_distinct(table[column], mode="all").as_py()


def labels(table: pa.Table, rows: Sequence[Row], letters: int = 27) -> dict[str, str]:
    """Return a label per establishment_id of `rows`: its name; with the id when another has that name; else the id.

    Examples
    --------
    >>> shops = [{"establishment_id": "1", "name": "Sol"}, {"establishment_id": "2", "name": "Sol"},
    ...          {"establishment_id": "3", "name": None}]
    >>> labels(pa.Table.from_pylist(shops), shops)
    {'1': 'Sol (1)', '2': 'Sol (2)', '3': '3'}
    """
    names = {row["establishment_id"]: row["name"] for row in rows}
    shown = where(table, "name", sorted({name for name in names.values() if name}))
    holders = shown.group_by("name").aggregate([("establishment_id", "count_distinct")]).to_pylist()
    shared = {row["name"] for row in holders if row["establishment_id_count_distinct"] > 1}
    found = {id_: _label(cell(id_), name, letters if name in shared else 0) for id_, name in names.items()}
    repeated = {label for label, times in Counter(found.values()).items() if times > 1}
    return {id_: f"{label} ({cell(id_)})" if label in repeated else label for id_, label in found.items()}


def _label(id_: str, name: str | None, letters: int) -> str:
    """The name; with the id, both cut so that the axis need not, when `letters` are given."""
    if not name or not name.strip():
        return id_
    if not letters:
        return cell(name)
    end = id_ if len(id_) <= letters // 2 else "…" + id_[-(letters // 3) :]
    return f"{_shorten(cell(name), letters - len(end) - 3)} ({end})"


def _shorten(text: str, limit: int) -> str:
    """Return `text` in at most `limit` letters.

    Examples
    --------
    >>> _shorten("Mercado de São José", 8)
    'Mercado…'
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def category(value: str | None) -> str:
    """Return a category's label."""
    return cell(value) if value and value.strip() else tr(_UNNAMED)


def categories_left_out(count: int) -> str:
    """Return the note that so many categories are not shown; nothing for none.

    Examples
    --------
    >>> categories_left_out(1200), categories_left_out(0)
    ('Left out: 1,200 more categories.', '')
    """
    forms = marks("Left out: {count} more category.", "Left out: {count} more categories.")
    return trn(*forms, count) if count > 0 else ""


def ranked_by(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Return the first of `measures` that falls with the rank, in rows in order of rank; the first if none does."""
    for measure in measures:
        values = [row[measure] for row in rows if row[measure] is not None]
        if all(earlier >= later for earlier, later in zip(values, values[1:])):
            return measure
    return measures[0]
