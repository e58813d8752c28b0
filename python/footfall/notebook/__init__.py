"""Footfall in Jupyter: what a notebook has, in our kernel and, after ``%load_ext footfall``, in any IPython kernel."""

from __future__ import annotations

from typing import Any, Callable

from footfall.notebook import interrupts, namespace, sql
from footfall.notebook.answers import answer
from footfall.notebook.opening import open_data

__all__ = ["answer", "load", "open_data"]

#: What a notebook has, part by part; each function takes the shell.
_PARTS: tuple[Callable[[Any], None], ...] = (namespace.register, interrupts.register, sql.register)


def load(shell: Any) -> None:
    """Give an IPython shell all that a notebook has; to do it again changes nothing.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The shell of a kernel or a terminal.
    """
    for register in _PARTS:
        register(shell)
