"""Charts for the page: each a picture, and what a browser needs to draw it live."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import vl_convert


@dataclass(frozen=True)
class Figure:
    """A chart: its id on the page, its picture as an address, the picture's words and its Vega-Lite specification."""

    id: str
    picture: str
    words: str
    spec: dict[str, Any]


@dataclass
class Figures:
    """Makes charts figures, and numbers them."""

    made: list[Figure] = field(default_factory=list)

    def of(self, chart: alt.TopLevelMixin) -> Figure:
        """Return the figure of a chart."""
        # Of charts of ours, whose tests validate them.
        spec = chart.to_dict(validate=False)
        picture = base64.b64encode(_svg(spec).encode()).decode()
        figure = Figure(
            f"chart-{len(self.made) + 1}", f"data:image/svg+xml;base64,{picture}", _words(spec["title"]["text"]), spec
        )
        self.made.append(figure)
        return figure


def script(source: str) -> str:
    """Return a JavaScript module that holds `source` and the libraries that it names."""
    bundle = str(vl_convert.javascript_bundle(source, vl_version=_vega_lite()))
    return bundle.replace("</script", "<\\/script")


def _svg(spec: dict[str, Any]) -> str:
    return str(vl_convert.vegalite_to_svg(spec, vl_version=_vega_lite()))


def _vega_lite() -> str:
    """Return the version of Vega-Lite that Altair writes, as vl-convert calls it."""
    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])


def _words(title: str | list[str]) -> str:
    return title if isinstance(title, str) else " ".join(title)
