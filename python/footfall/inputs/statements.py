"""The text of an SQL statement: its words, where they stand, and errors that point at them.

What a statement means is for the engine to say; here it may be unfinished, or no SQL at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from footfall.errors import QueryError
from footfall.inputs import options

#: Letters of a line that are shown before and after a place in it.
_SHOWN = 60
# Text, comments and quoted names may be unfinished: they last to the end then.
_TOKEN = re.compile(
    r"""
    --[^\n]* | /\*.*?(?:\*/|\Z) | '(?:[^']|'')*(?:'|\Z) | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)
    | "(?P<quoted>(?:[^"]|"")*)(?:"|\Z)
    | \$(?P<placeholder>\w+)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\d\w*)
    | (?P<sign>\S)
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A piece of a statement that is neither space, text nor comment.

    Attributes
    ----------
    kind : str
        ``word``, ``quoted``, ``placeholder``, ``number`` or ``sign``.
    text : str
        A word as it stands, a quoted name without its quotes, a placeholder without its ``$``.
    start, end : int
        The characters from which and up to which it stands.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def name(self) -> str | None:
        """What a table is called that is meant by it; None if it is no name."""
        if self.kind == "quoted":
            return self.text.replace('""', '"')
        return self.text.lower() if self.kind == "word" else None


def tokens(statement: str) -> Iterator[Token]:
    """Yield the tokens of a statement.

    Examples
    --------
    >>> [(token.kind, token.text) for token in tokens("SELECT 'from', $day -- x")]
    [('word', 'SELECT'), ('sign', ','), ('placeholder', 'day')]
    """
    for found in _TOKEN.finditer(statement):
        # The group of a tag is that of a text between dollars.
        if found.lastgroup is not None and found.lastgroup != "tag":
            yield Token(found.lastgroup, found[found.lastgroup], found.start(), found.end())


def place_of_placeholder(statement: str, name: str) -> int | None:
    """Return where ``$name`` first stands."""
    found = (token.start for token in tokens(statement) if (token.kind, token.text) == ("placeholder", name))
    return next(found, None)


def place_of_table(statement: str, name: str) -> int | None:
    """Return where the table `name` first stands: after FROM or JOIN, if it does."""
    before = ""
    places: dict[bool, int] = {}
    for token in tokens(statement):
        if token.name == name:
            places.setdefault(before in ("FROM", "JOIN"), token.start)
        before = token.text.upper()
    return places.get(True, places.get(False))


def tables_read(statement: str) -> set[str]:
    """Return the names that stand after FROM, JOIN and a comma, and that are no queries of the statement's own WITH.

    Examples
    --------
    >>> sorted(tables_read("WITH a AS (SELECT * FROM pings) SELECT * FROM a, Ads JOIN visits ON true"))
    ['ads', 'pings', 'visits']
    """
    all_tokens = list(tokens(statement))
    words = ["", *(token.text.upper() for token in all_tokens), "", ""]
    own = {token.name for i, token in enumerate(all_tokens) if words[i + 2 : i + 4] == ["AS", "("]}
    read = {token.name for i, token in enumerate(all_tokens) if words[i] in ("FROM", "JOIN", ",")}
    return {name for name in read - own if name is not None}


def error_at(message: str, statement: str, start: int | None) -> QueryError:
    r"""Return an error that shows the line of the character `start`, with its column marked.

    Examples
    --------
    >>> print(error_at("there is no x", "SELECT\n  x", 9))
    there is no x
      line 2, column 3:
          x
          ^
    """
    if start is None:
        return QueryError(message)
    line = statement.count("\n", 0, start) + 1
    column = start - statement.rfind("\n", 0, start)
    first = max(column - 1 - _SHOWN, 0)
    shown = statement.split("\n")[line - 1][first : first + 2 * _SHOWN].rstrip("\r")
    margin = "".join(letter if letter == "\t" else " " for letter in shown[: column - 1 - first])
    text = f"{message}\n  line {line}, column {column}:\n    {shown}\n    {margin}^"
    return QueryError(text, line=line, column=column)


def refuse_missing(statement: str, placeholders: Collection[str], there: Collection[str], what: str) -> None:
    """Raise an error that points at the first of the `placeholders` for which nothing is `there`; `what` it would be.

    Raises
    ------
    QueryError
        If there is one.
    """
    for name in placeholders:
        if name not in there:
            message = f"there is no {what} {name} for ${name}{options.meant(name, there)}"
            raise error_at(message, statement, place_of_placeholder(statement, name))
