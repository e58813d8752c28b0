"""Charts for the page: each a picture, and what a browser needs to draw it live."""

from __future__ import annotations

import base64
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from footfall.report.vega import Vega


@dataclass(frozen=True)
class Figure:
    """A chart: its id on the page, its picture when it is drawn, its words and its Vega-Lite specification."""

    id: str
    svg: Future[str]
    words: str
    spec: dict[str, Any]

    @property
    def picture(self) -> str:
        """The picture as an address that holds it."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.result().encode()).decode()}"


@dataclass
class Figures:
    """Makes charts figures, and numbers them."""

    vega: Vega
    made: list[Figure] = field(default_factory=list)

    def of(self, chart: alt.TopLevelMixin) -> Figure:
        """Return the figure of a chart, whose picture is begun."""
        # Of charts of ours, whose tests validate them.
        spec = chart.to_dict(validate=False)
        words = spec["title"]["text"]
        words = words if isinstance(words, str) else " ".join(words)
        self.made.append(Figure(f"chart-{len(self.made) + 1}", self.vega.svg(spec), words, spec))
        return self.made[-1]
