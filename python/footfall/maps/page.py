"""The map as HTML: the output of a notebook's cell, and a page of its own; neither asks the network for anything."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from footfall.errors import InternalError
from footfall.maps import static
from footfall.maps.scene import Scene
from footfall.output.text import in_script

_HOLDER = '<div class="{kind}" data-scene="{scene}" data-height="{height}">{picture}</div>'
_IN_A_CELL = '<div class="footfall-map" '
_PAGE_STYLE = """html, body { margin: 0; height: 100%; background: Canvas; color-scheme: light dark; }
.footfall-map { position: relative; height: 100%; }
.footfall-map > img { display: block; max-width: 100%; max-height: 100%; margin: auto; }"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{holder}
<script type="module">{script}</script>
</body>
</html>
"""


def cell(scene: Scene, png: bytes, height: int) -> str:
    """Return the output of a cell: a picture, and what makes it a live map where the notebook's server has that."""
    style = f"width: {scene.view.width}px; max-width: 100%"
    picture = f'<img src="{_data(png, "image/png")}" alt="{_words(scene)}" style="{style}">'
    try:
        script = static.text("notebook.js")
    except InternalError:
        # The picture alone: without the live map, a saved notebook looks the same.
        return f"<div>{picture}</div>"
    holder = _HOLDER.format(kind="footfall-map", scene=scene.packed(), height=height, picture=picture)
    return f'{holder}<script type="module">{script}</script>'


def in_page(html: str) -> str | None:
    """Return the output of a cell as it stands in a page that has the live map's script; None if it is no map.

    >>> in_page('<div class="footfall-map" data-scene="H4s" data-height="520"><img></div><script>...</script>')
    '<div class="footfall-map footfall-page" data-scene="H4s" data-height="520"><img></div>'
    """
    if not html.startswith(_IN_A_CELL):
        return None
    return html.partition("<script")[0].replace('class="footfall-map"', 'class="footfall-map footfall-page"', 1)


def page(scene: Scene, svg: str) -> str:
    """Return one page that works from disk."""
    picture = f'<img src="{_data(svg.encode(), "image/svg+xml")}" alt="{_words(scene)}">'
    script = in_script(static.text("footfall-map.js"))
    return _PAGE.format(
        policy=escape(_policy(scene, script)),
        title=escape(scene.title or "Map"),
        style=_PAGE_STYLE,
        holder=_HOLDER.format(kind="footfall-map footfall-page", scene=scene.packed(), height="", picture=picture),
        script=script,
    )


def _words(scene: Scene) -> str:
    titles = [legend.title or legend.items[0].label for layer in scene.layers for legend in layer.legend]
    return escape(": ".join(filter(None, [scene.title or "Map", ", ".join(titles)])))


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _policy(scene: Scene, script: str) -> str:
    """Return a Content-Security-Policy: what the page holds, and the base map's address if the user gave one.

    Of a page on disk, whose origin is opaque, the worker is data.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    address = urlsplit(scene.base.address)
    network = f" {address.scheme}:" if address.scheme else ""
    rules = {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}' blob:",
        "worker-src": "blob: data:",
        "style-src": "'unsafe-inline'",
        "img-src": f"data: blob:{network}",
        "connect-src": f"data: blob:{network}",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{rule} {sources}" for rule, sources in rules.items())
