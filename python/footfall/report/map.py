"""Where people go: the establishments on the data set's base map, as a picture that needs no browser to be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footfall.lang import marks, tr, trn
from footfall.maps import Map
from footfall.report.source import Source
from footfall.result import Result

if TYPE_CHECKING:
    from footfall.charts.shared.theme import LayerChart

#: Circles that a reader can tell apart, and that keep a report small.
MOST = 1_000
_WIDTH, _HEIGHT = 900, 560


def visits_map(dataset: Source, result: Result) -> tuple[LayerChart, str]:
    """Return the picture of the most visited establishments, and the note that others are left out, if any are.

    Parameters
    ----------
    dataset : Source
        Knows their places, and brings its base map along.
    result : Result
        Visits of the whole period, of which the report may show each row.
    """
    ranked = result.to_arrow().sort_by("rank")
    title = tr("Where people go: establishments by visits")
    drawn = Map(dataset, title=title, width=_WIDTH, height=_HEIGHT)
    return drawn.establishments(ranked.slice(0, MOST), size="visits").to_chart(), _without(ranked.num_rows - MOST)


def _without(left_out: int) -> str:
    if left_out <= 0:
        return ""
    forms = marks(
        "The map has the {most} most visited establishments, without {count} other.",
        "The map has the {most} most visited establishments, without {count} others.",
    )
    return trn(*forms, left_out, most=MOST)
