"""The requests that change anything, as JSON: functions of what is asked for, of nothing else.

`up --dry-run` prints what these return; `up` sends it.
"""

from __future__ import annotations

import json
from typing import Any

from footfall.aws.cluster.orders import Order
from footfall.aws.cluster.records.names import NETWORK, ROLE_TAG, Launch, of_a_group, pairs
from footfall.aws.cluster.wheelhouse import Wheelhouse
from footfall.aws.policies import instance_role

#: A security configuration that all groups share: it says one thing, and never another.
SECURITY_CONFIGURATION = "footfall-imdsv2"
#: Where the bootstrap puts our virtual environment.
NODE_PYTHON = "/opt/footfall/bin/python"
_NODE, _LOG = "/opt/footfall", "/var/log/footfall-start.log"
#: What a machine of EC2 says in its launch's folder, with its name behind it: the last lines of what failed.
FAILED = "failed"
_ROOT_DEVICE = "/dev/xvda"
_DISK_GB = 30

Json = dict[str, Any]


def security_configuration() -> Json:
    """Return the request for `SECURITY_CONFIGURATION`: machines of EMR answer IMDSv2 only, and nobody beyond them."""
    imds = {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}
    told = json.dumps({"InstanceMetadataServiceConfiguration": imds})
    return {"Name": SECURITY_CONFIGURATION, "SecurityConfiguration": told}


def emr_cluster(order: Order, launch: Launch, wheelhouse: Wheelhouse) -> Json:
    """Return the request for a cluster of EMR: it ends by itself from its first second on."""
    return {
        "Name": order.group,
        "ReleaseLabel": order.release,
        "LogUri": f"{launch.place}/emr/",
        "Applications": [{"Name": name} for name in ("Hadoop", "Spark")],
        "Configurations": wheelhouse.configurations,
        "Instances": _instances(order),
        "BootstrapActions": [_bootstrap(order, launch, wheelhouse)],
        "AutoTerminationPolicy": {"IdleTimeout": order.idle_minutes * 60},
        "SecurityConfiguration": SECURITY_CONFIGURATION,
        "ServiceRole": order.service_role,
        "JobFlowRole": _instance_role(order),
        "EbsRootVolumeSize": _DISK_GB,
        "VisibleToAllUsers": True,
        "Tags": pairs(launch.tags()),
    }


def _instance_role(order: Order) -> str:
    return order.instance_role or instance_role(order.group)


def _instances(order: Order) -> Json:
    counts = {"MASTER": 1, "CORE": order.workers}
    groups = [
        {
            "Name": role.lower(),
            "InstanceRole": role,
            "Market": "ON_DEMAND",
            "InstanceType": order.instance_type,
            "InstanceCount": count,
        }
        for role, count in counts.items()
    ]
    return {
        "InstanceGroups": groups,
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
        **_given(Ec2SubnetId=order.subnet, Ec2KeyName=order.key_name),
    }


def _bootstrap(order: Order, launch: Launch, wheelhouse: Wheelhouse) -> Json:
    place = launch.space.place(wheelhouse.name)
    told = ["--emr", place, "--run", launch.place, *_ends(order)]
    return {"Name": "footfall", "ScriptBootstrapAction": {"Path": f"{place}/bootstrap.sh", "Args": told}}


def _ends(order: Order) -> list[str]:
    """Return what a node is told of its end."""
    return ["--idle", str(order.idle_minutes), "--max-hours", str(order.max_hours)]


def security_group(group: str, network: str) -> Json:
    """Return the request for a group's security group, which lets nobody in."""
    tags = {**of_a_group(group), ROLE_TAG: NETWORK}
    return {
        "GroupName": security_group_name(group),
        "Description": "machines of the group speak to each other and nobody else comes in",
        "VpcId": network,
        "TagSpecifications": [{"ResourceType": "security-group", "Tags": pairs(tags)}],
    }


def security_group_name(group: str) -> str:
    """Return what a group's security group is called."""
    return f"footfall-{group}"


