"""How values, times and counts are written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footfall.lang import number, percent_sign, tr
from footfall.output.text import printable


def cell(value: Any) -> str:
    """Return one value as text, in one line and without control characters."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return number(value, ",.1f" if 1_000 <= abs(value) < 1e15 else ".4g")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").replace("+00:00", "Z")
    return printable(str(value))


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 1:
        return f"{max(1, round(1000 * seconds))} ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{number(seconds, '.1f')} s"


def progress(rows_done: int, rows_total: int | None, unit: str, seconds: float) -> list[str]:
    """Return how far a work is: the part of it, unless nobody knows the whole, what was done, and since when.

    Examples
    --------
    >>> progress(300_000, 1_200_000, "rows", 1.5), progress(7, None, "cells", 2)
    (['25%', '300k of 1.2M rows', '1.5 s'], ['7 cells', '2.0 s'])
    """
    rows = f"{compact(rows_done)} of {compact(rows_total)}" if rows_total else compact(rows_done)
    part = [f"{min(rows_done / rows_total, 1):.0%}"] if rows_total else []
    return [*part, f"{rows} {unit}", duration(seconds)]


def percent(share: float) -> str:
    r"""Return a share in percent, with three figures.

    Examples
    --------
    >>> [percent(share).replace("\xa0", " ") for share in (0.01234, 0.5, 1.0, 0.0, 1e-9)]
    ['1.23 %', '50.0 %', '100 %', '0 %', '< 0.01 %']
    """
    value = 100 * share
    if 0 < value < 0.005:
        return f"< {number(0.01, '.2f')}{percent_sign()}"
    digits = 0 if value == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{number(value, f',.{digits}f')}{percent_sign()}"


def plural(count: int, thing: str) -> str:
    """Return a count with its noun, in English: for errors and terminals.

    Examples
    --------
    >>> plural(1, "campaign"), plural(1200, "visit")
    ('1 campaign', '1,200 visits')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def several(count: int, thing: str) -> str:
    """Return a count with a noun that ends in a hiss.

    Examples
    --------
    >>> several(1, "fix"), several(1200, "approach")
    ('1 fix', '1,200 approaches')
    """
    return f"{count:,} {thing}{'' if count == 1 else 'es'}"


def compact(count: int) -> str:
    """Return a count that fits a small cell.

    Examples
    --------
    >>> compact(9_999), compact(12_345), compact(1_234_567)
    ('9,999', '12k', '1.2M')
    """
    if count < 10_000:
        return number(count)
    return f"{count / 1e3:.0f}k" if count < 999_500 else f"{number(count / 1e6, '.1f')}M"
