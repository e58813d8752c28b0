"""Objects of the group's workspace: they are made once, and neither replaced nor removed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

from footfall.aws.cluster.service import Aws, code
from footfall.aws.workspace import Workspace

_THERE = ("PreconditionFailed", "412")
_TRY_AGAIN = ("ConditionalRequestConflict", "OperationAborted", "409")
_MISSING = ("NoSuchKey", "404")
_ATTEMPTS = 5


class Found(NamedTuple):
    """An object, and how old it was by S3's own clock when it was read."""

    content: bytes
    age: timedelta


class Objects:
    """The objects below the workspace's folder, by their keys without it."""

    def __init__(self, aws: Aws, space: Workspace) -> None:
        self._s3 = aws.s3
        self.space = space

    def create(self, key: str, content: bytes) -> bool:
        """Make an object; False if another is there. One with the same content is as good as ours.

        S3 lets one of several win. An own success whose answer was lost looks like a defeat: the content tells.
        """
        for attempt in range(_ATTEMPTS):
            try:
                self._s3("put_object", **self._place(key), Body=content, IfNoneMatch="*")
                return True
            except OSError as error:
                if code(error) in _THERE:
                    found = self.find(key)
                    return found is not None and found.content == content
                if code(error) not in _TRY_AGAIN or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def create_json(self, key: str, told: Mapping[str, Any]) -> bool:
        """Make an object of JSON; False if another is there."""
        return self.create(key, json.dumps(told, sort_keys=True).encode())

    def create_file(self, key: str, path: Path) -> bool:
        """Make an object of a file, whose name in `key` tells its content; False if it is there."""
        try:
            with path.open("rb") as file:
                self._s3("put_object", **self._place(key), Body=file, IfNoneMatch="*")
            return True
        except OSError as error:
            if code(error) in _THERE:
                return False
            raise

    def find(self, key: str) -> Found | None:
        """Return an object and how old it is by S3's own clock; None if there is none."""
        try:
            told = self._s3("get_object", **self._place(key))
        except OSError as error:
            if code(error) in _MISSING:
                return None
            raise
        return Found(told["Body"].read(), _now(told) - told["LastModified"])

    def read_json(self, key: str) -> dict[str, Any]:
        """Return what an object of JSON says; nothing if there is none, or it is none."""
        return of_json(self.find(key))

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, in order."""
        above = f"{self.space.group}/"
        asked = {"Bucket": self.space.bucket, "Prefix": above + prefix}
        pages = self._s3.pages("list_objects_v2", "Contents", **asked)
        return sorted(each["Key"][len(above) :] for each in pages)

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self.space.bucket, "Key": f"{self.space.group}/{key}"}


def of_json(found: Found | None) -> dict[str, Any]:
    """Return what an object of JSON says; nothing if there is none, or it is none."""
    try:
        told = json.loads(found.content if found else b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _now(answer: Mapping[str, Any]) -> Any:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
