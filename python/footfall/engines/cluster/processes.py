"""Processes that live no longer than the one that started them, their folder and their logs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HOST = "127.0.0.1"
LAST_LINES = 15
_GRACE_SECONDS = 5.0

# Reads process groups until the starter, who alone holds the other end of the pipe, is no more (kill -9 included).
_GUARD = """
trap '' INT HUP TERM
while read -r group; do groups="$groups -$group"; done
kill -s TERM -- $groups; sleep 2; kill -s KILL -- $groups
# What is being killed may still write.
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"""


@dataclass(frozen=True)
class Size:
    """How many workers, and how big each is."""

    workers: int
    threads: int
    memory_bytes: int

    @property
    def memory_mib(self) -> int:
        """The memory of a worker in MiB, rounded down."""
        return self.memory_bytes // 2**20


class Plan(Protocol):
    """What to start, where it answers, and how to ask whether it is ready."""

    @property
    def environment(self) -> dict[str, str]:
        """What all processes are told."""
        ...

    def commands(self) -> dict[str, list[str]]:
        """Return what can be started at once, by name."""
        ...

    def commands_at(self, address: str) -> dict[str, list[str]]:
        """Return what must know the address."""
        ...

    def address(self) -> str | None:
        """Return where the cluster listens, as `footfall.open` takes it; None if it does not yet."""
        ...

    def workers_there(self, address: str) -> int:
        """Return how many workers the one at the address knows."""
        ...

    def pages(self, address: str) -> dict[str, str]:
        """Return the web page of each process, none if there are to be none."""
        ...


class Processes:
    """Named processes, each the leader of a group of its own, so that a terminal's Ctrl-C passes them by."""

    def __init__(self, title: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"footfall-{title}-"))
        self._owner = os.getpid()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(self, commands: Mapping[str, list[str]], environment: Mapping[str, str]) -> None:
        """Start these, by name."""
        for name, command in commands.items():
            with log_of(self.folder, name).open("wb") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **environment},
                    cwd=self.folder,
                    start_new_session=True,
                )
            self._running[name] = process
            self._tell_guard(process.pid)

    def ids(self) -> dict[str, int]:
        """Return the process id of each."""
        return {name: process.pid for name, process in self._running.items()}

    def ended(self) -> dict[str, str]:
        """Tell how those ended that run no more."""
        return {name: self._how(name) for name, process in self._running.items() if process.poll() is not None}

    def logs(self) -> str:
        """Return the last lines of all logs."""
        return "\n".join(f"{name}:\n{self._tail(name)}" for name in self._running)

    def stop(self) -> None:
        """End all, remove the folder."""
        # A fork of the starter has no say.
        if os.getpid() != self._owner:
            return
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        for process in self._running.values():
            process.wait()
        self._guard.kill()
        self._guard.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        # The group outlives its leader: executors of a Spark worker that was killed.
        for process in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def _tell_guard(self, group: int) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(b"%d\n" % group)
        self._guard.stdin.flush()

    def _tail(self, name: str) -> str:
        lines = log_of(self.folder, name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-LAST_LINES:])

    def _how(self, name: str) -> str:
        process = self._running[name]
        code = process.returncode
        how = f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        return f"{name} (process {process.pid}) ended {how}; the end of its log:\n{self._tail(name)}"


def log_of(folder: Path, name: str) -> Path:
    """Return the log of a process."""
    return folder / f"{name.replace(' ', '-')}.log"


def search_path() -> str:
    """Return where this Python finds its modules, so that workers find the same ones."""
    return os.pathsep.join(dict.fromkeys(os.path.abspath(entry) for entry in sys.path))
