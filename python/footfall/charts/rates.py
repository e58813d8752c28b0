"""Ratios with their intervals: campaigns by click-through rate (job 1), establishments by attributed visits (job 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from footfall._native import wilson_interval
from footfall.charts import over_time, rows, style
from footfall.charts.rows import Context, Options, Row
from footfall.charts.theme import Chart, Drawing, LayerChart
from footfall.output.colours import MUTED
from footfall.output.display import all_of, cell, compact, percent, plural


@dataclass(frozen=True)
class _Rate:
    """A ratio of two counts, the names of its columns and what people call them."""

    key: str
    ratio: str
    hits: str
    trials: str
    hit_words: str
    trial_words: str
    axis: str
    thing: str
    measure: str
    none: str
    label: Callable[[pa.Table, Sequence[Row], int], dict[str, str]]
    people: str | None = None
    by_whom: str = ""

    @property
    def low(self) -> str:
        """The column of the interval's lower end."""
        return f"{self.ratio}_low"

    @property
    def high(self) -> str:
        """The column of the interval's upper end."""
        return f"{self.ratio}_high"


_CTR = _Rate(
    key="campaign_id",
    ratio="ctr",
    hits="clicks",
    trials="views",
    hit_words="clicks",
    trial_words="views",
    axis="Click-through rate",
    thing="campaign",
    measure="click-through rate",
    none="No campaign has a view: there is no click-through rate to draw.",
    label=lambda table, shown, letters: {row["campaign_id"]: cell(row["campaign_id"]) for row in shown},
)
_ATTRIBUTION = _Rate(
    key="establishment_id",
    ratio="ratio",
    hits="attributed_visits",
    trials="visits",
    hit_words="attributed",
    trial_words="visits",
    axis="Attributed visits",
    thing="establishment",
    measure="the share of visits that follow an ad",
    none="No establishment has a visit: there is no ratio to draw.",
    label=rows.labels,
    people="visitors",
    by_whom=" by visitor: the visits of one person are not independent",
)


