"""A cluster on this machine: a real Dask scheduler or Spark master and its workers, on loopback only.

>>> from footfall.engines import cluster
>>> with cluster.start("dask", workers=2) as local:  # doctest: +SKIP
...     print(local.address)
dask+tls://127.0.0.1:40123

Only who can read its folder of credentials can use it: other users of the machine are refused.
"""

from __future__ import annotations

import time
import weakref
from importlib import import_module
from types import TracebackType
from typing import Any, Callable, TypeVar

from footfall import extras
from footfall.engines.cluster.processes import Plan, Processes, Size
from footfall.errors import DefinitionError
from footfall.inputs import options

PACKAGES = {"dask": "distributed", "spark": "pyspark"}
READY_SECONDS = 90
_USUAL = Size(workers=2, threads=1, memory_bytes=1 << 30)
_POLL_SECONDS = 0.05
_CREDENTIALS = "credentials"

_T = TypeVar("_T")


class Cluster:
    """Processes of a cluster, until `stop`, the end of a ``with``, or the end of this process, however it ends.

    Attributes
    ----------
    engine : str
        ``"dask"`` or ``"spark"``.
    address : str
        ``dask+tls://127.0.0.1:PORT`` of Dask's scheduler, ``spark://127.0.0.1:PORT`` of Spark's master.
    credentials : pathlib.Path
        The folder with the key or the secret; ``FOOTFALL_CLUSTER_CREDENTIALS`` names it to another process.
    pages : dict of str to str
        The web page of each process, if they were asked for.
    size : Size
        What was asked for.
    """

    def __init__(self, engine: str, size: Size, processes: Processes, address: str, pages: dict[str, str]) -> None:
        self.engine = engine
        self.size = size
        self.address = address
        self.credentials = processes.folder / _CREDENTIALS
        self.pages = pages
        self._processes = processes
        self._stop = weakref.finalize(self, processes.stop)

    @property
    def processes(self) -> dict[str, int]:
        """The process id of each process."""
        return self._processes.ids()

    def ended(self) -> dict[str, str]:
        """Name the processes that ended by themselves, and tell how: exit code or signal, and the end of their log."""
        return self._processes.ended()

    def connect(self, **settings: Any) -> Any:
        """Return a live ``distributed.Client`` or ``SparkSession``, which the caller closes.

        Parameters
        ----------
        **settings
            For Dask, what ``Client`` takes; for Spark, ``{"spark.sql.shuffle.partitions": 4}`` and the like.
        """
        kind = import_module(f"{__name__}.{self.engine}")
        return kind.connect(self.address, self.size, settings, credentials=self.credentials, pages=bool(self.pages))

    def stop(self) -> None:
        """End all processes and remove their folder; again does nothing."""
        self._stop()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{self.engine} cluster at {self.address}: {', '.join(self.processes)}>"


def start(
    engine: str,
    *,
    workers: int = _USUAL.workers,
    threads: int = _USUAL.threads,
    memory: int | str = "1GiB",
    pages: bool = False,
) -> Cluster:
    """Start a cluster on this machine and return when all its workers are there.

    Parameters
    ----------
    engine : str
        ``"dask"`` or ``"spark"``.
    workers : int
        Worker processes.
    threads : int
        Of each worker.
    memory : int or str
        Of each worker, in bytes or as text such as ``"2GiB"``: the limit of a Dask worker's process; what a Spark
        worker has for the Java heaps of its executors.
    pages : bool
        Show web pages, which every user of this machine can read.

    Returns
    -------
    Cluster

    Raises
    ------
    DefinitionError
        If the engine is unknown or not installed, or if Java is missing or too old for Spark.
    ChildProcessError
        If a process ends at once; with the last lines of its log.
    TimeoutError
        If not all workers are there after 90 seconds.
    """
    size = Size(
        options.whole("workers", workers, at_least=1),
        options.whole("threads", threads, at_least=1),
        options.byte_count("memory", memory),
    )
    check(engine, size)
    kind = import_module(f"{__name__}.{engine}")
    processes = Processes(engine)
    credentials = processes.folder / _CREDENTIALS
    try:
        credentials.mkdir(mode=0o700)
        plan: Plan = kind.Plan(size, processes.folder, credentials, pages)
        address = _started(plan, processes, size.workers)
        return Cluster(engine, size, processes, address, plan.pages(address))
    except BaseException:
        processes.stop()
        raise


def check(engine: str, size: Size = _USUAL) -> None:
    """Raise DefinitionError if such a cluster could not start here: it is unknown, not installed, or lacks its Java."""
    check_installed(engine)
    import_module(f"{__name__}.{engine}").check(size)


def check_installed(engine: str) -> None:
    """Raise DefinitionError if there is no such engine here; it says what to install."""
    if engine not in PACKAGES:
        raise DefinitionError(f"engine = {engine!r}: a cluster is one of {', '.join(PACKAGES)}")
    extras.need(engine, PACKAGES[engine], by=f"engine = {engine!r}")


def _started(plan: Plan, processes: Processes, workers: int) -> str:
    """Start all of a plan and return its address once the workers are there."""
    deadline = time.monotonic() + READY_SECONDS
    processes.start(plan.commands(), plan.environment)
    address = _waited_for(plan.address, lambda: "nobody listened", processes, deadline)
    processes.start(plan.commands_at(address), plan.environment)
    there = 0

    def all_there() -> bool | None:
        nonlocal there
        there = plan.workers_there(address)
        return there >= workers or None

    _waited_for(all_there, lambda: f"{there} of {workers} workers were there", processes, deadline)
    return address


def _waited_for(ask: Callable[[], _T | None], told: Callable[[], str], processes: Processes, deadline: float) -> _T:
    while (answer := ask()) is None:
        for how in processes.ended().values():
            raise ChildProcessError(how)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{told()} after {READY_SECONDS} s\n{processes.logs()}")
        time.sleep(_POLL_SECONDS)
    return answer
