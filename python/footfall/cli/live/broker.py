"""The commands `footfall kafka`: a broker for as long as somebody wants one."""

from __future__ import annotations

import time
from contextlib import suppress

import typer

from footfall.cli.command import Command, complain, let_signals_interrupt
from footfall.live.kafka.client import VARIABLE
from footfall.live.kafka.local import broker

app = typer.Typer(help="Start a Kafka broker.", no_args_is_help=True)
_WATCH_SECONDS = 0.5
ENDED = 1


@app.callback()
def _common() -> None:
    """Start a Kafka broker."""


@app.command(cls=Command)
def local() -> None:
    """Start Apache Kafka on this machine, for its owner only, and stop it at Ctrl-C."""
    let_signals_interrupt()
    started = None
    try:
        with suppress(KeyboardInterrupt):
            started = broker.start()
            print(_welcome(started), flush=True)
            _watch(started)
    finally:
        if started is not None:
            started.stop()
    print("stopped the broker and removed its topics", flush=True)


def _welcome(started: broker.Broker) -> str:
    return "\n".join(
        [
            f"Kafka broker at {started.address}, process {started.pid}",
            f"export {VARIABLE}={started.properties}",
            "use it:  footfall live feed DATA --topic pings",
            "stop it: Ctrl-C",
        ]
    )


def _watch(started: broker.Broker) -> None:
    """Wait until interrupted; a broker that ends by itself is named."""
    while True:
        time.sleep(_WATCH_SECONDS)
        for how in started.ended().values():
            complain(how)
            raise typer.Exit(ENDED)
