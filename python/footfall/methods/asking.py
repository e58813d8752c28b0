"""What the methods on a data set, which stand in a file for each kind, have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Callable

from footfall.inputs.arrow import ArrowStream
from footfall.output.progress import Tick
from footfall.result import Result

if TYPE_CHECKING:
    from footfall._native import Zone
    from footfall.engines.protocol import Session


class Asking(ABC):
    """Whoever asks a data set's session; `footfall.Dataset` has what is abstract here."""

    lang: str

    @property
    @abstractmethod
    def tables(self) -> dict[str, list[str]]:
        """The tables that are there, and their columns."""

    @property
    @abstractmethod
    def _session(self) -> Session: ...

    @property
    @abstractmethod
    def _zone(self) -> Zone: ...

    @abstractmethod
    def _timed(self, title: str, work: Callable[[Tick | None], ArrowStream], **made: Any) -> Result: ...
