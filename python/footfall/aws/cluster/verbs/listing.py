"""`footfall cluster list`: every group's clusters and images, and what nobody holds a lock for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from footfall.aws.cluster.records import standing
from footfall.aws.cluster.records.locks import Locks
from footfall.aws.cluster.records.names import EMR, IMAGE, LAUNCH_TAG, Launch, of_pairs, of_tags
from footfall.aws.cluster.records.objects import Objects
from footfall.aws.cluster.records.standing import Standing
from footfall.aws.cluster.service import Aws

_AT_ONCE = 8
HELD, NOBODYS = "held", "nobody's"


@dataclass(frozen=True)
class Listed:
    """Something in a region that costs money.

    Attributes
    ----------
    lock : str
        ``"held"``; ``"nobody's"`` if the group's lock is another's, or none of ours started it; or why nobody can tell.
    """

    region: str
    group: str
    what: str
    id: str
    state: str
    since: datetime | str
    lock: str


def listed(aws: Aws, all_regions: bool = False) -> list[Listed]:
    """Return what there is in this region, or in all that the account can use."""
    regions = [aws.elsewhere(name) for name in (_regions(aws) if all_regions else [aws.region])]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda region: _in_region(region, aws), regions)
    return [row for rows in found for row in rows]


def _regions(aws: Aws) -> list[str]:
    return sorted(each["RegionName"] for each in aws.ec2("describe_regions")["Regions"])


def _in_region(region: Aws, home: Aws) -> list[Listed]:
    try:
        return [*_clusters(region, home), *_images(region), *_loose_volumes(region)]
    except OSError as error:
        return [Listed(region.region, "", "not known", "", str(error), "", "not known")]


def _clusters(region: Aws, home: Aws) -> Iterator[Listed]:
    for each in standing.not_over(standing.everywhere(region)):
        what = "cluster" if each.role == EMR else f"{len(each.machines)} machines for {each.role}"
        yield Listed(region.region, each.name, what, each.id, each.state.lower(), each.created, _lock(home, each))


def _lock(home: Aws, each: Standing) -> str:
    """Return whether the lock of its group is its own."""
    if each.launch is None:
        return NOBODYS
    try:
        lock = Locks(Objects(home, each.launch.space)).seen()
    except OSError as error:
        return f"not known: {error}"
    return HELD if lock.launch == each.launch.id else NOBODYS


def _images(region: Aws) -> Iterator[Listed]:
    for each, launch in _tagged(region.ec2("describe_images", Owners=["self"], Filters=_OURS)["Images"]):
        at, state = each.get("CreationDate", ""), each["State"]
        yield Listed(region.region, launch.group, IMAGE, each["ImageId"], state, at, "")


def _loose_volumes(region: Aws) -> Iterator[Listed]:
    """Yield volumes that no machine has: they should have gone with theirs."""
    loose = [*_OURS, {"Name": "status", "Values": ["available"]}]
    for each, launch in _tagged(region.ec2.pages("describe_volumes", "Volumes", Filters=loose)):
        yield Listed(
            region.region, launch.group, "volume", each["VolumeId"], each["State"], each["CreateTime"], NOBODYS
        )


_OURS = [{"Name": "tag-key", "Values": [LAUNCH_TAG]}]


def _tagged(found: Any) -> Iterator[tuple[Any, Launch]]:
    for each in found:
        launch = of_tags(of_pairs(each.get("Tags")))
        if launch is not None:
            yield each, launch
