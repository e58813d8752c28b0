"""The policies of a workspace: a linter reads them, and a server holds to what of them it knows.

versitygw knows policies of buckets, by principal, action and prefix, and no conditions. So what is proven of a group's
policy is what it says of S3, given to a user as the policy of a bucket. That S3 refuses to replace, and plain HTTP, and
all that is said of machines, no server here can prove: of those, it is proven that they are well-formed and what they
say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import pytest

from footfall.aws.policies import instance_role, policies
from footfall.aws.workspace import Workspace

SPACE = Workspace("course-2026", "group-7")
# Managed policies may have as many characters, policies of buckets 20 kB.
MOST_CHARACTERS = 6_144
COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]


def statements(name, space=SPACE):
    return {each["Sid"]: each for each in policies(space)[name]["Statement"]}


@pytest.mark.parametrize("name", ["bucket", "group", "instances"])
def test_a_linter_finds_nothing(name):
    import parliament

    told = json.dumps(policies(SPACE)[name], separators=(",", ":"))
    assert [str(found) for found in parliament.analyze_policy_string(told).findings] == []
    assert len(told) <= MOST_CHARACTERS
    sids = [each["Sid"] for each in policies(SPACE)[name]["Statement"]]
    assert len(set(sids)) == len(sids)


def test_the_linter_finds_what_is_wrong():
    import parliament

    told = json.dumps(policies(SPACE)["bucket"]).replace("s3:PutObject", "s3:PutObjekt")
    assert parliament.analyze_policy_string(told).findings


def test_s3_is_asked_to_refuse_what_loses_results():
    said = statements("bucket")
    assert all(each["Effect"] == "Deny" and each["Principal"] == "*" for each in said.values())
    replacing = said["RefuseReplacing"]
    assert replacing["NotResource"] == ["arn:aws:s3:::course-2026/*/cluster/*/emr/*"]
    assert replacing["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    assert said["RefusePlainHttp"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_a_group_may_start_has_its_name_its_roles_and_one_kind():
    said = statements("group")
    asked = said["StartOwnClusters"]["Condition"]["StringEquals"]
    assert asked == {
        "aws:RequestTag/Name": "group-7",
        "aws:RequestTag/for-use-with-amazon-emr-managed-policies": "true",
    }
    assert said["RefuseOtherKinds"]["Condition"] == {"StringNotEquals": {"ec2:InstanceType": "m4.large"}}
    assert said["RefuseOldMetadata"]["Condition"] == {"StringNotEquals": {"ec2:MetadataHttpTokens": "required"}}
    assert said["RefuseOtherNames"]["Condition"] == {"StringNotEquals": {"aws:RequestTag/Name": "group-7"}}
    roles = {each["Resource"] for each in said.values() if each["Action"] == "iam:PassRole"}
    assert roles == {"arn:aws:iam::*:role/EMR_DefaultRole_V2", f"arn:aws:iam::*:role/{instance_role('group-7')}"}
    for_all = ("StartOwnClusters", "MakeWhatGroupsShare")
    for name, each in said.items():
        # What changes anything is bound to the group: by name, by folder or by role.
        if each["Effect"] == "Allow" and each["Resource"] == "*" and name not in for_all:
            reads = ("Describe", "List", "Get")
            changing = [action for action in each["Action"] if not action.partition(":")[2].startswith(reads)]
            # One that says IMDSv2 is for all groups, and nobody replaces it.
            assert changing in ([], ["elasticmapreduce:CreateSecurityConfiguration"]), name


def test_machines_start_no_machines():
    actions = str([each["Action"] for each in statements("instances").values() if each["Effect"] == "Allow"])
    for forbidden in ("RunInstances", "RunJobFlow", "PassRole", "Delete", "*"):
        assert forbidden not in actions


@pytest.fixture
def bucket(versitygw):
    """A bucket with the folders of two groups, whose policies their people have; all that is unconditional."""
    name, people = versitygw.bucket(), {}
    told = [each for each in policies(Workspace(name, "x"))["bucket"]["Statement"] if "Condition" not in each]
    for group in ("group-7", "group-70"):
        user = f"{group}-{uuid.uuid4().hex[:8]}"
        people[group] = versitygw.client(access_key=user, secret_key=versitygw.new_user(user))
        told += as_policy_of_bucket(policies(Workspace(name, group))["group"], user)
    # More than what they may is given to them, to see that they are refused it all the same.
    everybody = {"Effect": "Allow", "Principal": "*", "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]}
    told.append({**everybody, "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:DeleteBucket"]})
    owner = versitygw.client()
    owner.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": told}))
    for group in people:
        owner.put_object(Bucket=name, Key=f"{group}/x", Body=group.encode())
    return name, people


def as_policy_of_bucket(policy, user):
    """What a policy of somebody says of S3, as a bucket says it of him; without conditions, which versitygw ignores."""
    for each in policy["Statement"]:
        actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
        if all(action.startswith("s3:") for action in actions) and "PublicAccessBlock" not in str(actions):
            yield {**{key: each[key] for key in ("Effect", "Action", "Resource")}, "Principal": {"AWS": [user]}}


def refused(client, action, **request):
    with pytest.raises(client.exceptions.ClientError) as caught:
        getattr(client, action)(**request)
    return caught.value.response["Error"]["Code"]


def test_a_group_reads_and_creates_in_its_own_folder_only(bucket):
    name, people = bucket
    for group, other in (("group-7", "group-70"), ("group-70", "group-7")):
        mine = people[group]
        assert mine.get_object(Bucket=name, Key=f"{group}/x")["Body"].read() == group.encode()
        mine.put_object(Bucket=name, Key=f"{group}/results/y", Body=b"1")
        assert "Contents" in mine.list_objects_v2(Bucket=name, Prefix=f"{group}/")
        for key in (f"{other}/x", "x", f"{group}", f"{group}x", f"{group}-0/x"):
            assert refused(mine, "get_object", Bucket=name, Key=key) == "AccessDenied"
            assert refused(mine, "put_object", Bucket=name, Key=key, Body=b"2") == "AccessDenied"


def test_nobody_deletes_though_another_policy_lets_everybody(bucket):
    name, people = bucket
    mine = people["group-7"]
    assert refused(mine, "delete_object", Bucket=name, Key="group-7/x") == "AccessDenied"
    assert refused(mine, "delete_bucket", Bucket=name) == "AccessDenied"
    assert mine.get_object(Bucket=name, Key="group-7/x")["Body"].read() == b"group-7"


def test_a_group_changes_no_settings_of_the_bucket(bucket):
    name, people = bucket
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert refused(people["group-7"], "put_bucket_policy", Bucket=name, Policy=policy) == "AccessDenied"
    assert refused(people["group-7"], "delete_bucket_policy", Bucket=name) == "AccessDenied"
    on = {"Status": "Enabled"}
    assert (
        refused(people["group-7"], "put_bucket_versioning", Bucket=name, VersioningConfiguration=on) == "AccessDenied"
    )


def test_moto_takes_the_whole_policy_of_the_bucket(moto):
    name = moto.bucket()
    told = policies(Workspace(name, "group-7"))["bucket"]
    moto.client().put_bucket_policy(Bucket=name, Policy=json.dumps(told))
    assert json.loads(moto.client().get_bucket_policy(Bucket=name)["Policy"]) == told


def run(*arguments, **more):
    environment = {name: text for name, text in os.environ.items() if name != "FOOTFALL_WORKSPACE"}
    command = [*COMMAND, "aws", "policy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**environment, **more})


def test_the_command_prints_three_policies_or_one_and_asks_nobody():
    told = run("--group", "group-7", "--bucket", "course-2026")
    assert json.loads(told.stdout) == policies(SPACE), told.stderr
    named = run("--only", "bucket", FOOTFALL_WORKSPACE="s3://course-2026/group-7")
    assert json.loads(named.stdout) == policies(SPACE)["bucket"]
    other = run("--group", "group-8", "--only", "group", FOOTFALL_WORKSPACE="s3://course-2026/group-7")
    assert json.loads(other.stdout) == policies(Workspace("course-2026", "group-8"))["group"]


@pytest.mark.parametrize("arguments", [(), ("--group", "group-7"), ("--group", "*", "--bucket", "course-2026"),
                                       ("--group", "group-7", "--bucket", "a/*")])  # fmt: skip
def test_the_command_refuses_what_is_no_name(arguments):
    told = run(*arguments)
    assert told.returncode == 2 and told.stderr.startswith("footfall: ") and not told.stdout
