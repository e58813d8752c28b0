"""A notebook in another language: its Markdown by cell, and the titles that its code gives to charts and maps.

A translation is one Markdown file, such as ``notebooks/pt/02_establishment_performance.md``. Before the text of each
cell stands a line with the cell's id::

    <!-- cell: title -->
    # Quais estabelecimentos recebem mais visitas?

    <!-- cell: definition -->
    Uma visita é ...

A title stands in quotes, as in the code, where it is replaced; the rest of the code stays as it is::

    <!-- title: "Visits by hour" -->
    Visitas por hora
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from footfall.errors import DefinitionError

#: A notebook as JSON, or as nbformat reads it.
N = TypeVar("N", bound=dict[str, Any])

_MARK = re.compile(r"^<!-- (?:cell: *([\w.-]+)|title: *(\"[^\"\n]+\")) *-->[ \t]*$", re.MULTILINE)
# What stands in braces is worked out when the cell runs.
_TITLE = re.compile(r'\btitle ?= ?("[^"\n]+")')


def read(file: Path) -> dict[str, str]:
    """Return the text of each cell of a translation, by the cell's id, and of each title, by itself in quotes.

    Raises
    ------
    DefinitionError
        If text stands before the first id, or an id or a title stands there twice.
    OSError
        If the file cannot be read.
    """
    return parsed(file.read_text(encoding="utf-8"), str(file))


def parsed(text: str, name: str) -> dict[str, str]:
    r"""Return the text of each cell, by its id, and of each title, by itself in quotes; `name` is for errors.

    Examples
    --------
    >>> parsed("<!-- cell: title -->\n# Olá\n\n<!-- cell: why -->\nPorque sim.\n", "pt/00_tour.md")
    {'title': '# Olá', 'why': 'Porque sim.'}
    >>> parsed('<!-- title: "Visits" -->\nVisitas\n', "pt/00_tour.md")
    {'"Visits"': 'Visitas'}
    """
    before, *marked = _MARK.split(text)
    if before.strip():
        raise DefinitionError(f"{name}: {before.strip()[:40]!r} stands before the first <!-- cell: ID -->")
    ids = [id or title for id, title in zip(marked[::3], marked[1::3])]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise DefinitionError(f"{name}: more than one text for {', '.join(twice)}")
    return dict(zip(ids, (each.strip() for each in marked[2::3])))


def applied(notebook: N, words: Mapping[str, str]) -> N:
    """Return a copy of a notebook that says `words`; a cell or a title of which there are none stays as it is.

    Examples
    --------
    >>> tour = {"cells": [{"cell_type": "markdown", "id": "title", "source": ["# Hello"]}]}
    >>> applied(tour, {"title": "# Olá"})["cells"][0]["source"]
    ['# Olá']
    """
    translated = copy.deepcopy(notebook)
    for cell in _markdown(translated):
        if cell["id"] in words:
            _say(cell, words[cell["id"]])
    for cell in _code(translated):
        _say(cell, _TITLE.sub(lambda found: _titled(found, words), _source(cell)))
    return translated


def _titled(found: re.Match[str], words: Mapping[str, str]) -> str:
    told, title = found[0], found[1]
    return told.replace(title, json.dumps(words[title], ensure_ascii=False)) if title in words else told


def lacking(notebook: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    """Return the ids of Markdown cells, and the titles in quotes, that `words` say nothing of."""
    return [id for id in _wanted(notebook) if not words.get(id)]


def of_no_cell(notebook: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    """Return the ids and titles in `words` that the notebook does not have."""
    return sorted(set(words) - set(_wanted(notebook)))


def texts(notebook: Mapping[str, Any]) -> int:
    """Return how many Markdown cells and titles there are to translate."""
    return len(_wanted(notebook))


def _wanted(notebook: Mapping[str, Any]) -> list[str]:
    """Return the ids of Markdown cells, and titles in quotes, each once."""
    titles = (title for cell in _code(notebook) for title in _TITLE.findall(_source(cell)))
    return [*(cell["id"] for cell in _markdown(notebook)), *dict.fromkeys(titles)]


def _markdown(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")


def _code(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "code")


def _source(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def _say(cell: dict[str, Any], text: str) -> None:
    # A file has lines, what nbformat read has text.
    cell["source"] = text.splitlines(keepends=True) if isinstance(cell["source"], list) else text
