"""How live suggestions did beside simpler rules: shares with their intervals, a panel for each measure."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from footfall.charts.shared import style
from footfall.charts.shared.theme import Chart, Drawing, LayerChart
from footfall.lang import known, mark, number, percent_sign, tr, trn
from footfall.output.colours import MUTED
from footfall.output.display import percent

_PANELS = {
    "arrive": (mark("Arrive"), "suggestions", "arrivals"),
    "stop": (mark("Stop there"), "suggestions", "stops"),
    "recall": (mark("Stops foretold"), None, None),
}
_SIZE = 190, 26


def backtest(table: pa.Table, stops: int, confidence: float) -> Drawing:
    """Draw the table of a back-test.

    Parameters
    ----------
    table : pyarrow.Table
        Of `footfall.live.Backtest`: the first row is ours.
    stops : int
        How many stops there were.
    confidence : float
        Coverage of the intervals.
    """
    rows = table.to_pylist()
    if not rows or not rows[0]["suggestions"]:
        return style.nothing(tr("Back-test"), tr("No suggestion was made: there is nothing to compare."))
    names = [known(row["method"]) for row in rows]
    panels = [_panel(rows, names, measure) for measure in _PANELS]
    notes = [
        tr("Arrive: within the visit radius at least 30 s and at most 15 min after the suggestion."),
        tr("Stop there: for 2 min or more."),
        trn(
            "Stops foretold: of {count} stop of users who were seen outside before.",
            "Stops foretold: of {count} stops of users who were seen outside before.",
            stops,
        ),
    ]
    drawn = tr(
        "As many suggestions on each day of each user by every method. Line: {confidence} interval, by drawing users.",
        confidence=f"{number(100 * confidence, 'g')}{percent_sign()}",
    )
    drawing = style.side_by_side(panels, len(panels))
    return style.finished(drawing, _sentence(rows), [" ".join(notes), drawn], len(panels) * (_SIZE[0] + 130))


def _panel(rows: list[dict[str, object]], names: list[str], measure: str) -> LayerChart:
    words, trials, hits = _PANELS[measure]
    title = tr(words)
    values = [
        {
            "method": known(str(row["method"])),
            "share": row[measure],
            "low": row[f"{measure}_low"],
            "high": row[f"{measure}_high"],
            "text": "" if row[measure] is None else percent(float(str(row[measure]))).replace("\xa0", " "),
            **({"trials": row[trials], "hits": row[hits]} if trials and hits else {}),
        }
        for row in rows
    ]
    base = style.chart(values).encode(y=alt.Y("method:N", sort=names, title=None, axis=style.names(True)))
    colour = alt.condition(f"datum.method == '{names[0]}'", alt.value(style.ACCENT), alt.value(style.OTHER))
    x = alt.X("share:Q", axis=alt.Axis(format="~%", tickCount=3, title=None), scale=alt.Scale(domainMin=0))
    tips = style.tooltips(
        ("method:N", tr("Method"), None),
        ("share:Q", title, style.PERCENT),
        ("low:Q", tr("Interval from"), style.PERCENT),
        ("high:Q", tr("to"), style.PERCENT),
        *([("hits:Q", tr("Of them"), style.COUNT), ("trials:Q", tr("Suggestions"), style.COUNT)] if trials else []),
    )
    layers: list[Chart] = [
        base.mark_rule(strokeWidth=3, opacity=0.5).encode(x="low:Q", x2="high:Q", color=colour),
        base.mark_point(size=70, filled=True, opacity=1).encode(x=x, color=colour, tooltip=tips),
        base.mark_text(align="left", dx=6, fontSize=11, color=MUTED).encode(x="high:Q", text="text:N"),
    ]
    return style.layer(layers, (_SIZE[0], _SIZE[1] * len(names)), title=style.panel_title(title))


def _sentence(rows: list[dict[str, object]]) -> str:
    ours = rows[0]
    return trn(
        "{share} of {count} suggestion leads to an arrival",
        "{share} of {count} suggestions lead to an arrival",
        int(str(ours["suggestions"])),
        share=percent(float(str(ours["arrive"]))),
    )
