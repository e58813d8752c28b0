"""Dask: a scheduler and workers without nannies, so that each worker is the one process that its name says.

All of them, and the client, have the same key, and speak to nobody who has not.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

from footfall.engines.cluster import credentials as stored
from footfall.engines.cluster.processes import HOST, Size, search_path
from footfall.errors import DefinitionError

CLOSED = "give it TLS and reach it by dask+tls://"


def check(size: Size) -> None:
    """Any size will do."""


class Plan:
    """The processes of a cluster: they find the scheduler by a file that it writes once it listens."""

    def __init__(self, size: Size, folder: Path, credentials: Path, pages: bool) -> None:
        self._size = size
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._credentials = credentials
        self._pages = pages
        stored.write_key(credentials)

    @property
    def environment(self) -> dict[str, str]:
        """What all processes are told."""
        key, certificate = self._credentials / stored.KEY, self._credentials / stored.CERTIFICATE
        tls = {"CA_FILE": certificate}
        for role in ("CLIENT", "SCHEDULER", "WORKER"):
            tls |= {f"{role}__KEY": key, f"{role}__CERT": certificate}
        told = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in tls.items()}
        told |= {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True", "PYTHONPATH": search_path()}
        if not self._pages:
            # Dask has no switch for the server of pages: without routes, it has none.
            told |= {f"DASK_DISTRIBUTED__{role}__HTTP__ROUTES": "[]" for role in ("SCHEDULER", "WORKER")}
        return told

    def commands(self) -> dict[str, list[str]]:
        """Return all commands: workers wait for the scheduler's file."""
        workers = {f"worker {number}": self._worker(number) for number in range(self._size.workers)}
        return {"scheduler": self._scheduler(), **workers}

    def commands_at(self, address: str) -> dict[str, list[str]]:
        """Return no more commands."""
        return {}

    def address(self) -> str | None:
        """Return where the scheduler listens; None if it does not yet."""
        try:
            told = json.loads(self._file.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return str(told["address"]).replace("tls://", "dask+tls://")

    def workers_there(self, address: str) -> int:
        """Return how many workers the scheduler knows."""
        return len(self._identity(address)["workers"])

    def pages(self, address: str) -> dict[str, str]:
        """Return the web pages, by process."""
        if not self._pages:
            return {}
        scheduler = self._identity(address)
        named = {"scheduler": scheduler, **{worker["name"]: worker for worker in scheduler["workers"].values()}}
        return {name: f"http://{HOST}:{named[name]['services']['dashboard']}/status" for name in self.commands()}

    def _identity(self, address: str) -> Any:
        """Return what the scheduler says of itself and its workers."""
        from distributed import rpc

        arguments = _security(self._credentials).get_connection_args("client")

        async def ask() -> Any:
            async with rpc(_tls(address), connection_args=arguments) as scheduler:
                return await scheduler.identity()

        # A notebook's own thread has a loop that runs already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(ask())).result()

    def _scheduler(self) -> list[str]:
        where = ["--protocol", "tls", "--host", HOST, "--port", "0", "--scheduler-file", str(self._file)]
        return [sys.executable, "-m", "distributed.cli.dask_scheduler", *where, *self._page(), "--no-jupyter"]

    def _worker(self, number: int) -> list[str]:
        size = ["--nthreads", str(self._size.threads), "--memory-limit", str(self._size.memory_bytes)]
        where = ["--protocol", "tls", "--host", HOST, "--scheduler-file", str(self._file)]
        own = ["--name", f"worker {number}", "--local-directory", str(self._folder / f"{number}"), "--no-nanny"]
        return [sys.executable, "-m", "distributed.cli.dask_worker", *size, *where, *self._page(), *own]

    def _page(self) -> list[str]:
        return ["--dashboard-address", f"{HOST}:0", "--dashboard" if self._pages else "--no-dashboard"]


def connect(
    address: str,
    size: Size | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
    *,
    credentials: Path | None = None,
    pages: bool = False,
) -> Any:
    """Return a client of the scheduler at `address`, ``dask://host:port`` or ``dask+tls://host:port``.

    Parameters
    ----------
    address : str
        Of the scheduler.
    size, pages
        Whatever its workers are, and what they show.
    settings : mapping
        Of ``distributed.Client``.
    credentials : path, optional
        The folder with key and certificate; by default what the environment or Dask's configuration names.

    Raises
    ------
    DefinitionError
        If there are no credentials for TLS.
    """
    from distributed import Client

    scheme, _, where = address.partition("://")
    if scheme == "dask":
        return Client(f"tcp://{where}", **settings)
    return Client(_tls(address), **{"security": _security(credentials), **settings})


def is_open(address: str) -> bool:
    """Return whether anybody who reaches the address can use the cluster, as far as we know."""
    return address.startswith("dask://")


def _security(credentials: Path | None) -> Any:
    from distributed.security import Security

    folder = credentials or stored.folder_with(stored.KEY)
    if folder is not None:
        key, certificate = str(folder / stored.KEY), str(folder / stored.CERTIFICATE)
        return Security(
            require_encryption=True, tls_ca_file=certificate, tls_client_key=key, tls_client_cert=certificate
        )
    configured = Security(require_encryption=True)
    if configured.tls_ca_file is None or configured.tls_client_cert is None:
        raise DefinitionError(
            f"engine = 'dask+tls://...': no key; let {stored.VARIABLE} name the folder that `footfall cluster local`"
            " prints, or Dask's configuration (distributed.comm.tls) the files of your own cluster"
        )
    return configured


def _tls(address: str) -> str:
    return f"tls://{address.partition('://')[2]}"
