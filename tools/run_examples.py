"""Runs every Python example of README.md and docs/ in a temporary folder, page by page.

A page's blocks run in order and share their names. Pages of docs/ start with the names that docs/index.md makes.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


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
    text = page.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    for block in blocks:
        lines_before = text.count("\n", 0, block.start(1))
        try:
            exec(compile("\n" * lines_before + block[1], str(page), "exec"), names)
        except Exception:
            traceback.print_exc()
            print(f"{page.relative_to(ROOT)}: an example fails")
            return False
    print(f"{page.relative_to(ROOT)}: {len(blocks)} examples run")
    return True


if __name__ == "__main__":
    sys.exit(min(main(), 1))
