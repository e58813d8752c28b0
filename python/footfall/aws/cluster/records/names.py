"""What everything of a group is called: tags on all that AWS has of it, keys of what it has in its workspace."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from footfall.aws.policies import EMR_TAG, NAME_TAG
from footfall.aws.telling import ACTIVITY, NODES
from footfall.aws.workspace import Workspace
from footfall.errors import DefinitionError

TRUE = "true"
#: Of the workspace, for clusters.
FOLDER = "cluster"
#: By which `up` it was started, for what, and in whose workspace the lock is.
LAUNCH_TAG, ROLE_TAG, WORKSPACE_TAG = "footfall-launch", "footfall-role", "footfall-workspace"
#: After how many hours it ends in any case.
HOURS_TAG = "footfall-max-hours"
#: EMR puts this on its machines.
EMR_CLUSTER_TAG = "aws:elasticmapreduce:job-flow-id"
#: Roles of what was started: EMR's machines, machines of an image, the machine that an image is made of, a network.
EMR, DASK, IMAGE, NETWORK = "emr", "dask", "image", "network"
_TOKEN_BYTES = 6


@dataclass(frozen=True)
class Launch:
    """One start of a cluster of a group: whatever it makes has its tags.

    Attributes
    ----------
    id : str
        The number of the lock by which it started, so that ids are in the order of locks, and a random part.
    hours : int
        After so many it ends in any case.

    Examples
    --------
    >>> launch = Launch(Workspace.of("s3://lab/team-7"), "dask", "000012-0a1b2c", 8)
    >>> launch.tags()["Name"], launch.number, launch.folder
    ('team-7', 12, 'cluster/000012-0a1b2c')
    """

    space: Workspace
    role: str
    id: str
    hours: int

    @classmethod
    def new(cls, space: Workspace, role: str, number: int, hours: int) -> Launch:
        """Return a new one, for the lock of this number."""
        return cls(space, role, f"{number:06d}-{secrets.token_hex(_TOKEN_BYTES)}", hours)

    @property
    def number(self) -> int:
        """The number of its lock; 0 if the id is none of ours."""
        number = self.id.partition("-")[0]
        return int(number) if number.isdecimal() else 0

    @property
    def group(self) -> str:
        """Whose it is."""
        return self.space.group

    def tags(self) -> dict[str, str]:
        """Return the tags of everything that it makes."""
        return {
            **of_a_group(self.group),
            LAUNCH_TAG: self.id,
            ROLE_TAG: self.role,
            WORKSPACE_TAG: str(self.space),
            HOURS_TAG: str(self.hours),
        }

    @property
    def folder(self) -> str:
        """Where in the workspace it keeps what is its own."""
        return f"{FOLDER}/{self.id}"

    @property
    def place(self) -> str:
        """The address of that folder."""
        return self.space.place(self.folder)

    @property
    def credentials(self) -> str:
        """The folder of what lets into it."""
        return f"{self.folder}/credentials"

    @property
    def logs(self) -> str:
        """Where its nodes leave what their bootstrap said."""
        return f"{self.folder}/logs/"

    @property
    def nodes(self) -> str:
        """Where each of its nodes tells what it is and has, once its self-test is done."""
        return f"{self.folder}/{NODES}/"

    @property
    def activity(self) -> str:
        """Where its primary tells from time to time what computes, or for how long nothing has."""
        return f"{self.folder}/{ACTIVITY}/"


def of_a_group(group: str) -> dict[str, str]:
    """Return the tags of everything of a group."""
    return {NAME_TAG: group, EMR_TAG: TRUE}


def of_tags(tags: Mapping[str, str]) -> Launch | None:
    """Return which launch made what has these tags; None if none of ours did, or nobody can tell whose."""
    if LAUNCH_TAG not in tags:
        return None
    try:
        space = Workspace.of(tags.get(WORKSPACE_TAG, ""))
        return Launch(space, tags.get(ROLE_TAG, EMR), tags[LAUNCH_TAG], int(tags.get(HOURS_TAG, "0")))
    except (DefinitionError, ValueError):
        return None


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def of_pairs(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return tags that AWS gave."""
    return {tag["Key"]: tag.get("Value", "") for tag in tags or ()}
