"""Time zones, all of them of one database: the newest of the system's, PyPI's ``tzdata`` and Footfall's own."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Optional

from footfall import _native
from footfall.errors import DefinitionError

#: What a database is called, its folder, and its version where its files do not say.
_Database = tuple[str, str, Optional[str]]


def zone(tz: Any, option: str = "tz") -> _native.Zone:
    """Return the time zone called `tz`; errors name the `option`.

    Raises
    ------
    DefinitionError
        If there is no such time zone.

    Examples
    --------
    >>> zone("America/Recife").local_text(0)
    '1969-12-31T21:00:00-03:00'
    """
    if not isinstance(tz, str):
        raise DefinitionError(f"{option} = {tz!r}: must be the name of a time zone, such as America/Recife")
    try:
        return _zone(tz, _databases())
    except DefinitionError as error:
        raise DefinitionError(str(error).replace("tz", option, 1)) from None


def _databases() -> tuple[_Database, ...]:
    """Return the databases that Python knows of, in the order in which it looks at them."""
    from zoneinfo import TZPATH

    of_system: list[_Database] = [(folder, folder, None) for folder in TZPATH]
    package = find_spec("tzdata")
    if package is None:
        return tuple(of_system)
    version = getattr(import_module(package.name), "IANA_VERSION", None)
    of_package = [(f"the package {package.name}", f"{root}/zoneinfo", version)
                  for root in package.submodule_search_locations or ()]  # fmt: skip
    return (*of_system, *of_package)


@lru_cache(maxsize=64)
def _zone(tz: str, known: tuple[_Database, ...]) -> _native.Zone:
    return _native.zone(tz, list(known))
