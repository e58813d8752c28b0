"""What AWS has of a group: its clusters, of EMR or of machines of an image, and each machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from footfall.aws.cluster.records.names import DASK, EMR, EMR_CLUSTER_TAG, IMAGE, LAUNCH_TAG, Launch, of_pairs, of_tags
from footfall.aws.cluster.service import Aws
from footfall.aws.policies import NAME_TAG

ACTIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING")
#: EMR has started what it was asked for.
READY = ("RUNNING", "WAITING")
FAILED = "TERMINATED_WITH_ERRORS"
_ENDING = ("TERMINATING", "TERMINATED", FAILED, "shutting-down", "terminated")
_GONE = "terminated"
_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True)
class Machine:
    """An instance of EC2."""

    id: str
    type: str
    state: str
    started: datetime
    ended: datetime | None = None
    address: str = ""
    place: int = 0
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def launch(self) -> Launch | None:
        """Which launch made it."""
        return of_tags(self.tags)

    @property
    def ends_by(self) -> datetime | None:
        """When it ends in any case; None if nobody knows."""
        return _ends_by(self.launch, self.started)

    @property
    def is_gone(self) -> bool:
        """Whether it is of the past."""
        return self.state == _GONE


@dataclass(frozen=True)
class Standing:
    """A cluster that is there, or was.

    Attributes
    ----------
    id : str
        EMR's, or the launch of machines of an image.
    launch : Launch or None
        None if none of ours started it.
    state : str
        In EMR's words, or those of EC2 for the first machine.
    """

    id: str
    name: str
    role: str
    launch: Launch | None
    state: str
    created: datetime
    ended: datetime | None = None
    reason: str = ""
    release: str = ""
    versions: tuple[str, ...] = ()
    machines: tuple[Machine, ...] = ()

    @property
    def ends_by(self) -> datetime | None:
        """When it ends in any case; None if nobody knows."""
        return _ends_by(self.launch, self.created)

    @property
    def is_active(self) -> bool:
        """Whether it can still be used, or will be."""
        return self.state not in _ENDING

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs."""
        return self.state in ("TERMINATED", FAILED, _GONE)


def _ends_by(launch: Launch | None, begun: datetime) -> datetime | None:
    return begun + timedelta(hours=launch.hours) if launch and launch.hours else None


def of_group(aws: Aws, group: str, *, since_s: float | None = None) -> list[Standing]:
    """Return the clusters of a group that are not over; and those that began less than `since_s` ago, over or not."""
    return [*_emr(aws, group, since_s), *_of_machines(aws, {f"tag:{NAME_TAG}": group})]


def of_launch(aws: Aws, launch_id: str) -> Standing | None:
    """Return what machines of a launch make up, as long as EC2 knows any."""
    return next(_of_machines(aws, {f"tag:{LAUNCH_TAG}": launch_id}), None)


def everywhere(aws: Aws) -> list[Standing]:
    """Return all clusters of EMR that are not over, whoever started them, and all machines of images of ours."""
    return [*_emr(aws, None, None), *_of_machines(aws, {"tag-key": LAUNCH_TAG})]


def _emr(aws: Aws, group: str | None, since_s: float | None) -> Iterator[Standing]:
    found = {each["Id"]: each for each in aws.emr.pages("list_clusters", "Clusters", ClusterStates=list(ACTIVE))}
    if since_s is not None:
        begun = datetime.now().astimezone() - timedelta(seconds=since_s) - _CLOCKS_DIFFER
        found |= {each["Id"]: each for each in aws.emr.pages("list_clusters", "Clusters", CreatedAfter=begun)}
    for each in found.values():
        if group is None or each["Name"] == group:
            yield _described(aws, each)


def _described(aws: Aws, summary: Mapping[str, Any]) -> Standing:
    """Return a cluster of EMR as its list has it, if it is somebody else's, who alone may ask for more."""
    try:
        return emr_cluster(aws, summary["Id"])
    except PermissionError:
        return _of_summary(summary)


def _of_summary(summary: Mapping[str, Any]) -> Standing:
    state, times = summary["Status"]["State"], summary["Status"].get("Timeline", {})
    return Standing(
        summary["Id"], summary["Name"], EMR, None, state, times["CreationDateTime"], times.get("EndDateTime")
    )


