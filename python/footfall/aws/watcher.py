"""Watches a cluster from its primary, or a machine of it: what computes is not idle, what is forgotten ends.

EMR sees YARN alone: it ends a cluster on which Dask computes, and keeps one for a session that nobody uses. So the
watcher touches the file by which EMR is told of other work, ends idle kernels, and with them their sessions, and at its
hour the cluster.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Protocol, TypeVar
from urllib.error import URLError

from footfall.aws.evidence import Hub, Jupyter, Kernel, Scheduler, Yarn, commands_of_ours
from footfall.aws.idleness import HOUR_S, MINUTE_S, Decision, Limits, Remembered, Seen, decide
from footfall.aws.memory import ROLES, WORKER
from footfall.aws.telling import ACTIVITY, moment, tell

#: Of EMR 6.4 and later: "you can periodically touch or update isbusy to tell Amazon EMR that the cluster is not idle"
#: (https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html).
IS_BUSY = Path("/emr/metricscollector/isbusy")
LOOK_EVERY_S = 15

_T = TypeVar("_T")


class Cluster(Protocol):
    """Where the watcher looks, and what it can do."""

    def look(self) -> Seen:
        """Return what computes, and the kernels."""
        ...

    def tell_busy(self) -> None:
        """Tell EMR that the cluster is not idle."""
        ...

    def tell(self, decision: Decision) -> None:
        """Tell the workspace what computes, or for how long nothing has."""
        ...

    def end_kernel(self, kernel: Kernel) -> None:
        """End a kernel."""
        ...

    def end(self) -> None:
        """End the cluster."""
        ...


def step(cluster: Cluster, before: Remembered, limits: Limits, now: float) -> tuple[Decision, Remembered]:
    """Look once, do what is to be done, and return what it was and what to remember."""
    decision, after = decide(cluster.look(), before, limits, now)
    if decision.busy:
        cluster.tell_busy()
    if decision.tell:
        cluster.tell(decision)
    for kernel in decision.idle:
        say(f"ends {kernel.url}, idle for {limits.idle_s / MINUTE_S:g} min")
        cluster.end_kernel(kernel)
    if decision.end:
        say(f"ends the machine or cluster: {decision.end}")
        cluster.end()
    return decision, after


def say(what: str) -> None:
    """Write a line of the log."""
    print(f"watcher: {what}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Node:
    """The cluster as it is seen from this machine; what does not answer is told and does not compute.

    Attributes
    ----------
    role : str
        Of this machine.
    dask : Scheduler
        Of the cluster.
    jupyter : Jupyter, optional
        Whose kernels are watched: of a primary.
    yarn : Yarn, optional
        Of EMR.
    run : str, optional
        Folder of the cluster's run, which is told what computes.
    emr : str, optional
        EMR's name of the cluster.
    is_busy : Path
        The file by which EMR is told.
    """

    role: str
    dask: Scheduler
    jupyter: Jupyter | None = None
    yarn: Yarn | None = None
    run: str | None = None
    emr: str | None = None
    is_busy: Path = IS_BUSY

    def look(self) -> Seen:
        """Return what computes, and the kernels."""
        if self.role == WORKER:
            # A worker is of use as long as its scheduler is there.
            there = _asked("the scheduler", self.dask.answers, False)
            return Seen(("the scheduler is there",) if there else ())
        work = commands_of_ours()
        if _asked("Dask", self.dask.computing, False):
            work.append("Dask")
        if self.yarn and _asked("YARN", self.yarn.computing, False):
            work.append("YARN")
        return Seen(tuple(work), tuple(_asked("Jupyter", self.jupyter.kernels, [])) if self.jupyter else ())

    def tell_busy(self) -> None:
        """Touch EMR's file."""
        if self.is_busy.parent.is_dir():
            self.is_busy.touch()

    def tell(self, decision: Decision) -> None:
        """Tell the folder of the run, where there is one."""
        if self.run and self.role != WORKER:
            now = moment()
            told = {"at": now, "busy": decision.busy, "idle_s": round(decision.idle_s)}
            _asked(self.run, partial(tell, self.run, ACTIVITY, now, told), None)

    def end_kernel(self, kernel: Kernel) -> None:
        """End a kernel by its server."""
        if self.jupyter:
            _asked(kernel.url, partial(self.jupyter.end, kernel), None)

    def end(self) -> None:
        """End the cluster by EMR, else this machine: without its primary, EMR ends a cluster."""
        commands: list[Sequence[str]] = [["shutdown", "-h", "now"]]
        if self.emr:
            commands.insert(0, ["aws", "emr", "terminate-clusters", "--cluster-ids", self.emr])
        for command in commands:
            if _ran(command):
                return


def _asked(who: str, ask: Callable[[], _T], otherwise: _T) -> _T:
    try:
        return ask()
    except (OSError, URLError, TimeoutError, ValueError, KeyError) as error:
        say(f"{who} does not answer: {type(error).__name__}: {error}")
        return otherwise


def _ran(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"{command[0]}: {error}")
        return False
    if done.returncode != 0:
        say(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.returncode == 0


def watch(cluster: Cluster, limits: Limits, started: float) -> None:
    """Look again and again until the cluster is to end."""
    remembered = Remembered(started, time.monotonic())
    while True:
        decision, remembered = step(cluster, remembered, limits, time.monotonic())
        if decision.end:
            return
        time.sleep(LOOK_EVERY_S)


def main() -> None:
    """Watch until the cluster ends; its hours count from the start of this machine."""
    told = _parser().parse_args()
    limits = Limits(told.idle * MINUTE_S, told.max_hours * HOUR_S, told.power_off)
    started = time.monotonic() - float(Path("/proc/uptime").read_text().split()[0])
    hub = Hub(told.hub, told.token.read_text().strip()) if told.hub else None
    yarn = Yarn(told.yarn) if told.yarn else None
    watch(Node(told.role, Scheduler(told.scheduler), hub, yarn, told.run, told.emr), limits, started)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m footfall.aws.watcher", description="Watch a cluster.")
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--scheduler", required=True, metavar="HOST:PORT", help="Dask's")
    parser.add_argument("--hub", metavar="URL", help="of JupyterHub")
    parser.add_argument("--token", type=Path, metavar="FILE", help="with the hub's token for the watcher")
    parser.add_argument("--yarn", metavar="URL", help="of the resource manager")
    parser.add_argument("--run", metavar="PLACE", help="folder of the cluster's run, which is told what computes")
    parser.add_argument("--emr", metavar="ID", help="of the cluster that is to end at its hour")
    parser.add_argument("--idle", type=float, required=True, metavar="MINUTES")
    parser.add_argument("--max-hours", type=float, required=True, metavar="HOURS")
    parser.add_argument("--power-off", action="store_true", help="end this machine when idle")
    return parser


if __name__ == "__main__":
    main()
