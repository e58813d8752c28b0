"""The deck as one page that asks no network: reveal.js, the presenter's notes, our look, the live map are inside."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from footfall.maps import static
from footfall.output.text import in_script
from slides import content
from slides.deck import DeckError, Live, Slide

_HERE = Path(__file__).parent
_PACKAGES = _HERE.parents[1] / "js" / "node_modules"
_SCRIPTS = {"reveal": "reveal.js/dist/reveal.js", "notes": "reveal.js/plugin/notes/notes.js"}
_STYLES = ("reveal.js/dist/reset.css", "reveal.js/dist/reveal.css")
_FONT = "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"
# Of the whole screen; other slides are white.
_BACKGROUNDS = {"title": "#06283d", "live": "#f4f8fb"}
# Of the code of a live step, for which its slide has room.
_FEW_LINES = 6
# Nothing but what the page holds. The presenter's notes show the page itself, twice, in frames.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'unsafe-inline' blob:",
    "worker-src": "blob: data:",
    "style-src": "'unsafe-inline'",
    "img-src": "data: blob:",
    "font-src": "data:",
    "connect-src": "data: blob:",
    "frame-src": "'self' file:",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def page(slides: list[Slide], lives: dict[Live, Any], lang: str) -> str:
    """Return the page.

    Parameters
    ----------
    slides : list of Slide
        Of the executed notebook.
    lives : mapping
        The cell of each live step, executed.
    lang : str
        Of the words, as HTML names it.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((_HERE / "slides.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        lang=lang,
        title=_title(slides),
        policy="; ".join(f"{rule} {sources}" for rule, sources in _POLICY.items()),
        style=Markup(_style()),
        scripts={name: Markup(in_script(_package(path))) for name, path in _SCRIPTS.items()},
        live_map=Markup(in_script(static.text("footfall-map.js"))),
        script=Markup((_HERE / "slides.js").read_text(encoding="utf-8")),
        slides=[_shown(slide, lives) for slide in slides],
    )


def _shown(slide: Slide, lives: dict[Live, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": slide.id, "part": slide.part, "layout": slide.layout, "seconds": slide.seconds}
    shown["background"] = _BACKGROUNDS.get(slide.layout, "#ffffff")
    shown |= {"body": Markup(content.cells(slide.cells)), "notes": Markup(content.cells(slide.notes))}
    live = lives[slide.live] if slide.live else None
    shown["live"] = live and {
        "notebook": slide.live.notebook if slide.live else "",
        "cell": live.id,
        "code": Markup(content.code(live) if len(live.source.splitlines()) <= _FEW_LINES else ""),
        "picture": Markup(content.outputs(live)),
    }
    return shown


def _title(slides: list[Slide]) -> str:
    """Return the first heading."""
    heading = re.search(r"<h1>(.*?)</h1>", content.cells(slides[0].cells))
    return re.sub("<[^>]+>", "", heading[1]) if heading else "Footfall"


def _style() -> str:
    sheets = [*(_package(path) for path in _STYLES), (_HERE / "slides.css").read_text(encoding="utf-8")]
    font = base64.b64encode((_PACKAGES / _FONT).read_bytes()).decode()
    face = f'@font-face{{font-family:"Inter";font-weight:100 900;src:url(data:font/woff2;base64,{font})}}'
    return "\n".join([face, *sheets])


def _package(path: str) -> str:
    """Return a file of a package of npm."""
    try:
        return (_PACKAGES / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DeckError(f"{_PACKAGES / path} is not there; `make slides` fetches it, or: npm --prefix js ci") from None
