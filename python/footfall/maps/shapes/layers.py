"""The layers of a map: shapes with their colours, sizes, months and words, alike for the live map and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from footfall.maps.shapes.classes import TRACK, Classed, Colours
from footfall.output.text import printable
from footfall.output.words import column_words

Kind = Literal["circle", "line", "fill", "label"]

#: Between shapes: on a light map, on a dark one.
_EDGE = ("#FFFFFF", "#10161C")


@dataclass(frozen=True)
class Item:
    """A line of a legend: a mark in a colour, with its words; `size` is the radius of a circle."""

    mark: Literal["fill", "line", "circle", "ring"]
    colours: tuple[str, str]
    label: str
    size: float | None = None


@dataclass(frozen=True)
class Legend:
    """What a layer's colours or sizes mean."""

    title: str
    items: Sequence[Item]

    def says(self) -> tuple[object, ...]:
        """Return what it says, whatever its marks are."""
        return (self.title, *((item.colours, item.label, item.size) for item in self.items))


@dataclass(frozen=True)
class Layer:
    """Shapes of one kind, bottom first.

    Attributes
    ----------
    id : str
        Its name on the map.
    kind : {"circle", "line", "fill", "label"}
        How they are drawn; their `shapes` are points, lists of lines, lists of polygons, or points with `names`.
    shapes : list
        Nested lists of longitude and latitude, as in GeoJSON.
    colours : tuple of two lists
        By class: on a light map and on a dark one.
    classes, radii, steps : list or None
        Of each shape: its class (0 without), its radius in pixels, and the month, week or day at which it is shown.
    fields, tips
        What a shape tells when it is pointed at: headings, and for each the texts of all shapes.
    names : list of str or None
        What labels say, the most important first.
    outline : tuple of two colours, or None
        Of the edges; None for the shapes' own.
    weights : list or None
        Of each shape, how much it matters for the view, which leaves out the few that are far off; None if all of the
        layer must be seen, none at all if it does not matter.
    is_base : bool
        Whether it is a part of the base map, whose lines grow with the zoom and are seen from `min_zoom` on.
    """

    id: str
    kind: Kind
    shapes: list[Any]
    colours: Colours
    classes: list[int] | None = None
    radii: list[float] | None = None
    steps: list[Any] | None = None
    unit: str | None = None
    fields: list[str] = field(default_factory=list)
    tips: list[list[str]] = field(default_factory=list)
    names: list[str] | None = None
    opacity: float = 0.85
    outline: tuple[str, str] | None = _EDGE
    width: float = 1.0
    legend: Sequence[Legend] = ()
    weights: list[float] | None = None
    is_base: bool = False
    min_zoom: float = 0.0


def heading(column: str) -> str:
    """Return the name of a column as a heading; a picture of control characters would end the process."""
    return printable(_capital(column_words(column)))


def _capital(words: str) -> str:
    """Return words with a capital at the beginning; the others are as they were.

    Examples
    --------
    >>> _capital("CTR from"), _capital("attributed visits")
    ('CTR from', 'Attributed visits')
    """
    return words[:1].upper() + words[1:]


def legend(title: str, made: Classed, mark: Any) -> Legend:
    """Return the legend of classes."""
    light, dark = made.colours
    return Legend(title, [Item(mark, pair, label) for label, pair in zip(made.labels, zip(light, dark))])


#: The layer that changes while it is looked at.
MOVING = "moving"


def moving() -> Layer:
    """Return that layer, without points."""
    return Layer(MOVING, "circle", [], TRACK)
