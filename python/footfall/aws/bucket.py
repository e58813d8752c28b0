"""What a bucket of results should be set to, what it is set to, and how the one becomes the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from footfall.aws import clients
from footfall.aws.workspace import check_bucket

_PUBLIC = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# What S3 says of a bucket that was never told.
_NEVER_TOLD = ("NoSuchPublicAccessBlockConfiguration", "NoSuchLifecycleConfiguration")
_DAYS = 1
_RULE = {
    "ID": "footfall-unfinished-uploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _DAYS},
}


@dataclass(frozen=True)
class Setting:
    """A setting of a bucket.

    Attributes
    ----------
    name, why : str
        What it is called, and what it is good for.
    now, wanted : str
        In words: they are the same where all is well.
    """

    name: str
    why: str
    now: str
    wanted: str

    @property
    def is_well(self) -> bool:
        """Whether it is what it should be."""
        return self.now == self.wanted


def settings(bucket: str) -> list[Setting]:
    """Return the settings of a bucket that results need, as they are now.

    Raises
    ------
    PermissionError, FileNotFoundError, ConnectionError
        If AWS does not tell them.
    """
    check_bucket(bucket)
    with clients.told(bucket):
        return _seen(clients.client("s3"), bucket)


def apply(bucket: str) -> list[Setting]:
    """Set what is not as it should be, and return the settings afterwards; what is well is not touched.

    Raises
    ------
    PermissionError, FileNotFoundError, ConnectionError
        If AWS does not permit it.
    """
    check_bucket(bucket)
    with clients.told(bucket):
        s3 = clients.client("s3")
        for kind, setting in zip(_ALL, _seen(s3, bucket)):
            if not setting.is_well:
                kind.apply(s3, bucket)
        return _seen(s3, bucket)


@dataclass(frozen=True)
class _Kind:
    """A kind of setting: how S3 is asked what it is, and told what it shall be."""

    name: str
    why: str
    wanted: str
    now: Callable[[Any, str], str]
    apply: Callable[[Any, str], Any]


def _seen(s3: Any, bucket: str) -> list[Setting]:
    return [Setting(kind.name, kind.why, kind.now(s3, bucket), kind.wanted) for kind in _ALL]


def _versioning(s3: Any, bucket: str) -> str:
    return "on" if s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled" else "off"


def _set_versioning(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _public_access(s3: Any, bucket: str) -> str:
    told = _told(s3.get_public_access_block, bucket).get("PublicAccessBlockConfiguration", {})
    missing = [name for name in _PUBLIC if not told.get(name)]
    return f"open: {', '.join(missing)}" if missing else "blocked"


def _block_public_access(s3: Any, bucket: str) -> None:
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(_PUBLIC, True))


def _unfinished_uploads(s3: Any, bucket: str) -> str:
    days = [each["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for each in _rules(s3, bucket) if _ends(each)]
    return _after(min(days)) if days else "kept for ever"


def _end_unfinished_uploads(s3: Any, bucket: str) -> None:
    """Add our rule: S3 takes all rules at once, and forgets those that it is not given."""
    others = [rule for rule in _rules(s3, bucket) if rule.get("ID") != _RULE["ID"]]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*others, _RULE]})


def _rules(s3: Any, bucket: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = _told(s3.get_bucket_lifecycle_configuration, bucket).get("Rules", [])
    return rules


def _ends(rule: dict[str, Any]) -> bool:
    """Return whether a rule ends unfinished uploads of the whole bucket."""
    where = rule.get("Filter", {})
    everywhere = not rule.get("Prefix") and (not where or where == {"Prefix": ""})
    return rule["Status"] == "Enabled" and everywhere and "AbortIncompleteMultipartUpload" in rule


def _after(days: int) -> str:
    return f"removed after {days} day{'s' if days > 1 else ''}"


def _told(ask: Callable[..., dict[str, Any]], bucket: str) -> dict[str, Any]:
    """Return what S3 tells; nothing if the bucket was never told."""
    from botocore.exceptions import ClientError

    try:
        return ask(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NEVER_TOLD:
            return {}
        raise


_ALL = (
    _Kind("versioning", "what was replaced or deleted can be had back", "on", _versioning, _set_versioning),
    _Kind("public access", "nobody else reads it by mistake", "blocked", _public_access, _block_public_access),
    _Kind(
        "unfinished uploads",
        "they cost what is stored, and nobody sees them",
        _after(_DAYS),
        _unfinished_uploads,
        _end_unfinished_uploads,
    ),
)
