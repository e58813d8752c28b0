"""Runs a notebook that comes with Footfall, and writes what it shows as one HTML file."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from footfall._native import __version__
from footfall.errors import DefinitionError
from footfall.notebook import shipped, spec
from footfall.output.display import duration
from footfall.output.progress import bar
from footfall.output.text import printable
from footfall.output.writing import html_file, whole_file


class NotebookError(Exception):
    """A cell failed, or the kernel ended; nothing was written."""


def write(
    name: str,
    path: str | os.PathLike[str],
    environment: Mapping[str, str],
    *,
    lang: str = shipped.ENGLISH,
    progress: bool = True,
) -> Path:
    """Run a notebook in a kernel of this Python, and write its words and what it shows to one HTML file.

    Parameters
    ----------
    name : str
        One of `footfall.notebook.shipped.names`.
    path : path
        The file, which is replaced if it is there, once all cells have run.
    environment : mapping
        Variables that the kernel sees beside those of this process, such as ``FOOTFALL_DATA``.
    lang : str
        Of the words.
    progress : bool
        Show a bar of the cells.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    DefinitionError
        If `path` cannot be such a file, or nbclient or the kernel is not installed.
    NotebookError
        If a cell fails; its message names the cell and says why.
    OSError
        If the file cannot be written.
    """
    target = html_file(path)
    _check_installed()
    started = time.perf_counter()
    notebook = run(shipped.read(name, lang), name, environment, progress=progress)
    from footfall.notebook.shipped.page import page

    now = f"{datetime.now():%Y-%m-%d %H:%M}"
    took = duration(time.perf_counter() - started)
    made = f"Footfall {__version__}, {name}, {now}, {took}"
    with whole_file(target) as file:
        file.write(page(notebook, made=made, lang=lang).encode())
    return target


def run(notebook: Mapping[str, Any], name: str, environment: Mapping[str, str], *, progress: bool = True) -> Any:
    """Return a notebook, given as JSON, with the outputs of its cells.

    Raises
    ------
    NotebookError
        If a cell fails, or the kernel ends.
    """
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    with TemporaryDirectory(prefix="footfall-") as folder, bar(name, shown=progress, unit="cells") as tick:
        client = _client(notebook, Path(folder))
        cells = len(client.nb.cells)
        if tick:
            client.on_cell_complete = lambda cell, cell_index: tick(cell_index, cells)
        try:
            return client.execute(env={**os.environ, **environment})
        except CellExecutionError as error:
            raise NotebookError(_told(client.nb, name, error)) from error
        except DeadKernelError as error:
            raise NotebookError(f"{name}: the kernel ended; was there enough memory?") from error


def _client(notebook: Mapping[str, Any], folder: Path) -> Any:
    """Return what runs a notebook in `folder`, over files there that nobody else can open, and not over ports."""
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    from footfall.notebook.shipped.kernels import ThisPython

    settings = {"transport": "ipc", "connection_file": str(folder / "kernel.json")}
    return NotebookClient(
        nbformat.from_dict(_as_text(notebook)),
        timeout=None,
        kernel_manager_class=ThisPython,
        resources={"metadata": {"path": str(folder)}},
        config=Config({"ConnectionFileMixin": settings}),
    )


def _as_text(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook whose sources are text, which in files are lines."""
    return {**notebook, "cells": [{**cell, "source": "".join(cell["source"])} for cell in notebook["cells"]]}


def _told(notebook: Any, name: str, error: Any) -> str:
    """Return which cell failed, and why."""
    failed = [cell["id"] for cell in notebook.cells for output in cell.get("outputs", ()) if output.output_type == "error"]
    where = f"{name}, cell {failed[-1]!r}" if failed else name
    return printable(f"{where}: {error.ename}: {error.evalue}", keep="\n\t")


def _check_installed() -> None:
    spec.check_installed()
    if find_spec("nbclient") is None:
        raise DefinitionError("nbclient, which runs notebooks, is not installed here; pip install 'footfall[notebook]'")
