"""What computes on a cluster, asked of Dask's scheduler, of Jupyter, of YARN and of the primary itself."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin
from urllib.request import Request, build_opener

#: How long anything asked may take to answer.
TIMEOUT_S = 10
#: Who asks must not go by a proxy of the environment: all that is asked is in the cluster.
_open = build_opener().open


@dataclass(frozen=True)
class Kernel:
    """A kernel of a Jupyter server.

    Attributes
    ----------
    url : str
        Of the kernel, by the server's interface.
    busy : bool
        Whether it computes.
    last_activity : str
        When something last happened to it, by the server's clock; compared with itself alone.
    """

    url: str
    busy: bool
    last_activity: str


class Scheduler:
    """Dask's scheduler, by TLS with the key that Dask's configuration names."""

    def __init__(self, address: str) -> None:
        self.address = address

    def computing(self) -> bool:
        """Return whether a worker has a task.

        Raises
        ------
        OSError
            If nobody answers.
        """
        try:
            return any(asyncio.run(asyncio.wait_for(self._processing(), TIMEOUT_S)).values())
        except asyncio.TimeoutError:  # Before Python 3.11, it is no OSError.
            raise TimeoutError(f"{self.address} did not answer within {TIMEOUT_S} s") from None

    def answers(self) -> bool:
        """Return whether it is there."""
        self.computing()
        return True

    async def _processing(self) -> Any:
        from distributed import rpc
        from distributed.security import Security

        arguments = Security(require_encryption=True).get_connection_args("client")
        async with rpc(f"tls://{self.address}", timeout=TIMEOUT_S, connection_args=arguments) as scheduler:
            return await scheduler.processing()


class Jupyter:
    """A Jupyter server, by a token in a file.

    Parameters
    ----------
    url : str
        Of the server, such as ``http://127.0.0.1:8888/``.
    token : str
        Of it, or of a service of its hub.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token

    def kernels(self) -> list[Kernel]:
        """Return its kernels."""
        told = self.ask("GET", "api/kernels")
        return [self._kernel(each) for each in told]

    def end(self, kernel: Kernel) -> None:
        """End a kernel."""
        self.ask("DELETE", kernel.url)

    def ask(self, method: str, path: str) -> Any:
        """Return what the server answers; None if it says nothing."""
        url = urljoin(self.url, path)
        asked = Request(url, method=method, headers={"Authorization": f"token {self._token}"})
        with _open(asked, timeout=TIMEOUT_S) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def _kernel(self, told: Any) -> Kernel:
        url = urljoin(self.url, f"api/kernels/{quote(told['id'])}")
        return Kernel(url, told["execution_state"] == "busy", told["last_activity"])


class Hub(Jupyter):
    """A JupyterHub: the kernels are those of all its servers."""

    def kernels(self) -> list[Kernel]:
        """Return the kernels of all servers that run."""
        return [kernel for server in self._servers() for kernel in server.kernels()]

    def _servers(self) -> Iterator[Jupyter]:
        for user in self.ask("GET", "hub/api/users?state=active"):
            for server in user["servers"].values():
                if server["ready"]:
                    yield Jupyter(urljoin(self.url, server["url"]), self._token)


class Yarn:
    """YARN's resource manager, such as ``http://primary:8088/``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def computing(self) -> bool:
        """Return whether an application has more than its master, which alone is a session that waits."""
        with _open(urljoin(self.url, "ws/v1/cluster/apps?states=RUNNING"), timeout=TIMEOUT_S) as answer:
            found = json.load(answer)["apps"]
        return any(app["runningContainers"] > 1 for app in (found or {}).get("app", []))


def commands_of_ours(processes: Path = Path("/proc")) -> list[str]:
    """Return the `footfall` commands that run on this machine, such as ``footfall report``."""
    found = []
    for folder in processes.glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            found += [" ".join(["footfall", *line[at + 1 : at + 2]]) for at in (0, 1) if _is_ours(line, at)]
    return found


def _is_ours(line: list[str], at: int) -> bool:
    return len(line) > at and os.path.basename(line[at]) == "footfall"
