"""What is known of something, as (name, value) pairs: in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from footfall.output.text import printable


def text(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return a line for the title, and one for each fact.

    Examples
    --------
    >>> print(text("A day", [("weather", "rain"), ("month", "March")]))
    A day
      weather rain
      month   March
    """
    width = max((len(name) for name, _ in facts), default=0)
    lines = [f"  {name:<{width}} {value}" for name, value in facts]
    return printable("\n".join([title, *lines]), keep="\n")


def html(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return the same as HTML; every value is escaped."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts)
    return f"<div><p><b>{escape(title)}</b></p><table>{rows}</table></div>"
