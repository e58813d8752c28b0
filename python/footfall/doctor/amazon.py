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
from footfall.doctor.findings import Finding, absent, fine, wrong
from footfall.doctor.patient import WORKSPACE, Patient

# S3 refuses what is signed a quarter of an hour off; cron jobs, keys and logs go wrong before.
_SKEW_SECONDS = 300
_DENIED = ("AccessDenied", "403", "Forbidden")
_FAILED_CONDITION = ("PreconditionFailed", "412")
_ASK_THE_OWNER = "who owns the account gives this role the policies of `footfall aws policy`"
#: What mends an error of AWS, by its code.
_MENDED_BY = {
    **dict.fromkeys(_DENIED, _ASK_THE_OWNER),
    "ExpiredToken": "renew the credentials: aws sso login, or a new session",
    "ExpiredTokenException": "renew the credentials: aws sso login, or a new session",
    "InvalidAccessKeyId": "that key is no more; make a new one, or use a role",
    "InvalidClientTokenId": "that key is no more; make a new one, or use a role",
    "SignatureDoesNotMatch": "the secret does not belong to the key; enter both again",
    "RequestTimeTooSkewed": "set the clock: chronyc makestep, or timedatectl set-ntp true",
    "NoSuchBucket": f"is the name in {WORKSPACE} right? footfall aws bucket shows it",
    "404": f"is the name in {WORKSPACE} right? footfall aws bucket shows it",
    "301": "name the bucket's own region: AWS_REGION",
    "PermanentRedirect": "name the bucket's own region: AWS_REGION",
    "SlowDown": "too many requests; again in a minute",
}
_NO_CREDENTIALS = (
    "looked in the environment, ~/.aws, SSO, the container and the instance's role",
    "aws sso login, aws configure, or a role for this instance",
)

_Check = Callable[[Patient], Finding]


def _asks(check: _Check) -> _Check:
    """Tell what is missing before AWS can be asked, and an error of AWS by its code: texts of errors may quote much."""

    @functools.wraps(check)
    def asked(patient: Patient) -> Finding:
        if not extras.is_there("boto3"):
            return absent("boto3 is not installed", extras.how_to_install("aws"))
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return check(patient)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "?"))
            do = _MENDED_BY.get(code, "AWS's documents explain the code")
            return wrong(f"{error.operation_name} at {patient.workspace or 'AWS'}: {code}", do)
        except BotoCoreError as error:
            return wrong(f"{type(error).__name__}: {error}", _NO_CREDENTIALS[1])

    return asked


def _of_workspace(check: _Check) -> _Check:
    """Leave out what asks the bucket where no workspace is named."""

    @functools.wraps(check)
    def asked(patient: Patient) -> Finding:
        if patient.workspace is None:
            return absent("no workspace is named", f"{WORKSPACE}=s3://bucket/group, or --workspace")
        return _asks(check)(patient)

    return asked


@_asks
def credentials(patient: Patient) -> Finding:
    """See whose credentials are found, and how; they are needed where there is a workspace."""
    found = patient.session.get_credentials()
    if found is None:
        tell = wrong if patient.workspace else absent
        return tell(f"none: {_NO_CREDENTIALS[0]}", _NO_CREDENTIALS[1])
    told = patient.session.client("sts", region_name=patient.session.region_name or "us-east-1").get_caller_identity()
    return fine(f"{told['Arn']}, by {found.method}, region {patient.session.region_name or 'not named'}")


@_of_workspace
def clock(patient: Patient) -> Finding:
    """See whether this machine's clock agrees with AWS's."""
    seconds = (datetime.now(timezone.utc) - _time_of(_listed(patient))).total_seconds()
    seen = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} S3's"
    if abs(seconds) > _SKEW_SECONDS:
        return wrong(seen, _MENDED_BY["RequestTimeTooSkewed"])
    return fine(seen)


def _time_of(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(timezone.utc)


@_of_workspace
def read(patient: Patient) -> Finding:
    """See whether the group's objects can be listed."""
    listed = _listed(patient)
    return fine(f"{patient.workspace}: {'has objects' if listed.get('KeyCount') else 'is empty'}")


def _listed(patient: Patient) -> Any:
    return patient.s3.list_objects_v2(Bucket=patient.bucket, Prefix=patient.group, MaxKeys=1)


@_of_workspace
def create(patient: Patient) -> Finding:
    """See whether an object can be created in the workspace."""
    return fine(f"s3://{patient.bucket}/{patient.probe}")


@_of_workspace
def no_overwrite(patient: Patient) -> Finding:
    """See whether S3 refuses to replace an object for who asks it to (``If-None-Match: *``)."""
    from botocore.exceptions import ClientError

    try:
        patient.s3.put_object(Bucket=patient.bucket, Key=patient.probe, Body=b"", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] in _FAILED_CONDITION:
            return fine("an object that is there is not replaced")
        raise
    return wrong("the server replaced an object in spite of If-None-Match: *", "use S3, or a server that knows it")


@_of_workspace
def versioning(patient: Patient) -> Finding:
    """See whether the bucket keeps what was replaced."""
    from botocore.exceptions import ClientError

    try:
        state = patient.s3.get_bucket_versioning(Bucket=patient.bucket).get("Status", "never enabled")
    except ClientError as error:
        return _not_told(error)
    if state != "Enabled":
        return wrong(f"{patient.bucket}: {state}", f"footfall aws bucket {patient.bucket} --apply, as its owner")
    return fine(f"{patient.bucket}: enabled")


@_of_workspace
def policy(patient: Patient) -> Finding:
    """See whether the bucket's policy refuses to replace and to delete, whatever tool asks, and plain HTTP."""
    do = "who owns the bucket sets the bucket's policy of `footfall aws policy`"
    replaced = _is_done(lambda: patient.s3.put_object(Bucket=patient.bucket, Key=patient.probe, Body=b""))
    deleted = _is_done(lambda: patient.s3.delete_object(Bucket=patient.bucket, Key=patient.probe))
    allowed = [verb for verb, done in (("replaced", replaced), ("deleted", deleted)) if done]
    if allowed:
        return wrong(f"objects of {patient.workspace} can be {' and '.join(allowed)} by this role", do)
    return _told_policy(patient, do)


def _told_policy(patient: Patient, do: str) -> Finding:
    from botocore.exceptions import ClientError

    try:
        told = json.loads(patient.s3.get_bucket_policy(Bucket=patient.bucket)["Policy"])
    except ClientError as error:
        return _not_told(error, "replacing and deleting are refused; ")
    if not any(_refuses_plain_http(each) for each in _statements(told)):
        return wrong(f"{patient.bucket}: takes plain HTTP", do)
    return fine("replacing, deleting and plain HTTP are refused")


def _statements(policy: Any) -> Iterator[Any]:
    statements = policy.get("Statement", [])
    yield from [statements] if isinstance(statements, dict) else statements


def _refuses_plain_http(statement: Any) -> bool:
    secure = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return statement.get("Effect") == "Deny" and str(secure).lower() == "false"


def _is_done(request: Callable[[], Any]) -> bool:
    """Return whether S3 did what it was asked; it may say no, and any other error is one."""
    from botocore.exceptions import ClientError

    try:
        request()
    except ClientError as error:
        if error.response["Error"]["Code"] in _DENIED:
            return False
        raise
    return True


def _not_told(error: Any, before: str = "") -> Finding:
    """Return that this role may not ask, which is no fault, or raise."""
    if error.response["Error"]["Code"] not in _DENIED:
        raise error
    return absent(f"{before}this role may not ask ({error.operation_name})", "who owns the bucket can")
