"""Ratios with their intervals: campaigns by click-through rate (job 1), establishments by attributed visits (job 3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.charts import over_time, rows, style
from footfall.charts.rows import Options, Row
from footfall.display import cell


@dataclass(frozen=True)
class Rate:
    """A ratio of two counts, the names of its columns and what people call them."""

    key: str
    ratio: str
    hits: str
    trials: str
    hit_words: str
    trial_words: str
    axis: str
    things: str
    sentence: str
    none: str
    label: Callable[[pa.Table, Sequence[Row]], dict[str, str]]

    @property
    def low(self) -> str:
        """The column of the interval's lower end."""
        return f"{self.ratio}_low"

    @property
    def high(self) -> str:
        """The column of the interval's upper end."""
        return f"{self.ratio}_high"


CTR = Rate(
    key="campaign_id",
    ratio="ctr",
    hits="clicks",
    trials="views",
    hit_words="clicks",
    trial_words="views",
    axis="Click-through rate",
    things="campaigns",
    sentence="The {best} of {all} campaigns by click-through rate",
    none="No campaign has a view: there is no click-through rate to draw.",
    label=lambda table, shown: {row["campaign_id"]: cell(row["campaign_id"]) for row in shown},
)
ATTRIBUTION = Rate(
    key="establishment_id",
    ratio="ratio",
    hits="attributed_visits",
    trials="visits",
    hit_words="attributed",
    trial_words="visits",
    axis="Share of visits that are attributed",
    things="establishments",
    sentence="The {best} of {all} establishments whose visits most often follow an interaction with their ads",
    none="No establishment has a visit: there is no ratio to draw.",
    label=rows.labels,
)


def campaign_ctr(result: Any, table: pa.Table, options: Options) -> Any:
    """Draw the best campaigns by click-through rate."""
    return _drawn(result, table, options, CTR, "Clicks / views")


def visit_attribution(result: Any, table: pa.Table, options: Options) -> Any:
    """Draw the establishments with the strongest correlation of interactions and visits."""
    hours = result.definitions.attribution_window / timedelta(hours=1)
    meaning = (
        f"Attributed visits / visits. Attributed: at most {hours:g} h after the same user viewed or clicked an ad of the "
        f"establishment; a visit is a ping less than {result.definitions.visit_radius_m:g} m away"
    )
    return _drawn(result, table, options, ATTRIBUTION, meaning)


def _drawn(result: Any, table: pa.Table, options: Options, rate: Rate, meaning: str) -> Any:
    if not pc.sum(pc.is_valid(table[rate.ratio])).as_py():
        return style.nothing(rate.axis, rate.none, options.width or 520)
    meaning = f"{meaning}, with {100 * result.definitions.confidence:g} % Wilson interval"
    by = rows.unit(table)
    if by is None:
        return _period(table, options, rate, meaning)
    if by == "month":
        return _panels(table, options, rate, f"{meaning}; months are local to {result.tz}.")
    return _over_time(table, by, options, rate, f"{meaning}; local to {result.tz}.", result.definitions.z)


def _period(table: pa.Table, options: Options, rate: Rate, meaning: str) -> Any:
    best = rows.best(table, options.top or 15, rate.ratio)
    width, height = options.width or 460, options.height or 24 * len(best) + 10
    drawing = _points(table, best, rate, rate.label(table, best), (width, height), _end(best, rate), counts=True)
    ranked = _ranking(best, rate)
    without = pc.sum(pc.is_null(table[rate.ratio])).as_py()
    notes = [
        f"{meaning}.",
        f"{ranked} Dashed: all {rate.things} together, {_mean(table, rate):.3g} %.",
        f"Without {rate.trial_words}, so without a ratio: {without:,} {rate.things}." if without else "",
    ]
    return style.finished(drawing, _sentence(rate, len(best), table), notes, width + 300)


def _panels(table: pa.Table, options: Options, rate: Rate, meaning: str) -> Any:
    starts, units = rows.latest(table, "month", 6)
    tables = {start: rows.where(table, "month", [start]) for start in starts}
    best = {start: rows.best(part, options.top or 10, rate.ratio) for start, part in tables.items()}
    best = {start: shown for start, shown in best.items() if shown}
    everyone = [row for shown in best.values() for row in shown]
    if not everyone:
        return style.nothing(rate.axis, rate.none, options.width or 520)
    label, end = rate.label(table, everyone), _end(everyone, rate)
    size = options.width or 210, options.height or 20 * max(map(len, best.values())) + 10
    panels = [
        _points(tables[start], shown, rate, label, size, end, counts=False).properties(
            title=style.panel_title(rows.unit_label("month", start))
        )
        for start, shown in best.items()
    ]
    columns = style.columns(len(panels))
    notes = [
        meaning,
        f"{_ranking(everyone[: len(next(iter(best.values())))], rate)} Dashed: all {rate.things} together in that month.",
        f"The latest {len(starts)} of {units} months." if units > len(starts) else "",
    ]
    title = _sentence(rate, max(map(len, best.values())), table) + ", month by month"
    return style.finished(style.side_by_side(panels, columns), title, notes, columns * (size[0] + 120))


