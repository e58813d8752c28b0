"""Dask: a scheduler and workers without nannies, so that each worker is the one process that its name says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from footfall.engines.cluster.processes import HOST, Plan, Size, free_ports, search_path


def check(size: Size) -> None:
    """Any size will do."""


def plan(size: Size, folder: Path) -> Plan:
    """Return the commands of a scheduler and its workers."""
    port, page, *workers = free_ports(2 + size.workers)
    address = f"tcp://{HOST}:{port}"
    commands = {"scheduler": _scheduler(port, page)}
    commands |= {f"worker {n}": _worker(n, address, at, size, folder) for n, at in enumerate(workers)}
    pages = {"scheduler": f"http://{HOST}:{page}/status"}
    pages |= {f"worker {n}": f"http://{HOST}:{at}/status" for n, at in enumerate(workers)}
    status_page = f"http://{HOST}:{page}/json/counts.json"
    return Plan(address, pages, commands, _environment(), status_page, lambda status: int(status["workers"]))


def connect(address: str, size: Size | None = None, settings: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Return a client of the scheduler at `address`, ``host:port``; whatever `size` its workers are."""
    from distributed import Client

    where = address.partition("://")[2] or address
    return Client(f"tcp://{where}", **settings)


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": search_path()}


def _scheduler(port: int, page: int) -> list[str]:
    where = ["--host", HOST, "--port", str(port), "--dashboard-address", f"{HOST}:{page}"]
    return [sys.executable, "-m", "distributed.cli.dask_scheduler", *where, "--no-jupyter"]


def _worker(number: int, address: str, page: int, size: Size, folder: Path) -> list[str]:
    what = ["--no-nanny", "--nthreads", str(size.threads), "--memory-limit", str(size.memory_bytes)]
    where = ["--host", HOST, "--dashboard-address", f"{HOST}:{page}", "--local-directory", str(folder / f"{number}")]
    name = ["--name", f"worker {number}"]
    return [sys.executable, "-m", "distributed.cli.dask_worker", address, *what, *where, *name]
