"""Where the files of a table are: a path, a pattern with wildcards, or several of them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Union

from footfall.errors import DataError, DefinitionError

#: A file or folder, and the folder or file below which folders named ``key=value`` are columns.
Part = tuple[str, str]
#: What the native session takes for a table in files.
Found = Union[str, list[Part]]


def are_paths(given: Any) -> bool:
    """Return whether `given` tells paths, and is no table in memory."""
    return isinstance(given, (str, os.PathLike, list, tuple))


def find(name: str, given: Any, within: str | None = None) -> Found:
    """Return where the files of table `name` are.

    Parameters
    ----------
    name : str
        Of the table.
    given : path, or list of paths
        A path is a file or folder; or, if there is none and it has ``*``, ``?`` or ``[``, a pattern (``**``: folders
        however deep).
    within : str, optional
        A folder that paths are relative to and may not leave.

    Returns
    -------
    str or list of (str, str)
        One path as it is; else each path, and where its table begins: before the first wildcard of a pattern. They are
        sorted, and none is there twice.

    Raises
    ------
    DataError
        If a pattern matches nothing, or the list has something else than paths.
    DefinitionError
        If the list is empty, a path leaves `within`, or a pattern has several ``**``, which takes for ever.
    """
    if isinstance(given, (list, tuple)):
        if not given:
            raise DefinitionError(f"tables: {name} = []: names no file")
        return _once([part for each in given for part in _parts(name, _told(name, each, within), within)])
    told = _told(name, given, within)
    return _once(_matches(name, told, within)) if _is_pattern(told, within) else _placed(told, within)


def absolute(found: Found) -> Found:
    """Return paths that another process understands, in whatever folder it is."""
    if isinstance(found, str):
        return absolute_path(found)
    return [(absolute_path(path), absolute_path(root)) for path, root in found]


def lies_within(path: str, folder: str) -> bool:
    """Return whether `path`, or what it links to, is in `folder`."""
    inside, outside = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([inside, outside]) == outside


def absolute_path(path: str) -> str:
    """Return one path as `absolute` does.

    Examples
    --------
    >>> absolute_path("s3://bucket/pings")
    's3://bucket/pings'
    """
    return path if "://" in path else os.path.abspath(path)


def _told(name: str, given: Any, within: str | None) -> str:
    """Return one path or pattern; one that may not leave `within` does not."""
    if not isinstance(given, (str, os.PathLike)):
        reason = f"needs an Arrow table, a path or a list of paths, but its list has a {type(given).__qualname__}"
        raise DataError(f"table {name} {reason}", table=name, reason=reason)
    told = str(os.fspath(given))
    if within is None:
        return os.path.expanduser(told)
    if ".." in Path(told).parts:
        raise _leaves(name, told, within)
    _refuse_outside(name, told, _placed(told, within), within)
    return told


def _placed(told: str, within: str | None) -> str:
    return told if within is None else os.path.join(within, told)


def _refuse_outside(name: str, told: str, path: str, within: str) -> None:
    if "://" not in within and not lies_within(path, within):
        raise _leaves(name, told, within)


def _leaves(name: str, told: str, within: str) -> DefinitionError:
    return DefinitionError(f"tables: {name} = {told!r}: must not leave the folder {within}")


def _parts(name: str, told: str, within: str | None) -> list[Part]:
    path = _placed(told, within)
    return _matches(name, told, within) if _is_pattern(told, within) else [(path, path)]


def _is_pattern(told: str, within: str | None) -> bool:
    placed = _placed(told, within)
    return glob.has_magic(told) and "://" not in placed and not os.path.lexists(placed)


def _matches(name: str, told: str, within: str | None) -> list[Part]:
    """Return what a pattern matches, save what is no data by its name, as in folders."""
    if Path(told).parts.count("**") > 1:
        raise DefinitionError(f"tables: {name} = {told!r}: a pattern has one ** at most")
    root = _placed(_before_wildcards(told), within)
    paths = glob.glob(os.path.join(glob.escape(within or ""), told), recursive=True)
    wants_hidden = any(part.startswith("_") for part in _below(_placed(told, within), root))
    found = [path for path in paths if wants_hidden or not _is_hidden(path, root)]
    if not found:
        reason = "matches no file"
        raise DataError(f"table {name}: {_placed(told, within)} {reason}", table=name, value=told, reason=reason)
    for path in found if within is not None else ():
        _refuse_outside(name, told, path, str(within))
    return [(path, root) for path in found]


def _before_wildcards(pattern: str) -> str:
    """Return the folder before the first part with a wildcard.

    Examples
    --------
    >>> _before_wildcards("exports/day=*/pings.csv"), _before_wildcards("*.csv")
    ('exports', '.')
    """
    folder = pattern
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or "."


def _below(path: str, root: str) -> Sequence[str]:
    return Path(os.path.relpath(path, root)).parts


def _is_hidden(path: str, root: str) -> bool:
    return any(part.startswith(("_", ".")) and part not in (".", "..") for part in _below(path, root))


def _once(parts: Iterable[Part]) -> Found:
    """Return the parts sorted; none that is there before, or lies in a folder that is there."""
    real = sorted((_real(path), absolute_path(path), absolute_path(root)) for path, root in parts)
    kept: dict[str, Part] = {}
    for place, path, root in real:
        if place not in kept and not any(str(folder) in kept for folder in Path(place).parents):
            kept[place] = (path, root)
    return sorted(kept.values())


def _real(path: str) -> str:
    return path if "://" in path else os.path.realpath(path)


def cache() -> Path:
    """Return the user's folder for what can be made again; it may not be there."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(folder) if folder else Path("~/.cache").expanduser()) / "footfall"
