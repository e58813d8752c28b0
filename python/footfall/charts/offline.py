"""Shows charts in a notebook that reaches no network; Altair's own default loads its scripts from one."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import altair as alt

_NAME = "footfall"


def show_without_network() -> None:
    """Make Altair draw without a network, unless the user has chosen a renderer."""
    if alt.renderers.active == "default":
        alt.renderers.register(_NAME, _bundle)
        alt.renderers.enable(_NAME)


def _bundle(spec: dict[str, Any], **_: Any) -> Any:
    """The chart as SVG, for any front end; and live, for one that shows widgets."""
    import vl_convert

    bundle = {"image/svg+xml": vl_convert.vegalite_to_svg(spec), "text/plain": "<footfall chart>"}
    # A widget needs a front end at the other end of a kernel; elsewhere it would be an empty frame.
    if not (find_spec("anywidget") and _in_kernel()):
        return bundle
    alt.JupyterChart.enable_offline()
    widget = alt.JupyterChart(chart=alt.Chart.from_dict(spec))
    shown = widget._repr_mimebundle_() or {}
    data, metadata = shown if isinstance(shown, tuple) else (shown, {})
    return {**bundle, **data}, metadata


def _in_kernel() -> bool:
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
