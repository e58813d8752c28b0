"""The security group of a group's machines: they speak to each other, and nobody else comes in."""

from __future__ import annotations

from footfall.aws.cluster import requests
from footfall.aws.cluster.orders import Order
from footfall.aws.cluster.service import Aws, code
from footfall.errors import DefinitionError

#: What stands for the id of a security group that is not there yet, in requests that are only shown.
TO_BE_MADE = "(its id)"
_THERE = ("InvalidGroup.Duplicate", "InvalidPermission.Duplicate")
_IN_USE = ("DependencyViolation", "InvalidGroup.InUse")


def make(aws: Aws, order: Order) -> str:
    """Return the id of the group's security group; it is made if it is not there."""
    found = find(aws, order)
    if found is None:
        _unless_there(aws, "create_security_group", requests.security_group(order.group, _network(aws, order)))
        found = find(aws, order)
        assert found is not None, "it was made"
    _unless_there(aws, "authorize_security_group_ingress", requests.from_within(found))
    return found


def requests_for(aws: Aws, order: Order) -> list[tuple[str, str, requests.Json]]:
    """Return the requests that make it; none if it is there."""
    if find(aws, order) is not None:
        return []
    made = requests.security_group(order.group, _network(aws, order))
    within = requests.from_within(TO_BE_MADE)
    return [("ec2", "create_security_group", made), ("ec2", "authorize_security_group_ingress", within)]


def find(aws: Aws, order: Order) -> str | None:
    """Return the id of the group's security group in the order's network; None if there is none."""
    named = {"group-name": requests.security_group_name(order.group), "vpc-id": _network(aws, order)}
    filters = [{"Name": name, "Values": [value]} for name, value in named.items()]
    return next(
        (each["GroupId"] for each in aws.ec2.pages("describe_security_groups", "SecurityGroups", Filters=filters)), None
    )


def remove(aws: Aws, group: str) -> list[str]:
    """Remove the group's security groups, which cost nothing; return the ids of those that are still in use."""
    filters = [{"Name": "group-name", "Values": [requests.security_group_name(group)]}]
    left = []
    for each in aws.ec2.pages("describe_security_groups", "SecurityGroups", Filters=filters):
        try:
            aws.ec2("delete_security_group", GroupId=each["GroupId"])
        except OSError as error:
            if code(error) not in _IN_USE:
                raise
            left.append(each["GroupId"])
    return left


def _network(aws: Aws, order: Order) -> str:
    """Return the VPC of the order's subnet, else the region's default."""
    if order.subnet:
        (subnet,) = aws.ec2("describe_subnets", SubnetIds=[order.subnet])["Subnets"]
        return str(subnet["VpcId"])
    found = aws.ec2("describe_vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not found:
        raise DefinitionError(f"subnet: {aws.region} has no default network; say --subnet")
    return str(found[0]["VpcId"])


def _unless_there(aws: Aws, action: str, request: requests.Json) -> None:
    try:
        aws.ec2(action, **request)
    except OSError as error:
        if code(error) not in _THERE:
            raise
