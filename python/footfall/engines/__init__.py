"""Where the work is done. An engine is a module here with `open_session`, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from footfall.engines.protocol import Session
from footfall.errors import DefinitionError

ENGINES = {"local": "footfall.engines.local"}


def open_session(engine: str, root: str | None, tables: dict[str, Any], **settings: Any) -> Session:
    """Open a session on the engine called `engine`.

    Raises
    ------
    DefinitionError
        If there is no such engine.
    """
    if engine not in ENGINES:
        raise DefinitionError(f"engine = {engine!r}: expected one of {', '.join(ENGINES)}")
    session: Session = import_module(ENGINES[engine]).open_session(root, tables, **settings)
    return session
