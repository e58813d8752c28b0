"""A bar with rows and rate, for work that lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, Optional

from footfall.output import notebook

Tick = Callable[[int, Optional[int]], None]

# Shorter work is over before a bar could be read.
_QUIET_SECONDS = 0.5
_SECONDS_BETWEEN = 0.2


class _Bar:
    """Shows a bar once the work has lasted `_QUIET_SECONDS`: of tqdm on a terminal, of HTML in a notebook."""

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
            return _Line(self.title, self.unit, self.started)
        return notebook.Bar(self.title, self.unit) if notebook.is_watched() else _Nothing()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


class _Line:
    """tqdm's bar; a log file wants none."""

    def __init__(self, title: str, unit: str, started: float) -> None:
        from tqdm import tqdm

        # None: only on a terminal.
        options = {"unit_scale": True, "smoothing": 0, "leave": False, "disable": None}
        self._bar: Any = tqdm(desc=title, unit=f" {unit}", **options)
        self._bar.start_t = self._bar.last_print_t = started

    def show(self, rows_done: int, rows_total: int | None, _: float) -> None:
        self._bar.total = rows_total
        self._bar.update(rows_done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Nothing:
    """Where nobody watches."""

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
