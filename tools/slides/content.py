"""What stands on a slide: HTML of Markdown, code and outputs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from footfall.charts.shown import pictures
from footfall.charts.shown.showing import LIVE as VEGA_LITE
from slides.deck import Cell, DeckError, shows_code

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
# Of a chart's own type; the page draws it larger than a notebook does.
_BARE: dict[str, Any] = {"padding": 4}


def markdown(text: str) -> str:
    """Return Markdown as HTML; tags in it are text."""
    return str(_MARKDOWN.render(text))


def code(cell: Cell) -> str:
    """Return the source of a cell, in colours."""
    language = "sql" if cell.source.startswith("%%sql") else "python"
    shown = highlight(cell.source, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    return f'<pre class="code"><code>{shown.rstrip()}</code></pre>'


def cells(given: Iterable[Cell]) -> str:
    """Return cells one below the other."""
    return "\n".join(map(cell, given))


def cell(given: Cell) -> str:
    """Return what a slide shows of a cell."""
    if given.cell_type != "code":
        return markdown(given.source)
    source = code(given) if shows_code(given) else ""
    return "\n".join(filter(None, [source, outputs(given)]))


def outputs(given: Cell) -> str:
    """Return what a cell gave: charts as SVG, maps, tables, words."""
    return "\n".join(filter(None, map(_output, given.outputs)))


def _output(output: Any) -> str:
    if output.output_type == "error":
        raise DeckError(f"{output.ename}: {output.evalue}")
    if output.output_type == "stream":
        return f'<pre class="said">{escape(output.text.rstrip())}</pre>' if output.name == "stdout" else ""
    return next((make(output.data[kind]) for kind, make in _KINDS.items() if kind in output.data), "")


def _chart(spec: dict[str, Any]) -> str:
    """Return a chart drawn anew without its title, which stands above it as text, and what is small below it."""
    title = spec.get("title")
    told = {"text": title} if isinstance(title, str) else dict(title or {})
    bare = {**{name: value for name, value in spec.items() if name not in ("title", "$schema")}, **_BARE}
    head, small = _lines(told.get("text")), _lines(told.get("subtitle"))
    caption = f"<figcaption>{escape(' '.join(head))}</figcaption>" if head else ""
    below = f'<p class="small">{escape(" ".join(small))}</p>' if small else ""
    return f'<figure class="chart">{caption}{_svg(pictures.svg(bare))}{below}</figure>'


def _lines(text: Any) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [])


def _svg(drawn: str) -> str:
    """Return SVG that takes the size of its place, by its view box."""
    start, rest = drawn.split(">", 1)
    return re.sub(r' (width|height)="[^"]*"', "", start) + ">" + rest


def _html(text: str) -> str:
    """Return HTML of ours without scripts: the page itself has what makes maps live."""
    return _SCRIPT.sub("", text)


def _picture(kind: str) -> Callable[[str], str]:
    def image(content: str) -> str:
        data = content if kind == "image/png" else base64.b64encode(content.encode()).decode()
        return f'<figure class="chart"><img alt="" src="data:{kind};base64,{data.strip()}"></figure>'

    return image


def _words(text: str) -> str:
    return f'<pre class="said">{escape(text)}</pre>'


# The first that an output has is shown.
_KINDS: dict[str, Callable[[Any], str]] = {
    VEGA_LITE: lambda spec: _chart(json.loads(spec) if isinstance(spec, str) else spec),
    "image/svg+xml": _picture("image/svg+xml"),
    "image/png": _picture("image/png"),
    "text/html": _html,
    "text/markdown": markdown,
    "text/plain": _words,
}