def _points(
    table: pa.Table, shown: Sequence[Row], rate: Rate, label: dict[str, str], size: tuple[int, int], end: float, counts: bool
) -> Any:
    """Points with intervals, best first."""
    values = [_value(row, rate, label) for row in shown]
    order = [value["label"] for value in values]
    scale = alt.Scale(domain=[0, end], nice=True)
    base = alt.Chart(alt.InlineData(values)).encode(y=alt.Y("label:N", sort=order, title=None))
    axis = alt.Axis(format="~%", tickCount=5, title=rate.axis)
    x = alt.X("ratio:Q", scale=scale, axis=axis)
    tips = style.tooltips(
        ("label:N", rate.things[:-1].capitalize(), None),
        ("ratio:Q", rate.axis, style.PERCENT),
        ("low:Q", "Interval from", style.PERCENT),
        ("high:Q", "to", style.PERCENT),
        ("hits:Q", rate.hit_words.capitalize(), style.COUNT),
        ("trials:Q", rate.trial_words.capitalize(), style.COUNT),
        ("rank:Q", "Rank", style.COUNT),
    )
    layers = [
        base.mark_rule(strokeWidth=3, color="#A7C7E0", clip=True).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
        base.mark_point(size=70, filled=True, opacity=1, color=style.ACCENT).encode(x=x, tooltip=tips),
        _mean_rule(_mean(table, rate) / 100, scale),
    ]
    if counts:
        layers.append(
            base.mark_text(align="left", dx=8, fontSize=11, color=style.MUTED).encode(
                x=alt.value(size[0]), text="counts:N", tooltip=tips
            )
        )
    return alt.layer(*layers).properties(width=size[0], height=size[1])


def _mean_rule(mean: float, scale: alt.Scale) -> Any:
    rule = alt.Chart(alt.InlineData([{"mean": mean}])).mark_rule(strokeDash=[4, 3], color=style.MARKED, clip=True)
    return rule.encode(x=alt.X("mean:Q", scale=scale))


def _value(row: Row, rate: Rate, label: dict[str, str]) -> Row:
    return {
        "label": label[row[rate.key]],
        "ratio": row[rate.ratio],
        "low": row[rate.low],
        "high": row[rate.high],
        "hits": row[rate.hits],
        "trials": row[rate.trials],
        "rank": row["rank"],
        "counts": f"{row[rate.hits]:,} {rate.hit_words} of {row[rate.trials]:,} {rate.trial_words}",
    }


def _end(shown: Sequence[Row], rate: Rate) -> float:
    """Return where the axis ends: one campaign with two views must not squeeze all the others into a corner."""
    highest = max((row[rate.high] for row in shown if row[rate.high] is not None), default=1.0)
    largest = max(row[rate.ratio] for row in shown)
    return max(largest, min(highest, 2 * largest)) if largest else highest


def _mean(table: pa.Table, rate: Rate) -> float:
    """Return the ratio of all rows together, in percent."""
    trials = rows.total(table, rate.trials)
    return 100 * rows.total(table, rate.hits) / trials if trials else 0.0


def _ranking(shown: Sequence[Row], rate: Rate) -> str:
    measure = rows.ranked_by(shown, (rate.low, rate.ratio))
    what = "the interval's lower end, so that chance on few counts does not win" if measure == rate.low else "the plain ratio"
    return f"Ranked by {what}."


def _sentence(rate: Rate, shown: int, table: pa.Table) -> str:
    return rate.sentence.format(best=f"{shown} best", all=f"{rows.distinct(table, rate.key):,}").replace("The 1 best", "The best")


def _over_time(table: pa.Table, by: str, options: Options, rate: Rate, meaning: str, z: float) -> Any:
    """A line with its interval for each of the best in all the time together."""
    pooled = rows.summed(table, rate.key, (rate.trials, rate.hits))
    pooled = [row for row in pooled if row[rate.trials] > 0]
    pooled.sort(key=lambda row: -_wilson_low(row[rate.hits], row[rate.trials], z))
    chosen = [row[rate.key] for row in pooled[: options.top or 6]]
    shown = over_time.recent(rows.where(table, rate.key, chosen), by)
    label = rate.label(table, shown)
    lines = over_time.Lines(
        by=by, value="ratio", axis=rate.axis, format="~%", tip=style.PERCENT, end=_end([r for r in shown if r[rate.ratio] is not None], rate)
    )
    panels = [
        (label[key], [{**_value(row, rate, label), by: row[by]} for row in shown if row[rate.key] == key]) for key in chosen if key in label
    ]
    notes = [meaning, f"Best: by all {by}s together, by the interval's lower end.", over_time.cut(table, by)]
    return over_time.drawn(panels, lines, options, _sentence(rate, len(panels), table) + f", {by} by {by}", notes)


def _wilson_low(hits: int, trials: int, z: float) -> float:
    """Return the lower end of the Wilson interval (Wilson 1927); more hits than trials count as all."""
    share, square = min(hits / trials, 1.0), z * z
    middle = share + square / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return (middle - spread) / (1 + square / trials)
