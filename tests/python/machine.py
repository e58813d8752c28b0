"""Processes of this machine and where they listen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest


def family(*ancestors):
    """The processes of this machine that descend from some, these included."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(map(int, line.split()) for line in listed.splitlines())
    found = set(ancestors)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening(processes):
    """Address and port of each socket on which one of these processes listens."""
    listed = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in listed.splitlines()]
    return [line[3].rsplit(":", 1) for line in lines
            if processes & set(map(int, re.findall(r"pid=(\d+)", line[-1])))]  # fmt: skip


def skip_unless_possible(makes, tools, where_from):
    """Skip a test that makes what needs root and `tools`, where one of these is lacking."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip(f"makes {makes}, which needs root")
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}; {where_from}")
