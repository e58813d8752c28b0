"""The notebooks that come with Footfall: a tour, one for each job, and their words in other languages.

| module | what |
|---|---|
| `translation` | a notebook in another language: its Markdown by cell, and titles |
| `kernels` | starts the kernel of this Python |
| `page` | a notebook that was run, as one HTML file |
| `running` | runs a notebook, and writes that file |

In a checkout, ``footfall/notebooks`` is a link to the folder ``notebooks`` above it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from footfall.errors import DefinitionError
from footfall.inputs.options import choices
from footfall.notebook.shipped import translation
from footfall.output.writing import whole_file

FOLDER = Path(__file__).parents[2] / "notebooks"
ENGLISH = "en"


def names() -> list[str]:
    """Return the names of the notebooks, in the order in which they are read: those with a number.

    The talk, ``presentation``, is made into slides by what only a checkout has.

    Examples
    --------
    >>> names()[0], names()[2]
    ('00_tour', '02_establishment_performance')
    """
    return sorted(file.stem for file in FOLDER.glob("[0-9][0-9]_*.ipynb"))


def languages() -> list[str]:
    """Return the languages that there are: English, and those with a folder."""
    return [ENGLISH, *sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir() and len(folder.name) == 2)]


def find(wanted: str) -> str:
    """Return the name of a notebook, by its name or its number.

    Raises
    ------
    DefinitionError
        If there is none, or several.

    Examples
    --------
    >>> find("02"), find("2"), find("00_tour.ipynb")
    ('02_establishment_performance', '02_establishment_performance', '00_tour')
    """
    asked = wanted.removesuffix(".ipynb")
    numbered = [name for name in names() if asked.isdecimal() and name.startswith(f"{int(asked):02d}_")]
    found = [name for name in names() if name == asked] or numbered
    if len(found) != 1:
        raise DefinitionError(f"notebook = {wanted!r}: no such notebook{choices(asked, names())}")
    return found[0]


def question(name: str) -> str:
    """Return what a notebook asks: the line in italics below its title.

    Examples
    --------
    >>> question("01_campaign_performance")
    'Which campaigns turn views into clicks?'
    """
    for line in "".join(read(name)["cells"][0]["source"]).splitlines():
        if line.startswith("*") and line.endswith("*"):
            return line.strip("*")
    return ""


def read(name: str, lang: str = ENGLISH) -> dict[str, Any]:
    """Return a notebook as JSON, its Markdown and titles in a language; what is not translated stays English.

    Parameters
    ----------
    name : str
        One of `names`.
    lang : str
        One of `languages`.

    Raises
    ------
    DefinitionError
        If there is no such language.
    """
    notebook: dict[str, Any] = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return translation.applied(notebook, words(name, lang))


def words(name: str, lang: str) -> dict[str, str]:
    """Return the Markdown of a notebook in another language, by cell, and titles; none where it is not translated."""
    if lang not in languages():
        raise DefinitionError(f"lang = {lang!r}: no such language{choices(lang, languages())}")
    file = FOLDER / lang / f"{name}.md"
    return translation.read(file) if lang != ENGLISH and file.is_file() else {}


def copy(folder: Path, lang: str = ENGLISH, *, overwrite: bool = False) -> list[Path]:
    """Write all notebooks to a folder, and return their files; none is written if one is there already.

    Parameters
    ----------
    folder : Path
        It is made if it is not there.
    lang : str
        Of their Markdown and titles.
    overwrite : bool
        Replace files of these names.

    Raises
    ------
    DefinitionError
        If a file is there that would be replaced, or there is no such language.
    OSError
        If the folder cannot be written.
    """
    notebooks = {folder / f"{name}.ipynb": read(name, lang) for name in names()}
    there = [file.name for file in notebooks if file.exists() or file.is_symlink()]
    if there and not overwrite:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise DefinitionError(
            f"{folder}: there is a {there[0]}{others} already; choose another folder, or overwrite with --overwrite"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file, notebook in notebooks.items():
        with whole_file(file) as open_:
            open_.write((json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode())
    return list(notebooks)


def untranslated(lang: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, texts that are not there in a language, texts) of notebooks that lack any."""
    for name in names():
        notebook = read(name)
        lacking = translation.lacking(notebook, words(name, lang))
        if lacking and lang != ENGLISH:
            yield name, len(lacking), translation.texts(notebook)
