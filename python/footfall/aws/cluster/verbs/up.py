"""`footfall cluster up`: what is asked of AWS first, what is asked twice, and one cluster in the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from footfall.aws.cluster import network, requests, starting, upload
from footfall.aws.cluster.orders import Order
from footfall.aws.cluster.records import hours
from footfall.aws.cluster.records.hours import Budget
from footfall.aws.cluster.records.names import DASK, EMR, Launch
from footfall.aws.cluster.records.standing import Standing
from footfall.aws.cluster.requests import Json
from footfall.aws.cluster.service import Aws, code
from footfall.aws.cluster.site import Site
from footfall.aws.cluster.wheelhouse import WHEELHOUSE, Wheelhouse
from footfall.aws.policies import MACHINE
from footfall.errors import DefinitionError

#: What EMR says of a name that is taken, among other things.
_EXISTS = "InvalidRequestException"


def up(site: Site, order: Order, wheelhouse: Path = WHEELHOUSE, limit: float = hours.LIMIT) -> Standing:
    """Start a group's cluster, or find the one that is there; it is not ready yet.

    Raises
    ------
    DefinitionError
        If it must be asked for twice, the month's hours are spent, or something else of the group runs.
    """
    order.check_engine()
    lock, there = site.settled()
    hours.record_all(site.aws, site.objects)
    if there is None:
        order = affordable(site, order, limit)
        check_type(site.aws, order)
        packed = Wheelhouse.of(wheelhouse) if order.engine == EMR else None
        prepare(site, order, packed)
    while there is None:
        launch = Launch.new(site.space, order.engine, lock.number + 1, order.max_hours)
        upload.send_credentials(site.objects, launch)
        told = {**order.told(), "by": site.who(), "wheelhouse": packed.name if packed else ""}
        if site.locks.take(launch, told):
            starting.once(site, launch, *_request(site, order, launch, packed))
        lock, there = site.settled()
    return of_role(there, order.engine)


def of_role(there: Standing, role: str) -> Standing:
    """Return what is there, if it is what was asked for."""
    if there.role != role:
        raise DefinitionError(
            f"group = {there.name!r}: has machines for {there.role} already ({there.id}); footfall cluster down "
            f"{there.name} ends them"
        )
    return there


def affordable(site: Site, order: Order, limit: float) -> Order:
    """Return the order with as many hours as the month has left, or raise DefinitionError if that is not one."""
    budget = spent(site, limit)
    most = int(budget.left // order.machines)
    if most < 1:
        raise DefinitionError(f"hours = {limit:g}: {budget}; {order.machines} machines for an hour are more than that")
    if budget.is_low:
        site.tell(f"warning: {budget}")
    if most < order.max_hours:
        site.tell(f"it will end after {most} h in any case: {budget}")
    return replace(order, max_hours=min(order.max_hours, most))


def spent(site: Site, limit: float) -> Budget:
    """Return the group's hours of this month."""
    now = datetime.now(timezone.utc)
    return Budget(hours.in_month(hours.of_group(site.aws, site.objects, now), now), limit)


def check_type(aws: Aws, order: Order) -> None:
    """Ask AWS whether there is such a machine, and how large it is."""
    if order.engine == DASK:
        asked = sorted({order.instance_type, MACHINE})
        told = aws.ec2("describe_instance_types", InstanceTypes=asked)["InstanceTypes"]
        size = {
            each["InstanceType"]: (each["VCpuInfo"]["DefaultVCpus"], each["MemoryInfo"]["SizeInMiB"]) for each in told
        }
        order.check_type({name: (cores, mib / 1024) for name, (cores, mib) in size.items()})
        return
    found = {each["Type"]: (each["VCPU"], each["MemoryGB"]) for each in _supported(aws, order.release)}
    if order.instance_type not in found:
        like = sorted(name for name in found if name.endswith(order.instance_type.partition(".")[2]))
        raise DefinitionError(
            f"type = {order.instance_type!r}: {order.release} has no such machine; it has {', '.join(like[:8])}"
        )
    order.check_type(found)


def _supported(aws: Aws, release: str) -> Iterator[Any]:
    """Yield the machines of a release; boto3 has no pages of them."""
    more: dict[str, str] = {}
    while True:
        page = aws.emr("list_supported_instance_types", ReleaseLabel=release, **more)
        yield from page["SupportedInstanceTypes"]
        if not page.get("Marker"):
            return
        more = {"Marker": page["Marker"]}


def prepare(site: Site, order: Order, wheelhouse: Wheelhouse | None) -> None:
    """Make what clusters share and nobody pays for: all of it may be there already."""
    if wheelhouse is None:
        network.make(site.aws, order)
        return
    upload.send_wheelhouse(site.objects, wheelhouse, site.tell)
    wanted = requests.security_configuration()
    try:
        site.aws.emr("create_security_configuration", **wanted)
    except OSError as error:
        if code(error) != _EXISTS or not _says(site.aws, wanted):
            raise


def _says(aws: Aws, wanted: Json) -> bool:
    """Return whether the security configuration of that name is there and says what it should."""
    found = aws.emr("describe_security_configuration", Name=wanted["Name"])["SecurityConfiguration"]
    return bool(json.loads(found) == json.loads(wanted["SecurityConfiguration"]))


def _request(site: Site, order: Order, launch: Launch, wheelhouse: Wheelhouse | None) -> tuple[str, str, Json]:
    """Return the one request that starts machines, with its service and action."""
    if wheelhouse is not None:
        return "emr", "run_job_flow", requests.emr_cluster(order, launch, wheelhouse)
    script = requests.dask_user_data(order, launch, site.aws.region)
    within = network.find(site.aws, order) or network.TO_BE_MADE
    return "ec2", "run_instances", requests.machines(order, launch, str(order.image), within, script)


def dry_run(site: Site, order: Order, wheelhouse: Path = WHEELHOUSE, limit: float = hours.LIMIT) -> list[Json]:
    """Return the requests that `up` would send, in their order; nothing is changed."""
    order.check_engine()
    order = affordable(site, order, limit)
    check_type(site.aws, order)
    packed = Wheelhouse.of(wheelhouse) if order.engine == EMR else None
    before = [("emr", "create_security_configuration", requests.security_configuration())]
    shared = before if packed else network.requests_for(site.aws, order)
    launch = Launch.new(site.space, order.engine, site.locks.seen().number + 1, order.max_hours)
    asked = [*shared, _request(site, order, launch, packed)]
    return [{"service": service, "action": action, "request": request} for service, action, request in asked]
