"""Establishments by visits (job 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pyarrow as pa

from footfall.charts import over_time
from footfall.charts.shared import rows, style, units
from footfall.charts.shared.rows import Context, Options, Row
from footfall.charts.shared.theme import Drawing, LayerChart
from footfall.lang import mark, number, tr, trn
from footfall.output.colours import INK, PALETTE

_OTHERS = mark("other categories")


def establishment_visits(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw the establishments with the most visits."""
    if not rows.total(table, "visits"):
        return style.nothing(tr("Visits"), tr("No establishment has a visit."), options.width or 520)
    radius = context.definitions.radius_text
    meaning = tr("A visit is a ping less than {radius} from the establishment.", radius=radius)
    by = rows.unit(table)
    if by is None:
        return _period(table, options, meaning)
    meaning = f"{meaning} {units.are_local(by, context.tz)}"
    return _panels(table, options, meaning) if by == "month" else _over_time(table, by, options, meaning)


def _period(table: pa.Table, options: Options, meaning: str) -> Drawing:
    best = _visited(table, options.top or 15)
    size = options.width or 460, options.height or 24 * len(best) + 10
    drawing = _bars(best, rows.labels(table, best), _colours(table, best), size, _longest(best))
    notes = [f"{meaning} {tr('Behind each bar: visits, and the people who made them.')}", _ranking(best)]
    return style.finished(drawing, _sentence(len(best), table), notes, size[0] + 300)


def _panels(table: pa.Table, options: Options, meaning: str) -> Drawing:
    starts, found = rows.latest(table, "month", 6)
    best = {start: _visited(rows.where(table, "month", [start]), options.top or 10) for start in starts}
    best = {start: shown for start, shown in best.items() if shown}
    everyone = [row for shown in best.values() for row in shown]
    label, colour = rows.labels(table, everyone, style.PANEL_LABEL_LETTERS), _colours(table, everyone)
    columns = style.columns(len(best))
    size = options.width or style.panel_width(columns, 142), options.height or 20 * max(map(len, best.values())) + 10
    panels = [
        _bars(
            shown,
            label,
            colour,
            size,
            _longest(everyone),
            people=False,
            title=style.panel_title(rows.unit_label("month", start)),
        )
        for start, shown in best.items()
    ]
    notes = [
        meaning,
        _ranking(next(iter(best.values()))),
        units.latest_of("month", len(starts), found),
    ]
    title = units.one_by_one("month", _sentence(max(map(len, best.values())), table))
    return style.finished(style.side_by_side(panels, columns), title, notes, columns * (size[0] + 200))


def _over_time(table: pa.Table, by: str, options: Options, meaning: str) -> Drawing:
    chosen = [row["establishment_id"] for row in rows.summed(table, "establishment_id", ["visits"])[: options.top or 6]]
    shown = over_time.recent(rows.where(table, "establishment_id", chosen), by)
    label = rows.labels(table, shown)
    lines = over_time.Lines(by, "visits", units.visits_per(by), style.COUNT, style.COUNT, _longest(shown))
    panels = [
        (label[id_], [{by: row[by], "visits": row["visits"]} for row in shown if row["establishment_id"] == id_])
        for id_ in chosen
    ]
    notes = [meaning, units.most_visited_in_all(by), over_time.cut(table, by)]
    return over_time.drawn(panels, lines, options, units.one_by_one(by, _sentence(len(panels), table)), notes)


def _visited(table: pa.Table, top: int) -> list[Row]:
    return [row for row in rows.best(table, top, "visits") if row["visits"]]


def _bars(
    shown: Sequence[Row],
    label: dict[str, str],
    colour: dict[str, str],
    size: tuple[int, int],
    longest: int,
    people: bool = True,
    **properties: Any,
) -> LayerChart:
    values = [_value(row, label, colour, people) for row in shown]
    order = [value["label"] for value in values]
    tips = style.tooltips(
        ("label:N", tr("Establishment"), None),
        ("category:N", tr("Category"), None),
        ("visits:Q", tr("Visits"), style.COUNT),
        ("visitors:Q", tr("Visitors"), style.COUNT),
        ("rank:Q", tr("Rank"), style.COUNT),
    )
    base = style.chart(values).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=style.names(not people)),
        x=alt.X(
            "visits:Q",
            scale=alt.Scale(domain=[0, longest], nice=True),
            axis=alt.Axis(title=tr("Visits"), labelExpr=style.SHORT_COUNT, tickCount=5 if people else 3),
        ),
        tooltip=tips,
    )
    bars = base.mark_bar(height=alt.RelativeBandSize(0.7), cornerRadiusEnd=2)
    domain = list(dict.fromkeys(colour.values()))
    range_ = [style.OTHER if name == tr(_OTHERS) else PALETTE[i] for i, name in enumerate(domain)]
    scale = alt.Scale(domain=domain, range=range_)
    legend = alt.Legend(title=tr("Category"), orient="bottom", columns=4)
    bars = bars.encode(color=alt.Color("group:N", scale=scale, legend=legend))
    text = base.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(text="counts:N")
    return style.layer([bars, text], size, **properties)


def _value(row: Row, label: dict[str, str], colour: dict[str, str], people: bool) -> Row:
    visitors = f"  ({trn('{count} person', '{count} people', row['visitors'])})" if people else ""
    name = rows.category(row["category"])
    return {
        "label": label[row["establishment_id"]],
        "category": name,
        "group": colour.get(name, name),
        "visits": row["visits"],
        "visitors": row["visitors"],
        "rank": row["rank"],
        "counts": f"{number(row['visits'])}{visitors}",
    }


def _colours(table: pa.Table, shown: Sequence[Row]) -> dict[str, str]:
    """Return category -> the legend's word for it: as many as there are colours, the rest together.

    The order is that of all visits, so that the charts of one data set mostly agree on the colours.
    """
    there = {rows.category(row["category"]) for row in shown}
    order = (rows.category(row["category"]) for row in rows.summed(table, "category", ["visits"]))
    names = list(dict.fromkeys(name for name in order if name in there))
    own = len(PALETTE)
    return {name: name if i < own else tr(_OTHERS) for i, name in enumerate(names)}


def _longest(shown: Sequence[Row]) -> int:
    return max(row["visits"] for row in shown)


def _ranking(shown: Sequence[Row]) -> str:
    return tr("Ranked by visitors.") if rows.ranked_by(shown, ("visits", "visitors")) == "visitors" else ""


def _sentence(shown: int, table: pa.Table) -> str:
    everything = rows.distinct(table, "establishment_id")
    if shown == everything:
        return trn("The only establishment by visits", "All {count} establishments by visits", everything)
    return trn("The most visited of {everything} establishments", "The {count} most visited of {everything} "
               "establishments", shown, everything=everything)  # fmt: skip
