"""Packages that the base does without: the extra that brings them, and what somebody is told who lacks one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec

from footfall.errors import DefinitionError

#: What draws a chart or a map's picture.
CHARTS = ("altair", "vl_convert")
_PROJECT = "footfall"
_OF_EXTRA = re.compile(r"extra\s*==\s*[\"']([\w-]+)[\"']")
_OF_PYTHON = re.compile(r"python(?:_full)?_version\s*(<|>=)\s*[\"'](\d+)\.(\d+)")
_OTHERS = re.compile(rf"{_PROJECT}\s*\[(.+)\]")


def need(extra: str, *packages: str, by: str) -> None:
    """Raise DefinitionError unless `packages` can be imported; it names those of `extra` that `by` lacks.

    Examples
    --------
    >>> need("charts", "json", by="a chart")
    >>> try:
    ...     need("charts", "no_such_package", by="a chart")
    ... except DefinitionError as error:
    ...     print(str(error).partition("; ")[0])
    a chart: no_such_package is not installed here
    """
    absent = [package for package in packages if not is_there(package)]
    if absent:
        verb = "is" if len(absent) == 1 else "are"
        raise DefinitionError(f"{by}: {' and '.join(absent)} {verb} not installed here; {how_to_install(extra)}")


def is_there(package: str) -> bool:
    """Return whether a package can be imported; it is not imported for that."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def how_to_install(extra: str) -> str:
    """Return the command that installs what an extra asks for, whatever index or file Footfall itself came from."""
    try:
        wanted = requirements(extra, metadata.requires(_PROJECT) or ())
    except metadata.PackageNotFoundError:
        wanted = []
    named = "".join(f" '{requirement}'" for requirement in wanted)
    return f"pip install{named} (Footfall's extra `{extra}`)" if wanted else f"install Footfall's extra `{extra}`"


def requirements(extra: str, lines: Iterable[str]) -> list[str]:
    """Return what `extra` asks for on this Python, by the lines ``Requires-Dist`` of a wheel's metadata.

    Examples
    --------
    >>> lines = ["numpy>=1", "footfall[charts] ; extra == 'report'", "jinja2>=3 ; extra == 'report'",
    ...          "altair>=5 ; extra == 'charts'", "tomli ; python_version < '3.9' and extra == 'charts'"]
    >>> requirements("report", lines)
    ['altair>=5', 'jinja2>=3']
    """
    return list(dict.fromkeys(_wanted(extra, list(lines))))


def _wanted(extra: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        if extra not in _OF_EXTRA.findall(marker) or not _is_for_this_python(marker):
            continue
        others = _OTHERS.fullmatch(requirement)
        if others is None:
            yield requirement
        for other in others[1].split(",") if others else ():
            yield from _wanted(other.strip(), lines)


def _is_for_this_python(marker: str) -> bool:
    return all(
        (sys.version_info < (int(major), int(minor))) == (sign == "<")
        for sign, major, minor in _OF_PYTHON.findall(marker)
    )
