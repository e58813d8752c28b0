"""Installs what pyproject.toml asks for, to run, build and test, into the Python that runs this.

With arguments, the extras of these names instead: `install_requirements.py bench`.

Before the extension is compiled, so that lint and types need not wait for it; the lists stay in pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    from pip._vendor import tomli as tomllib


def main() -> int:
    """Call pip and return its exit code."""
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = sys.argv[1:] or ["test", "dev"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    itself = project["name"] + "["
    wanted = [requirement for each in lists for requirement in each if not requirement.startswith(itself)]
    return subprocess.call([sys.executable, "-m", "pip", "install", *wanted])


if __name__ == "__main__":
    sys.exit(main())
