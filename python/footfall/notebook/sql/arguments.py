"""The options at the beginning of a line: of ``%%sql``, and of the other magics."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass

from footfall.errors import DefinitionError
from footfall.inputs import options

#: How many rows a cell collects that only shows them.
SHOWN_ROWS = 1_000
#: The options, each with what it takes; nothing if it takes none.
OPTIONS: Mapping[str, str] = {"--into": "NAME", "--limit": "N", "--all": "", "--data": "VAR", "--explain": ""}

_OPTION = re.compile(r"\s*(?P<option>--[A-Za-z][\w-]*)(?:=(?P<value>\S*))?(?=\s|\Z)")
_DASHES = re.compile(r"(?:\A|(?<=\s))(?=--)")
_VALUE = re.compile(r"\s+(?!--)(?P<value>\S+)")


@dataclass(frozen=True)
class Asked:
    """What a line or a cell asks.

    Attributes
    ----------
    query : str
        The statement.
    into : str or None
        The variable that gets the result.
    limit : int or None
        The most rows to collect; None for all.
    data : str or None
        The variable of the data set, if it was said.
    explain : bool
        Whether the plan is wanted, and no rows.
    """

    query: str
    into: str | None
    limit: int | None
    data: str | None
    explain: bool


def of_sql(line: str, cell: str | None) -> Asked:
    """Return what ``%sql`` asks in its line, or ``%%sql`` in its cell.

    Raises
    ------
    DefinitionError
        If an option makes no sense; the message names it.

    Examples
    --------
    >>> of_sql("--into top --limit 10 SELECT 1", None)
    Asked(query='SELECT 1', into='top', limit=10, data=None, explain=False)
    """
    given, rest = split("%sql" if cell is None else "%%sql", line)
    if cell is not None and rest:
        raise DefinitionError(f"%%sql {rest}: the statement begins in the line below; this one has options alone")
    if cell is None and not rest:
        raise DefinitionError("%sql: write a statement behind it, or a cell that begins with %%sql")
    _refuse_contradictions(given)
    into = given.get("--into")
    if into is not None and (not into.isidentifier() or keyword.iskeyword(into)):
        raise DefinitionError(f"--into {into}: must be a name that a variable can have")
    return Asked(rest if cell is None else cell, into, _limit(given), given.get("--data"), "--explain" in given)


def data_alone(magic: str, line: str) -> tuple[str | None, str]:
    """Return the variable of ``--data``, wherever it stands in a line, and what else that says.

    Examples
    --------
    >>> data_alone("%describe", "ads --data city")
    ('city', 'ads')
    """
    before, *after = _DASHES.split(line, 1)
    given, rest = split(magic, "".join(after), ("--data",))
    return given.get("--data"), f"{before} {rest}".strip()


def split(magic: str, line: str, known: tuple[str, ...] = tuple(OPTIONS)) -> tuple[dict[str, str], str]:
    """Return the options at the beginning of a line with their values, and the rest.

    Raises
    ------
    DefinitionError
        If there is no such option, or it lacks its value.
    """
    given: dict[str, str] = {}
    while found := _OPTION.match(line):
        option = found["option"]
        if option not in known:
            raise DefinitionError(f"{option}: {magic} has no such option{options.choices(option, known)}")
        value, end = _value(option, found, line)
        given[option], line = value, line[end:]
    return given, line.strip()


def begin(line: str) -> int:
    """Return where in a line its options end, whether or not they make sense.

    Examples
    --------
    >>> begin(" --limit 3 SELECT 1"), begin("SELECT 1")
    (11, 0)
    """
    end = 0
    while found := _OPTION.match(line, end):
        end = found.end()
        if OPTIONS.get(found["option"]) and found["value"] is None and (value := _VALUE.match(line, end)):
            end = value.end()
    return end + len(line[end:]) - len(line[end:].lstrip())


def _value(option: str, found: re.Match[str], line: str) -> tuple[str, int]:
    """Return the value of an option, and where it ends."""
    takes = OPTIONS[option]
    if not takes:
        if found["value"] is not None:
            raise DefinitionError(f"{option}={found['value']}: takes no value")
        return "", found.end()
    value = found if found["value"] else _VALUE.match(line, found.end())
    if value is None:
        raise DefinitionError(f"{option}: needs a value, {option} {takes}")
    return value["value"], value.end()


def _refuse_contradictions(given: Mapping[str, str]) -> None:
    for one, others in (("--explain", ("--into", "--limit", "--all")), ("--all", ("--limit",))):
        second = next((other for other in others if one in given and other in given), None)
        if second is not None:
            raise DefinitionError(f"{one} and {second} contradict each other")


def _limit(given: Mapping[str, str]) -> int | None:
    written = given.get("--limit")
    if written is not None:
        return options.whole("--limit", int(written) if written.isdecimal() else written, at_least=0)
    return None if given.keys() & {"--into", "--all", "--explain"} else SHOWN_ROWS
