"""How a chart is shown in a notebook: live where the front end draws Vega-Lite, else as a picture; saved with both."""

from __future__ import annotations

import base64
import json
from typing import Any

from footfall.output.text import size

LIVE = "application/vnd.vegalite.v5+json"
SVG = "image/svg+xml"
PNG = "image/png"
# Bytes that a notebook saves of a chart; JupyterLab adds its own picture to those it draws.
_MOST = 100_000


def shown(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Return a chart of Altair as Vega-Lite and as a picture, which a saved notebook keeps and no network is asked for.

    Front ends know the type of Vega-Lite's version 5, and draw version 6 by it, too. A picture of very many marks is
    one of pixels; rows that are too many to be saved twice are left to it.
    """
    live = {**spec, "$schema": "https://vega.github.io/schema/vega-lite/v5.json"}
    rows = size(json.dumps(live, ensure_ascii=False))
    pictures = _picture(spec, _MOST - rows if rows < _MOST // 2 else _MOST)
    saved = {LIVE: live} if rows + sum(map(size, pictures.values())) <= _MOST else {}
    return {**saved, **pictures, "text/plain": "<footfall chart>"}


def _picture(spec: dict[str, Any], room: int) -> dict[str, str]:
    """Return the chart as SVG if that has room, else as PNG, of fewer pixels the less room there is."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec)
    if size(svg) <= room:
        return {SVG: svg}
    for scale in (2, 1, 0.5):
        png = base64.b64encode(vl_convert.svg_to_png(svg, scale=scale)).decode()
        if len(png) <= room:
            break
    return {PNG: png}
