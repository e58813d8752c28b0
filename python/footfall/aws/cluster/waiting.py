"""What a cluster says of itself until it is ready; why, if it never will be."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Callable

from footfall.aws.cluster.records import standing
from footfall.aws.cluster.records.names import EMR
from footfall.aws.cluster.records.objects import Objects
from footfall.aws.cluster.records.standing import Machine, Standing
from footfall.aws.cluster.requests import FAILED
from footfall.aws.cluster.service import Aws

POLL_S = 10.0
_LAST_LINES = 15
#: What a bootstrap says in the end.
_DONE, _FAILED = "bootstrap.sh: done", "bootstrap.sh: FAILED"

Tell = Callable[[str], None]


def until_ready(aws: Aws, objects: Objects, there: Standing, tell: Tell, poll_s: float = POLL_S) -> Standing:
    """Tell each change of a cluster until it is ready.

    Raises
    ------
    ChildProcessError
        If it ends before; with the last lines of what its bootstrap said.
    """
    told: set[str] = set()
    while True:
        now = again(aws, there)
        for line in (_told(now), *_of_nodes(objects, now)):
            if line not in told:
                told.add(line)
                tell(f"{_minutes(now)} {line}")
        if not now.is_active:
            raise ChildProcessError(f"{now.role} cluster {now.id}: {_why(now)}\n{last_lines(objects, now)}".rstrip())
        if _is_ready(objects, now):
            return now
        time.sleep(poll_s)


def again(aws: Aws, there: Standing) -> Standing:
    """Return a cluster as it is now."""
    if there.role == EMR:
        return standing.emr_cluster(aws, there.id)
    return standing.of_launch(aws, there.id) or there


def _is_ready(objects: Objects, now: Standing) -> bool:
    if now.role == EMR:
        return now.state in standing.READY
    return len(nodes(objects, now)) >= len(now.machines)


def _told(now: Standing) -> str:
    if now.role == EMR:
        return f"{now.id}: {now.state.lower()}{f', {now.reason}' if now.reason else ''}"
    return f"{now.id}: {', '.join(_states(now.machines))}"


def _states(machines: Sequence[Machine]) -> list[str]:
    states = [machine.state for machine in machines]
    return [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]


def _minutes(now: Standing) -> str:
    seconds = max((datetime.now(timezone.utc) - now.created).total_seconds(), 0)
    return f"{int(seconds) // 60:>3} min"


def _why(now: Standing) -> str:
    return f"{now.state.lower()}{f': {now.reason}' if now.reason else ''}"


def _of_nodes(objects: Objects, there: Standing) -> list[str]:
    return [f"{key.rsplit('/', 1)[-1]}: {_end(_text(objects, key), 1)}" for key in _logs(objects, there)]


def nodes(objects: Objects, there: Standing) -> list[dict[str, Any]]:
    """Return what the nodes that have passed their self-test tell of themselves, the newest of each."""
    keys = objects.keys(there.launch.nodes) if there.launch else []
    return list({told.get("host"): told for told in map(objects.read_json, keys)}.values())


def last_lines(objects: Objects, there: Standing) -> str:
    """Return the last lines of a bootstrap that failed; nothing if nobody wrote any."""
    failed = [key for key in _logs(objects, there) if _FAILED in _end(_text(objects, key), 2)]
    keys = failed or _said_by_machines(objects, there) or _logs_of_emr(objects, there)
    return "\n".join(f"{objects.space.place(key)}:\n{_end(_text(objects, key), _LAST_LINES)}" for key in keys[:1])


def is_installed(objects: Objects, there: Standing) -> bool:
    """Return whether a bootstrap has ended well."""
    return any(_DONE in _end(_text(objects, key), 1) for key in _logs(objects, there))


def _logs(objects: Objects, there: Standing) -> list[str]:
    """Return the keys of what bootstraps said; each leaves its log at its end, good or bad."""
    return objects.keys(there.launch.logs) if there.launch else []


def _said_by_machines(objects: Objects, there: Standing) -> list[str]:
    return objects.keys(f"{there.launch.folder}/{FAILED}-") if there.launch else []


def _logs_of_emr(objects: Objects, there: Standing) -> list[str]:
    """Return the keys of what EMR itself kept of bootstraps, errors first; it does so when a machine has ended."""
    keys = objects.keys(f"{there.launch.folder}/emr/") if there.launch else []
    kept = [key for key in keys if "/bootstrap-actions/" in key]
    return sorted(kept, key=lambda key: "stderr" not in key)


def _text(objects: Objects, key: str) -> str:
    found = objects.find(key)
    content = found.content if found else b""
    if key.endswith(".gz"):
        content = gzip.decompress(content)
    return content.decode(errors="replace")


def _end(text: str, lines: int) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])
