"""Parts that charts share: titles and notes, axes, legends, tooltips, panels side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, TypeVar

import altair as alt

from footfall.charts.shared.theme import LABEL_LIMIT, Chart, ConcatChart, Drawing, LayerChart, Rows
from footfall.output.colours import INK, MUTED, PALETTE

_DrawingT = TypeVar("_DrawingT", Chart, LayerChart, ConcatChart)

OTHER = "#9AA0A6"
ACCENT = PALETTE[0]
MARKED = PALETTE[3]

# Blues, from nearly white for none to a dark on which MARKED still shows.
_SHADES = ["#F4F8FC", "#C6DBEF", "#6BAED6", "#2171B5", "#08519C"]

PERCENT = ".3~p"
COUNT = ",d"
_PANEL_LABEL_LIMIT = 150
# Letters that fit them.
LABEL_LETTERS = 27
PANEL_LABEL_LETTERS = 19
# The axis label of a count: 0, 200k, 1M.
SHORT_COUNT = "format(datum.value, '~s')"
# Pixels that a letter of a subtitle takes, on average.
_LETTER = 6.0


def noted(drawing: Drawing, note: str) -> Drawing:
    """Return the chart with one note more, if there is one."""
    if note:
        drawing.title.subtitle = [*drawing.title.subtitle, note]
    return drawing


def heading(text: str, notes: Sequence[str], width: float) -> alt.TitleParams:
    """Return a title with its notes below it, wrapped to `width` pixels."""
    letters = max(80, int(width / _LETTER))
    lines = [line for note in notes if note for line in textwrap.wrap(note, letters)]
    return alt.TitleParams(
        text=textwrap.wrap(text, max(30, int(letters * 0.8))),
        subtitle=lines,
        anchor="start",
        frame="bounds",
        offset=14,
    )


def finished(drawing: _DrawingT, text: str, notes: Sequence[str], width: float) -> _DrawingT:
    """Return the chart with its title."""
    return drawing.properties(title=heading(text, notes, width))


def panel_title(text: str) -> alt.TitleParams:
    """Return the title of one of several panels."""
    return alt.TitleParams(text=text, anchor="start", fontSize=13, fontWeight=600, color=INK, offset=6, limit=320)


def nothing(text: str, reason: str, width: float = 520) -> Chart:
    """Return a chart that says why there is nothing to draw.

    Examples
    --------
    >>> nothing("Visits", "no rows").to_dict()["mark"]["type"]
    'text'
    """
    message = chart([{"message": reason}]).mark_text(fontSize=15, color=MUTED, align="center")
    return finished(message.encode(text="message:N").properties(width=width, height=90), text, [], width)


def chart(rows: Sequence[dict[str, Any]]) -> Chart:
    """Return a chart of these rows, still without a mark."""
    return Chart(Rows(list(rows)))


def layer(layers: Sequence[Chart], size: tuple[int, int], **properties: Any) -> LayerChart:
    """Return the layers on top of each other, in a plot of `size`, width and height in pixels."""
    return LayerChart(layer=list(layers), width=size[0], height=size[1], **properties)


def side_by_side(panels: Sequence[LayerChart], columns: int) -> ConcatChart:
    """Return the panels in rows of `columns`, each with its own axes; colours are the same in all."""
    scales = alt.ScaleResolveMap(x="independent", y="independent", color="shared")
    return ConcatChart(concat=list(panels), columns=columns, resolve=alt.Resolve(scale=scales))


def columns(panels: int) -> int:
    """Return how many panels stand in a row: two by two for four, else three.

    Examples
    --------
    >>> [columns(panels) for panels in (1, 2, 3, 4, 5, 6)]
    [1, 2, 3, 2, 3, 3]
    """
    return 2 if panels == 4 else min(panels, 3)


def panel_width(columns: int, three: int) -> int:
    """Return the pixels of a panel: `three` for three in a row, more for fewer."""
    return {1: 2 * three, 2: 3 * three // 2}.get(columns, three)


def tooltips(*fields: tuple[str, str, str | None]) -> list[alt.Tooltip]:
    """Return tooltips from (field, title, number format) triples."""
    return [
        alt.Tooltip(name, title=title, format=form) if form else alt.Tooltip(name, title=title)
        for name, title, form in fields
    ]


def names(short: bool) -> alt.Axis:
    """Return the axis for names of things; `short` for one of several panels."""
    return alt.Axis(title=None, labelLimit=_PANEL_LABEL_LIMIT if short else LABEL_LIMIT)


def gradient(title: str) -> alt.Legend:
    """Return the legend of a colour that stands for a share."""
    return alt.Legend(title=title, format="~%", orient="bottom", gradientLength=220)


def shades(largest: float) -> alt.Scale:
    """Return the colours of shares from 0 to `largest`."""
    return alt.Scale(range=_SHADES, domain=[0, largest], interpolate="rgb", clamp=True)
