"""How charts look and are shown, without a network and without a change to the charts of others.

The look is an Altair theme, and how they are shown an Altair renderer, both called ``footfall``. Neither is enabled:
charts of ours, and what ``|`` and ``&`` make of them, use them where the user has chosen no other; so does a notebook
that shows what ``altair.hconcat`` makes of them. For the user's own charts ``altair.theme.enable("footfall")`` and
``altair.renderers.enable("footfall")`` do so.
"""

from __future__ import annotations

import threading
from copy import copy
from typing import Any, Union

import altair as alt
from altair.utils import schemapi, update_nested

from footfall import lang
from footfall.charts.shown.showing import shown
from footfall.output import notebook
from footfall.output.colours import INK, MUTED, PALETTE

LABEL_LIMIT = 210
# Pictures are drawn without a browser by a font that is as wide as Arial and needs not be installed: Liberation Sans.
# Where a picture is looked at without any of its kind, the condensed one is hardly wider.
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans Condensed, DejaVu Sans, sans-serif"

_NAME = "footfall"
_NOT_CHOSEN = "default"


@alt.theme.register(_NAME, enable=False)
def look() -> alt.theme.ThemeConfig:
    """Return what all charts share: one font, plain titles, colours that colour-blind readers tell apart."""
    title: Any = {"fontSize": 16, "fontWeight": 600, "color": INK, "anchor": "start"}
    subtitle: Any = {"subtitleFontSize": 12, "subtitleColor": MUTED, "subtitlePadding": 6}
    text: Any = {"labelFontSize": 12, "labelColor": INK}
    text |= {"titleFontSize": 12, "titleFontWeight": "normal", "titleColor": MUTED}
    lines: Any = {"gridColor": "#E4E7EB", "domainColor": "#CBD2D9", "tickColor": "#CBD2D9"}
    config: Any = {
        "font": FONT,
        "title": title | subtitle,
        "axis": text | lines | {"labelLimit": LABEL_LIMIT, "labelFlush": False, "labelPadding": 5},
        "legend": text | {"labelLimit": 200, "titleLimit": 400},
        "range": {"category": PALETTE},
        **{mark: {"color": PALETTE[0]} for mark in ("area", "bar", "circle", "line", "point")},
        "view": {"stroke": None},
        "concat": {"spacing": 26},
    }
    return {"background": "white", "padding": 12, "config": config}


class _Unvalidated:
    """Has Altair not validate each part of a chart as it is made: the whole is, where it becomes Vega-Lite.

    Altair has one switch for all threads, which goes back when the last of them is done.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = threading.Lock(), 0, True

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = schemapi.DEBUG_MODE
                schemapi.disable_debug_mode()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._before:
                schemapi.enable_debug_mode()


unvalidated = _Unvalidated()


class Rows(alt.InlineData):
    """Rows of data, which all copies of a chart share: Altair copies a chart at each step of making it.

    The rows of a chart are checked once, with the chart, and not each time that a part of it is made. They know the
    language of the chart, whose numbers and dates Vega writes.
    """

    _class_is_valid_at_instantiation = False

    def __init__(self, values: Any) -> None:
        super().__init__(values)
        # A chart may be shown when another language is spoken.
        object.__setattr__(self, "lang", lang.spoken())

    def __deepcopy__(self, memo: Any) -> Rows:
        return self


class _Ours(alt.TopLevelMixin, alt.SchemaBase):
    """A chart that has the look, and is shown without a network, where the user has chosen nothing else."""

    def to_dict(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the Vega-Lite specification."""
        is_whole = (options.get("context") or {}).get("top_level", True)
        chart: Any = _dressed(self) if is_whole else self
        return super(_Ours, chart).to_dict(*args, **options)

    def copy(self, deep: Any = True, ignore: list[str] | None = None) -> Any:
        """Return a copy; a shallow one shares its parts, where Altair's own makes all of them anew."""
        if deep is True:
            return super().copy(deep, ignore)
        same = object.__new__(type(self))
        for name, value in (("_args", self._args), ("_kwds", dict(self._kwds))):
            object.__setattr__(same, name, value)
        for name in deep or ():
            part = same[name]
            same[name] = part.copy(deep=False) if isinstance(part, alt.SchemaBase) else copy(part)
        return same

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> Any:
        if alt.renderers.active == _NOT_CHOSEN:
            return shown(self.to_dict())
        return super()._repr_mimebundle_(*args, **options)


