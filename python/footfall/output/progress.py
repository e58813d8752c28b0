"""A bar with rows and rate, for work that lasts."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, Optional

from footfall.output import display, notebook
from footfall.output.text import printable

Tick = Callable[[int, Optional[int]], None]

# Shorter work is over before a bar could be read.
_QUIET_SECONDS = 0.5
_SECONDS_BETWEEN = 0.2


class _Bar:
    """Shows a bar once the work has lasted `_QUIET_SECONDS`: a line on a terminal, HTML in a notebook."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.unit = unit
        self.started = time.time()
        self.next = self.started + _QUIET_SECONDS
        self.bar: Any = None

    def __call__(self, rows_done: int, rows_total: int | None) -> None:
        now = time.time()
        if now < self.next:
            return
        self.next = now + _SECONDS_BETWEEN
        self.bar = self.bar or self._open()
        self.bar.show(rows_done, rows_total, now - self.started)

    def _open(self) -> Any:
        if notebook.shell() is None:
            return _Line(self.title, self.unit) if sys.stderr.isatty() else _Nothing()
        return notebook.Bar(self.title, self.unit) if notebook.is_watched() else _Nothing()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


class _Line:
    """A line of a terminal, written anew in its place; a log file wants none."""

    def __init__(self, title: str, unit: str) -> None:
        self._title, self._unit = title, unit

    def show(self, rows_done: int, rows_total: int | None, seconds: float) -> None:
        told = display.progress(rows_done, rows_total, self._unit, seconds)
        line = printable("  ".join([self._title, *told]))
        self._write(line[: shutil.get_terminal_size().columns - 1])

    def close(self) -> None:
        self._write("")

    @staticmethod
    def _write(line: str) -> None:
        # To the line's beginning, and what was there is erased.
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


class _Nothing:
    """Where nobody watches, or a log file would keep each step."""

    def show(self, *_: Any) -> None: ...

    def close(self) -> None: ...


@contextmanager
def bar(title: str, *, shown: bool = True, unit: str = "rows") -> Iterator[Tick | None]:
    """Give the native call its progress callback; the bar goes when the work ends, however it ends.

    Parameters
    ----------
    title : str
        What is being done.
    shown : bool
        False yields None: no bar.
    unit : str
        What is counted.

    Yields
    ------
    callable or None
        Takes the rows done and the rows in total (None while unknown).
    """
    if not shown:
        yield None
        return
    tick = _Bar(title, unit)
    try:
        yield tick
    finally:
        tick.close()
