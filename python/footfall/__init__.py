"""Footfall: did the ad bring somebody through the door, and whom should the next one go to?

Examples
--------
>>> import footfall, pyarrow as pa
>>> ads = pa.table({"ad_id": ["a"], "campaign_id": ["lunch"], "category": ["food"], "establishment_id": ["cafe"]})
>>> data = footfall.open({"ads": ads}, tz="America/Recife")
>>> [job["title"] for job in data.jobs()][0]
'Campaign performance'
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from footfall import maps, synth
from footfall._native import __version__
from footfall.dataset import Dataset
from footfall.definitions import Definitions
from footfall.errors import (
    DataError,
    DataWarning,
    DefinitionError,
    FootfallError,
    InternalError,
    MissingTableError,
    QueryError,
)
from footfall.ingest import ingest
from footfall.inputs.csv import Csv
from footfall.kernels import attribute_visits, distances, haversine_m, visit_join
from footfall.opening import open
from footfall.result import Result

__all__ = [
    "Csv",
    "DataError",
    "DataWarning",
    "Dataset",
    "DefinitionError",
    "Definitions",
    "FootfallError",
    "InternalError",
    "MissingTableError",
    "QueryError",
    "Result",
    "__version__",
    "attribute_visits",
    "distances",
    "haversine_m",
    "ingest",
    "maps",
    "open",
    "synth",
    "visit_join",
]


def load_ipython_extension(shell: Any) -> None:
    """Give any IPython kernel or terminal what our kernel has: ``%load_ext footfall``."""
    from footfall import notebook

    notebook.load(shell)


def __getattr__(name: str) -> Any:
    """Import `footfall.live`, which takes NumPy along, when it is first asked for."""
    if name != "live":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("footfall.live")
