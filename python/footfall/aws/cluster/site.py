"""Where a verb works, and for whom: a region, a group's workspace, its lock, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from footfall.aws.cluster.records.locks import LEASE_S, Lock, Locks
from footfall.aws.cluster.records.objects import Objects
from footfall.aws.cluster.records.settling import settled
from footfall.aws.cluster.records.standing import Standing
from footfall.aws.cluster.service import Aws
from footfall.aws.workspace import Workspace


@dataclass
class Site:
    """A region and a group's workspace.

    Attributes
    ----------
    tell : callable
        Who is told what happens, a line each.
    """

    aws: Aws
    space: Workspace
    tell: Callable[[str], None]
    lease_s: float = LEASE_S

    def __post_init__(self) -> None:
        self.objects = Objects(self.aws, self.space)
        self.locks = Locks(self.objects, self.lease_s)

    @property
    def group(self) -> str:
        """Whose it is."""
        return self.space.group

    def settled(self) -> tuple[Lock, Standing | None]:
        """Return the lock, and the group's one cluster, if there is one."""
        return settled(self.aws, self.group, self.locks, self.tell)

    def who(self) -> str:
        """Return who asks, as AWS knows them."""
        return str(self.aws.sts("get_caller_identity")["Arn"])
