"""The end that somebody asks for: by a button, or by interrupting."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TypeVar

_Item = TypeVar("_Item")


class Stop:
    """In a ``with`` block, the first interrupt sets an event and the second one interrupts.

    Parameters
    ----------
    event : threading.Event
        Set when somebody asks.

    Examples
    --------
    >>> event = threading.Event()
    >>> with Stop(event) as stop:
    ...     signal.raise_signal(signal.SIGINT)
    ...     list(stop.until(iter([1, 2])))
    []
    """

    def __init__(self, event: threading.Event):
        self._event = event
        self._before: Any = None
        self._is_waiting = False
        self._heard = 0

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            self._heard = 0
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def ask(self) -> None:
        """Ask from another thread."""
        is_first = not self._event.is_set()
        self._event.set()
        if is_first and self._before is not None:
            _thread.interrupt_main()

    def _interrupted(self, number: int, frame: Any) -> None:
        self._event.set()
        self._heard += 1
        if self._is_waiting or self._heard > 1:
            raise KeyboardInterrupt

    def until(self, items: Iterator[_Item]) -> Iterator[_Item]:
        """Yield items until somebody asks, who need not wait for the next one."""
        while not self._event.is_set():
            try:
                self._is_waiting = True
                item = next(items)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._is_waiting = False
            yield item
