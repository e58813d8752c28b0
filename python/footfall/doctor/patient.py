"""What is examined: an environment, a workspace in S3, and how AWS is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from footfall.doctor.findings import Finding
from footfall.errors import DefinitionError

#: The environment's name for the place in S3 outside of which nothing is written.
WORKSPACE = "FOOTFALL_WORKSPACE"
_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|PASSPHRASE|ACCESS_KEY|API_KEY")
_SHORTEST_SECRET = 6


@dataclass(frozen=True, eq=False)
class Patient:
    """What the checks look at.

    Attributes
    ----------
    environment : mapping
        Variables, such as ``FOOTFALL_ENGINE``.
    workspace : str or None
        ``s3://bucket/group``.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    workspace: str | None = None

    @classmethod
    def here(cls, workspace: str | None = None) -> Patient:
        """Return this process's environment, and the workspace that is given, or else named there.

        Raises
        ------
        DefinitionError
            If that is no place in S3.
        """
        found = workspace or os.environ.get(WORKSPACE) or None
        if found is not None and _PLACE.fullmatch(found) is None:
            raise DefinitionError(f"workspace = {found!r}: is written s3://bucket/group")
        return cls(dict(os.environ), found)

    @property
    def bucket(self) -> str:
        """The bucket of the workspace."""
        return self._place[0]

    @property
    def group(self) -> str:
        """What keys in the workspace begin with, and a slash if it is not the whole bucket."""
        prefix = (self._place[1] or "").strip("/")
        return f"{prefix}/" if prefix else ""

    @property
    def _place(self) -> tuple[str, str]:
        found = _PLACE.fullmatch(self.workspace or "")
        assert found is not None, "it was looked at when the workspace was named"
        return found[1], found[2]

    @cached_property
    def session(self) -> Any:
        """A session of boto3, which finds credentials as AWS's own tools do."""
        import boto3

        return boto3.Session()

    @cached_property
    def s3(self) -> Any:
        """A client of S3 that does not wait long for what does not answer."""
        from botocore.config import Config

        waiting = {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 2}}
        return self.session.client("s3", config=Config(**waiting))

    @cached_property
    def probe(self) -> str:
        """The key of an empty object that was created for this examination."""
        import uuid

        key = f"{self.group}doctor/{uuid.uuid4()}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"", IfNoneMatch="*")
        return key

    def concealed(self, finding: Finding) -> Finding:
        """Return a finding without the secrets of the environment, whoever quoted them."""
        return replace(finding, seen=self._concealed(finding.seen), do=self._concealed(finding.do))

    def _concealed(self, text: str) -> str:
        for name, value in self.environment.items():
            if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, f"[{name}]")
        return text
