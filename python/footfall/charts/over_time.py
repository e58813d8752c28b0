"""Small multiples over days or weeks: a line for each of a few things, all on the same scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import altair as alt
import pyarrow as pa

from footfall.charts.shared import rows, style, units
from footfall.charts.shared.rows import Options, Row
from footfall.charts.shared.theme import ConcatChart, LayerChart
from footfall.lang import tr

# A year of days still reads as a line.
_LONGEST = 366
_DOTS = 40


@dataclass(frozen=True)
class Lines:
    """What the panels show: rows of `by` (a date), `value`, and `low` and `high` where there is an interval."""

    by: str
    value: str
    axis: str
    format: str
    tip: str
    end: float


def recent(table: pa.Table, by: str) -> list[Row]:
    """Return the rows of the latest units, as many as fit a line."""
    starts, _ = rows.latest(table, by, _LONGEST)
    return rows.where(table, by, starts).to_pylist()


def cut(table: pa.Table, by: str) -> str:
    """Return the note that only the latest units are shown, if so."""
    starts, found = rows.latest(table, by, _LONGEST)
    return units.latest_of(by, len(starts), found)


def drawn(
    panels: Sequence[tuple[str, list[Row]]], lines: Lines, options: Options, title: str, notes: Sequence[str]
) -> ConcatChart:
    """Return the chart of all panels, given as (title, rows)."""
    dates = sorted({row[lines.by] for _, shown in panels for row in shown})
    size = options.width or 250, options.height or 120
    drawings = [_panel(name, shown, lines, size, (dates[0], dates[-1])) for name, shown in panels]
    columns = style.columns(len(drawings))
    return style.finished(style.side_by_side(drawings, columns), title, notes, columns * (size[0] + 60))


def _panel(name: str, shown: Sequence[Row], lines: Lines, size: tuple[int, int], span: tuple[Any, Any]) -> LayerChart:
    values = [{**row, lines.by: _local(row[lines.by])} for row in shown if row[lines.value] is not None]
    # A single day needs some width too.
    last = span[1] if span[1] > span[0] else span[0] + timedelta(days=1)
    time = alt.X(
        f"{lines.by}:T",
        scale=alt.Scale(domain=[_local(span[0]), _local(last)]),
        axis=alt.Axis(title=None, tickCount=4, labelOverlap=True, grid=False, format=_format(span)),
    )
    y = alt.Y(
        f"{lines.value}:Q",
        scale=alt.Scale(domain=[0, lines.end], nice=True),
        axis=alt.Axis(title=lines.axis, format=lines.format, tickCount=4),
    )
    base = style.chart(values).encode(x=time)
    interval = bool(values) and "low" in values[0]
    fields: list[tuple[str, str, str | None]] = [
        (f"{lines.by}:T", units.name(lines.by), tr("%-d %B %Y")),
        (f"{lines.value}:Q", lines.axis, lines.tip),
    ]
    if interval:
        fields += [("low:Q", tr("Interval from"), lines.tip), ("high:Q", tr("to"), lines.tip)]
        fields += [("counts:N", tr("Counts"), None)]
    tips = style.tooltips(*fields)
    dots = 24 if len(values) <= _DOTS else 6
    line = base.mark_line(strokeWidth=1.5, color=style.ACCENT).encode(y=y)
    points = base.mark_point(size=dots, filled=True, opacity=1, color=style.ACCENT).encode(y=y, tooltip=tips)
    bands = [base.mark_area(opacity=0.25, color=style.ACCENT, clip=True).encode(y=alt.Y("low:Q"), y2="high:Q")]
    return style.layer([*(bands if interval else []), line, points], size, title=style.panel_title(name))


def _format(span: tuple[Any, Any]) -> str:
    return tr("%b %Y") if span[1] - span[0] > timedelta(days=300) else tr("%-d %b")


def _local(day: Any) -> str:
    # With a time, a browser reads it as local; a bare date would be read as UTC and drawn a day early west of there.
    return f"{day.isoformat()}T00:00:00"
