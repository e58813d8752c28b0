"""Three policies for a workspace: the bucket's, the group's and that of its instances.

The bucket's has S3 itself refuse what loses results, whatever tool asks for it. The group's is for its people: their
own folder, and machines of their own name, of one kind and with two roles. The instances' is for the group's machines.
"""

from __future__ import annotations

from typing import Any, Union

from footfall.aws.workspace import Workspace

#: The tag by which everything of a group is found and counted, and the one that EMR's own policies ask for.
NAME_TAG = "Name"
EMR_TAG = "for-use-with-amazon-emr-managed-policies"
#: The two roles: EMR's own, which AWS makes, and that of the group's machines, which has the instances' policy.
SERVICE_ROLE = "EMR_DefaultRole_V2"
MACHINE = "m4.large"
#: Below a group's folder, where EMR writes its logs.
EMR_LOGS = "cluster/*/emr"

Statement = dict[str, Any]
Policy = dict[str, Any]
_Text = Union[str, list[str]]


def instance_role(group: str) -> str:
    """Return the name of the role of a group's machines, and of its instance profile."""
    return f"footfall-{group}"


def policies(space: Workspace) -> dict[str, Policy]:
    """Return the three policies of a workspace by name."""
    return {"bucket": of_bucket(space.bucket), "group": of_group(space), "instances": of_instances(space)}


def of_bucket(bucket: str) -> Policy:
    """Return the policy of a bucket: nothing is replaced, nothing deleted, nothing asked by plain HTTP.

    S3 lets nobody past a refusal: who must delete takes the policy away first, as the owner of the bucket can. Logs
    that EMR itself writes, without conditions and again and again, may be replaced.

    References
    ----------
    Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets".
    """
    everything, inside = _bucket(bucket), f"{_bucket(bucket)}/*"
    blind = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    refusals = [
        _deny("RefusePlainHttp", "s3:*", [everything, inside], {"Bool": {"aws:SecureTransport": "false"}}),
        _but_for([f"{inside}/{EMR_LOGS}/*"], _deny("RefuseReplacing", "s3:PutObject", inside, blind)),
        _deny("RefuseDeleting", ["s3:DeleteObject", "s3:DeleteObjectVersion"], inside),
        _deny("RefuseDeletingTheBucket", "s3:DeleteBucket", everything),
    ]
    return _policy(*map(_for_all, refusals))


def of_group(space: Workspace) -> Policy:
    """Return the policy of a group's people."""
    machines = [*_machines(space), *_network(space), *_tunnels(space)]
    return _policy(*_own_folder(space), *_bucket_facts(space), *_clusters(space), *machines)


def of_instances(space: Workspace) -> Policy:
    """Return the policy of a group's machines, whose credentials are worth nothing by the old metadata service."""
    old = {"NumericLessThan": {"ec2:RoleDelivery": "2.0"}}
    session = ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"]
    return _policy(
        _deny("RefuseOldMetadata", "*", "*", old),
        *_own_folder(space),
        # The watcher ends the cluster that it runs on, and no other.
        _allow("EndOwnCluster", _emr("DescribeCluster", "TerminateJobFlows"), _CLUSTERS, _has_name(space)),
        _allow("BeReachedByTunnels", ["ssm:UpdateInstanceInformation", *(f"ssmmessages:{each}" for each in session)]),
    )


def _own_folder(space: Workspace) -> list[Statement]:
    bucket = _bucket(space.bucket)
    listed = {"StringLike": {"s3:prefix": [space.group, f"{space.group}/*"]}}
    return [
        _allow("ListOwnFolder", "s3:ListBucket", bucket, listed),
        _allow("ReadAndCreateInOwnFolder", ["s3:GetObject", "s3:PutObject"], f"{bucket}/{space.group}/*"),
        _allow("FindTheBucket", "s3:GetBucketLocation", bucket),
    ]


def _bucket_facts(space: Workspace) -> list[Statement]:
    settings = ["Versioning", "PublicAccessBlock", "Policy", "PolicyStatus"]
    actions = [*(f"s3:GetBucket{setting}" for setting in settings), "s3:GetLifecycleConfiguration"]
    return [_allow("ReadSettingsOfTheBucket", actions, _bucket(space.bucket))]


