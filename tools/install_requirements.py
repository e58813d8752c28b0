"""Installs what pyproject.toml asks for, to run, build and test, into the Python that runs this.

With arguments, the extras of these names instead: `install_requirements.py bench`.

Before the extension is compiled, so that lint and types need not wait for it; the lists stay in pyproject.toml.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    from pip._vendor import tomli as tomllib


def main() -> int:
    """Call pip and return its exit code."""
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = sys.argv[1:] or ["dev"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in _extra(project, extra))]
    return subprocess.call([sys.executable, "-m", "pip", "install", *dict.fromkeys(wanted)])


def _extra(project: dict[str, Any], extra: str) -> Iterator[str]:
    """Yield what an extra asks for; an extra may name others of this project."""
    for requirement in project["optional-dependencies"][extra]:
        others = re.fullmatch(rf"{project['name']}\[(.+)\]", requirement)
        if others:
            for other in others[1].split(","):
                yield from _extra(project, other.strip())
        else:
            yield requirement


if __name__ == "__main__":
    sys.exit(main())
