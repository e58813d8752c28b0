"""Charts for the page: each a picture, and what a browser needs to draw it live."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from footfall.charts.shown.pictures import smaller
from footfall.report.vega import Vega

if TYPE_CHECKING:
    import altair

# A bold title is wider by so much where none of the fonts is there that it was measured with.
_ROOM = 0.08
_SIZE = re.compile(r' width="([\d.]+)" height="([\d.]+)" viewBox="0 0 [\d.]+ [\d.]+"')


@dataclass(frozen=True)
class Drawn:
    """A chart as a Vega-Lite specification, and its picture once that is drawn."""

    spec: dict[str, Any]
    svg: Future[str]


@dataclass(frozen=True)
class Figure:
    """A chart: its id on the page, and, once it is drawn, its picture, its words and its Vega-Lite specification.

    Without a specification it stays a picture.
    """

    id: str
    drawn: Future[Drawn]
    live: bool

    @property
    def spec(self) -> dict[str, Any] | None:
        """What a browser draws."""
        return self.drawn.result().spec if self.live else None

    @property
    def words(self) -> str:
        """The title."""
        words = self.drawn.result().spec["title"]["text"]
        return words if isinstance(words, str) else " ".join(words)

    @property
    def picture(self) -> str:
        """The picture as an address that holds it."""
        svg = _with_room(self.drawn.result().svg.result())
        drawn = svg if self.live else smaller(svg)
        return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


def _with_room(svg: str) -> str:
    """Return a picture with room at the right, where text would be cut off.

    Examples
    --------
    >>> _with_room('<svg width="200" height="50" viewBox="0 0 200 50"></svg>')
    '<svg width="216" height="50" viewBox="0 0 216 50"></svg>'
    """

    def wider(size: re.Match[str]) -> str:
        width = math.ceil((1 + _ROOM) * float(size[1]))
        return f' width="{width}" height="{size[2]}" viewBox="0 0 {width} {size[2]}"'

    return _SIZE.sub(wider, svg, count=1)


@dataclass
class Figures:
    """Makes charts figures, and numbers them; they are drawn one after the other, while further questions are asked."""

    vega: Vega
    made: list[Figure] = field(default_factory=list)
    _drawing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    def __enter__(self) -> Figures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drawing.shutdown(cancel_futures=True)

    def of(self, draw: Callable[[], altair.TopLevelMixin], *, live: bool = True) -> Figure:
        """Return the figure of a chart that `draw` makes; it becomes live if it can tell more than its picture."""
        # It speaks the language that is spoken here.
        drawn = self._drawing.submit(copy_context().run, self._drawn, draw)
        self.made.append(Figure(f"chart-{len(self.made) + 1}", drawn, live))
        return self.made[-1]

    def _drawn(self, draw: Callable[[], altair.TopLevelMixin]) -> Drawn:
        # Of charts of ours, whose tests validate them.
        spec = draw().to_dict(validate=False)
        return Drawn(spec, self.vega.svg(spec))
