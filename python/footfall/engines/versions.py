"""Driver and workers must have the same wheel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footfall import _native
from footfall.errors import DefinitionError

OURS = _native.__version__


def version() -> Any:
    """Return a function that tells the worker's version; it travels whole, since a worker may have no Footfall."""

    def version() -> str:
        try:
            from footfall import _native

            return str(_native.__version__)
        except ImportError as error:
            return f"none ({error})"

    return version


def refuse_others(found: Mapping[str, str]) -> None:
    """Raise `DefinitionError` if a worker has another version than the driver; `found` has them by worker."""
    others = {worker: version for worker, version in sorted(found.items()) if version != OURS}
    if others:
        named = "; ".join(f"{worker} has {version}" for worker, version in others.items())
        raise DefinitionError(f"engine: every worker needs footfall {OURS}, but {named}")
