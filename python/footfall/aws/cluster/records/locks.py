"""The group's lock: an object of the workspace that one of several can make.

A bucket that keeps everything lets nobody replace a lock or remove it, so that locks have numbers, and the highest is
the lock. Whoever has made it may start one cluster within the lease; after that the next may take the next. The ids of
launches begin with the number. How old a lock is, S3's clock tells; how long one's own lease still lasts, a clock of
this process, which nobody sets.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from footfall.aws.cluster.records.names import FOLDER, Launch
from footfall.aws.cluster.records.objects import Objects, of_json

#: How long who has the lock may take to start a cluster; a request waits for its answer for a third of it.
LEASE_S = 60.0
_KEYS = f"{FOLDER}/locks/"
_NUMBER = re.compile(r"/(\d{6})\.json$")
_GIVEN_UP = ".given-up"


@dataclass(frozen=True)
class Lock:
    """Who may start the group's cluster, or has started it.

    Attributes
    ----------
    number : int
        From 1; 0 if nobody ever took it.
    launch : str
        What it starts, or has started, has this in its tag.
    told : dict
        Who took it, and what was asked for.
    age_s : float
        By S3's clock.
    given_up : bool
        Whether who took it has told that he will start nothing.
    """

    number: int = 0
    launch: str = ""
    told: Mapping[str, Any] = field(default_factory=dict, compare=False)
    age_s: float = field(default=0.0, compare=False)
    given_up: bool = False


class Locks:
    """The lock of a group's workspace, as it is seen, and taken, from here."""

    def __init__(self, objects: Objects, lease_s: float = LEASE_S) -> None:
        self._objects = objects
        self._taken: dict[str, float] = {}
        self.lease_s = lease_s

    def seen(self) -> Lock:
        """Return the lock as it is now."""
        keys = self._objects.keys(_KEYS)
        number = max((int(found[1]) for found in map(_NUMBER.search, keys) if found), default=0)
        if not number:
            return Lock()
        found = self._objects.find(_key(number))
        told = of_json(found)
        age_s = found.age.total_seconds() if found else 0.0
        return Lock(number, str(told.get("launch", "")), told, age_s, f"{_key(number)}{_GIVEN_UP}" in keys)

    def take(self, launch: Launch, told: Mapping[str, Any]) -> bool:
        """Take the lock of the launch's number; False if somebody else did."""
        begun = time.monotonic()
        won = self._objects.create_json(_key(launch.number), {**told, "launch": launch.id, "role": launch.role})
        if won:
            self._taken[launch.id] = begun
        return won

    def give_up(self, launch: Launch) -> None:
        """Tell that the launch will start nothing, so that nobody waits for it."""
        self._taken.pop(launch.id, None)
        self._objects.create(f"{_key(launch.number)}{_GIVEN_UP}", b"")

    def may_start(self, launch: Launch) -> bool:
        """Return whether the lease of a lock that was taken here lasts long enough for a request and its answer."""
        return launch.id in self._taken and time.monotonic() - self._taken[launch.id] < self.lease_s / 2

    def is_dead(self, lock: Lock) -> bool:
        """Return whether who took it can start nothing any more."""
        return lock.given_up or lock.age_s > self.lease_s


def _key(number: int) -> str:
    return f"{_KEYS}{number:06d}.json"
