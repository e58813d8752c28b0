"""Runs a notebook that comes with Footfall, and writes what it shows as one HTML file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from footfall import extras
from footfall._native import __version__
from footfall.notebook import shipped, spec
from footfall.output.display import duration
from footfall.output.progress import bar
from footfall.output.s3.objects import Written
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
) -> Written:
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
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    client = NotebookClient(nbformat.from_dict(_as_text(notebook)), timeout=None)
    with TemporaryDirectory(prefix="footfall-") as folder, bar(name, shown=progress, unit="cells") as tick:
        cells = len(client.nb.cells)
        if tick:
            client.on_cell_complete = lambda cell, cell_index: tick(cell_index, cells)
        try:
            return _in_a_thread(_executed(client, Path(folder), {**os.environ, **environment}))
        except CellExecutionError as error:
            raise NotebookError(_told(client.nb, name, error)) from error
        except RuntimeError as error:
            raise NotebookError(f"{name}: the kernel ended; was there enough memory? {error}") from error


def _in_a_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what `work` does: there may be a loop in this thread, which alone hears Ctrl-C and cancels the work."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    with closing(loop), ThreadPoolExecutor(1) as own:
        done = own.submit(_run_to_the_end, loop, task)
        try:
            return done.result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)
            raise


def _run_to_the_end(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Any:
    """Run a task, and let none that it leaves behind outlive it: asyncio would complain of them."""
    try:
        return loop.run_until_complete(task)
    finally:
        left = asyncio.all_tasks(loop)
        for each in left:
            each.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))


async def _executed(client: Any, folder: Path, environment: Mapping[str, str]) -> Any:
    """Run all cells in a kernel that works in `folder`, and is reached by files there, which nobody else can open."""
    from footfall.notebook.shipped.kernels import ThisPython

    client.km = manager = ThisPython(transport="ipc", connection_file=str(folder / "kernel.json"))
    try:
        history = "--HistoryManager.hist_file=:memory:"
        await manager.start_kernel(env=dict(environment), cwd=str(folder), extra_arguments=[history])
        client.kc = manager.client()
        client.kc.start_channels()
        # Nobody can be asked; to start the channels says otherwise.
        client.kc.allow_stdin = False
        await client.kc.wait_for_ready()
        return await client.async_execute(cleanup_kc=False)
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
        await manager.shutdown_kernel(now=True)


def _as_text(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook whose sources are text, which in files are lines."""
    return {**notebook, "cells": [{**cell, "source": "".join(cell["source"])} for cell in notebook["cells"]]}


def _told(notebook: Any, name: str, error: Any) -> str:
    """Return which cell failed, and why."""
    failed = [
        cell["id"] for cell in notebook.cells for output in cell.get("outputs", ()) if output.output_type == "error"
    ]
    where = f"{name}, cell {failed[-1]!r}" if failed else name
    return printable(f"{where}: {error.ename}: {error.evalue}", keep="\n\t")


def _check_installed() -> None:
    spec.check_installed()
    extras.need("notebook", "nbclient", "markdown_it", "jinja2", *extras.CHARTS, by="a notebook's page")
