"""Settings of a bucket: what they are, what they shall be, and that only what is wrong is set."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from s3_proxy import Proxy

import footfall
from footfall.aws import bucket as buckets

COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]
NEW = {"versioning": "off", "public access": "open", "unfinished uploads": "kept for ever"}


@pytest.fixture
def reach(moto, monkeypatch):
    """Lets this process find moto."""
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    return moto


def test_a_new_bucket_is_not_well_and_is_after_it_is_set(reach):
    name = reach.bucket()
    found = {each.name: each for each in buckets.settings(name)}
    assert all(not each.is_well and each.now.startswith(NEW[each.name]) for each in found.values())
    assert found.keys() == NEW.keys()
    assert all(each.is_well for each in buckets.apply(name))
    s3 = reach.client()
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1} and rule["Status"] == "Enabled"


def test_nothing_is_set_without_being_asked_for_nor_twice(moto, reach, monkeypatch):
    name = reach.bucket()
    with Proxy(moto.address) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        buckets.settings(name)
        assert {request.method for request in proxy.requests} == {"GET"}
        buckets.apply(name)
        proxy.clear()
        buckets.apply(name)
        assert {request.method for request in proxy.requests} == {"GET"}


def test_other_rules_stay(reach):
    name, s3 = reach.bucket(), reach.client()
    other = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [other]})
    buckets.apply(name)
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
    assert rules["mine"] == other and len(rules) == 2


@pytest.mark.parametrize("changed", [{"Status": "Disabled"}, {"Filter": {"Prefix": "x/"}}])
def test_a_rule_that_does_not_hold_for_all_is_not_enough(reach, changed):
    name, s3 = reach.bucket(), reach.client()
    rule = {"ID": "part", "Status": "Enabled", "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}, **changed}  # fmt: skip
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    assert [each.now for each in buckets.settings(name) if each.name == "unfinished uploads"] == ["kept for ever"]


def test_whoever_asks_in_vain_is_told_why(reach, monkeypatch):
    with pytest.raises(FileNotFoundError, match="there is no such bucket"):
        buckets.settings("no-such-bucket-of-ours")
    with pytest.raises(footfall.DefinitionError, match="3 to 63"):
        buckets.settings("No Bucket")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ConnectionError, match="Could not connect"):
        buckets.settings("course-2026")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(PermissionError, match=r"no credentials.*aws sso login"):
        buckets.settings("course-2026")


def test_who_is_not_permitted_is_told_the_action(versitygw, monkeypatch):
    name = versitygw.bucket()
    environment = {**versitygw.environment(), "AWS_ACCESS_KEY_ID": "stranger"}
    environment["AWS_SECRET_ACCESS_KEY"] = versitygw.new_user("stranger")
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(PermissionError, match="GetBucketVersioning: not permitted") as caught:
        buckets.settings(name)
    assert environment["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "0" * 40)
    with pytest.raises(PermissionError, match=r"does not know these credentials \(SignatureDoesNotMatch\)"):
        buckets.settings(name)


def run(moto, *arguments, **more):
    environment = {**os.environ, **moto.environment(), "FOOTFALL_WORKSPACE": "", **more}
    return subprocess.run(
        [*COMMAND, "aws", "bucket", *arguments], capture_output=True, text=True, timeout=60, env=environment
    )


def test_the_command_shows_and_sets_them(moto):
    name = moto.bucket()
    shown = run(moto, "--bucket", name)
    assert shown.returncode == 1 and "kept for ever" in shown.stdout and "--apply" in shown.stdout, shown.stderr
    applied = run(moto, "--apply", FOOTFALL_WORKSPACE=f"s3://{name}/group-7")
    assert applied.returncode == 0 and "removed after 1 day" in applied.stdout, applied.stderr
    assert run(moto, "--bucket", name).returncode == 0


def test_the_command_complains_in_a_line(moto):
    told = run(moto)
    assert told.returncode == 2 and "FOOTFALL_WORKSPACE=s3://bucket/group" in told.stderr
    told = run(moto, "--bucket", "no-such-bucket-of-ours")
    assert told.returncode == 2 and len(told.stderr.splitlines()) == 1
