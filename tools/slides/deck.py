"""The slides of a notebook: where each begins, what is on it, what its presenter says, and how long that takes.

Of a cell's metadata, ``slideshow`` says it all. ``slide_type`` is as in nbconvert and RISE: ``slide`` begins one, ``-``
goes on, ``notes`` are the presenter's, ``skip`` is not shown. ``code`` shows a cell's source, too; ``sample`` leaves a
cell out where the data are no sample city. The first cell of a slide has

- ``data-timing``: the seconds that it takes, which the presenter's clock goes by
- ``part``: of the talk; one that has none belongs to the part before
- ``layout``: how it looks, a class of slides.css
- ``live``: the notebook and the cell that are run beside the deck
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Cell = Any
LAYOUTS = ("words", "title", "statement", "cards", "flow", "figure", "numbers", "code", "live")
TYPES = ("slide", "-", "notes", "skip")
MOST_MINUTES = 30


class DeckError(ValueError):
    """A notebook that makes no slides."""


@dataclass(frozen=True)
class Live:
    """A cell of another notebook, which the presenter runs."""

    notebook: str
    cell: str


@dataclass(frozen=True)
class Slide:
    """One slide: its cells, and the notes of its presenter."""

    id: str
    part: str
    layout: str
    seconds: int
    live: Live | None = None
    cells: list[Cell] = field(default_factory=list)
    notes: list[Cell] = field(default_factory=list)


def slides(notebook: Any) -> list[Slide]:
    """Return the slides of a notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed or not.

    Returns
    -------
    list of Slide
        In their order.

    Raises
    ------
    DeckError
        If a cell says something that slides do not know, or there is too much for the time.
    """
    found: list[Slide] = []
    for cell in notebook.cells:
        kind = slide_type(cell)
        if kind == "slide":
            found.append(_begun(cell, found[-1].part if found else ""))
        elif kind != "skip" and not found:
            raise DeckError(f'cell "{cell.id}" stands before the first slide: its slide_type is "slide" or "skip"')
        if kind != "skip":
            (found[-1].notes if kind == "notes" else found[-1].cells).append(cell)
    _in_time(found)
    return found


def slide_type(cell: Cell) -> str:
    """Return what a cell is on the slides; one that says nothing goes on."""
    kind = _said(cell).get("slide_type", "-")
    return _one_of(cell, "slide_type", kind, TYPES)


def shows_code(cell: Cell) -> bool:
    """Return whether the code of a cell is shown, and not only what it gives."""
    return bool(_said(cell).get("code", False))


def of_sample(cell: Cell) -> bool:
    """Return whether what a cell says is true of a sample city only."""
    return bool(_said(cell).get("sample", False))


def parts(found: list[Slide]) -> Iterator[tuple[str, list[Slide]]]:
    """Yield the parts of the talk, in their order, with their slides."""
    for part in dict.fromkeys(slide.part for slide in found):
        yield part, [slide for slide in found if slide.part == part]


def _begun(cell: Cell, part: str) -> Slide:
    said = _said(cell)
    seconds = said.get("data-timing")
    if not isinstance(seconds, int) or seconds <= 0:
        raise DeckError(f'cell "{cell.id}": data-timing = {seconds!r}: give the whole seconds that the slide takes')
    layout = _one_of(cell, "layout", said.get("layout", LAYOUTS[0]), LAYOUTS)
    live = Live(**said["live"]) if "live" in said else None
    return Slide(cell.id, said.get("part", part), layout, seconds, live)


def _in_time(found: list[Slide]) -> None:
    seconds = sum(slide.seconds for slide in found)
    if seconds > 60 * MOST_MINUTES:
        raise DeckError(
            f"the slides take {seconds / 60:.1f} minutes, and the talk {MOST_MINUTES}: shorten a data-timing"
        )


def _said(cell: Cell) -> dict[str, Any]:
    return dict(cell.metadata.get("slideshow", {}))


def _one_of(cell: Cell, name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise DeckError(f'cell "{cell.id}": {name} = {value!r}: choose one of {", ".join(known)}')
    return value
