"""Who takes part: each opens a data set, keeps it in memory if asked, answers jobs and tells what moved."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow as pa

from benches.data import TZ
from benches.engines.jobs import Job

MEMORY = "2GiB"
# Spark's pages hear of a stage a moment after it has ended.
PAGE_SECONDS = 0.5


class Contestant:
    """Footfall on one machine; the others differ in their cluster or in how they answer."""

    engine = ""

    def __init__(self) -> None:
        self.cluster: Any = None
        self.session: Any = None
        self.opened: Any = None
        if self.engine:
            from footfall.engines import cluster

            self.cluster = cluster.start(self.engine, workers=2, memory=MEMORY, pages=True)
            self.session = self.cluster.connect(**self.settings())

    def settings(self) -> dict[str, Any]:
        """Return the settings of the session."""
        return {}

    def open(self, root: Path, keep: bool) -> None:
        """Open a data set, and keep its tables in memory."""
        import footfall

        self.opened = footfall.open(root, tz=TZ, engine=self.session or "local", progress=False)
        if keep and self.engine:
            self.opened = self.opened.persist() or self.opened

    def close(self) -> None:
        """Let the tables go."""
        if self.engine and hasattr(self.opened, "unpersist"):
            self.opened.unpersist()
        self.opened = None

    def run(self, job: Job) -> pa.Table:
        """Answer."""
        return getattr(self.opened, job.name)(**job.options).to_arrow()

    def moved_bytes(self) -> int:
        """Return the bytes that the cluster has moved so far."""
        return {"": lambda: 0, "dask": self._moved_by_dask, "spark": self._moved_by_spark}[self.engine]()

    def stop(self) -> None:
        """End the session and its cluster."""
        if self.cluster is not None:
            (self.session.close if self.engine == "dask" else self.session.stop)()
            self.cluster.stop()

    def _moved_by_dask(self) -> int:
        return sum(self.session.run(_sent).values())

    def _moved_by_spark(self) -> int:
        time.sleep(PAGE_SECONDS)
        context = self.session.sparkContext
        page = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/stages"
        page = page.replace("localhost", "127.0.0.1")
        with urllib.request.urlopen(page, timeout=30) as stages:
            return sum(stage["shuffleWriteBytes"] for stage in json.load(stages))


def _sent(dask_worker: Any) -> int:
    """Count what a worker sent when asked for results, and what it shuffled, shares of its own included."""
    shuffled = sum(
        value
        for key, value in dask_worker.digests_total.items()
        if isinstance(key, tuple) and "background-comms" in key and key[-1] == "bytes" and "process" in key
    )
    return int(dask_worker.transfer_outgoing_bytes_total + shuffled)


class OnDask(Contestant):
    """Footfall on Dask."""

    engine = "dask"


class OnSpark(Contestant):
    """Footfall on Spark."""

    engine = "spark"


class _Peer(Contestant):
    """A peer's module has `read`, `persist`, `unpersist` and a function per job."""

    peer: Any = None

    def open(self, root: Path, keep: bool) -> None:
        """Name the tables."""
        self.opened = self.peer.read(self.session, root)
        if keep:
            self.peer.persist(self.opened)

    def close(self) -> None:
        """Let the tables go."""
        self.peer.unpersist(self.opened)

    def run(self, job: Job) -> pa.Table:
        """Answer."""
        return getattr(self.peer, job.name)(self.opened)


class PlainDask(_Peer):
    """Dask dataframes."""

    engine = "dask"

    def __init__(self) -> None:
        from benches.engines import peers_dask

        self.peer = peers_dask
        super().__init__()


class PlainSpark(_Peer):
    """PySpark DataFrames."""

    engine = "spark"

    def __init__(self) -> None:
        from benches.engines import peers_spark

        self.peer = peers_spark
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """Return what the peer wants."""
        return self.peer.SETTINGS


CONTESTANTS = {
    "Footfall, this machine": Contestant,
    "Footfall on Dask 1+2": OnDask,
    "plain Dask 1+2": PlainDask,
    "Footfall on Spark 1+2": OnSpark,
    "plain PySpark 1+2": PlainSpark,
}
