"""A map in a running notebook on which people move, and what is told beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

import anywidget
import traitlets

from footfall.maps import static
from footfall.maps.scene import Scene


class MovingMap(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """A map whose frames are drawn one over the other; a frame is what is there now, whatever came before.

    Parameters
    ----------
    scene : Scene
        What stays.
    height : int
        Pixels.
    words : mapping
        Title, headings and the legend of what moves.
    heard : callable
        Is told what the page says: ``drawn`` with the number of a frame, ``wanted`` or ``stop``.
    """

    _esm = static.text("moving.js")
    scene = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(480).tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(self, scene: Scene, height: int, words: Mapping[str, Any], heard: Callable[[Mapping[str, Any]], None]):
        super().__init__(scene=scene.packed(), height=height, words=dict(words))
        self._heard = heard
        self.on_msg(self._hear)
        _hear_at_once(self.comm)

    def show(self, frame: Mapping[str, Any], buffers: Sequence[memoryview | bytes]) -> None:
        """Send a frame."""
        self.send({"frame": dict(frame)}, list(buffers))

    def _hear(self, _: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        if content.get("wanted") == "module":
            self.send({"module": static.text("footfall-map.js")})
        else:
            self._heard(content)


def _hear_at_once(comm: Any) -> None:
    """Let what the page says be heard while a cell runs.

    JupyterLab speaks to a subshell of its own, which is free; but of ipykernel 7.4, what answers goes to where the
    widget last spoke from: the cell that runs. Of other versions, or without a kernel, there is nothing to do.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default
