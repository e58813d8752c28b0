"""Footfall in Jupyter: what a notebook has, in our kernel and, after ``%load_ext footfall``, in any IPython kernel."""

from __future__ import annotations

from typing import Any, Callable

from footfall.notebook import namespace

#: What a notebook has, part by part; each function takes the shell.
_PARTS: tuple[Callable[[Any], None], ...] = (namespace.register,)


def load(shell: Any) -> None:
    """Give an IPython shell all that a notebook has; to do it again changes nothing.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The shell of a kernel or a terminal.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> shell = SimpleNamespace(user_ns={})
    >>> load(shell)
    >>> shell.user_ns["ff"].__name__
    'footfall'
    """
    for register in _PARTS:
        register(shell)
