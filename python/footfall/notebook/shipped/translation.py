"""The Markdown of a notebook in another language, by cell.

A translation is one Markdown file, such as ``notebooks/pt/02_establishment_performance.md``. Before the text of each
cell stands a line with the cell's id::

    <!-- cell: title -->
    # Quais estabelecimentos recebem mais visitas?

    <!-- cell: definition -->
    Uma visita é ...

Code, and what it shows, is not translated.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from footfall.errors import DefinitionError

#: A notebook as JSON, or as nbformat reads it.
N = TypeVar("N", bound=dict[str, Any])

_MARK = re.compile(r"^<!-- cell: *([\w.-]+) *-->[ \t]*$", re.MULTILINE)


def read(file: Path) -> dict[str, str]:
    """Return the text of each cell of a translation, by the cell's id.

    Raises
    ------
    DefinitionError
        If text stands before the first id, or an id stands there twice.
    OSError
        If the file cannot be read.
    """
    return parsed(file.read_text(encoding="utf-8"), str(file))


def parsed(text: str, name: str) -> dict[str, str]:
    r"""Return the text of each cell, by its id; `name` is for errors.

    Examples
    --------
    >>> parsed("<!-- cell: title -->\n# Olá\n\n<!-- cell: why -->\nPorque sim.\n", "pt/00_tour.md")
    {'title': '# Olá', 'why': 'Porque sim.'}
    """
    before, *marked = _MARK.split(text)
    if before.strip():
        raise DefinitionError(f"{name}: {before.strip()[:40]!r} stands before the first <!-- cell: ID -->")
    ids, texts = marked[::2], [each.strip() for each in marked[1::2]]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise DefinitionError(f"{name}: more than one text for cell {', '.join(twice)}")
    return dict(zip(ids, texts))


def applied(notebook: N, words: Mapping[str, str]) -> N:
    """Return a copy of a notebook whose Markdown cells say `words`; a cell of which there are none stays as it is.

    Examples
    --------
    >>> tour = {"cells": [{"cell_type": "markdown", "id": "title", "source": ["# Hello"]}]}
    >>> applied(tour, {"title": "# Olá"})["cells"][0]["source"]
    ['# Olá']
    """
    translated = copy.deepcopy(notebook)
    for cell in _markdown(translated):
        if cell["id"] in words:
            text = words[cell["id"]]
            # A file has lines, what nbformat read has text.
            cell["source"] = text.splitlines(keepends=True) if isinstance(cell["source"], list) else text
    return translated


def lacking(notebook: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    """Return the ids of Markdown cells that `words` say nothing of."""
    return [cell["id"] for cell in _markdown(notebook) if not words.get(cell["id"])]


def of_no_cell(notebook: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    """Return the ids in `words` that no Markdown cell has."""
    return sorted(set(words) - {cell["id"] for cell in _markdown(notebook)})


def _markdown(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
