"""AWS: whose credentials are found, whether the clock is right, and what the workspace's bucket allows.

Whether nothing is replaced is tried, on an empty object of this examination's own: a policy that is not in force looks
as one that is. Where the bucket forbids deleting, as it should, that object stays.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Callable

from footfall import extras
from footfall.aws import clients
from footfall.aws.workspace import VARIABLE
from footfall.doctor.findings import Finding, absent, fine, wrong
from footfall.doctor.patient import Patient
from footfall.errors import DefinitionError

# S3 refuses what is signed a quarter of an hour off; jobs by the clock, keys and logs go wrong before.
_SKEW_SECONDS = 300
# The same answer whichever region is asked.
_REGION = "us-east-1"
_FAILED_CONDITION = ("PreconditionFailed", "412")
_SET_POLICY = "who owns the bucket sets the bucket's policy of `footfall aws policy`"

_Check = Callable[[Patient], Finding]


def _asks(check: _Check) -> _Check:
    """Tell what is missing before AWS can be asked, and what it refuses."""

    @functools.wraps(check)
    def asked(patient: Patient) -> Finding:
        if not extras.is_there("boto3"):
            return absent("boto3 is not installed", extras.how_to_install("aws"))
        try:
            with clients.told(str(patient.workspace or "AWS")):
                return check(patient)
        except (OSError, DefinitionError) as error:
            seen, _, do = str(error).partition("; ")
            return wrong(
                seen, do or "is everything spelt right, and does AWS's page of its own health say all is well?"
            )

    return asked


def _of_workspace(check: _Check) -> _Check:
    """Leave out what asks the bucket where no workspace is named."""

    @functools.wraps(check)
    def asked(patient: Patient) -> Finding:
        if patient.workspace is None:
            return absent("no workspace is named", f"{VARIABLE}=s3://bucket/group, or --workspace")
        return _asks(check)(patient)

    return asked


@_asks
def credentials(patient: Patient) -> Finding:
    """See whose credentials are found, and how; they are needed where there is a workspace."""
    import boto3

    session = boto3.Session()
    found = session.get_credentials()
    if found is None and patient.workspace is None:
        return absent("none found", "aws sso login, aws configure, or a role for this machine")
    told = clients.client("sts", region_name=session.region_name or _REGION).get_caller_identity()
    return fine(f"{told['Arn']}, by {found.method}, region {session.region_name or 'not named'}")


@_of_workspace
def clock(patient: Patient) -> Finding:
    """See whether this machine's clock agrees with AWS's."""
    seconds = (datetime.now(timezone.utc) - _time_of(_listed(patient))).total_seconds()
    seen = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} S3's"
    if abs(seconds) > _SKEW_SECONDS:
        return wrong(seen, "set it: chronyc makestep, or timedatectl set-ntp true")
    return fine(seen)


def _time_of(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(timezone.utc)


@_of_workspace
def read(patient: Patient) -> Finding:
    """See whether the group's objects can be listed."""
    listed = _listed(patient)
    return fine(f"{patient.space} {'has objects' if listed.get('KeyCount') else 'is empty'}")


def _listed(patient: Patient) -> Any:
    return patient.s3.list_objects_v2(Bucket=patient.space.bucket, Prefix=patient.space.prefix, MaxKeys=1)


@_of_workspace
def create(patient: Patient) -> Finding:
    """See whether an object can be created in the workspace."""
    return fine(f"s3://{patient.space.bucket}/{patient.probe}")


@_of_workspace
def no_overwrite(patient: Patient) -> Finding:
    """See whether S3 refuses to replace an object for who asks it to (``If-None-Match: *``)."""
    again = {"Bucket": patient.space.bucket, "Key": patient.probe, "Body": b"", "IfNoneMatch": "*"}
    if _is_done(lambda: patient.s3.put_object(**again), _FAILED_CONDITION):
        return wrong("the server replaced an object in spite of If-None-Match: *", "use S3, or a server that knows it")
    return fine("an object that is there is not replaced")


@_of_workspace
def versioning(patient: Patient) -> Finding:
    """See whether the bucket keeps what was replaced."""
    bucket = patient.space.bucket
    told = _unless_denied(lambda: patient.s3.get_bucket_versioning(Bucket=bucket))
    if told is None:
        return absent("this role may not ask", f"who owns the bucket can: footfall aws bucket {bucket}")
    state = told.get("Status", "never enabled")
    if state != "Enabled":
        return wrong(f"{bucket}: {state}", f"footfall aws bucket {bucket} --apply, by who owns it")
    return fine(f"{bucket}: enabled")


@_of_workspace
def policy(patient: Patient) -> Finding:
    """See whether the bucket refuses to replace and to delete, whatever tool asks, and plain HTTP."""
    which = {"Bucket": patient.space.bucket, "Key": patient.probe}
    replaced = _is_done(lambda: patient.s3.put_object(**which, Body=b""), clients.DENIED)
    deleted = _is_done(lambda: patient.s3.delete_object(**which), clients.DENIED)
    allowed = [verb for verb, done in (("replaced", replaced), ("deleted", deleted)) if done]
    if allowed:
        return wrong(f"objects of {patient.space} can be {' and '.join(allowed)} by this role", _SET_POLICY)
    told = _unless_denied(lambda: patient.s3.get_bucket_policy(Bucket=which["Bucket"]))
    if told is None:
        return fine("replacing and deleting are refused; this role may not ask about plain HTTP")
    if not any(_refuses_plain_http(each) for each in _statements(json.loads(told["Policy"]))):
        return wrong(f"{which['Bucket']} takes plain HTTP", _SET_POLICY)
    return fine("replacing, deleting and plain HTTP are refused")


def _statements(policy: Any) -> Iterator[Any]:
    statements = policy.get("Statement", [])
    yield from [statements] if isinstance(statements, dict) else statements


def _refuses_plain_http(statement: Any) -> bool:
    secure = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return statement.get("Effect") == "Deny" and str(secure).lower() == "false"


def _is_done(request: Callable[[], Any], refusals: tuple[str, ...]) -> bool:
    """Return whether S3 did what it was asked; it may refuse in these words, and any other error is one."""
    from botocore.exceptions import ClientError

    try:
        request()
    except ClientError as error:
        if error.response["Error"]["Code"] in refusals:
            return False
        raise
    return True


def _unless_denied(request: Callable[[], Any]) -> Any:
    """Return what S3 answers; None if this role may not ask, which is no fault."""
    answer: list[Any] = []
    return answer[0] if _is_done(lambda: answer.append(request()), clients.DENIED) else None
