"""One HTML page that needs no network: the style, the scripts and the charts are inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import altair as alt
import vl_convert

from footfall.report.html import tag, text

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
{script}
</body>
</html>
"""

# A chart is a picture until its live drawing has succeeded, and stays one where scripts do not run.
_DRAW = """
for (const holder of document.querySelectorAll(".chart[data-spec]")) {
  const spec = JSON.parse(document.getElementById(holder.dataset.spec).textContent);
  const live = document.createElement("div");
  const actions = { export: true, source: false, compiled: false, editor: false };
  vegaEmbed(live, spec, { renderer: "svg", actions }).then(
    () => holder.replaceChildren(live),
    (error) => console.warn("a chart stays a picture:", error),
  );
}
"""


@dataclass
class Charts:
    """Puts charts on the page and numbers them."""

    count: int = field(default=0)

    def figure(self, chart: Any) -> str:
        """Return a chart as HTML: its picture, and what a browser needs to draw it live."""
        self.count += 1
        name = f"chart-{self.count}"
        spec = chart.to_dict()
        picture = base64.b64encode(svg(spec).encode()).decode()
        image = tag("img", "", src=f"data:image/svg+xml;base64,{picture}", alt=_title(spec)).replace("</img>", "")
        data = _json_in_script(spec)
        return tag(
            "figure",
            tag("div", image, class_="chart", **{"data-spec": name})
            + f'<script type="application/json" id="{name}">{data}</script>',
        )


def _json_in_script(value: Any) -> str:
    """Return JSON of ASCII without what could end a script, or let a comment in it begin (HTML, 13.2.5.4 and on)."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def svg(spec: dict[str, Any]) -> str:
    """Return a Vega-Lite specification drawn as SVG."""
    return str(vl_convert.vegalite_to_svg(spec, vl_version=_vega_lite()))


def page(title: str, body: Sequence[str], charts: Charts) -> str:
    """Return the page; it holds the scripts only if there is a chart."""
    style = resources.files("footfall.report").joinpath("page.css").read_text(encoding="utf-8")
    script = _script() if charts.count else ""
    return _PAGE.format(title=text(title), style=style, body="\n".join(body), script=script)


def _script() -> str:
    bundle = vl_convert.javascript_bundle(_DRAW, vl_version=_vega_lite())
    return '<script type="module">\n' + bundle.replace("</script", "<\\/script") + "\n</script>"


def _vega_lite() -> str:
    """Return the version of Vega-Lite that Altair writes, as vl-convert calls it."""
    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])


def _title(spec: dict[str, Any]) -> str:
    words = spec["title"]["text"]
    return words if isinstance(words, str) else " ".join(words)
