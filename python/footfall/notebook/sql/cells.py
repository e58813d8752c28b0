"""Where the code of a cell has an SQL statement."""

from __future__ import annotations

import re
from dataclasses import dataclass

from footfall.errors import DefinitionError
from footfall.notebook.sql import arguments

_CELL = re.compile(r"\s*%%sql(?=\s|\Z)(?P<line>[^\n]*)(?P<body>\n?)")
_LINE = re.compile(r"(?:[^%\n]*=)?[ \t]*%sql(?=[ \t])(?P<line>.*)")


@dataclass(frozen=True)
class Statement:
    """A statement of a cell, and the cursor.

    Attributes
    ----------
    query : str
        The statement, as it is so far.
    at : int
        Where in it the cursor is; before its begin, as a negative number, if that is among the options.
    options : str
        The line of the options, up to the cursor if it is among them.
    """

    query: str
    at: int
    options: str

    @property
    def data(self) -> str | None:
        """The variable of the data set, if it was said."""
        try:
            return arguments.split("%%sql", self.options)[0].get("--data")
        except DefinitionError:
            return None


def statement_at(code: str, at: int) -> Statement | None:
    r"""Return the statement of ``%%sql`` or ``%sql`` that the cursor is in; None if it is in other code.

    Examples
    --------
    >>> statement_at("%%sql --all\nSELECT ", 19)
    Statement(query='SELECT ', at=7, options=' --all')
    >>> statement_at("x = 1\ny = %sql SELECT ", 22)
    Statement(query='SELECT ', at=7, options='')
    >>> statement_at("SELECT ", 7)
    """
    at = min(at, len(code))
    cell = _CELL.match(code)
    if cell is not None:
        # Without a line below, the cursor is among the options yet.
        start = cell.end() + (not cell["body"])
        return _of(code[start:], cell["line"], cell.start("line"), start, at)
    start = code.rfind("\n", 0, at) + 1
    line = _LINE.match(code[start:].split("\n", 1)[0])
    if line is None:
        return None
    end = arguments.begin(line["line"])
    begin = start + line.start("line")
    # Right behind an option, the cursor is at it.
    behind = begin + end + (end > 0 and not line["line"][end - 1].isspace())
    return _of(line["line"][end:], line["line"][:end].rstrip(), begin, behind, at)


def _of(query: str, options: str, begin: int, start: int, at: int) -> Statement | None:
    """Return a statement that starts at `start`, after options that begin at `begin`."""
    if at < begin or (at == begin and at < start):
        return None
    return Statement(query, at - start, options if at >= start else options[: at - begin])
