"""`footfall cluster image`: one machine, the bootstrap with its self-test, an image of it, and no machine.

Each step is found done or is done, so that one that was cut off is gone on with. Whatever happens, the machine shuts
itself down, and is gone, after an hour.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footfall.aws.cluster import network, requests, starting, upload, waiting
from footfall.aws.cluster.orders import Order
from footfall.aws.cluster.records import hours, settling
from footfall.aws.cluster.records.names import IMAGE, LAUNCH_TAG, Launch
from footfall.aws.cluster.records.standing import Standing
from footfall.aws.cluster.site import Site
from footfall.aws.cluster.verbs.up import affordable, of_role
from footfall.aws.cluster.wheelhouse import WHEELHOUSE, Wheelhouse

#: Amazon Linux 2023, as AWS itself names the newest.
PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
HOURS = 1


def image(
    site: Site, order: Order, wheelhouse: Path = WHEELHOUSE, limit: float = hours.LIMIT, poll_s: float = waiting.POLL_S
) -> str:
    """Make an image of a machine that the bootstrap has made ready, and return its id.

    Raises
    ------
    ChildProcessError
        If the bootstrap or its self-test failed; with its last lines.
    """
    lock, there = site.settled()
    if there is None:
        order = affordable(site, order, limit)
        packed = Wheelhouse.of(wheelhouse)
        upload.send_wheelhouse(site.objects, packed, site.tell)
        network.make(site.aws, order)
    while there is None:
        launch = Launch.new(site.space, IMAGE, lock.number + 1, HOURS)
        if site.locks.take(launch, {**order.told(), "by": site.who(), "wheelhouse": packed.name}):
            starting.once(site, launch, "ec2", "run_instances", machine_request(site, order, launch, packed))
        lock, there = site.settled()
    return _made(site, of_role(there, IMAGE), poll_s)


def machine_request(site: Site, order: Order, launch: Launch, wheelhouse: Wheelhouse) -> requests.Json:
    """Return the request for the machine."""
    newest = str(site.aws.ssm("get_parameter", Name=PARAMETER)["Parameter"]["Value"])
    script = requests.image_user_data(launch, wheelhouse, site.aws.region)
    within = network.find(site.aws, order) or network.TO_BE_MADE
    return requests.machines(order, launch, newest, within, script)


def _made(site: Site, there: Standing, poll_s: float) -> str:
    """Return the id of the image of a machine that is there; the machine is ended."""
    assert there.launch is not None, "machines are known by their launch"
    (machine,) = there.machines
    found = _image_of(site, there.launch.id)
    if found is None:
        _until_done(site, there, poll_s)
        site.tell(f"stopping {machine.id}, to make an image of it")
        site.aws.ec2("stop_instances", InstanceIds=[machine.id])
        _until(site, there, "stopped", poll_s)
        site.aws.ec2("create_image", **requests.image_of(there.launch, machine.id))
    while (found := _image_of(site, there.launch.id)) is None or found["State"] == "pending":
        time.sleep(poll_s)
    settling.end([there], site.aws, site.tell)
    if found["State"] != "available":
        raise ChildProcessError(f"image {found['ImageId']}: {found['State']}, {found.get('StateReason', {})}")
    return str(found["ImageId"])


def _until_done(site: Site, there: Standing, poll_s: float) -> None:
    """Wait until the bootstrap has ended well."""
    told: set[str] = set()
    while not waiting.is_installed(site.objects, there):
        now = waiting.again(site.aws, there)
        line = f"{now.id}: {now.state}"
        if line not in told:
            site.tell(line)
            told.add(line)
        last = waiting.last_lines(site.objects, now)
        if last or not now.is_active:
            settling.end([] if now.is_over else [now], site.aws, site.tell)
            raise ChildProcessError(f"image of {there.id}: the bootstrap failed\n{last}".rstrip())
        if now.state in ("stopping", "stopped"):
            return
        time.sleep(poll_s)


def _until(site: Site, there: Standing, state: str, poll_s: float) -> None:
    while (now := waiting.again(site.aws, there)).state != state:
        if not now.is_active:
            raise ChildProcessError(f"image of {there.id}: its machine is {now.state}")
        time.sleep(poll_s)


def _image_of(site: Site, launch: str) -> Mapping[str, Any] | None:
    filters = [{"Name": f"tag:{LAUNCH_TAG}", "Values": [launch]}]
    return next(iter(site.aws.ec2("describe_images", Owners=["self"], Filters=filters)["Images"]), None)
