"""A bar with rows and rate, for work that lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, Optional

Tick = Callable[[int, Optional[int]], None]

# Shorter work is over before a bar could be read.
_QUIET_SECONDS = 0.5


class _Bar:
    """Shows a tqdm bar once the work has lasted `_QUIET_SECONDS`."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.unit = unit
        self.started = time.time()
        self.bar: Any = None

    def __call__(self, rows_done: int, rows_total: int | None) -> None:
        if self.bar is None:
            if time.time() - self.started < _QUIET_SECONDS:
                return
            self.bar = self._open(rows_total)
        self.bar.total = rows_total
        self.bar.update(rows_done - self.bar.n)

    def _open(self, rows_total: int | None) -> Any:
        from tqdm.auto import tqdm
        from tqdm.notebook import tqdm_notebook

        # A log file wants no bar (None: only on a terminal); a notebook is no terminal, but wants one.
        in_notebook = issubclass(tqdm, tqdm_notebook)
        bar: Any = tqdm(
            desc=self.title,
            total=rows_total,
            unit=f" {self.unit}",
            unit_scale=True,
            smoothing=0,
            leave=False,
            disable=False if in_notebook else None,
        )
        bar.start_t = bar.last_print_t = self.started
        return bar

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


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
