"""Of several clusters of a group, one stays: that of the highest lock.

Every `up` decides alike, before it starts one and after. While who has the lock may still start one, all others wait.
"""

from __future__ import annotations

import time
from typing import Callable

from footfall.aws.cluster.records import standing
from footfall.aws.cluster.records.locks import Lock, Locks
from footfall.aws.cluster.records.names import EMR
from footfall.aws.cluster.records.standing import Standing
from footfall.aws.cluster.service import Aws

_POLL_S = 1.0

Tell = Callable[[str], None]


def settled(aws: Aws, group: str, locks: Locks, tell: Tell) -> tuple[Lock, Standing | None]:
    """Return the lock, and the cluster that stays, or None if nothing runs; others of ours are ended."""
    told = False
    while True:
        lock = locks.seen()
        # Older locks cannot start anything any more, or what they started is still there.
        there = standing.of_group(aws, group, since_s=lock.age_s + locks.lease_s)
        ours = [each for each in there if each.launch is not None]
        if _is_decided(lock, ours, locks):
            active = [each for each in ours if each.is_active]
            stays = max(active, key=_number, default=None)
            end([each for each in active if each is not stays], aws, tell)
            return lock, stays
        if not told:
            tell(f"waiting for the cluster of {lock.told.get('by', 'somebody')}, who has the lock of {group}")
            told = True
        time.sleep(_POLL_S)


def _is_decided(lock: Lock, ours: list[Standing], locks: Locks) -> bool:
    has_started = any(each.launch is not None and each.launch.id == lock.launch for each in ours)
    return has_started or not lock.number or locks.is_dead(lock)


def _number(each: Standing) -> int:
    return each.launch.number if each.launch else 0


def end(standings: list[Standing], aws: Aws, tell: Tell) -> None:
    """Have AWS end clusters; it takes a while."""
    for each in standings:
        tell(f"ending {each.role} cluster {each.id} of {each.name}")
        if each.role == EMR:
            aws.emr("terminate_job_flows", JobFlowIds=[each.id])
        else:
            left = [machine.id for machine in each.machines if not machine.is_gone]
            aws.ec2("terminate_instances", InstanceIds=left)
