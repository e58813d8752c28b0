"""TOML that people write: what it says, on which line something stands, and what mends what is no TOML.

References
----------
https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from footfall.errors import DefinitionError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
# What the library complains of, and what mends it; the first that fits.
_MENDS = (
    (r"Unescaped|Escaped|hex value", "a path with \\ stands in single quotes: 'C:\\data'"),
    (r"Cannot|Duplicate", "it is said twice: keep one of them"),
    (r"Invalid value|date", 'text stands in quotes: tz = "America/Recife"'),
    (r"initial character|after a key", 'a line is name = value; other letters need quotes: "Impressão" = "view"'),
    (r"Invalid statement", 'a line is name = value, or [name] before the values of a table'),
    (r"table declaration", "the name of a table stands in brackets: [columns]"),
    (r"newline", "each value has a line of its own"),
    (r"Unterminated|Illegal|Expected|Unclosed", "what is opened, a quote or a bracket, is closed on its line"),
)  # fmt: skip
_MOST_LETTERS = 60


def parsed(text: bytes) -> tuple[dict[str, Any], str]:
    r"""Return what a file says, and its text.

    Raises
    ------
    DefinitionError
        If it is no TOML: the line, and what mends it.

    Examples
    --------
    >>> parsed(b'tz = "UTC"\n')[0]
    {'tz': 'UTC'}
    >>> parsed(b'\ntz = UTC\n')
    Traceback (most recent call last):
    ...
    footfall.errors.DefinitionError: line 2 is no TOML, `tz = UTC`: text stands in quotes: tz = "America/Recife"
    """
    try:
        told = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise DefinitionError(
            f"line {line} is no TOML: its letters are not UTF-8; save the file in that encoding"
        ) from None
    try:
        return dict(tomllib.loads(told)), told
    except ValueError as error:
        raise _refused(str(error), told) from None
    except RecursionError:
        raise DefinitionError("is no TOML: its brackets are too deep") from None


def _refused(error: str, text: str) -> DefinitionError:
    found = _AT.search(error)
    reason = _AT.sub("", error)
    lines = text.split("\n")
    number = int(found[1]) if found and found[1] else len(text.rstrip().split("\n"))
    line = lines[number - 1].strip()
    shown = f", `{line[:_MOST_LETTERS]}{'...' if len(line) > _MOST_LETTERS else ''}`" if line else ""
    mends = next((mend for pattern, mend in _MENDS if re.search(pattern, reason)), reason)
    return DefinitionError(f"line {number} is no TOML{shown}: {mends}")


def line_of(message: str, text: str) -> int | None:
    r"""Return the number of the line that a message is about: of the key that it names, with the most of its tables.

    Examples
    --------
    >>> text = 'tz = "UTC"\n[csv]\nseparator = ";;"\n[csv.pings]\nseparator = ","\n'
    >>> line_of("[csv] separator = ';;': must be one character", text), line_of("[csv.pings] separator = ','", text)
    (3, 5)
    """
    named = ((_place(path, message), line) for line, path in _keys(text))
    found = max(((place, -line) for place, line in named if place), default=None)
    return None if found is None else -found[1]


def _place(path: tuple[str, ...], message: str) -> tuple[int, int] | None:
    """Return how many parts of a key a message names, and how early the key itself; None if it does not name that."""
    found = [re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message) for name in path]
    key = found[-1] if found else None
    return (sum(map(bool, found)), -key.start()) if key else None


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (line, key with the tables that it is in), headers of tables too."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("["):
            table = _path(line)
            yield number, table
        elif "=" in line and (path := _path(f"{line.partition('=')[0]}= 0")):
            yield number, (*table, *path)


def _path(statement: str) -> tuple[str, ...]:
    try:
        said: Any = tomllib.loads(statement)
    except ValueError:
        return ()
    path = []
    while isinstance(said, dict) and said:
        name, said = next(iter(said.items()))
        path.append(name)
    return tuple(path)
