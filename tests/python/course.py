"""The notebooks of the six jobs, and the command `footfall notebooks`."""

from __future__ import annotations

import os
import re
import subprocess

import lab
from test_cli import FOOTFALL

from footfall import _native
from footfall.notebook import shipped

NAMES = [name for name in shipped.names() if re.match(r"0[1-6]_", name)]
#: The course's choice.
PREFERRED = {1: "dask", 2: "spark", 3: "dask", 4: "spark", 5: "dask", 6: "spark"}


def number(name):
    return int(name[:2])


def jobs_of(name):
    return [job for job in _native.jobs() if job["number"] == number(name)]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def command(*arguments, code=0, **environment):
    """What the command writes to standard output, and to standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    done = subprocess.run(
        [*FOOTFALL, "notebooks", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**kept, "PYTHONPATH": lab.import_path(), **environment},
    )
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr
