"""Processes of this machine and where they listen."""

from __future__ import annotations

import re
import subprocess


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
