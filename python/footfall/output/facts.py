"""What is known of something, as (name, value) pairs: in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from footfall.output.text import cut, printable

_LEFT = ' style="text-align:left;vertical-align:top"'
_SHOWN = 300
_MOST = 1_200


def text(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return a line for the title, and one for each fact; of a very long one, its beginning.

    Examples
    --------
    >>> print(text("A day", [("weather", "rain"), ("month", "March")]))
    A day
      weather rain
      month   March
    """
    width = max((len(name) for name, _ in facts), default=0)
    lines = [f"  {name:<{width}} {cut(value, _MOST)}" for name, value in facts]
    return printable("\n".join([title, *lines]), keep="\n")


def html(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return the same as HTML; every value is escaped, and long ones are cut, with more of them under the pointer."""
    rows = "".join(f"<tr><th{_LEFT}>{escape(name)}</th>{_value(printable(value))}</tr>" for name, value in facts)
    return f"<div><p><b>{escape(printable(title))}</b></p><table><tbody>{rows}</tbody></table></div>"


def _value(text: str) -> str:
    more = f' title="{escape(cut(text, _MOST))}"' if len(text) > _SHOWN else ""
    return f"<td{_LEFT}{more}>{escape(cut(text, _SHOWN))}</td>"
