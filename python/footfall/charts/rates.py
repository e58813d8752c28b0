"""Ratios with their intervals: campaigns by click-through rate (job 1), establishments by attributed visits (job 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from footfall._native import wilson_interval
from footfall.charts import over_time
from footfall.charts.ratios import ATTRIBUTION, CTR, Ratio
from footfall.charts.shared import rows, style, units
from footfall.charts.shared.rows import Context, Options, Row
from footfall.charts.shared.theme import Chart, Drawing, LayerChart
from footfall.lang import tr, trn
from footfall.output.colours import MUTED
from footfall.output.display import compact, percent


def campaign_ctr(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw the best campaigns by click-through rate."""
    return _drawn(table, context, options, CTR, tr("Clicks / views"))


def visit_attribution(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw the establishments with the strongest correlation of interactions and visits."""
    definitions = context.definitions
    meaning = tr(
        "Attributed visits / visits. Attributed: at most {window} after the same user viewed or clicked an ad of the "
        "establishment; a visit is a ping less than {radius} away",
        window=definitions.window_text,
        radius=definitions.radius_text,
    )
    return _drawn(table, context, options, ATTRIBUTION, meaning)


def _drawn(table: pa.Table, context: Context, options: Options, rate: Ratio, meaning: str) -> Drawing:
    if not pc.sum(pc.is_valid(table[rate.ratio])).as_py():
        return style.nothing(tr(rate.axis), tr(rate.none), options.width or 520)
    if not rows.total(table, rate.hits):
        reason = tr(rate.no_hits, trials=rows.total(table, rate.trials))
        return style.nothing(tr(rate.axis), reason, options.width or 520)
    interval = tr(rate.interval, confidence=context.definitions.confidence_text)
    by = rows.unit(table)
    line = tr("{meaning}. Line: {interval}.", meaning=meaning, interval=interval)
    if by is None:
        return _period(table, options, rate, line)
    local = units.are_local(by, context.tz)
    if by == "month":
        return _panels(table, options, rate, f"{line} {local}")
    band = tr("{meaning}. Band: {interval}.", meaning=meaning, interval=interval)
    return _over_time(table, by, options, rate, f"{band} {local}", context.definitions.z)


def _period(table: pa.Table, options: Options, rate: Ratio, meaning: str) -> Drawing:
    best = rows.best(table, options.top or 15, rate.ratio)
    size = options.width or 460, options.height or 24 * len(best) + 10
    label = rate.label(table, best, style.LABEL_LETTERS)
    drawing = _points(table, best, rate, label, size, _end(best, rate))
    without = pc.sum(pc.is_null(table[rate.ratio])).as_py()
    notes = [
        meaning,
        f"{_ranking(best, rate)} {tr(rate.together, share=percent(_mean(table, rate)))}",
        trn(*rate.without, without) if without else "",
    ]
    return style.finished(drawing, _sentence(rate, len(best), table), notes, size[0] + 300)


def _panels(table: pa.Table, options: Options, rate: Ratio, meaning: str) -> Drawing:
    starts, found = rows.latest(table, "month", 6)
    tables = {start: rows.where(table, "month", [start]) for start in starts}
    best = {start: rows.best(part, options.top or 10, rate.ratio) for start, part in tables.items()}
    best = {start: shown for start, shown in best.items() if shown}
    everyone = [row for shown in best.values() for row in shown]
    if not everyone:
        return style.nothing(tr(rate.axis), tr(rate.none), options.width or 520)
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
        f"{_ranking(next(iter(best.values())), rate)} {tr(rate.together_in_month)}",
        units.latest_of("month", len(starts), found),
    ]
    title = units.one_by_one("month", _sentence(rate, max(map(len, best.values())), table))
    return style.finished(style.side_by_side(panels, columns), title, notes, columns * (size[0] + 200))


def _points(
    table: pa.Table,
    shown: Sequence[Row],
    rate: Ratio,
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
    axis = alt.Axis(format="~%", tickCount=3 if short else 6, title=tr(rate.axis))
    x = alt.X("ratio:Q", scale=scale, axis=axis)
    tips = style.tooltips(
        ("label:N", tr(rate.thing), None),
        ("ratio:Q", tr(rate.axis), style.PERCENT),
        ("low:Q", tr("Interval from"), style.PERCENT),
        ("high:Q", tr("to"), style.PERCENT),
        ("hits:Q", tr(rate.hits_word), style.COUNT),
        ("trials:Q", tr(rate.trials_word), style.COUNT),
        *([("people:Q", tr("Visitors"), style.COUNT)] if rate.people else []),
        ("rank:Q", tr("Rank"), style.COUNT),
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


def _value(row: Row, rate: Ratio, label: dict[str, str]) -> Row:
    return {
        "label": label[row[rate.key]],
        "ratio": row[rate.ratio],
        "low": row[rate.low],
        "high": row[rate.high],
        "hits": row[rate.hits],
        "trials": row[rate.trials],
        "rank": row["rank"],
        **({"people": row[rate.people]} if rate.people else {}),
        "short": tr("{hits} of {trials}", hits=row[rate.hits], trials=compact(row[rate.trials])),
        "counts": tr(rate.counts, hits=row[rate.hits], trials=row[rate.trials]),
    }


def _end(shown: Sequence[Row], rate: Ratio) -> float:
    """Return where the axis ends: one campaign with two views must not squeeze all the others into a corner."""
    highest = max((row[rate.high] for row in shown if row[rate.high] is not None), default=1.0)
    largest = max(row[rate.ratio] for row in shown)
    return max(largest, min(highest, 2 * largest)) if largest else highest


def _mean(table: pa.Table, rate: Ratio) -> float:
    """Return the ratio of all rows together."""
    trials = rows.total(table, rate.trials)
    return rows.total(table, rate.hits) / trials if trials else 0.0


def _ranking(shown: Sequence[Row], rate: Ratio) -> str:
    measure = rows.ranked_by(shown, (rate.low, rate.ratio))
    if measure == rate.ratio:
        return tr("Ranked by the plain ratio.")
    return tr("Ranked by the interval's lower end, so that chance on few counts does not win.")


def _sentence(rate: Ratio, shown: int, table: pa.Table) -> str:
    everything = rows.distinct(table, rate.key)
    if shown == everything:
        return trn(*rate.everything, everything)
    return trn(*rate.best, shown, everything=everything)


def _over_time(table: pa.Table, by: str, options: Options, rate: Ratio, meaning: str, z: float) -> Drawing:
    """A line with its interval for each of the best in all the time together."""
    lows = _lows_together(table, rate, z)
    chosen = sorted(lows, key=lambda key: (-lows[key], key))[: options.top or 6]
    shown = over_time.recent(rows.where(table.filter(pc.is_valid(table[rate.ratio])), rate.key, chosen), by)
    label = rate.label(table, shown, style.LABEL_LETTERS)
    axis, end = tr(rate.axis), _end(shown, rate)
    lines = over_time.Lines(by=by, value="ratio", axis=axis, format="~%", tip=style.PERCENT, end=end)
    values = {
        key: [{**_value(row, rate, label), by: row[by]} for row in shown if row[rate.key] == key] for key in chosen
    }
    panels = [(label[key], part) for key, part in values.items() if part]
    notes = [meaning, units.best_in_all(by), over_time.cut(table, by)]
    title = units.one_by_one(by, _sentence(rate, len(panels), table))
    return over_time.drawn(panels, lines, options, title, notes)


def _lows_together(table: pa.Table, rate: Ratio, z: float) -> dict[str, float]:
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