def from_within(security_group: str) -> Json:
    """Return the request by which a security group lets its own members in."""
    itself = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": security_group}]}
    return {"GroupId": security_group, "IpPermissions": [itself]}


def machines(order: Order, launch: Launch, image: str, security_group: str, user_data: str) -> Json:
    """Return the request for machines of EC2: all of them or none, which are gone once they shut down."""
    tags = pairs(launch.tags())
    volume = {"VolumeSize": _DISK_GB, "VolumeType": "gp3", "DeleteOnTermination": True, "Encrypted": True}
    return {
        "ImageId": image,
        "InstanceType": order.instance_type,
        "MinCount": order.machines,
        "MaxCount": order.machines,
        # The same token never starts machines twice, however often it is sent.
        "ClientToken": launch.id,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        "IamInstanceProfile": {"Name": _instance_role(order)},
        "SecurityGroupIds": [security_group],
        "BlockDeviceMappings": [{"DeviceName": _ROOT_DEVICE, "Ebs": volume}],
        "UserData": user_data,
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
        **_given(SubnetId=order.subnet, KeyName=order.key_name),
    }


def dask_user_data(order: Order, launch: Launch, region: str) -> str:
    """Return what machines of an image do when they start: all that they are told is in here.

    The first of them is the primary, and tells the others by the workspace where it is.
    """
    module = f"{NODE_PYTHON} -m footfall.aws.cluster.machine"
    own = f"--workspace {launch.space} --launch {launch.id} --hours {launch.hours}"
    end = f"--property=ExecStop='{module} end {own}' --property=After=network-online.target"
    node = " ".join(["--run", launch.place, *_ends(order), "--power-off"])
    return _script(
        region,
        order.max_hours,
        launch,
        f"where=$({module} begin {own})",
        # It tells when it ended, whoever ends it.
        f"systemd-run --unit=footfall-end --property=Type=oneshot --property=RemainAfterExit=yes {end} /bin/true",
        f"bash {_NODE}/bootstrap.sh --node {_NODE}/wheelhouse $where {node}",
    )


def image_user_data(launch: Launch, wheelhouse: Wheelhouse, region: str) -> str:
    """Return what the machine does that becomes an image: the bootstrap with its self-test, which tells how it went."""
    place = launch.space.place(wheelhouse.name)
    return _script(
        region,
        launch.hours,
        launch,
        f"mkdir -p {_NODE}",
        f"aws s3 cp --only-show-errors {place}/bootstrap.sh {_NODE}/bootstrap.sh",
        f"bash {_NODE}/bootstrap.sh --image {place} --run {launch.place}",
        "sync",
    )


def _script(region: str, hours: int, launch: Launch, *lines: str) -> str:
    """Return a script: what fails is told in the workspace, and the machine shuts down, which is its end."""
    put = f"aws s3api put-object --bucket {launch.space.bucket} --if-none-match '*'"
    return "\n".join(
        [
            "#!/bin/bash",
            f"exec > >(tee {_LOG}) 2>&1",
            # Whatever else goes wrong, it is gone by then.
            f"shutdown -P +{hours * 60}",
            f"export AWS_REGION={region} AWS_DEFAULT_REGION={region}",
            f'say() {{ {put} --key {launch.space.group}/{launch.folder}/"$1"-"$(hostname)" --body "$2" >/dev/null; }}',
            "failed() {",
            f"    {{ tail -n 25 {_LOG} >{_LOG}.end && say {FAILED} {_LOG}.end; }} || true",
            "    shutdown -P now",
            "}",
            "trap failed ERR",
            "set -eE",
            *lines,
            "",
        ]
    )


def image_of(launch: Launch, machine: str) -> Json:
    """Return the request for an image of a machine that has stopped."""
    tags = pairs(launch.tags())
    return {
        "InstanceId": machine,
        "Name": f"footfall-{launch.group}-{launch.id}",
        "Description": f"Footfall for {launch.group}",
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
    }


def _given(**chosen: str | None) -> Json:
    """Return what was chosen; what was not is AWS's choice."""
    return {name: value for name, value in chosen.items() if value}
