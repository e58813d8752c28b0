"""One HTML page that needs no network: style, scripts and charts are inside, and nothing else is allowed."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

_FOLDER = "footfall.report"


def page(*, script: str, **contents: Any) -> str:
    """Return the page of `contents`, which the template names, with this script if it is not empty.

    The template escapes all that it is given, save the style and the script, which are ours.
    """
    style = read("page.css")
    policy = _policy(style=style, script=script)
    return _template().render(style=Markup(style), script=Markup(script), policy=policy, **contents)


def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Data sets may have any words: what the filter `tojson` writes is ASCII, without <, > and &.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.from_string(read("page.html.jinja"))


def _policy(**allowed: str) -> str:
    """Return a Content-Security-Policy: pictures inside the page, the style and script of these texts, no more."""
    kinds = [f"{kind}-src {source(text)}" for kind, text in allowed.items() if text]
    return "; ".join(["default-src 'none'", "img-src data:", *kinds, "base-uri 'none'", "form-action 'none'"])


def source(text: str) -> str:
    """Return how a Content-Security-Policy names a script or a style of this text."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def read(name: str) -> str:
    """Return a file of the page."""
    return resources.files(_FOLDER).joinpath(name).read_text(encoding="utf-8")
