"""How many hours the machines of a group were there in a month, by the start and the end of each.

EMR tells of all its machines for two months. EC2 forgets a machine an hour after it is gone, so machines of images
have a record in the workspace, made by whoever comes first: `up`, the machine itself, or anybody who asks for the
status. Its end is a second record. Without that, a machine counts until it had to end in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from footfall.aws.cluster.records.names import DASK, EMR, FOLDER, IMAGE
from footfall.aws.cluster.records.objects import Objects
from footfall.aws.cluster.records.standing import Machine, emr_ever, machines, machines_of
from footfall.aws.cluster.service import Aws
from footfall.aws.policies import NAME_TAG

#: Hours of machines in a month, for a group; said otherwise by `--hours`.
LIMIT = 100.0
_WARNED_AT = 0.8
_OF_IMAGES = (DASK, IMAGE)
_BEGIN, _END = ".begin.json", ".end.json"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Stay:
    """How long a machine was there; without an end, it still is."""

    machine: str
    type: str
    role: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class Budget:
    """Hours of a month: those that were used and those that may be.

    Examples
    --------
    >>> Budget(80.0, 100.0).is_low, Budget(100.0, 100.0).is_spent, Budget(70.0, 100.0).left
    (True, True, 30.0)
    """

    used: float
    limit: float

    @property
    def left(self) -> float:
        """Hours that are left."""
        return max(self.limit - self.used, 0.0)

    @property
    def is_low(self) -> bool:
        """Whether little is left."""
        return self.used >= _WARNED_AT * self.limit

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.limit

    def __str__(self) -> str:
        return f"{self.used:.1f} of {self.limit:g} machine hours used this month, {self.left:.1f} left"


def month(now: datetime) -> tuple[datetime, datetime]:
    """Return the first instant of a month, and that of the next, in UTC, by which AWS bills.

    Examples
    --------
    >>> [str(end) for end in month(datetime(2026, 12, 31, 23, tzinfo=timezone.utc))]
    ['2026-12-01 00:00:00+00:00', '2027-01-01 00:00:00+00:00']
    """
    first = now.astimezone(timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first, (first + timedelta(days=32)).replace(day=1)


def in_month(stays: Iterable[Stay], now: datetime) -> float:
    """Return the hours of all stays that lie in the month of `now`, up to `now`.

    Examples
    --------
    >>> at = lambda day, hour, month=11: datetime(2026, month, day, hour, tzinfo=timezone.utc)
    >>> over_the_end = Stay("i-1", "m4.large", "emr", at(31, 20, 10), at(1, 3))
    >>> still_there = Stay("i-2", "m4.large", "emr", at(2, 0), None)
    >>> in_month([over_the_end, still_there], at(2, 1)), in_month([over_the_end], at(31, 23, 10))
    (4.0, 3.0)
    """
    first, after = month(now)
    until = min(now, after)
    lengths = (min(stay.end or until, until) - max(stay.start, first) for stay in stays)
    return sum((length / _HOUR for length in lengths if length > timedelta()), 0.0)


def of_group(aws: Aws, objects: Objects, now: datetime) -> list[Stay]:
    """Return the stays of a group's machines that reach into the month of `now`; nothing is recorded."""
    first, _ = month(now)
    known = machines(aws, {f"tag:{NAME_TAG}": objects.space.group})
    stays = (*_recorded(objects, first), *_of_ec2(known), *_of_emr(aws, objects.space.group, first))
    # Who knows better comes later.
    found = {stay.machine: stay for stay in stays}
    return [stay for stay in found.values() if stay.end is None or stay.end > first]


def _of_emr(aws: Aws, group: str, first: datetime) -> Iterator[Stay]:
    for standing in emr_ever(aws, group, not_ended_before=first):
        for machine in machines_of(aws, standing):
            yield Stay(machine.id, machine.type, EMR, machine.started, machine.ended)


def _of_ec2(known: Iterable[Machine]) -> Iterator[Stay]:
    """Yield stays of machines of images that EC2 knows, unless it does not tell when one went."""
    for machine in known:
        if machine.launch and machine.launch.role in _OF_IMAGES and (machine.ended or not machine.is_gone):
            yield Stay(machine.id, machine.type, machine.launch.role, machine.started, machine.ended)


def _recorded(objects: Objects, first: datetime) -> Iterator[Stay]:
    """Yield stays by their records of this month and the one before; without a record of its end one had to end."""
    folders = (_month_folder(first - timedelta(days=1)), _month_folder(first))
    keys = {key.rsplit("/", 1)[-1]: key for folder in folders for key in objects.keys(folder)}
    for name, key in keys.items():
        if name.endswith(_BEGIN):
            told = objects.read_json(key)
            end = keys.get(name.replace(_BEGIN, _END))
            until = objects.read_json(end)["ended"] if end else told["ends_by"]
            start, ended = datetime.fromisoformat(told["started"]), datetime.fromisoformat(until)
            yield Stay(told["machine"], told["type"], told["role"], start, ended)


def record_all(aws: Aws, objects: Objects) -> None:
    """Record all machines of a group's images that EC2 knows."""
    for machine in machines(aws, {f"tag:{NAME_TAG}": objects.space.group}):
        record(objects, machine)


def record(objects: Objects, machine: Machine) -> None:
    """Record a machine of an image, and its end once it has ended; EMR's are recorded by EMR."""
    launch, by = machine.launch, machine.ends_by
    if launch is None or launch.role not in _OF_IMAGES or by is None:
        return
    told = {"machine": machine.id, "type": machine.type, "role": launch.role, "ends_by": by.isoformat()}
    objects.create_json(_key(machine.id, machine.started, _BEGIN), {**told, "started": machine.started.isoformat()})
    if machine.ended:
        record_end(objects, machine.id, machine.started, machine.ended)


def record_end(objects: Objects, machine: str, started: datetime, ended: datetime) -> None:
    """Record when a machine ended; who tells it first is believed."""
    objects.create_json(_key(machine, started, _END), {"ended": ended.isoformat()})


def _key(machine: str, started: datetime, which: str) -> str:
    return f"{_month_folder(started)}{machine}{which}"


def _month_folder(at: datetime) -> str:
    return f"{FOLDER}/machines/{at.astimezone(timezone.utc):%Y-%m}/"
