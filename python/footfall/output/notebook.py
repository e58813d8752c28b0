"""The notebook that this runs in, if any; IPython is not imported for it."""

from __future__ import annotations

import sys
import uuid
from html import escape
from typing import Any

from footfall.output.display import progress

_LINE = "display:flex;gap:1em;font-size:var(--jp-ui-font-size1,13px);color:var(--jp-ui-font-color1,inherit)"
_TROUGH = "height:4px;margin-top:3px;background:var(--jp-layout-color3,#bdbdbd)"
_BAR = "height:4px;background:var(--jp-brand-color1,#1976d2)"


def shell() -> Any:
    """Return IPython's shell in a kernel of Jupyter's; None in a terminal, a script or a worker."""
    # Another thread may be importing it, as Altair does; nobody runs a kernel then.
    shell_of = getattr(sys.modules.get("IPython"), "get_ipython", None)
    found = shell_of() if shell_of else None
    return found if getattr(found, "kernel", None) is not None else None


def is_watched() -> bool:
    """Return whether a user sees at once what a cell shows: not in a notebook that is executed as a batch.

    Who executes notebooks (nbclient, and with it papermill and nbconvert) says that nobody can be asked for input.
    """
    here = shell()
    if here is None or not getattr(here.kernel, "_allow_stdin", True):
        return False
    from IPython.core.displaypub import CapturingDisplayPublisher

    return not isinstance(here.display_pub, CapturingDisplayPublisher)


class Place:
    """An output of the cell that runs, whose content is set anew."""

    def __init__(self) -> None:
        self._shell, self._id = shell(), f"footfall-{uuid.uuid4()}"
        self.is_there = False

    def show(self, data: Any) -> None:
        """Show content by its types, in place of that before; none leaves an output without content."""
        # What a widget gives comes with its metadata.
        content, metadata = data if isinstance(data, tuple) else (data, {})
        place = {"display_id": self._id}
        self._shell.display_pub.publish(content, metadata=metadata, transient=place, update=self.is_there)
        self.is_there = True


class Bar:
    """A bar of HTML, shown anew in the same place; closed, it leaves an output without content."""

    def __init__(self, title: str, unit: str) -> None:
        self._title, self._unit = title, unit
        self._place = Place()

    def show(self, rows_done: int, rows_total: int | None, seconds: float) -> None:
        """Show how far the work is after so many seconds."""
        self._place.show({"text/html": bar_html(self._title, rows_done, rows_total, self._unit, seconds)})

    def close(self) -> None:
        """Take the bar away."""
        if self._place.is_there:
            self._place.show({})


def bar_html(title: str, rows_done: int, rows_total: int | None, unit: str, seconds: float) -> str:
    """Return a bar, as long as the part of the work that is done.

    Examples
    --------
    >>> import re
    >>> re.sub("<[^>]+>", " ", bar_html("Visits", 300_000, 1_200_000, "rows", 1.5)).split()
    ['Visits', '25%', '300k', 'of', '1.2M', 'rows', '1.5', 's']
    """
    share = min(rows_done / rows_total, 1) if rows_total else None
    told = [f"<b>{escape(title)}</b>", *map(escape, progress(rows_done, rows_total, unit, seconds))]
    length = "width:100%;opacity:0.4" if share is None else f"width:{share:.1%}"
    line = "".join(f"<span>{part}</span>" for part in told)
    return (
        f'<div style="max-width:40em"><div style="{_LINE}">{line}</div>'
        f'<div style="{_TROUGH}"><div style="{_BAR};{length}"></div></div></div>'
    )
