"""Runs every Python and shell example of README.md and docs/ in a temporary folder, page by page.

A page's blocks run in order and share their names. Pages of docs/ start with the names that docs/index.md makes.
A block that begins with ```sh is run by bash, with the `footfall` of this Python, and fails with its first command that
does. A block that "needs" a program or a package is skipped, with a word, where that is not there.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(python|sh)(?: needs (\w+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def main() -> int:
    """Run all pages and return the number of those that fail."""
    index = ROOT / "docs" / "index.md"
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    with tempfile.TemporaryDirectory(prefix="footfall-examples-") as folder:
        os.chdir(folder)
        start: dict[str, object] = {}
        if not runs(index, start):
            return 1
        failed = sum(not runs(page, dict(start)) for page in pages if page != index)
        os.chdir(ROOT)
    return failed


def runs(page: Path, names: dict[str, object]) -> bool:
    """Whether every example of `page` runs in `names`; what fails is printed with its line in the page."""
    text, name = page.read_text(encoding="utf-8"), page.relative_to(ROOT)
    blocks = list(BLOCK.finditer(text))
    for language, needed, code, line in ((*block.groups(), text.count("\n", 0, block.start(3))) for block in blocks):
        if needed and not is_there(needed):
            print(f"{name}: line {line}: skipped, for {needed} is not there")
            continue
        try:
            shell(code) if language == "sh" else exec(compile("\n" * line + code, str(page), "exec"), names)
        except Exception:
            traceback.print_exc()
            print(f"{name}: line {line}: an example fails")
            return False
    print(f"{name}: {len(blocks)} examples run")
    return True


def is_there(needed: str) -> bool:
    """Whether there is such a program or Python package."""
    return shutil.which(needed) is not None or importlib.util.find_spec(needed) is not None


def shell(code: str) -> None:
    """Run commands until one fails, and print what they say."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "-euo", "pipefail", "-c", code]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    print(done.stdout + done.stderr)
    done.check_returncode()


if __name__ == "__main__":
    sys.exit(min(main(), 1))