def _clusters(space: Workspace) -> list[Statement]:
    own = "DescribeCluster ListInstances ListInstanceGroups ListBootstrapActions ListSteps TerminateJobFlows"
    ending = ["PutAutoTerminationPolicy", "GetAutoTerminationPolicy"]
    asked = {"StringEquals": {**_requested(space), f"aws:RequestTag/{EMR_TAG}": "true"}}
    # A cluster that has a name keeps it: nobody makes another group's cluster his own.
    nameless = {"StringEquals": _requested(space), "Null": {f"aws:ResourceTag/{NAME_TAG}": "true"}}
    to_emr = {"StringLike": {"iam:PassedToService": "elasticmapreduce.amazonaws.com*"}}
    to_machines = {"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}}
    seen = _emr("ListClusters", "ListReleaseLabels", "DescribeReleaseLabel", "ListSupportedInstanceTypes")
    # One that says IMDSv2 is for all groups; EMR lets nobody replace it.
    shared = _emr("CreateSecurityConfiguration", "DescribeSecurityConfiguration")
    return [
        _allow("StartOwnClusters", _emr("RunJobFlow"), "*", asked),
        _allow("NameNewClusters", _emr("AddTags"), _CLUSTERS, nameless),
        _allow("ManageOwnClusters", _emr(*own.split(), *ending), _CLUSTERS, _has_name(space)),
        _allow("SeeWhatThereIs", seen),
        _allow("MakeWhatGroupsShare", shared),
        _allow("GiveEmrItsRole", "iam:PassRole", _role(SERVICE_ROLE), to_emr),
        _allow("GiveMachinesTheirRole", "iam:PassRole", _role(instance_role(space.group)), to_machines),
    ]


def _machines(space: Workspace) -> list[Statement]:
    """Return what starts, describes, keeps as an image and ends the group's machines that are not EMR's."""
    seen = "Instances InstanceStatus Volumes Addresses Images Snapshots Subnets SecurityGroups Vpcs InstanceTypes Tags"
    machines, images, others = _ec2("instance"), ["arn:aws:ec2:*::image/*", "arn:aws:ec2:*::snapshot/*"], _ec2("volume")
    around = _ec2("subnet", "network-interface", "security-group", "key-pair")
    makers = ["RunInstances", "CreateImage", "CreateSecurityGroup"]
    made = {"StringEquals": {**_requested(space), "ec2:CreateAction": makers}}
    ended = ["ec2:TerminateInstances", "ec2:StopInstances", "ec2:DeregisterImage", "ec2:DeleteSnapshot"]
    start, keep = "ec2:RunInstances", "ec2:CreateImage"
    return [
        _allow("SeeMachines", [f"ec2:Describe{each}" for each in [*seen.split(), "Regions"]]),
        _allow("StartMachines", start, [*machines, *others, *around, *images]),
        _deny("RefuseOtherKinds", start, machines, {"StringNotEquals": {"ec2:InstanceType": MACHINE}}),
        _deny("RefuseOldMetadata", start, machines, {"StringNotEquals": {"ec2:MetadataHttpTokens": "required"}}),
        _deny("RefuseOtherNames", start, [*machines, *others], {"StringNotEquals": _requested(space)}),
        _allow("KeepMachinesAsImages", keep, [*machines, *images]),
        _deny("RefuseOthersMachines", keep, machines, {"StringNotEquals": _tagged(space)}),
        _deny("RefuseImagesOfOtherNames", keep, images, {"StringNotEquals": _requested(space)}),
        _allow("NameWhatIsMade", "ec2:CreateTags", [*machines, *others, *images, *_ec2("security-group")], made),
        _allow("EndOwnMachines", ended, [*machines, *images], _has_name(space)),
    ]


def _network(space: Workspace) -> list[Statement]:
    """Return what makes the group's security group, by which its machines reach each other, and takes it away."""
    groups, newest = _ec2("security-group"), "arn:aws:ssm:*:*:parameter/aws/service/ami-amazon-linux-latest/*"
    make, changed = "ec2:CreateSecurityGroup", ["ec2:AuthorizeSecurityGroupIngress", "ec2:DeleteSecurityGroup"]
    return [
        _allow("MakeNetwork", make, [*groups, *_ec2("vpc")]),
        _deny("RefuseOthersNetwork", make, groups, {"StringNotEquals": _requested(space)}),
        _allow("ChangeOwnNetwork", changed, groups, _has_name(space)),
        _allow("FindAmazonLinux", "ssm:GetParameter", newest),
    ]


def _tunnels(space: Workspace) -> list[Statement]:
    """Return what opens a tunnel to the group's machines, by Systems Manager, and ends one's own."""
    tag = {"StringEquals": {f"ssm:resourceTag/{NAME_TAG}": space.group}}
    document = "arn:aws:ssm:*::document/AWS-StartPortForwardingSession"
    mine = "arn:aws:ssm:*:*:session/${aws:username}-*"
    return [
        _allow("OpenTunnelsToOwnMachines", "ssm:StartSession", _ec2("instance"), tag),
        _allow("ByForwardingPorts", "ssm:StartSession", document),
        _allow("EndOwnTunnels", ["ssm:ResumeSession", "ssm:TerminateSession"], mine),
    ]


_CLUSTERS = "arn:aws:elasticmapreduce:*:*:cluster/*"


def _policy(*statements: Statement) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(sid: str, actions: _Text, resources: _Text = "*", condition: Statement | None = None) -> Statement:
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return statement if condition is None else {**statement, "Condition": condition}


def _deny(sid: str, actions: _Text, resources: _Text, condition: Statement | None = None) -> Statement:
    return {**_allow(sid, actions, resources, condition), "Effect": "Deny"}


def _for_all(refusal: Statement) -> Statement:
    """Return a refusal as the policy of a bucket says it, to whoever asks."""
    return {"Sid": "", "Effect": "", "Principal": "*", **refusal}


def _but_for(resources: list[str], refusal: Statement) -> Statement:
    """Return a refusal on all resources but some."""
    return {**{key: what for key, what in refusal.items() if key != "Resource"}, "NotResource": resources}


def _requested(space: Workspace) -> Statement:
    return {f"aws:RequestTag/{NAME_TAG}": space.group}


def _tagged(space: Workspace) -> Statement:
    return {f"aws:ResourceTag/{NAME_TAG}": space.group}


def _has_name(space: Workspace) -> Statement:
    return {"StringEquals": _tagged(space)}


def _bucket(name: str) -> str:
    return f"arn:aws:s3:::{name}"


def _role(name: str) -> str:
    return f"arn:aws:iam::*:role/{name}"


def _ec2(*kinds: str) -> list[str]:
    return [f"arn:aws:ec2:*:*:{kind}/*" for kind in kinds]


def _emr(*actions: str) -> list[str]:
    return [f"elasticmapreduce:{action}" for action in actions]
