"""Charts for the page: each a picture, and what a browser needs to draw it live."""

from __future__ import annotations

import base64
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from footfall.charts.pictures import smaller
from footfall.report.vega import Vega


@dataclass(frozen=True)
class Figure:
    """A chart: its id on the page, its picture when it is drawn, its words and its Vega-Lite specification.

    Without a specification it stays a picture.
    """

    id: str
    svg: Future[str]
    words: str
    spec: dict[str, Any] | None

    @property
    def picture(self) -> str:
        """The picture as an address that holds it."""
        drawn = self.svg.result() if self.spec else smaller(self.svg.result())
        return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


@dataclass
class Figures:
    """Makes charts figures, and numbers them."""

    vega: Vega
    made: list[Figure] = field(default_factory=list)

    def of(self, chart: alt.TopLevelMixin, *, live: bool = True) -> Figure:
        """Return the figure of a chart, whose picture is begun; it becomes live if it can tell more than that."""
        # Of charts of ours, whose tests validate them.
        spec = chart.to_dict(validate=False)
        words = spec["title"]["text"]
        words = words if isinstance(words, str) else " ".join(words)
        drawn = self.vega.svg(spec)
        self.made.append(Figure(f"chart-{len(self.made) + 1}", drawn, words, spec if live else None))
        return self.made[-1]
