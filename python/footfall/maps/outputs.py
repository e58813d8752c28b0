"""What a map is shown as: a notebook's output, a widget, a page, a picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from footfall import extras
from footfall.inputs import options
from footfall.lang import in_own_language

if TYPE_CHECKING:
    from footfall.charts.shared.theme import LayerChart
    from footfall.maps.scene import Scene
    from footfall.maps.widget import LiveMap
    from footfall.output.s3.objects import Written

# A picture in a notebook is sharp on the screens of today; of so many shapes it would be more than half a megabyte.
_SHARPNESS = 1.5
_MANY_SHAPES = 3_000


class Outputs:
    """Shows the scene that a map makes."""

    height: int
    lang: str | None

    def _scene(self, *, moving: bool = False) -> Scene:
        raise NotImplementedError

    @in_own_language
    def live(self) -> LiveMap:
        """Return a widget whose points `LiveMap.set` sets anew; it needs a running notebook, and ``anywidget``."""
        extras.need("notebook", "anywidget", by="a live map")
        from footfall.maps.widget import LiveMap

        return LiveMap(self._scene(moving=True), self.height)

    @in_own_language
    def to_html(self, path: str | os.PathLike[str] | None = None) -> str | Written:
        """Return the map as one page of HTML that works from disk, or write it.

        Parameters
        ----------
        path : path, optional
            A file that is there is replaced.

        Returns
        -------
        str or pathlib.Path
            The page, or `path`.
        """
        from footfall.maps import page

        scene = self._scene()
        made = page.page(scene, self._svg(scene))
        return made if path is None else _written(path, made.encode())

    @in_own_language
    def to_svg(self, path: str | os.PathLike[str] | None = None) -> str | Written:
        """Return the map as a picture in SVG, or write it; no browser is needed."""
        made = self._svg(self._scene())
        return made if path is None else _written(path, made.encode())

    @in_own_language
    def to_png(self, path: str | os.PathLike[str] | None = None, *, sharpness: float = 2.0) -> bytes | Written:
        """Return the map as a picture in PNG, or write it: `sharpness` pixels for each of `width` and `height`."""
        made = self._png(self._scene(), options.number("sharpness", sharpness))
        return made if path is None else _written(path, made)

    @in_own_language
    def to_chart(self) -> LayerChart:
        """Return the picture as an Altair chart, which stands beside others."""
        extras.need("charts", *extras.CHARTS, by="a map's picture")
        from footfall.maps.picture import chart

        return chart(self._scene())

    def _svg(self, scene: Scene) -> str:
        return str(self._converted("vegalite_to_svg", scene))

    def _png(self, scene: Scene, sharpness: float) -> bytes:
        return bytes(self._converted("vegalite_to_png", scene, scale=sharpness))

    def _converted(self, name: str, scene: Scene, **given: Any) -> Any:
        extras.need("charts", *extras.CHARTS, by="a map's picture")
        import vl_convert

        from footfall.maps.picture import chart

        convert: Callable[..., Any] = getattr(vl_convert, name)
        return convert(chart(scene).to_dict(validate=False), **given)

    @in_own_language
    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from footfall.maps import page

        scene = self._scene()
        shapes = sum(len(layer.shapes) for layer in [*scene.base.layers, *scene.layers])
        sharpness = _SHARPNESS if shapes <= _MANY_SHAPES else 1.0
        return {"text/html": page.cell(scene, self._png(scene, sharpness), self.height), "text/plain": repr(self)}


def _written(path: str | os.PathLike[str], content: bytes) -> Written:
    from footfall.output.s3.objects import place
    from footfall.output.writing import whole_file

    target = place(path)
    with whole_file(target) as file:
        file.write(content)
    return target
