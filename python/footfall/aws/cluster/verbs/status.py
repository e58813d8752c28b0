"""`footfall cluster status`: what a group has, how to reach it, when it ends, what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from footfall.aws.cluster import waiting
from footfall.aws.cluster.records import hours, standing
from footfall.aws.cluster.records.hours import Budget
from footfall.aws.cluster.records.locks import Lock
from footfall.aws.cluster.records.names import EMR, LAUNCH_TAG
from footfall.aws.cluster.records.prices import price
from footfall.aws.cluster.records.standing import Machine, Standing
from footfall.aws.cluster.site import Site
from footfall.aws.policies import NAME_TAG

#: Where the hub listens on the primary, on loopback.
HUB_PORT = 800
_HERE = 8000
_TOLD = ("footfall", "python", "dask", "pyspark")


def status(site: Site, limit: float, said: float | None = None) -> Iterator[str]:
    """Yield what there is to say, a line each."""
    hours.record_all(site.aws, site.objects)
    lock = site.locks.seen()
    there = standing.not_over(standing.of_group(site.aws, site.group))
    yield f"group {site.group} in {site.aws.region}, {site.space}"
    if not there:
        yield "no cluster"
    for each in there:
        yield from _cluster(site, lock, each)
    yield from _images(site)
    yield from _hours(site, limit, said)


def _cluster(site: Site, lock: Lock, each: Standing) -> Iterator[str]:
    held = each.launch is not None and each.launch.id == lock.launch
    told = lock.told if held else {}
    yield f"{each.role} cluster {each.id}: {each.state.lower()}{'' if held else '; nobody holds a lock for it'}"
    release = f", {each.release} with {', '.join(each.versions)}" if each.release else ""
    yield f"  since {_when(each.created)}{release}{f', {each.reason}' if each.reason else ''}"
    machines = standing.machines_of(site.aws, each)
    primary = _primary(site, each, machines)
    yield from _nodes(site, each, machines, primary)
    yield f"  idle since: {_idle(site, each)}"
    idle = f", or when idle for {told['idle_minutes']} min" if "idle_minutes" in told else ""
    yield f"  ends at: {_when(each.ends_by) if each.ends_by else 'not known'} at the latest{idle}"
    if primary is not None:
        yield from tunnel(each, primary, told.get("key_name"))


def _when(at: datetime) -> str:
    return f"{at.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def _primary(site: Site, each: Standing, machines: list[Machine]) -> Machine | None:
    if each.role != EMR:
        return machines[0] if machines else None
    told = site.aws.emr.pages("list_instances", "Instances", ClusterId=each.id, InstanceGroupTypes=["MASTER"])
    ids = {node.get("Ec2InstanceId") for node in told}
    return next((machine for machine in machines if machine.id in ids), None)


def _nodes(site: Site, each: Standing, machines: list[Machine], primary: Machine | None) -> Iterator[str]:
    """Yield each machine with what it told of itself: its engines' versions, by which it has workers of both."""
    told = {node.get("address"): node for node in waiting.nodes(site.objects, each)}
    for machine in machines:
        node = told.get(machine.address)
        role = "primary, scheduler of Dask" if machine is primary else "a worker of each engine"
        has = _versions(node, each) if node else "its self-test is not done"
        yield f"  {machine.id} {machine.type} {machine.address}: {machine.state.lower()}; {role}; {has}"


def _versions(node: Mapping[str, Any], each: Standing) -> str:
    # Of Spark, nodes of EMR have EMR's own.
    of_emr = ["pyspark"] if each.role == EMR else []
    return ", ".join(f"{name} {node[name]}" for name in _TOLD if name in node and name not in of_emr)


def _idle(site: Site, each: Standing) -> str:
    """Return since when nothing computes, as the watcher on the primary told last."""
    keys = site.objects.keys(each.launch.activity) if each.launch else []
    told = site.objects.read_json(keys[-1]) if keys else {}
    if not told:
        return "not told yet"
    at = datetime.strptime(told["at"], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=timezone.utc)
    if told["busy"]:
        return f"not idle: {', '.join(told['busy'])} (told at {_when(at)})"
    return _when(at - timedelta(seconds=told["idle_s"]))


def tunnel(each: Standing, primary: Machine, key_name: str | None = None) -> Iterator[str]:
    """Yield how to reach a cluster: nothing of it is open to the world."""
    ports = f"portNumber={HUB_PORT},localPortNumber={_HERE}"
    yield f"  tunnel to its notebooks, then http://127.0.0.1:{_HERE}/ as user footfall:"
    yield (
        f"    aws ssm start-session --target {primary.id} --document-name AWS-StartPortForwardingSession "
        f"--parameters {ports}"
    )
    if key_name:
        user = "hadoop" if each.role == EMR else "ec2-user"
        yield f"    ssh -N -L {_HERE}:127.0.0.1:{HUB_PORT} -i {key_name}.pem {user}@{primary.address}"
    if each.launch:
        password = each.launch.space.place(each.launch.credentials, "hub-password")
        yield f"  password: aws s3 cp {password} -"


def _images(site: Site) -> Iterator[str]:
    filters = [{"Name": f"tag:{NAME_TAG}", "Values": [site.group]}, {"Name": "tag-key", "Values": [LAUNCH_TAG]}]
    for each in site.aws.ec2("describe_images", Owners=["self"], Filters=filters)["Images"]:
        yield f"image {each['ImageId']}: {each['State']}, of {each.get('CreationDate', '')}"


def _hours(site: Site, limit: float, said: float | None) -> Iterator[str]:
    now = datetime.now(timezone.utc)
    stays = hours.of_group(site.aws, site.objects, now)
    budget = Budget(hours.in_month(stays, now), limit)
    yield f"{'warning: ' if budget.is_low else ''}{budget}"
    for kind in sorted({(stay.type, stay.role) for stay in stays}):
        used = hours.in_month([stay for stay in stays if (stay.type, stay.role) == kind], now)
        yield f"  {kind[0]} for {kind[1]}: {used:.1f} h, {price(site.aws.region, *kind, said=said).of_hours(used)}"