def _own_colours() -> alt.Resolve:
    # The colours of categories and those of shares are no common scale.
    return alt.Resolve(scale=alt.ScaleResolveMap(color="independent"))


class _Beside:
    """What stands at the left of another chart by ``|``."""

    def __or__(self: Any, other: Any) -> HConcatChart:
        return HConcatChart(hconcat=[self, other], resolve=_own_colours())


class _Above:
    """What stands above another chart by ``&``."""

    def __and__(self: Any, other: Any) -> VConcatChart:
        return VConcatChart(vconcat=[self, other], resolve=_own_colours())


class Chart(_Ours, _Beside, _Above, alt.Chart):
    """A chart of one layer."""

    def encode(self, *args: Any, **channels: Any) -> Chart:
        """Return the chart with its channels: for a short form, Altair makes a table of all its classes each time."""
        return super().encode(*args, **{name: _channel(name, given) for name, given in channels.items()})


class LayerChart(_Ours, _Beside, _Above, alt.LayerChart):
    """A chart of several layers."""


class ConcatChart(_Ours, _Above, alt.ConcatChart):
    """Charts in rows."""


class HConcatChart(_Ours, _Above, alt.HConcatChart):
    """Charts side by side."""


class VConcatChart(_Ours, _Beside, alt.VConcatChart):
    """Charts one above the other."""


def _channel(name: str, given: Any) -> Any:
    """Return ``text="label:N"`` as ``alt.Text("label:N")``, and ``x=alt.value(3)`` as ``alt.XValue(3)``."""
    kind = name[0].upper() + name[1:]
    if isinstance(given, str):
        return getattr(alt, kind)(given)
    return getattr(alt, f"{kind}Value")(given["value"]) if isinstance(given, dict) and [*given] == ["value"] else given


Drawing = Union[Chart, LayerChart, ConcatChart]


def _dressed(chart: Any) -> Any:
    """Return the chart with the look, unless the user has chosen another, and with the separators of its language."""
    return _with_locale(_with_look(chart) if alt.theme.active == _NOT_CHOSEN else chart)


def _with_locale(chart: Any) -> Any:
    """Return the chart with Vega's locale of its language in it, unless it has one or is English."""
    with lang.speaking(_language(chart) or lang.ENGLISH):
        locale = lang.locale()
    if locale is None:
        return chart
    localised = chart.copy(deep=False)
    localised.config = {"locale": locale, **_own_config(chart)}
    return localised


def _own_config(chart: Any) -> dict[str, Any]:
    found = {} if chart.config is alt.Undefined else chart.config
    return dict(found if isinstance(found, dict) else found.to_dict())


def _language(chart: Any) -> str | None:
    """Return the language of a chart's rows, or of the first of its parts that has one."""
    rows = getattr(chart, "data", None)
    parts = (found for part in _parts(chart) if (found := _language(part)))
    return str(rows.lang) if isinstance(rows, Rows) else next(parts, None)


def _with_look(chart: Any) -> Any:
    """Return the chart with the look in it, below what the chart itself has chosen."""
    styled, theme = chart.copy(deep=False), look()
    styled.config = update_nested(theme["config"], _own_config(styled), copy=True)
    for name in ("background", "padding"):
        if styled[name] is alt.Undefined:
            styled[name] = theme[name]
    return styled


def _joined(chart: Any) -> Any:
    """Return how IPython shows what Altair made of several charts: with our look if one of them is ours."""
    if isinstance(chart, _Ours) or alt.renderers.active != _NOT_CHOSEN or not any(map(_has_ours, _parts(chart))):
        return chart._repr_mimebundle_()
    return shown(_dressed(chart).to_dict())


def _has_ours(chart: Any) -> bool:
    return isinstance(chart, _Ours) or any(map(_has_ours, _parts(chart)))


def _parts(chart: Any) -> list[Any]:
    """Return the charts that a chart is made of."""
    parts = (getattr(chart, kind, None) for kind in ("layer", "concat", "hconcat", "vconcat"))
    return next((found for found in parts if isinstance(found, list)), [])


def _show_joined_in_notebooks() -> None:
    """Tell IPython, unless the user has told it already."""
    bundles = notebook.shell().display_formatter.mimebundle_formatter
    for kind in (alt.LayerChart, alt.ConcatChart, alt.HConcatChart, alt.VConcatChart):
        if kind not in bundles:
            bundles.for_type(kind, _joined)


alt.renderers.register(_NAME, shown)
if notebook.shell():
    _show_joined_in_notebooks()
