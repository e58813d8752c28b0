"""Runs the notebook of the talk, and the notebooks whose cells are shown live, all on one data set."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from footfall.notebook.shipped import translation
from footfall.notebook.shipped.running import NotebookError, run
from slides.deck import DeckError, Live, Slide, of_sample


@dataclass(frozen=True)
class Source:
    """Where the notebooks are, which data they read, and in which language they speak."""

    notebooks: Path
    data: Path | None = None
    tz: str = ""
    lang: str = "en"

    def said(self) -> dict[str, str]:
        """Return what notebooks are told of the data and the language."""
        given = {"FOOTFALL_DATA": self.data and str(self.data.resolve()), "FOOTFALL_TZ": self.tz}
        return {**{name: value for name, value in given.items() if value}, "FOOTFALL_LANG": self.lang}

    def environment(self) -> dict[str, str]:
        """Return what a kernel finds: what is told, and this package."""
        tools = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [tools, os.environ.get("PYTHONPATH")]))
        return {**os.environ, **self.said(), "PYTHONPATH": path}

    def is_sample(self) -> bool:
        """Return whether the data are a made-up city, which knows the truth."""
        return self.data is None or (self.data / "truth.json").is_file()

    def read(self, name: str) -> Any:
        """Return a notebook in the language, without what is true of a sample city alone if the data are none."""
        notebook = nbformat.read(self.notebooks / name, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if self.is_sample() or not of_sample(cell)]
        words = self.notebooks / self.lang / f"{Path(name).stem}.md"
        if self.lang == "en" or not words.is_file():
            return notebook
        return translation.applied(notebook, translation.read(words))


def executed(source: Source, notebook: Any, name: str) -> Any:
    """Return a notebook with its outputs.

    Raises
    ------
    DeckError
        If a cell fails; its message names the cell and says why.
    """
    # Answers are the same on every engine, and this machine has no cluster to start.
    environment = {"FOOTFALL_ENGINE": "local", **source.environment()}
    try:
        return run(notebook, name, environment, progress=False)
    except NotebookError as error:
        raise DeckError(str(error)) from error


def live_cells(source: Source, found: Iterable[Slide]) -> dict[Live, Any]:
    """Return the cells that slides name, each run with all that stands above it."""
    steps = [slide.live for slide in found if slide.live]
    cells: dict[Live, Any] = {}
    for name in dict.fromkeys(step.notebook for step in steps):
        wanted = [step.cell for step in steps if step.notebook == name]
        ran = executed(source, until(source.read(name), wanted, name), name)
        by_id = {cell.id: cell for cell in ran.cells}
        cells |= {Live(name, cell): by_id[cell] for cell in wanted}
    return cells


def until(notebook: Any, wanted: list[str], name: str) -> Any:
    """Return a notebook that ends with the last of the cells that are wanted."""
    places = {cell.id: at for at, cell in enumerate(notebook.cells)}
    lacking = [cell for cell in wanted if cell not in places]
    if lacking:
        raise DeckError(f'{name} has no cell "{lacking[0]}"; it has {", ".join(places)}')
    shortened = copy.copy(notebook)
    shortened.cells = notebook.cells[: max(places[cell] for cell in wanted) + 1]
    return shortened
