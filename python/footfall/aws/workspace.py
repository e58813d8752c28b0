"""The workspace: the folder of a group in a bucket, outside of which nothing is written to S3.

>>> from footfall.aws.workspace import Workspace
>>> space = Workspace.of("s3://course-2026/group-7")
>>> space.bucket, space.group, space.place("results", "ctr.parquet")
('course-2026', 'group-7', 's3://course-2026/group-7/results/ctr.parquet')
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from footfall.errors import DefinitionError

VARIABLE = "FOOTFALL_WORKSPACE"
S3 = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# A group is a folder, a tag and a part of names of AWS's, and stands in policies, where * ? and $ are not themselves.
_GROUP = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class Workspace:
    """A group's folder in a bucket.

    Attributes
    ----------
    bucket : str
        The bucket's name.
    group : str
        The group's name, and that of its folder.
    """

    bucket: str
    group: str

    def __post_init__(self) -> None:
        check_bucket(self.bucket)
        check_group(self.group)

    @classmethod
    def of(cls, written: str) -> Workspace:
        """Return the workspace that is written as ``s3://bucket/group``.

        Raises
        ------
        DefinitionError
            If it is written otherwise.
        """
        bucket, slash, group = written[len(S3) :].removesuffix("/").partition("/")
        if not written.startswith(S3) or not slash or "/" in group:
            raise DefinitionError(f"{VARIABLE} = {written!r}: is written as s3://bucket/group")
        return cls(bucket, group)

    def __str__(self) -> str:
        return f"{S3}{self.bucket}/{self.group}"

    def place(self, *parts: str) -> str:
        """Return the place of something in it."""
        return "/".join([str(self), *parts])

    @property
    def prefix(self) -> str:
        """What the keys of its objects begin with."""
        return f"{self.group}/"

    def holds(self, place: str) -> bool:
        """Return whether an object at `place` would lie in it."""
        key = place.removeprefix(str(self) + "/")
        # `..` is a name like others to S3, and a way out to many that read a place.
        return key != place and not {"", ".", ".."} & set(key.split("/"))


def current() -> Workspace | None:
    """Return the workspace that the environment names; None if it names none.

    Raises
    ------
    DefinitionError
        If it names none that can be.
    """
    written = os.environ.get(VARIABLE)
    return Workspace.of(written) if written else None


def must_hold(place: str | os.PathLike[str]) -> None:
    """Refuse to write to `place` if it is in S3, and not in the workspace that the environment names.

    Raises
    ------
    DefinitionError
        If it does, or the environment names no workspace that can be.
    """
    told = os.fspath(place)
    space = current() if is_in_s3(told) else None
    if space is not None and not space.holds(told.rstrip("/")):
        # What has a key in it is not shown.
        shown = f"{S3}..." if ":" in told[len(S3) :] else told
        reason = f"{shown} is not in it, and nothing is written elsewhere in S3"
        raise DefinitionError(f"{VARIABLE} = {str(space)!r}: {reason}; write to {space.place('...')}")


def is_in_s3(place: str | os.PathLike[str]) -> bool:
    """Return whether a place is in S3, however its scheme is written."""
    return os.fspath(place)[: len(S3)].lower() == S3


def check_bucket(name: str) -> None:
    """Refuse what is no name of a bucket."""
    if not _BUCKET.fullmatch(name):
        reason = "a bucket's name has 3 to 63 small letters, digits, dots and hyphens"
        raise DefinitionError(f"bucket = {name!r}: {reason}")


def check_group(name: str) -> None:
    """Refuse what cannot be a folder, a tag and a part of names of AWS's at once."""
    if not _GROUP.fullmatch(name):
        reason = "a group's name has 1 to 32 small letters, digits and hyphens, with no hyphen at the ends"
        raise DefinitionError(f"group = {name!r}: {reason}")
