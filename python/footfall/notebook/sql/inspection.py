"""What the name at the cursor of a statement means: Shift-Tab in a notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable

from footfall.errors import FootfallError
from footfall.notebook.sql import variables
from footfall.notebook.sql.cells import Statement, statement_at
from footfall.notebook.sql.completion import visible
from footfall.notebook.sql.data_sets import planner
from footfall.output.text import printable


def register(shell: Any) -> None:
    """Let the kernel of a shell, if it has one, tell of names in statements, too.

    IPython's shell is asked for one name; the kernel alone knows the cell around it.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is not None and not isinstance(kernel.do_inspect, Inspector):
        kernel.do_inspect = Inspector(shell, kernel.do_inspect)


class Inspector:
    """Answers for statements, and leaves other code to the kernel.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        Whose variables a statement may name.
    others : callable
        The kernel's own ``do_inspect``.
    """

    def __init__(self, shell: Any, others: Callable[..., Any]) -> None:
        self.shell = shell
        self.others = others

    def __call__(self, code: str, cursor_pos: int, *given: Any, **more: Any) -> Any:
        """Answer an ``inspect_request``."""
        statement = statement_at(code, cursor_pos)
        if statement is None or statement.at < 0:
            return self.others(code, cursor_pos, *given, **more)
        variable = _placeholder_at(statement)
        if variable:
            return self.others(variable, len(variable), *given, **more)
        text = meaning_of(statement, visible(self.shell))
        return {"status": "ok", "found": bool(text), "data": {"text/plain": text} if text else {}, "metadata": {}}


def meaning_of(statement: Statement, names: Mapping[str, Any]) -> str:
    """Return what the name at the cursor means; nothing if it means nothing."""
    known = variables.columns(statement.query, names)
    try:
        found = planner(names, statement.data).describe(statement.query, statement.at, known)
    except FootfallError:
        return ""
    if found is None:
        return ""
    kind, name, schema, meaning = found
    return printable("\n".join(filter(None, [f"{kind} {name}", meaning, schema])), keep="\n")


def _placeholder_at(statement: Statement) -> str:
    """Return the name of the placeholder around the cursor; nothing if it is at none."""
    for found in re.finditer(r"\$(\w+)", statement.query):
        if found.start() <= statement.at <= found.end():
            return found[1]
    return ""
