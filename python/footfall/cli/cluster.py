"""The commands `footfall cluster`: a cluster for as long as somebody wants one."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from footfall.cli.aws import cluster as aws_cluster
from footfall.cli.command import Command, complain, let_signals_interrupt
from footfall.engines import cluster
from footfall.engines.cluster import Cluster
from footfall.engines.cluster.credentials import VARIABLE

app = typer.Typer(help="Start a Dask or Spark cluster, here or on AWS.", no_args_is_help=True)
aws_cluster.register(app)
_WATCH_SECONDS = 0.5


@app.callback()
def _common() -> None:
    """Start a Dask or Spark cluster, here or on AWS."""


@app.command(cls=Command)
def local(
    engine: Annotated[str, typer.Option(help="dask or spark.", show_default=False)],
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each worker.")] = 1,
    memory: Annotated[str, typer.Option(help="Memory of each worker, such as 2GiB.")] = "1GiB",
    pages: Annotated[
        bool, typer.Option("--pages", help="Show web pages, which every user of this machine can read.")
    ] = False,
) -> None:
    """Start a cluster on this machine, for its owner only, and stop it at Ctrl-C."""
    let_signals_interrupt()
    started = None
    try:
        started = cluster.start(engine, workers=workers, threads=threads, memory=memory, pages=pages)
        print(_welcome(started), flush=True)
        _watch(started)
    except KeyboardInterrupt:
        if started is not None:
            started.stop()
    print("stopped all processes of the cluster", flush=True)


def _welcome(started: Cluster) -> str:
    lines = [f"{started.engine} cluster at {started.address}, {len(started.processes) - 1} workers"]
    for name, number in started.processes.items():
        lines.append(f"  {name:<10} process {number:<8} {started.pages.get(name, '')}".rstrip())
    return "\n".join(
        [
            *lines,
            f"export {VARIABLE}={started.credentials}",
            f'use it:  footfall.open(..., engine="{started.address}")',
            "stop it: Ctrl-C",
        ]
    )


def _watch(started: Cluster) -> None:
    """Name each process that dies, until interrupted."""
    told: set[str] = set()
    while True:
        time.sleep(_WATCH_SECONDS)
        for name, how in started.ended().items():
            if name not in told:
                complain(how)
                told.add(name)
