"""Errors of a cell: what is wrong, and where in the statement, without Python's traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from footfall.errors import FootfallError, InternalError


@contextmanager
def without_traceback() -> Iterator[None]:
    """Let errors that are the user's to mend, and interrupts, show as their message alone; the cell fails all the same.

    References
    ----------
    https://ipython.readthedocs.io/en/stable/config/integrating.html#custom-exception-tracebacks
    """
    try:
        yield
    except InternalError:
        raise
    except (FootfallError, KeyboardInterrupt) as error:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        vars(error).setdefault("_render_traceback_", said.splitlines)
        raise
