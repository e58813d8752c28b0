"""Java: where it is, and whether it is new enough for what runs on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from footfall.errors import DefinitionError

VERSION = 17


def find(who: str) -> str:
    """Return the path of Java: that of ``JAVA_HOME``, else the one on the ``PATH``.

    Raises
    ------
    DefinitionError
        If there is none; the message begins with `who`, that which needs it.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java") if home else "java")
    if java is None:
        where = f"JAVA_HOME={home} has none" if home else "none is on the PATH"
        raise DefinitionError(f"{who}: needs Java {VERSION} or later, and {where}")
    return java


def check(who: str) -> None:
    """Raise DefinitionError if Java is not there or too old."""
    told = run(find(who), "-version")
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    if found is None or int(found[1]) < VERSION:
        first = (told.splitlines() or ["nothing"])[0]
        raise DefinitionError(f"{who}: needs Java {VERSION} or later; {find(who)} says: {first}")


def run(java: str, *arguments: str) -> str:
    """Return what a short run of Java says."""
    done = subprocess.run([java, *arguments], capture_output=True, text=True, timeout=60)
    return done.stderr + done.stdout
