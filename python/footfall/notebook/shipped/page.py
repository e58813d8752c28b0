"""A notebook that was run, as one HTML page that needs no network: its words, tables, charts and live maps."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import altair
from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from footfall.charts.shown.showing import LIVE, PNG, SVG
from footfall.lang import catalogue, speaking, tr
from footfall.maps import static
from footfall.maps.page import in_page
from footfall.output.text import in_script, printable
from footfall.report.page import read, source
from footfall.report.vega import Vega

_FOLDER = "footfall.notebook.shipped"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_SCRIPT = re.compile(r"<script\b.*?(</script\s*>|$)", re.DOTALL | re.IGNORECASE)


@dataclass
class Part:
    """What stands on the page for a cell, or for one of its outputs.

    Attributes
    ----------
    kind : str
        ``words``, ``html``, ``chart``, ``map``, ``picture`` or ``said``.
    content : Any
        HTML, text, or the address that holds a picture.
    spec : dict or None
        Of a chart: what a browser draws it by.
    id : str
        Of a chart: its name on the page.
    """

    kind: str
    content: Any
    spec: dict[str, Any] | None = None
    id: str = ""


@dataclass
class Section:
    """A heading (its cell's id, and its text), what stands below it, and the code that made that."""

    id: str
    title: str
    parts: list[Part] = field(default_factory=list)
    code: list[str] = field(default_factory=list)


def page(notebook: Mapping[str, Any], *, made: str, lang: str = "en") -> str:
    """Return the page of a notebook that was run.

    Parameters
    ----------
    notebook : mapping
        As nbformat reads it.
    made : str
        Said at the end: how, and when.
    lang : str
        The language of its words.
    """
    found = sections(notebook)
    kinds = {part.kind for section in found for part in section.parts}
    scripts = [*([_drawing()] if "chart" in kinds else []), *([_live_map()] if "map" in kinds else [])]
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    with speaking(lang):
        return environment.from_string(_read("page.html.jinja")).render(
            tr=tr,
            lang=catalogue(lang).locale,
            policy=_policy(scripts),
            style=Markup(read("page.css") + _read("page.css")),
            scripts=[Markup(script) for script in scripts],
            title=found[0].title,
            sections=found,
            made=made,
        )


def sections(notebook: Mapping[str, Any]) -> list[Section]:
    """Return what stands on the page, in order: a section begins at each Markdown cell that begins with a heading."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    found = [Section("top", "Footfall")]
    for cell in notebook["cells"]:
        text = cell["source"].strip()
        if cell["cell_type"] == "markdown":
            if text.startswith("#"):
                heading = text.splitlines()[0].lstrip("#").strip()
                found.append(Section(cell["id"], heading))
            found[-1].parts.append(Part("words", Markup(markdown.render(text))))
        elif cell["cell_type"] == "code" and text:
            found[-1].parts += _outputs(cell)
            found[-1].code.append(text)
    kept = [section for section in found if section.parts or section.code]
    return kept or found


def _outputs(cell: Mapping[str, Any]) -> Iterator[Part]:
    for number, output in enumerate(cell.get("outputs", [])):
        if output["output_type"] == "stream":
            yield Part("said", printable(_ANSI.sub("", output["text"]).strip(), keep="\n\t"))
        elif output["output_type"] == "error":
            yield Part("said", printable(f"{output['ename']}: {output['evalue']}", keep="\n\t"))
        elif output.get("data"):
            yield _shown(output["data"], f"{cell['id']}-{number}")


def _shown(data: Mapping[str, Any], id: str) -> Part:
    """Return the best that a page can show of what a cell shows."""
    if LIVE in data and SVG in data:
        # A notebook names the version that front ends know; the page draws by the one that Altair writes.
        spec = {**data[LIVE], "$schema": altair.SCHEMA_URL}
        return Part("chart", _inlined(SVG, data[SVG].encode()), spec, id)
    if SVG in data:
        return Part("picture", _inlined(SVG, data[SVG].encode()))
    if PNG in data:
        return Part("picture", f"data:{PNG};base64,{data[PNG].strip()}")
    if "text/html" in data:
        live = in_page(data["text/html"])
        # The page's policy lets no script of an output run; without them it is smaller.
        return Part("map", Markup(live)) if live else Part("html", Markup(_SCRIPT.sub("", data["text/html"])))
    return Part("said", printable(data.get("text/plain", ""), keep="\n\t"))


def _inlined(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _drawing() -> str:
    """Return the script that makes charts live."""
    with Vega() as vega:
        return vega.script(read("page.js")).result()


def _live_map() -> str:
    return in_script(static.text("footfall-map.js"))


def _policy(scripts: list[str]) -> str:
    """Return a Content-Security-Policy: these scripts and what the page holds; styles of tables stand in the tables."""
    ours = " ".join(map(source, scripts))
    rules = {
        "default-src": "'none'",
        "script-src": f"{ours} blob:" if scripts else "'none'",
        "worker-src": "blob: data:",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "connect-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{rule} {allowed}" for rule, allowed in rules.items())


def _read(name: str) -> str:
    return resources.files(_FOLDER).joinpath(name).read_text(encoding="utf-8")