def campaign_ctr(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw the best campaigns by click-through rate."""
    return _drawn(table, context, options, _CTR, "Clicks / views")


def visit_attribution(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw the establishments with the strongest correlation of interactions and visits."""
    definitions = context.definitions
    meaning = (
        f"Attributed visits / visits. Attributed: at most {definitions.window_text} after the same user viewed or "
        f"clicked an ad of the establishment; a visit is a ping less than {definitions.radius_text} away"
    )
    return _drawn(table, context, options, _ATTRIBUTION, meaning)


def _drawn(table: pa.Table, context: Context, options: Options, rate: _Rate, meaning: str) -> Drawing:
    if not pc.sum(pc.is_valid(table[rate.ratio])).as_py():
        return style.nothing(rate.axis, rate.none, options.width or 520)
    if not rows.total(table, rate.hits):
        trials = f"{rows.total(table, rate.trials):,} {rate.trial_words}"
        return style.nothing(rate.axis, f"0 {rate.hit_words} of {trials}: nothing to compare.", options.width or 520)
    interval = f"{context.definitions.confidence_text} Wilson interval{rate.by_whom}"
    by = rows.unit(table)
    if by is None:
        return _period(table, options, rate, f"{meaning}. Line: {interval}.")
    if by == "month":
        return _panels(table, options, rate, f"{meaning}. Line: {interval}. Months are local to {context.tz}.")
    return _over_time(
        table,
        by,
        options,
        rate,
        f"{meaning}. Band: {interval}. {by.capitalize()}s are local to {context.tz}.",
        context.definitions.z,
    )


def _period(table: pa.Table, options: Options, rate: _Rate, meaning: str) -> Drawing:
    best = rows.best(table, options.top or 15, rate.ratio)
    size = options.width or 460, options.height or 24 * len(best) + 10
    label = rate.label(table, best, style.LABEL_LETTERS)
    drawing = _points(table, best, rate, label, size, _end(best, rate))
    without = pc.sum(pc.is_null(table[rate.ratio])).as_py()
    notes = [
        meaning,
        f"{_ranking(best, rate)} Dashed: all {rate.thing}s together, {percent(_mean(table, rate))}.",
        f"Left out: {plural(without, rate.thing)} without {rate.trial_words}." if without else "",
    ]
    return style.finished(drawing, _sentence(rate, len(best), table), notes, size[0] + 300)


def _panels(table: pa.Table, options: Options, rate: _Rate, meaning: str) -> Drawing:
    starts, units = rows.latest(table, "month", 6)
    tables = {start: rows.where(table, "month", [start]) for start in starts}
    best = {start: rows.best(part, options.top or 10, rate.ratio) for start, part in tables.items()}
    best = {start: shown for start, shown in best.items() if shown}
    everyone = [row for shown in best.values() for row in shown]
    if not everyone:
        return style.nothing(rate.axis, rate.none, options.width or 520)
    label, end = rate.label(table, everyone, style.PANEL_LABEL_LETTERS), _end(everyone, rate)
    columns = style.columns(len(best))
    size = options.width or style.panel_width(columns, 160), options.height or 20 * max(map(len, best.values())) + 10
    panels = [
        _points(
            tables[start],
            shown,
            rate,
            label,
            size,
            end,
            short=True,
            title=style.panel_title(rows.unit_label("month", start)),
        )
        for start, shown in best.items()
    ]
    notes = [
        meaning,
        f"{_ranking(next(iter(best.values())), rate)} Dashed: all {rate.thing}s together in the month. "
        f"At the right: {rate.hit_words} of {rate.trial_words}.",
        f"The latest {len(starts)} of {units} months." if units > len(starts) else "",
    ]
    title = _sentence(rate, max(map(len, best.values())), table) + ", month by month"
    return style.finished(style.side_by_side(panels, columns), title, notes, columns * (size[0] + 200))


def _points(
    table: pa.Table,
    shown: Sequence[Row],
    rate: _Rate,
    label: dict[str, str],
    size: tuple[int, int],
    end: float,
    short: bool = False,
    **properties: Any,
) -> LayerChart:
    """Points with intervals, best first."""
    values = [_value(row, rate, label) for row in shown]
    order = [value["label"] for value in values]
    scale = alt.Scale(domain=[0, end], nice=True)
    base = style.chart(values).encode(y=alt.Y("label:N", sort=order, title=None, axis=style.names(short)))
    axis = alt.Axis(format="~%", tickCount=3 if short else 6, title=rate.axis)
    x = alt.X("ratio:Q", scale=scale, axis=axis)
    tips = style.tooltips(
        ("label:N", rate.thing.capitalize(), None),
        ("ratio:Q", rate.axis, style.PERCENT),
        ("low:Q", "Interval from", style.PERCENT),
        ("high:Q", "to", style.PERCENT),
        ("hits:Q", rate.hit_words.capitalize(), style.COUNT),
        ("trials:Q", rate.trial_words.capitalize(), style.COUNT),
        *([("people:Q", rate.people.capitalize(), style.COUNT)] if rate.people else []),
        ("rank:Q", "Rank", style.COUNT),
    )
    layers = [
        base.mark_rule(strokeWidth=3, color="#A7C7E0", clip=True).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
        base.mark_point(size=70, filled=True, opacity=1, color=style.ACCENT).encode(x=x, tooltip=tips),
        _mean_rule(_mean(table, rate), scale),
    ]
    text = base.mark_text(align="left", dx=8, fontSize=11, color=MUTED, tooltip=None)
    layers.append(text.encode(x=alt.value(size[0]), text="short:N" if short else "counts:N"))
    return style.layer(layers, size, **properties)


def _mean_rule(mean: float, scale: alt.Scale) -> Chart:
    rule = style.chart([{"mean": mean}]).mark_rule(strokeDash=[4, 3], color=style.MARKED, clip=True)
    return rule.encode(x=alt.X("mean:Q", scale=scale))


def _value(row: Row, rate: _Rate, label: dict[str, str]) -> Row:
    return {
        "label": label[row[rate.key]],
        "ratio": row[rate.ratio],
        "low": row[rate.low],
        "high": row[rate.high],
        "hits": row[rate.hits],
        "trials": row[rate.trials],
        "rank": row["rank"],
        **({"people": row[rate.people]} if rate.people else {}),
        "short": f"{row[rate.hits]:,} of {compact(row[rate.trials])}",
        "counts": f"{row[rate.hits]:,} {rate.hit_words} of {row[rate.trials]:,} {rate.trial_words}",
    }


def _end(shown: Sequence[Row], rate: _Rate) -> float:
    """Return where the axis ends: one campaign with two views must not squeeze all the others into a corner."""
    highest = max((row[rate.high] for row in shown if row[rate.high] is not None), default=1.0)
    largest = max(row[rate.ratio] for row in shown)
    return max(largest, min(highest, 2 * largest)) if largest else highest


def _mean(table: pa.Table, rate: _Rate) -> float:
    """Return the ratio of all rows together."""
    trials = rows.total(table, rate.trials)
    return rows.total(table, rate.hits) / trials if trials else 0.0


def _ranking(shown: Sequence[Row], rate: _Rate) -> str:
    measure = rows.ranked_by(shown, (rate.low, rate.ratio))
    if measure == rate.ratio:
        return "Ranked by the plain ratio."
    return "Ranked by the interval's lower end, so that chance on few counts does not win."


def _sentence(rate: _Rate, shown: int, table: pa.Table) -> str:
    everything = rows.distinct(table, rate.key)
    if shown == everything:
        return f"{all_of(everything, rate.thing)} by {rate.measure}"
    return f"The {'' if shown == 1 else f'{shown} '}best of {everything:,} {rate.thing}s by {rate.measure}"


def _over_time(table: pa.Table, by: str, options: Options, rate: _Rate, meaning: str, z: float) -> Drawing:
    """A line with its interval for each of the best in all the time together."""
    lows = _lows_together(table, rate, z)
    chosen = sorted(lows, key=lambda key: (-lows[key], key))[: options.top or 6]
    shown = over_time.recent(rows.where(table.filter(pc.is_valid(table[rate.ratio])), rate.key, chosen), by)
    label = rate.label(table, shown, style.LABEL_LETTERS)
    lines = over_time.Lines(by=by, value="ratio", axis=rate.axis, format="~%", tip=style.PERCENT, end=_end(shown, rate))
    values = {
        key: [{**_value(row, rate, label), by: row[by]} for row in shown if row[rate.key] == key] for key in chosen
    }
    panels = [(label[key], part) for key, part in values.items() if part]
    notes = [meaning, f"Best: by all {by}s together, by the interval's lower end.", over_time.cut(table, by)]
    return over_time.drawn(panels, lines, options, _sentence(rate, len(panels), table) + f", {by} by {by}", notes)


def _lows_together(table: pa.Table, rate: _Rate, z: float) -> dict[str, float]:
    """Return the interval's lower end of all the time together, by key.

    Its effective trials are those of the parts together, which their intervals tell: the ends of Wilson's interval
    (1927) are where (end - ratio)^2 = z^2 end (1 - end) / trials.
    """
    sums: dict[str, tuple[int, int, float]] = {}
    for row in table.filter(pc.is_valid(table[rate.low])).to_pylist():
        end = row[rate.high] if row[rate.ratio] < 1 else row[rate.low]
        width = end - row[rate.ratio]
        effective = z * z * end * (1 - end) / width**2 if width else row[rate.trials]
        hits, trials, so_far = sums.get(row[rate.key], (0, 0, 0.0))
        sums[row[rate.key]] = hits + row[rate.hits], trials + row[rate.trials], so_far + effective
    return {
        key: wilson_interval(hits / trials, effective or 1.0, z)[0] for key, (hits, trials, effective) in sums.items()
    }
