"""A group's cluster on AWS, as moto plays it: one at a time, found again by whoever comes next, gone when told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import timedelta, timezone

import aws_groups
import pytest
from aws_groups import IMAGE, PATIENCE_S, Group, aws, emr_tags
from s3_proxy import Fault, Proxy

from footfall import DefinitionError
from footfall.aws.cluster import waiting
from footfall.aws.cluster.records import settling
from footfall.aws.cluster.verbs import down, listing, status
from footfall.aws.cluster.verbs import up as starting

COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]


def run(group, *words, address=None, space=None, code=0):
    """The command, as a process of its own."""
    environment = {**group.server.environment(address), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    environment["FOOTFALL_WORKSPACE"] = space or f"s3://{group.bucket}/{group.name}"
    done = subprocess.run(
        [*COMMAND, "cluster", *words], env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


# What is asked for.


def test_a_dry_run_prints_all_requests_and_their_price_and_changes_nothing(group):
    with Proxy(group.server.address) as proxy:
        words = ["up", group.name, "--dry-run", "--wheelhouse", str(group.wheelhouse)]
        told = json.loads(run(group, *words, address=proxy.address).stdout)
    assert [each for each in proxy.requests if each.kind == "PUT" or is_start(each)] == []
    assert told["price_an_hour"].startswith("0.39 USD (0.13 USD an hour and machine, by the table of ")
    guard, start = (each["request"] for each in told["requests"])
    imds = json.loads(guard["SecurityConfiguration"])["InstanceMetadataServiceConfiguration"]
    assert imds == {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}
    assert start["SecurityConfiguration"] == guard["Name"]
    assert start["AutoTerminationPolicy"] == {"IdleTimeout": 3_600}
    tags = {tag["Key"]: tag["Value"] for tag in start["Tags"]}
    assert tags["Name"] == group.name and tags["for-use-with-amazon-emr-managed-policies"] == "true"
    machines = start["Instances"]["InstanceGroups"]
    assert [(each["InstanceRole"], each["InstanceType"], each["InstanceCount"]) for each in machines] == [
        ("MASTER", "m4.large", 1),
        ("CORE", "m4.large", 2),
    ]
    script = start["BootstrapActions"][0]["ScriptBootstrapAction"]
    house = script["Path"].removesuffix("/bootstrap.sh")
    assert house.startswith(f"s3://{group.bucket}/{group.name}/wheelhouse-") and script["Args"][:2] == ["--emr", house]
    assert start["Configurations"] == aws_groups.EMR_SETTINGS


def test_a_dry_run_records_nothing_of_machines_either(group, monkeypatch):
    group.make_role()
    there = group.up(engine="dask", image=IMAGE)
    before = group.server.keys(group.bucket)
    with Proxy(group.server.address) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        (start,) = starting.dry_run(group.site(), group.order(engine="dask", image="ami-2"), group.wheelhouse)
    assert start["action"] == "run_instances" and start["request"]["ImageId"] == "ami-2"
    assert "PUT" not in proxy.counts() and group.server.keys(group.bucket) == before
    assert set(group.machines()) == {each.id for each in there.machines}


def is_start(request, *actions):
    return request.headers.get("x-amz-target", "").endswith(actions or ("RunJobFlow", "CreateSecurityConfiguration"))


@pytest.mark.parametrize(
    "chosen, reason",
    [
        ({"workers": 4}, "5 machines, more than 4; if that is meant, say --larger"),
        ({"instance_type": "m4.xlarge"}, "larger than m4.large; if that is meant, say --larger"),
        ({"instance_type": "m4.huge"}, "emr-7.14.0 has no such machine"),
        ({"workers": 0}, "workers = 0: must be at least 1"),
        ({"engine": "dask"}, "footfall cluster image {group.name} makes it"),
        ({"image": IMAGE}, "nothing else takes one"),
        ({"engine": "spark"}, "a cluster on AWS is one of emr, dask"),
        ({"idle_minutes": 0}, "must be 1 to 10,080 minutes"),
        ({"max_hours": 0}, "must be a whole number of at least 1"),
        ({"engine": "dask", "image": IMAGE, "instance_type": "m5.xlarge"}, "larger than m4.large"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_more_than_usual_and_what_cannot_be_is_refused(group, chosen, reason):
    with pytest.raises(DefinitionError) as refused:
        group.up(**chosen)
    assert reason.format(group=group) in str(refused.value)
    assert group.clusters() == {} and group.server.keys(group.bucket) == {}


def test_what_is_asked_for_twice_is_given(group):
    there = group.up(workers=4, instance_type="m4.xlarge", larger=True)
    machines = group.server.client("emr").list_instances(ClusterId=there.id)["Instances"]
    assert [each["InstanceType"] for each in machines] == ["m4.xlarge"] * 5


def test_a_cluster_is_of_the_workspace_s_group(group):
    asked = ["up", "others", "--wheelhouse", str(group.wheelhouse)]
    assert f"is of {group.name}" in run(group, *asked, code=2).stderr
    assert "is written as s3://bucket/group" in run(group, *asked, space="s3://bucket", code=2).stderr


def test_without_a_wheelhouse_nothing_is_started(group, tmp_path):
    group.wheelhouse = tmp_path
    with pytest.raises(DefinitionError, match="make wheelhouse"):
        group.up()
    assert group.clusters() == {}


# One cluster.


def test_the_next_up_goes_on_with_what_is_there(group):
    first, second = group.up(), group.up()
    assert first.id == second.id and group.clusters() == {first.id: "WAITING"}
    assert group.server.read(group.bucket, f"{group.name}/{first.launch.credentials}/key.pem").startswith(b"-----BEGIN")


def test_a_second_cluster_has_keys_of_its_own(group):
    first = group.up()
    settling.end([first], aws(), group.told.append)
    second = group.up()
    keys = [
        group.server.read(group.bucket, f"{group.name}/{each.launch.credentials}/key.pem") for each in (first, second)
    ]
    assert first.id != second.id and keys[0] != keys[1]
    assert (first.launch.number, second.launch.number) == (1, 2)


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=pytest.mark.slow) for turn in range(1, 6))])
def test_of_several_at_once_one_cluster_comes(group, turn):
    processes = [group.process() for _ in range(3)]
    answers = {process.answer.recv() for process in processes}
    assert len(answers) == 1 and group.active() == list(answers), (answers, group.clusters())


def killed_after(group, number, counts):
    """Have `up` killed once the server has done so many of the requests that count; whether there were as many."""
    seen = []

    def plan(request):
        if not counts(request):
            return Fault.UNAVAILABLE if len(seen) == number else None
        seen.append(request)
        # The answer of the last is lost, and what comes after it does not arrive.
        return None if len(seen) < number else Fault.LOST if len(seen) == number else Fault.UNAVAILABLE

    with Proxy(group.server.address, plan) as proxy:
        process = group.process(proxy.address)
        deadline = time.monotonic() + PATIENCE_S
        while process.is_alive() and not (len(seen) >= number and seen[number - 1].status is not None):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        was_alive = process.is_alive()
        process.kill()
        process.join()
    return was_alive and len(seen) >= number


def is_gone_on_with(group):
    """After a death: what is there is listed, the next `up` ends with one cluster, whose lock is held."""
    there = set(group.active())
    found = {row.id: row.lock for row in listing.listed(aws()) if row.group == group.name}
    assert there == set(found)
    again = group.up()
    assert group.active() == [again.id] and (not there or there == {again.id})
    found = {row.id: row.lock for row in listing.listed(aws()) if row.group == group.name}
    assert found == {again.id: "held"}


def all_moments(group, counts):
    number = 0
    while True:
        number += 1
        each = Group(group.server, group.bucket, group.wheelhouse)
        try:
            if not killed_after(each, number, counts):
                return number - 1
            is_gone_on_with(each)
        finally:
            each.clear()


def test_killed_after_lock_or_cluster_it_is_gone_on_with(group):
    """The lock and the cluster; all other moments are among the slow tests."""
    assert all_moments(group, is_lock_or_cluster) == 2


def is_lock_or_cluster(request):
    return (request.kind == "PUT" and "/locks/" in request.key) or is_start(request, "RunJobFlow")


@pytest.mark.slow
def test_killed_after_any_request_it_is_gone_on_with(group):
    assert all_moments(group, lambda request: True) > 20


def test_a_start_whose_answer_is_lost_is_found_and_not_repeated(group, monkeypatch):
    with Proxy(group.server.address, lambda request: Fault.LOST if is_start(request, "RunJobFlow") else None) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        there = group.up()
    assert group.clusters() == {there.id: "WAITING"}
    assert any("looking whether it came through" in line for line in group.told)


def test_what_aws_refuses_gives_the_lock_up_at_once(group):
    with pytest.raises(OSError, match=r"RunInstances: Instance profile footfall-g-\w+ not found"):
        group.up(engine="dask", image=IMAGE)
    assert group.up().id.startswith("j-")
    assert not any("waiting" in line for line in group.told)


def test_a_superseded_cluster_is_ended(group):
    """One that came after its lease, beside that of the next lock: all decide alike."""
    first = group.up()
    site = group.site()
    launch = type(first.launch).new(first.launch.space, "emr", 2, 8)
    assert site.locks.take(launch, {})
    second = group.server.client("emr").run_job_flow(**cluster_by_hand(group.name, launch.tags()))["JobFlowId"]
    _, stays = site.settled()
    assert stays.id == second and group.active() == [second]


def cluster_by_hand(name, tags):
    machines = [{"InstanceRole": "MASTER", "InstanceType": "m4.large", "InstanceCount": 1}]
    return {
        "Name": name,
        "ReleaseLabel": "emr-7.14.0",
        "Instances": {"InstanceGroups": machines, "KeepJobFlowAliveWhenNoSteps": True},
        "JobFlowRole": "x",
        "ServiceRole": "x",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


# Waiting.


def test_a_bootstrap_that_fails_tells_its_own_last_lines(group):
    there = group.up()
    log = "installing\n" * 40 + "install.sh: line 70: pip: exit code 1\nbootstrap.sh: FAILED, exit code 1, after 9 s\n"
    group.say(f"{there.launch.logs}ip-10-0-0-7-bootstrap-20261127T100000Z.log", log)
    settling.end([there], aws(), group.told.append)
    site = group.site()
    with pytest.raises(ChildProcessError) as failed:
        waiting.until_ready(site.aws, site.objects, there, site.tell, 0.1)
    lines = str(failed.value).splitlines()
    assert lines[-2:] == log.splitlines()[-2:] and len(lines) < 20 and "ip-10-0-0-7" in lines[1]


def test_progress_is_told_once_for_each_change(group):
    there = group.up()
    group.say(f"{there.launch.logs}ip-10-0-0-7-bootstrap-1.log", "x\nbootstrap.sh: done after 9 s\n")
    site = group.site()
    waiting.until_ready(site.aws, site.objects, there, site.tell, 0.1)
    assert [line.split("min ")[1] for line in group.told[-2:]] == [
        f"{there.id}: waiting",
        "ip-10-0-0-7-bootstrap-1.log: bootstrap.sh: done after 9 s",
    ]


# What is there, and its end.


def test_down_is_done_when_nothing_is_left(group):
    there = group.up()
    machines = emr_tags(group.server, there.id)
    threading.Timer(1.0, lambda: group.server.client("ec2").terminate_instances(InstanceIds=machines)).start()
    assert down.down(group.site(), PATIENCE_S, 0.2) == []
    assert set(group.machines().values()) == {"terminated"} and group.active() == []


def test_what_will_not_go_is_named(group):
    there = group.up()
    (stuck, *others) = emr_tags(group.server, there.id)
    ec2 = group.server.client("ec2")
    ec2.terminate_instances(InstanceIds=others)
    name = [{"Key": "Name", "Value": group.name}]
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=[
        {"ResourceType": "volume", "Tags": name}])["VolumeId"]  # fmt: skip
    address = ec2.allocate_address(TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": name}])["PublicIp"]
    done = run(group, "down", group.name, "--patience", "1", code=1)
    assert all(
        each in done.stderr for each in (f"instance {stuck} (running)", f"volume {volume}", f"address {address}")
    )
    assert not any(each in done.stderr for each in others)
    ec2.terminate_instances(InstanceIds=[stuck])
    ec2.delete_volume(VolumeId=volume)
    ec2.release_address(PublicIp=address)
    assert run(group, "down", group.name).stdout.endswith(f"nothing of {group.name} is left in us-east-1\n")


def test_down_ends_nothing_that_only_has_the_name(group):
    ec2 = group.server.client("ec2")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": group.name}]}]
    theirs = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"][0][
        "InstanceId"
    ]
    (left,) = down.down(group.site(), 0.1, 0.1)
    assert left == f"instance {theirs} (running, not started by footfall)"
    assert group.machines() == {theirs: "running"}


def test_what_nobody_holds_a_lock_for_is_listed(group):
    ours = group.up()
    by_hand = group.server.client("emr").run_job_flow(**cluster_by_hand("somebody", {"Name": "somebody"}))["JobFlowId"]
    other = type(ours.launch).new(ours.launch.space, "emr", 7, 8)
    lost = group.server.client("emr").run_job_flow(**cluster_by_hand(group.name, other.tags()))["JobFlowId"]
    found = {row.id: (row.group, row.lock) for row in listing.listed(aws())}
    assert found[ours.id] == (group.name, "held")
    assert found[by_hand] == ("somebody", "nobody's") and found[lost] == (group.name, "nobody's")
    shown = run(group, "list").stdout
    assert all(each in shown for each in (ours.id, by_hand, lost))
    group.server.client("emr").terminate_job_flows(JobFlowIds=[by_hand])


@pytest.mark.slow
def test_all_regions_are_asked(group, monkeypatch):
    ec2 = group.server.client("ec2")
    assert listing._regions(aws()) == sorted(each["RegionName"] for each in ec2.describe_regions()["Regions"])
    group.make_role()
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    there = group.up(engine="dask", image=IMAGE)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(listing, "_regions", lambda aws: ["eu-west-1", "sa-east-1", "us-east-1"])
    assert there.id not in {row.id for row in listing.listed(aws())}
    (row,) = [row for row in listing.listed(aws(), all_regions=True) if row.id == there.id]
    assert (row.region, row.group, row.what, row.lock) == ("sa-east-1", group.name, "3 machines for dask", "held")
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    settling.end([there], aws(), group.told.append)


def test_status_tells_of_each_node_the_end_and_the_way_in(group):
    there = group.up(key_name="ours", idle_minutes=30)
    machines = group.server.client("emr").list_instances(ClusterId=there.id)["Instances"]
    node = {"host": "a", "role": "worker", "footfall": "1.2.3", "dask": "2026.8.0", "pyspark": "4.2.0"}
    for each in machines[:2]:
        told = {**node, "host": each["Id"], "address": each["PrivateIpAddress"]}
        group.say(f"{there.launch.nodes}{each['Id']}-1.json", json.dumps(told))
    for name, busy, idle_s in [("20261127T090000000000Z", ["Dask"], 0), ("20261127T100000000000Z", [], 1_200)]:
        group.say(f"{there.launch.activity}{name}.json", json.dumps({"at": name, "busy": busy, "idle_s": idle_s}))
    shown = "\n".join(status.status(group.site(), 100))
    (primary,) = group.server.client("emr").list_instances(ClusterId=there.id, InstanceGroupTypes=["MASTER"])[
        "Instances"
    ]
    assert f"aws ssm start-session --target {primary['Ec2InstanceId']}" in shown and "ssh -N -L" in shown
    assert shown.count("footfall 1.2.3, dask 2026.8.0") == 2 and shown.count("its self-test is not done") == 1
    assert "idle since: 2026-11-27 09:40 UTC" in shown
    ends = f"{there.created.astimezone(timezone.utc) + timedelta(hours=8):%Y-%m-%d %H:%M} UTC at the latest"
    assert f"ends at: {ends}, or when idle for 30 min" in shown
    assert "of 100 machine hours used this month" in shown and "m4.large for emr: 0.0 h, 0.00 USD" in shown
