"""The one request that starts machines: it is sent once, under the lock, and AWS tells what became of it."""

from __future__ import annotations

from footfall.aws.cluster.records import hours, standing
from footfall.aws.cluster.records.names import EMR, Launch
from footfall.aws.cluster.requests import Json
from footfall.aws.cluster.service import code
from footfall.aws.cluster.site import Site


def once(site: Site, launch: Launch, service: str, action: str, request: Json) -> None:
    """Send it, unless the lease of the lock is nearly over; what AWS refuses is raised, and gives the lock up."""
    if not site.locks.may_start(launch):
        site.tell("this took too long: another may have the lock now")
        site.locks.give_up(launch)
        return
    try:
        site.aws.asking_once(service)(action, **request)
    except OSError as error:
        if code(error):
            site.locks.give_up(launch)
            raise
        # The lock stays: what it may have started is looked for as long as it may come.
        site.tell(f"{error}; looking whether it came through")
    if launch.role != EMR:
        _recorded(site, launch)


def _recorded(site: Site, launch: Launch) -> None:
    there = standing.of_launch(site.aws, launch.id)
    for machine in there.machines if there else ():
        hours.record(site.objects, machine)
