"""What is examined: an environment, a workspace in S3, and how AWS is asked."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from footfall.aws import clients
from footfall.aws.workspace import Workspace, current
from footfall.doctor.findings import Finding

_SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|PASSPHRASE|ACCESS_KEY|API_KEY")
_SHORTEST_SECRET = 6


@dataclass(frozen=True, eq=False)
class Patient:
    """What the checks look at.

    Attributes
    ----------
    environment : mapping
        Variables, such as ``FOOTFALL_ENGINE``.
    workspace : Workspace or None
        The group's folder in S3.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    workspace: Workspace | None = None

    @classmethod
    def here(cls, workspace: str | None = None) -> Patient:
        """Return this process's environment, and the workspace that is given, or else named there.

        Raises
        ------
        DefinitionError
            If that is no workspace.
        """
        return cls(dict(os.environ), Workspace.of(workspace) if workspace else current())

    @property
    def space(self) -> Workspace:
        """The workspace, for checks that are not made without one."""
        assert self.workspace is not None, "checks of the workspace are left out where there is none"
        return self.workspace

    @cached_property
    def s3(self) -> Any:
        """A client of S3 that does not wait long for what does not answer."""
        from botocore.config import Config

        waiting = {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 2}}
        return clients.client("s3", config=Config(**waiting))

    @cached_property
    def probe(self) -> str:
        """The key of an empty object that was created for this examination."""
        key = f"{self.space.prefix}doctor/{uuid.uuid4()}"
        self.s3.put_object(Bucket=self.space.bucket, Key=key, Body=b"", IfNoneMatch="*")
        return key

    def concealed(self, finding: Finding) -> Finding:
        """Return a finding without the secrets of the environment, whoever quoted them."""
        return replace(finding, seen=self._concealed(finding.seen), do=self._concealed(finding.do))

    def _concealed(self, text: str) -> str:
        for name, value in self.environment.items():
            if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, f"[{name}]")
        return text
