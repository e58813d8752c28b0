"""How every chart looks: colours that colour-blind readers tell apart, one font, plain titles."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt

# Okabe, M. and Ito, K. (2008), Color Universal Design; without black and yellow, too dark and too light for bars.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"]
OTHER = "#9AA0A6"
INK = "#1F2933"
MUTED = "#5F6B76"
ACCENT = PALETTE[0]
MARKED = PALETTE[3]
FONT = "Helvetica Neue, Helvetica, Arial, DejaVu Sans, sans-serif"

PERCENT = ".3~p"
COUNT = ",d"
LABEL_LIMIT = 210
# Pixels that a letter of a subtitle takes, on average.
_LETTER = 6.0


def heading(text: str, notes: Sequence[str], width: float) -> alt.TitleParams:
    """Return a title with its notes below it, wrapped to `width` pixels."""
    letters = max(40, int(width / _LETTER))
    lines = [line for note in notes if note for line in textwrap.wrap(note, letters)]
    return alt.TitleParams(
        text=textwrap.wrap(text, max(30, int(letters * 0.8))),
        subtitle=lines,
        anchor="start",
        frame="group",
        offset=14,
    )


def finished(drawing: Any, text: str, notes: Sequence[str], width: float) -> Any:
    """Return the chart with its title and the common look."""
    return (
        drawing.properties(title=heading(text, notes, width), background="white", padding=12)
        .configure(font=FONT)
        .configure_title(
            fontSize=16, fontWeight=600, color=INK, subtitleFontSize=12, subtitleColor=MUTED, subtitlePadding=6
        )
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titleColor=MUTED,
            labelColor=INK,
            labelLimit=LABEL_LIMIT,
            gridColor="#E4E7EB",
            domainColor="#CBD2D9",
            tickColor="#CBD2D9",
        )
        .configure_legend(
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", titleColor=MUTED, labelColor=INK, labelLimit=200
        )
        .configure_view(stroke=None)
        .configure_concat(spacing=26)
    )


def panel_title(text: str) -> alt.TitleParams:
    """Return the title of one of several panels."""
    return alt.TitleParams(text=text, anchor="start", fontSize=13, fontWeight=600, color=INK, offset=6, limit=320)


def nothing(text: str, reason: str, width: float = 520) -> Any:
    """Return a chart that says why there is nothing to draw.

    Examples
    --------
    >>> nothing("Visits", "no rows").to_dict()["mark"]["type"]
    'text'
    """
    message = alt.Chart(alt.InlineData([{"message": reason}])).mark_text(fontSize=15, color=MUTED, align="center")
    return finished(message.encode(text="message:N").properties(width=width, height=90), text, [], width)


def side_by_side(panels: Sequence[Any], columns: int) -> Any:
    """Return the panels in rows of `columns`, each with its own axes."""
    return alt.concat(*panels, columns=columns).resolve_scale(x="independent", y="independent")


def columns(panels: int) -> int:
    """Return how many panels stand in a row: two by two for four, else three.

    Examples
    --------
    >>> [columns(panels) for panels in (1, 2, 3, 4, 5, 6)]
    [1, 2, 3, 2, 3, 3]
    """
    return 2 if panels == 4 else min(panels, 3)


def tooltips(*fields: tuple[str, str, str | None]) -> list[alt.Tooltip]:
    """Return tooltips from (field, title, number format) triples."""
    return [alt.Tooltip(field, title=title, **({"format": form} if form else {})) for field, title, form in fields]
