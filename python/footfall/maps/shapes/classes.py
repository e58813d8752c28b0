"""Values as colours and sizes: classes that a legend can name, and circles whose area grows with the value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from footfall.errors import DefinitionError
from footfall.lang import tr
from footfall.output.colours import PALETTE
from footfall.output.words import value_text

Number = float
#: Colours by class: for a light map, for a dark one.
Colours = tuple[list[str], list[str]]

# From few to many: light to dark on a light map, dark to light on a dark one. Oranges, since water is blue.
_SHADES: Colours = (
    ["#FDDFBC", "#FBBE83", "#F4954A", "#DD6A22", "#AE4515", "#6F2A10"],
    ["#5A3420", "#8A4420", "#BC5C22", "#E58335", "#F8B165", "#FFE3B3"],
)
_OTHER = ("#9AA0A6", "#7D868F")
# On a dark map, the palette's dark blue and vermilion are brighter.
_BRIGHTER = {"#0072B2": "#4BA3DB", "#009E73": "#2DC79A", "#D55E00": "#F0813A"}
ACCENT: Colours = ([PALETTE[0]], [_BRIGHTER[PALETTE[0]]])
#: Of one user's way, and of what moves: a purple that no category and no shade has.
TRACK: Colours = (["#7B2D8E"], ["#D795E8"])
_CATEGORIES = len(PALETTE)
_NICE = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Classed:
    """The class of each value, and the label and the colours of each class."""

    classes: list[int]
    labels: list[str]
    colours: Colours


def shaded(column: str, values: Sequence[Number | None]) -> Classed:
    """Return numbers in at most six classes of about as many values each, whose limits are round.

    Examples
    --------
    >>> shaded("visits", [1, 2, 3, 2, None]).labels
    ['1', '2', '3', 'none']
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    whole = all(isinstance(value, int) for value in values if value is not None)
    starts = _starts(known, whole)
    labels = _labels(column, starts, known, whole)
    classes = [len(starts) if value is None else _class(starts, value) for value in values]
    return _with_unknown(Classed(classes, labels, _shades(len(starts))))


def _starts(known: Any, whole: bool) -> list[float]:
    """Return where classes start: each value, if they are few; else round numbers near the quantiles."""
    most = len(_SHADES[0])
    distinct = np.unique(known)
    if len(distinct) <= most and whole:
        return [float(value) for value in distinct]
    quantiles = np.quantile(distinct if len(distinct) < 4 * most else known, np.arange(1, most) / most)
    inner = {float(math.ceil(_nice(value))) if whole else _nice(value) for value in quantiles}
    low, high = float(known.min()), float(known.max())
    return sorted({low, *(value for value in inner if low < value <= high)})


def _nice(value: float) -> float:
    """Return a round number near `value`, of either sign."""
    if value == 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(abs(value)))
    return math.copysign(min(_NICE, key=lambda nice: abs(nice * unit - abs(value))) * unit, value)


def _class(starts: list[float], value: float) -> int:
    return max(int(np.searchsorted(starts, value, side="right")) - 1, 0)


def _labels(column: str, starts: list[float], known: Any, whole: bool) -> list[str]:
    if not starts:
        return []
    # Of whole numbers, a class ends before the next one starts.
    ends = [start - 1 if whole else start for start in starts[1:]] + [float(known.max())]
    texts = [[value_text(column, int(end) if whole else end) for end in pair] for pair in zip(starts, ends)]
    return [first if first == last else f"{first} – {last}" for first, last in texts]


def _shades(count: int) -> Colours:
    """Return `count` shades; of few, those farther apart."""
    most = len(_SHADES[0])
    places = [most // 2] if count == 1 else [round(i * (most - 1) / max(count - 1, 1)) for i in range(count)]
    return [_SHADES[0][place] for place in places], [_SHADES[1][place] for place in places]


def _with_unknown(made: Classed) -> Classed:
    if len(made.labels) not in made.classes:
        return made
    light, dark = made.colours
    return Classed(made.classes, [*made.labels, tr("none")], ([*light, _OTHER[0]], [*dark, _OTHER[1]]))


def categories(values: Sequence[Any]) -> Classed:
    """Return texts in classes: those that occur most, and all others together.

    Examples
    --------
    >>> categories(["food", "money", "food"]).labels
    ['food', 'money']
    """
    texts = [value_text("", value) for value in values]
    by_count = [text for text, _ in sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))]
    named = by_count if len(by_count) <= _CATEGORIES else by_count[: _CATEGORIES - 1]
    place = {text: i for i, text in enumerate(named)}
    light = PALETTE[: len(named)]
    dark = [_BRIGHTER.get(colour, colour) for colour in light]
    if len(by_count) > len(named):
        named, light, dark = [*named, tr("all others")], [*light, _OTHER[0]], [*dark, _OTHER[1]]
    return Classed([place.get(text, len(place)) for text in texts], named, (light, dark))


@dataclass(frozen=True)
class Sizes:
    """Radii in pixels: the area grows with the value, from `least` for 0 to `most` for `largest`."""

    least: float
    most: float
    largest: float

    def radius(self, value: Number | None) -> float:
        """Return the radius of the circle for `value`."""
        share = max(value or 0.0, 0.0) / self.largest if self.largest > 0 else 0.0
        return math.sqrt(self.least**2 + (self.most**2 - self.least**2) * share)

    def examples(self) -> list[float]:
        """Return up to three round values for a legend, the largest first."""
        if self.largest <= 0:
            return []
        found = [_nice_below(self.largest / part) for part in (1, 4, 20)]
        return list(dict.fromkeys(found))


def sizes(column: str, values: Sequence[Number | None]) -> Sizes:
    """Return the sizes of circles for numbers: smaller ones where there are many."""
    known = [value for value in values if value is not None]
    if any(value < 0 for value in known):
        raise DefinitionError(f"size = {column!r}: has {min(known)}; a circle has no negative size")
    most = 20.0 if len(known) <= 100 else 16.0 if len(known) <= 400 else 12.0
    return Sizes(2.5, most, float(max(known, default=0)))


def _nice_below(value: float) -> float:
    unit = 10.0 ** math.floor(math.log10(value))
    return max(nice * unit for nice in _NICE if nice * unit <= value * (1 + 1e-9))
