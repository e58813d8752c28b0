"""Calls to AWS by boto3, in one region; what it refuses, `footfall.aws.clients` says in our words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from footfall import extras
from footfall.aws import clients
from footfall.errors import DefinitionError

_TIMEOUT_S = 20
_ATTEMPTS = 5
_MAKING = threading.Lock()


class Aws:
    """The services of AWS in one region, with whatever credentials boto3 finds.

    Raises
    ------
    DefinitionError
        If boto3 is not installed, or nobody says which region.
    """

    def __init__(self, region: str | None = None, session: Any = None) -> None:
        extras.need("aws", "boto3", by="a cluster on AWS")
        import boto3

        with clients.told("AWS"):
            self._session = session or boto3.Session(region_name=region or clients.region())
        self.region: str = region or self._session.region_name or ""
        if not self.region:
            raise DefinitionError("no region: say --region, AWS_REGION, or region in your profile of ~/.aws/config")
        self._services: dict[str, Service] = {}

    def __getattr__(self, name: str) -> Service:
        """Return a service by boto3's name of it, such as ``emr``."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self._services.setdefault(name, self._service(name, _ATTEMPTS))

    def asking_once(self, name: str) -> Service:
        """Return a service that never repeats a request: what it starts is never started twice."""
        return self._service(name, 1)

    def elsewhere(self, region: str) -> Aws:
        """Return the services of another region."""
        return self if region == self.region else Aws(region, self._session)

    def _service(self, name: str, attempts: int) -> Service:
        from botocore.config import Config

        retries = {"mode": "standard", "total_max_attempts": attempts}
        config = Config(read_timeout=_TIMEOUT_S, connect_timeout=5, retries=retries)
        # A session makes one client at a time; clients may be asked by several threads.
        with clients.told(f"AWS {name}"), _MAKING:
            return Service(self._session.client(name, region_name=self.region, config=config), name)


class Service:
    """A client of boto3 whose errors are ours."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def __call__(self, action: str, **request: Any) -> dict[str, Any]:
        """Ask for an action, by boto3's name of it."""
        with clients.told(f"AWS {self._name}"):
            answer: dict[str, Any] = getattr(self._client, action)(**request)
            return answer

    def pages(self, action: str, key: str, **request: Any) -> Iterator[Any]:
        """Yield what all pages of an answer have under `key`."""
        with clients.told(f"AWS {self._name}"):
            for page in self._client.get_paginator(action).paginate(**request):
                yield from page.get(key, ())


def code(error: OSError) -> str:
    """Return AWS's own word for why it refused; ``""`` if it gave no answer, so that nobody knows what became of it."""
    answer = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
