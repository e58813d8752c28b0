"""Machines of an image on AWS, as moto plays it, and how the image is made."""

from __future__ import annotations

import threading
import time

import pytest
from aws_groups import IMAGE, PATIENCE_S

from footfall import DefinitionError
from footfall.aws.cluster import requests
from footfall.aws.cluster.records import names
from footfall.aws.cluster.verbs import down, image
from footfall.aws.workspace import Workspace


def test_machines_of_an_image_are_closed_and_gone_once_they_shut_down(group):
    group.make_role()
    there = group.up(engine="dask", image=IMAGE)
    ec2 = group.server.client("ec2")
    told = [each for one in ec2.describe_instances(InstanceIds=[m.id for m in there.machines])["Reservations"]
            for each in one["Instances"]]  # fmt: skip
    assert len(told) == 3 and all(each["MetadataOptions"]["HttpTokens"] == "required" for each in told)
    asked = {"InstanceId": told[0]["InstanceId"], "Attribute": "instanceInitiatedShutdownBehavior"}
    assert ec2.describe_instance_attribute(**asked)["InstanceInitiatedShutdownBehavior"] == {"Value": "terminate"}
    (one,) = {each["GroupId"] for instance in told for each in instance["SecurityGroups"]}
    (network,) = ec2.describe_security_groups(GroupIds=[one])["SecurityGroups"]
    (rule,) = network["IpPermissions"]
    assert [each["GroupId"] for each in rule["UserIdGroupPairs"]] == [one] and not rule["IpRanges"]
    assert group.up(engine="dask", image=IMAGE).id == there.id
    with pytest.raises(DefinitionError, match="has machines for dask already"):
        group.up()
    begun = [key for key in group.server.keys(group.bucket) if key.endswith(".begin.json")]
    assert len(begun) == 3
    assert down.down(group.site(), PATIENCE_S, 0.1) == []
    assert len([key for key in group.server.keys(group.bucket) if key.endswith(".end.json")]) == 3
    assert ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"footfall-{group.name}"]}])[
        "SecurityGroups"
    ] == []  # fmt: skip


def made(group, answers):
    """Have an image made; its id, or the error, goes to `answers`."""
    group.make_role()
    order = group.order(engine="dask", workers=0, max_hours=1)
    try:
        answers.append(image.image(group.site(), order, group.wheelhouse, poll_s=0.1))
    except Exception as error:
        answers.append(error)


@pytest.fixture
def no_tags_of_snapshots(monkeypatch):
    """Have moto make images: it knows no tags of their snapshots."""
    whole = requests.image_of
    told = whole(names.Launch(Workspace.of("s3://bucket/team"), "image", "000001-ab", 1), "i-1")
    assert [each["ResourceType"] for each in told["TagSpecifications"]] == ["image", "snapshot"]

    def without(launch, machine):
        told = whole(launch, machine)
        return {**told, "TagSpecifications": told["TagSpecifications"][:1]}

    monkeypatch.setattr(requests, "image_of", without)


@pytest.mark.usefixtures("no_tags_of_snapshots")
def test_an_image_is_made_of_a_machine_that_is_ended(group):
    answers = []
    making = threading.Thread(target=made, args=(group, answers))
    making.start()
    (machine,) = waited_for(group.machines)
    launch = launch_of(group, machine)
    group.say(f"cluster/{launch}/logs/ip-10-0-0-7-bootstrap-1.log", "x\nbootstrap.sh: done after 99 s; log: y\n")
    making.join(PATIENCE_S)
    (found,) = group.server.client("ec2").describe_images(ImageIds=answers)["Images"]
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]}["Name"] == group.name
    assert group.machines() == {machine: "terminated"}


def test_an_image_whose_bootstrap_fails_is_not_made(group):
    answers = []
    making = threading.Thread(target=made, args=(group, answers))
    making.start()
    (machine,) = waited_for(group.machines)
    group.say(f"cluster/{launch_of(group, machine)}/failed-ip-10-0-0-7", "fatal error: 403\n")
    making.join(PATIENCE_S)
    assert isinstance(answers[0], ChildProcessError) and str(answers[0]).endswith("fatal error: 403")
    assert group.machines() == {machine: "terminated"}


@pytest.mark.usefixtures("no_tags_of_snapshots")
def test_an_image_is_gone_on_with_where_it_was_cut_off(group):
    """As it stands after a death: the machine has stopped and nobody waits for it."""
    group.make_role()
    order = group.order(engine="dask", workers=0, max_hours=1)
    site = group.site()
    with pytest.raises(InterruptedError):
        site.tell = stop_at("stopping")
        launch_done = threading.Thread(target=say_done, args=(group,))
        launch_done.start()
        image.image(site, order, group.wheelhouse, poll_s=0.1)
    launch_done.join()
    (machine,) = group.machines()
    found = image.image(group.site(), order, group.wheelhouse, poll_s=0.1)
    assert found.startswith("ami-") and group.machines() == {machine: "terminated"}


def stop_at(word):
    def tell(line):
        if line.startswith(word):
            raise InterruptedError

    return tell


def say_done(group):
    (machine,) = waited_for(group.machines)
    group.say(f"cluster/{launch_of(group, machine)}/logs/a-bootstrap-1.log", "bootstrap.sh: done after 99 s\n")


def launch_of(group, machine):
    told = group.server.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [machine]}])["Tags"]
    return next(tag["Value"] for tag in told if tag["Key"] == "footfall-launch")


def waited_for(what):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found