def emr_ever(aws: Aws, group: str, *, not_ended_before: datetime) -> list[Standing]:
    """Return the clusters of EMR of a group's name that were there at or after an instant, as EMR's list has them."""
    named = (_of_summary(each) for each in aws.emr.pages("list_clusters", "Clusters") if each["Name"] == group)
    return [each for each in named if each.ended is None or each.ended > not_ended_before]


def emr_cluster(aws: Aws, cluster_id: str) -> Standing:
    """Return a cluster of EMR by its id."""
    told = aws.emr("describe_cluster", ClusterId=cluster_id)["Cluster"]
    status = told["Status"]
    times = status.get("Timeline", {})
    return Standing(
        id=cluster_id,
        name=told["Name"],
        role=EMR,
        launch=of_tags(of_pairs(told.get("Tags"))),
        state=status["State"],
        created=times["CreationDateTime"],
        ended=times.get("EndDateTime"),
        reason=status.get("StateChangeReason", {}).get("Message") or "",
        release=told.get("ReleaseLabel", ""),
        versions=tuple(_version(each) for each in told.get("Applications", ()) if each.get("Name")),
    )


def _version(application: Mapping[str, str]) -> str:
    return f"{application['Name']} {application.get('Version', '')}".rstrip()


def machines(aws: Aws, filters: Mapping[str, str]) -> list[Machine]:
    """Return instances by EC2's filters, those that are gone included, as long as EC2 knows them."""
    asked = [{"Name": name, "Values": [value]} for name, value in filters.items()]
    pages = aws.ec2.pages("describe_instances", "Reservations", Filters=asked)
    return [_machine(told) for reservation in pages for told in reservation["Instances"]]


def _machine(told: Mapping[str, Any]) -> Machine:
    return Machine(
        id=told["InstanceId"],
        type=told["InstanceType"],
        state=told["State"]["Name"],
        started=told["LaunchTime"],
        ended=_ended(told),
        address=told.get("PrivateIpAddress", ""),
        place=told.get("AmiLaunchIndex", 0),
        tags=of_pairs(told.get("Tags")),
    )


def _ended(told: Mapping[str, Any]) -> datetime | None:
    """Return when a machine that is gone went; EC2 tells it in words."""
    found = _WHEN.search(told.get("StateTransitionReason", "")) if told["State"]["Name"] == _GONE else None
    return datetime.fromisoformat(f"{found[1]}+00:00") if found else None


def machines_of(aws: Aws, standing: Standing) -> list[Machine]:
    """Return the machines of a cluster; of EMR, EMR says when each came and went."""
    if standing.role != EMR:
        return list(standing.machines)
    return [
        Machine(
            id=told.get("Ec2InstanceId", told["Id"]),
            type=told.get("InstanceType", ""),
            state=told["Status"]["State"],
            started=told["Status"].get("Timeline", {}).get("CreationDateTime", standing.created),
            ended=told["Status"].get("Timeline", {}).get("EndDateTime", standing.ended),
            address=told.get("PrivateIpAddress", ""),
        )
        for told in aws.emr.pages("list_instances", "Instances", ClusterId=standing.id)
    ]


def _of_machines(aws: Aws, filters: Mapping[str, str]) -> Iterator[Standing]:
    """Yield what machines of EC2 make up, by their launches; EMR tells of its own."""
    by_launch: dict[str, list[Machine]] = {}
    for machine in machines(aws, filters):
        launch = of_tags(machine.tags)
        if launch and launch.role in (DASK, IMAGE) and EMR_CLUSTER_TAG not in machine.tags:
            by_launch.setdefault(launch.id, []).append(machine)
    yield from (_together(launch, sorted(each, key=_order)) for launch, each in by_launch.items())


def _order(machine: Machine) -> tuple[int, str]:
    return machine.place, machine.id


def _together(launch_id: str, each: list[Machine]) -> Standing:
    launch = of_tags(each[0].tags)
    assert launch is not None, "machines were chosen by it"
    # One that is left is as good a reason to look at it as all of them.
    left = next((machine for machine in each if not machine.is_gone), each[0])
    created = min(machine.started for machine in each)
    return Standing(launch_id, launch.group, launch.role, launch, left.state, created, machines=tuple(each))


def not_over(standings: Iterable[Standing]) -> list[Standing]:
    """Return those of which something runs."""
    return [each for each in standings if not each.is_over]
