"""Interactions over the 24 hours, per category of ads (job 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pyarrow as pa

from footfall._native import DAY_PARTS
from footfall.charts.shared import rows, style, units
from footfall.charts.shared.rows import Context, Options, Row
from footfall.charts.shared.theme import Chart, ConcatChart, Drawing, LayerChart
from footfall.lang import tr, trn
from footfall.output.colours import MUTED
from footfall.output.display import percent

_STARTS = range(0, 24, rows.HOURS_PER_DAY_PART)
# Vega works it out, so that a chart need not hold it for each cell.
_WHEN = "format(datum.hour, '02d') + ':00{to}' + format(datum.hour + 1, '02d') + ':00'"


def category_hours(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw each category's interactions over the hours of the day."""
    by = rows.unit(table)
    order = rows.summed(table, "category", ["interactions"])
    chosen = order[: options.top or 12]
    notes = [
        tr(
            "Colour: share of the category's interactions (views and clicks) that fall in the hour; hours are local to "
            "{tz}. Outlined: the category's busiest hour, the earliest of several.",
            tz=context.tz,
        ),
        f"{tr('Categories with the most interactions first.')} {rows.categories_left_out(len(order) - len(chosen))}",
    ]
    shown = rows.where(table, "category", [row["category"] for row in chosen])
    names = [rows.category(row["category"]) for row in chosen]
    title = tr("When people interact with the ads of each category")
    if by is None:
        size = options.width or 600, options.height or 28 * len(chosen)
        drawing = _heatmap(shown.to_pylist(), names, size, _largest(shown), totals=True)
        return style.finished(drawing, title, notes, size[0] + 200)
    return _panels(shown, by, names, options, title, notes)


def _panels(table: pa.Table, by: str, names: list[str], options: Options, title: str, notes: list[str]) -> ConcatChart:
    starts, found = rows.latest(table, by, 6)
    parts = {start: rows.where(table, by, [start]) for start in starts}
    largest = max(map(_largest, parts.values()))
    limit = min(largest, 1.5 * _pooled(table))
    size = options.width or 264, options.height or 20 * len(names)
    columns = style.columns(len(parts))
    panels = [
        _heatmap(
            part.to_pylist(),
            names,
            size,
            limit,
            labelled=i % columns == 0,
            title=style.panel_title(rows.unit_label(by, start)),
        )
        for i, (start, part) in enumerate(parts.items())
    ]
    notes = [
        *notes,
        units.latest_of(by, len(starts), found),
        _darkest(percent(limit)) if limit < largest else "",
    ]
    drawing = style.side_by_side(panels, columns)
    return style.finished(drawing, units.one_by_one(by, title), notes, columns * (size[0] + 40))


def _darkest(share: str) -> str:
    """Return the note that shades end before the largest share."""
    return tr("Darkest: {share} or more; where there are few interactions, shares are larger.", share=share)


def _heatmap(
    shown: Sequence[Row],
    names: list[str],
    size: tuple[int, int],
    largest: float,
    *,
    totals: bool = False,
    labelled: bool = True,
    **properties: Any,
) -> LayerChart:
    values = _with_peaks([_value(row) for row in shown])
    y = alt.Y(
        "category:N",
        sort=names,
        scale=alt.Scale(domain=names, paddingInner=0.08),
        title=None,
        axis=alt.Axis(labels=labelled, ticks=False, domain=False),
    )
    hours = alt.X(
        "hour:Q",
        scale=alt.Scale(domain=[0, 24]),
        axis=alt.Axis(values=[*_STARTS, 24], grid=False, title=tr("Hour of the day"), format="02d"),
    )
    colour = alt.Color(
        "share:Q",
        scale=style.shades(largest),
        legend=style.gradient(tr("Share of the category's interactions")),
    )
    tips = style.tooltips(
        ("category:N", tr("Category"), None),
        ("when:N", tr("Hour"), None),
        ("interactions:Q", tr("Interactions"), style.COUNT),
        ("views:Q", tr("Views"), style.COUNT),
        ("clicks:Q", tr("Clicks"), style.COUNT),
        ("share:Q", tr("Share of the category"), style.PERCENT),
    )
    when = _WHEN.format(to=tr(" to "))
    base = style.chart(values).transform_calculate(end="datum.hour + 1", when=when).encode(y=y, x=hours, x2="end:Q")
    cells = base.mark_rect(stroke="white", strokeWidth=0.5).encode(color=colour, tooltip=tips)
    peaks = base.transform_filter("datum.peak").mark_rect(
        filled=False, stroke=style.MARKED, strokeWidth=2.5, clip=False
    )
    layers = [cells, peaks.encode(tooltip=tips), *_bands(size)]
    if totals:
        layers.append(_totals(values, names, size[0]))
    return style.layer(layers, size, **properties)


def _bands(size: tuple[int, int]) -> list[Chart]:
    """The parts of the day: their names above, dashed lines between."""
    middle = rows.HOURS_PER_DAY_PART / 2
    values = [{"name": tr(name), "hour": start, "middle": start + middle} for name, start in zip(DAY_PARTS, _STARTS)]
    base = style.chart(values)
    names = base.mark_text(fontSize=11, color=MUTED, baseline="bottom").encode(
        x="middle:Q", y=alt.value(-5), text="name:N"
    )
    edges = base.transform_filter("datum.hour > 0").mark_rule(strokeDash=[3, 3], color=MUTED)
    return [edges.encode(x="hour:Q", y=alt.value(-12), y2=alt.value(size[1])), names]


def _totals(values: Sequence[Row], names: list[str], width: int) -> Chart:
    """Each category's interactions, at the right."""
    sums = dict.fromkeys(names, 0)
    for value in values:
        sums[value["category"]] += value["interactions"]
    words = {name: trn("{count} interaction", "{count} interactions", count) for name, count in sums.items()}
    texts = [{"category": name, "text": text} for name, text in words.items()]
    base = style.chart(texts).mark_text(align="left", dx=8, fontSize=11, color=MUTED)
    return base.encode(y=alt.Y("category:N", sort=names), x=alt.value(width), text="text:N")


def _value(row: Row) -> Row:
    return {
        "category": rows.category(row["category"]),
        "hour": row["hour"],
        "interactions": row["interactions"],
        "views": row["views"],
        "clicks": row["clicks"],
        "share": row["share"],
    }


def _with_peaks(values: list[Row]) -> list[Row]:
    """Mark each category's busiest hour, the earliest of several."""
    busiest: dict[str, Row] = {}
    for value in values:
        if value["interactions"] > busiest.get(value["category"], {"interactions": 0})["interactions"]:
            busiest[value["category"]] = value
    return [{**value, "peak": value is busiest.get(value["category"])} for value in values]


def _pooled(table: pa.Table) -> float:
    """Return the largest share of a category's interactions in one hour, over all units together."""
    everything = {row["category"]: row["interactions"] for row in rows.summed(table, "category", ["interactions"])}
    hours = table.group_by(["category", "hour"]).aggregate([("interactions", "sum")]).to_pylist()
    shares = (row["interactions_sum"] / everything[row["category"]] for row in hours if everything[row["category"]])
    return max(shares, default=1.0)


def _largest(table: pa.Table) -> float:
    return max((share for share in table["share"].to_pylist() if share is not None), default=1.0) or 1.0
