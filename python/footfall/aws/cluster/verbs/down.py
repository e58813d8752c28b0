"""`footfall cluster down`: done when nothing of the group is left; what is left is named."""

from __future__ import annotations

import time
from collections.abc import Iterator

from footfall.aws.cluster import network
from footfall.aws.cluster.records import hours, settling, standing
from footfall.aws.cluster.records.names import EMR
from footfall.aws.cluster.service import Aws
from footfall.aws.cluster.site import Site
from footfall.aws.policies import NAME_TAG

PATIENCE_S = 900.0
POLL_S = 10.0


def down(site: Site, patience_s: float = PATIENCE_S, poll_s: float = POLL_S) -> list[str]:
    """End all that is the group's and of ours, and return what is left after a while: nothing, if all is well."""
    site.settled()
    settling.end(_ours(site), site.aws, site.tell)
    deadline = time.monotonic() + patience_s
    told = ""
    while (left := list(leftovers(site.aws, site.group))) and time.monotonic() < deadline:
        now = f"{len(left)} left: {', '.join(left)}"
        if now != told:
            site.tell(now)
            told = now
        time.sleep(poll_s)
    hours.record_all(site.aws, site.objects)
    if not left:
        left = [f"security group {each}" for each in network.remove(site.aws, site.group)]
    return left


def _ours(site: Site) -> list[standing.Standing]:
    there = standing.of_group(site.aws, site.group)
    return [each for each in there if each.launch is not None and each.is_active]


def leftovers(aws: Aws, group: str) -> Iterator[str]:
    """Yield what is the group's and costs money or holds a name: clusters, instances, volumes, addresses."""
    for each in standing.not_over(standing.of_group(aws, group)):
        if each.role == EMR:
            yield f"cluster {each.id} ({each.state.lower()}{'' if each.launch else ', not started by footfall'})"
    for machine in standing.machines(aws, {f"tag:{NAME_TAG}": group}):
        if not machine.is_gone:
            ours = "" if machine.launch else ", not started by footfall"
            yield f"instance {machine.id} ({machine.state}{ours})"
    named = [{"Name": f"tag:{NAME_TAG}", "Values": [group]}]
    for volume in aws.ec2.pages("describe_volumes", "Volumes", Filters=named):
        yield f"volume {volume['VolumeId']} ({volume['State']})"
    for address in aws.ec2("describe_addresses", Filters=named)["Addresses"]:
        yield f"address {address['PublicIp']} ({address.get('AllocationId', '')})"
