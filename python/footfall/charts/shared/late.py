"""Imports that wait until what they bring is used."""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def import_late(name: str, *functions: str) -> None:
    """Have a module be imported when one of these functions is called, or anything else of it is asked for.

    Nothing is lost by it, and nothing happens if the module is there already, or is not installed.

    Examples
    --------
    >>> import_late("colorsys", "hls_to_rgb")
    >>> from colorsys import hls_to_rgb
    >>> hls_to_rgb(0.0, 0.5, 0.0)
    (0.5, 0.5, 0.5)
    """
    if name in sys.modules or find_spec(name) is None:
        return
    stand_in = ModuleType(name)
    for function in functions:
        setattr(stand_in, function, _called_late(name, function))
    stand_in.__getattr__ = functools.partial(_asked, name)  # type: ignore[method-assign]
    sys.modules[name] = stand_in


def _asked(name: str, attribute: str) -> Any:
    # The import of a function asks whether the module is a package.
    if attribute.startswith("__"):
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
    return getattr(_module(name), attribute)


def _called_late(name: str, function: str) -> Any:
    return lambda *args, **options: getattr(_module(name), function)(*args, **options)


def _module(name: str) -> ModuleType:
    """Return the module itself, imported now if the stand-in is still in its place."""
    if getattr(sys.modules.get(name), "__spec__", None) is None:
        sys.modules.pop(name, None)
    return import_module(name)
