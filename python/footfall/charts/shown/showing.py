"""How a chart is shown in a notebook: live where the front end draws Vega-Lite, else as a picture; saved with both."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from footfall.charts.shown import pictures
from footfall.charts.shown.packing import packed
from footfall.output.text import size

LIVE = "application/vnd.vegalite.v5+json"
SVG = "image/svg+xml"
PNG = "image/png"
# Bytes that a notebook saves of a chart.
_MOST = 149_000


def shown(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Return a chart of Altair as Vega-Lite and as pictures, which a saved notebook keeps and no network is asked for.

    Front ends know the type of Vega-Lite's version 5, and draw version 6 by it, too. JupyterLab would add a PNG of its
    own, of two to five times the bytes, to a chart that has none. Of what is too large, SVG is left out first.
    """
    ways = _ways({**spec, "$schema": "https://vega.github.io/schema/vega-lite/v5.json"}, pictures.svg(spec))
    for way in ways:
        if size(json.dumps(way, ensure_ascii=False)) <= _MOST:
            break
    return {**way, "text/plain": "<footfall chart>"}


def _ways(live: dict[str, Any], svg: str) -> Iterator[dict[str, Any]]:
    """Yield all that can be shown of a chart, and then less and less."""
    png = _text(pictures.png(svg))
    yield {LIVE: live, SVG: svg, PNG: png}
    small = packed(live)
    yield {LIVE: small, SVG: svg, PNG: png}
    yield {LIVE: small, PNG: png}
    yield {PNG: _text(pictures.png(svg, scale=2))}
    yield {PNG: png}


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()
