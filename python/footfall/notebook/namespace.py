"""The names that a notebook starts with: `ff`, and `data` where ``FOOTFALL_DATA`` names a data set."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Callable

from footfall.dataset import Dataset
from footfall.errors import FootfallError
from footfall.opening import open
from footfall.output.text import printable

DATA, TZ, ENGINE = "FOOTFALL_DATA", "FOOTFALL_TZ", "FOOTFALL_ENGINE"

_OPENED_AT_FIRST_USE = frozenset(field.name for field in fields(Dataset))


def register(shell: Any) -> None:
    """Put the names into a shell; a name that the user has stays the user's."""
    for name, value in names(os.environ).items():
        shell.user_ns.setdefault(name, value)


def names(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the names and what they stand for; nothing is opened.

    Examples
    --------
    >>> list(names({})), list(names({"FOOTFALL_DATA": "/srv/city"}))
    (['ff'], ['ff', 'data'])
    >>> names({"FOOTFALL_DATA": "/srv/city"})["data"]
    Footfall data set: /srv/city (opens at first use)
    """
    # The package is imported before any of its modules.
    found = {"ff": sys.modules["footfall"]}
    root = environment.get(DATA)
    if not root:
        return found
    given = {"tz": environment.get(TZ), "engine": environment.get(ENGINE)}
    return {**found, "data": Unopened(root, **{option: value for option, value in given.items() if value})}


class Unopened(Dataset):
    """A data set that is opened, and a plain `Dataset` from then on, when something that it holds is asked for.

    Completion, inspection and a front end's list of variables look at names and at the text of it: that opens nothing.

    Parameters
    ----------
    root : str
        The folder.
    **options
        Of `footfall.open`.
    """

    def __init__(self, root: str, **options: Any) -> None:
        self._root = root
        self._options = options
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        if name not in _OPENED_AT_FIRST_USE:
            raise AttributeError(f"{Dataset.__name__!r} object has no attribute {name!r}")
        self._open()
        return getattr(self, name)

    def __repr__(self) -> str:
        return printable(f"Footfall data set: {self._root} (opens at first use)")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Open it, since a cell shows it; nothing is said here, so that it is shown as what it is then."""
        self._open()
        return {}

    def _repr_html_(self) -> None:  # type: ignore[override]
        """Say nothing: it could not be opened, and that was told."""

    def _open(self) -> None:
        with self._lock:
            if type(self) is Unopened:
                opened = or_message(lambda: open(self._root, **self._options), self._said())
                vars(self).update(vars(opened))
                object.__setattr__(self, "__class__", Dataset)

    def _said(self) -> str:
        return said({DATA: self._root, TZ: self._options.get("tz"), ENGINE: self._options.get("engine")})


def said(told: Mapping[str, str | None]) -> str:
    """Return variables and their values as a shell writes them, of those that have any."""
    return " ".join(f"{name}={told[name]}" for name in (DATA, TZ, ENGINE) if told.get(name))


def or_message(work: Callable[[], Dataset], by: str) -> Dataset:
    """Return what `work` does; an error of the user's is shown as a message, without the lines of Python above it.

    Parameters
    ----------
    work : callable
        Opens a data set.
    by : str
        The variables that it is opened by.
    """
    try:
        return work()
    except (FootfallError, OSError) as error:
        told = [f"{type(error).__name__}: {error}",
                f"`data` is opened from {by}; to open another: data = ff.open(...)"]  # fmt: skip
        error._render_traceback_ = lambda: [printable(line, keep="\n\t") for line in told]  # type: ignore[union-attr]
        raise
