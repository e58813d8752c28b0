"""A map in a running notebook whose points are set anew while it is looked at."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from footfall.lang import speaking, spoken, tr
from footfall.maps import static
from footfall.maps.scene import Scene, layer_json
from footfall.maps.shapes import layers, places


class LiveMap(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """A map whose points are set anew, each second if you like; made by `Map.live`.

    The library is not in the widget's state, which notebooks save: it comes from the notebook's server or the kernel.
    """

    _esm = static.text("widget.js")
    # No trait may be called `style`: widgets have one.
    scene = traitlets.Unicode().tag(sync=True)
    points = traitlets.Dict().tag(sync=True)
    height = traitlets.Int(480).tag(sync=True)

    def __init__(self, scene: Scene, height: int) -> None:
        super().__init__(scene=scene.packed(), height=height, points=layer_json(layers.moving()))
        self._lang = spoken()
        self.on_msg(self._send_module)

    def set(self, table: Any, *, size: str | None = None, color: str | None = None) -> None:
        """Show the places of `table` in place of those before; options as in `Map.establishments`."""
        with speaking(self._lang):
            layer = places.points(layers.MOVING, tr("Now"), table, size=size, color=color)
        self.points = layer_json(layer)

    def _send_module(self, _: Any, content: Any, buffers: Any) -> None:
        if isinstance(content, dict) and content.get("wanted") == "module":
            self.send({"module": static.text("footfall-map.js")})
