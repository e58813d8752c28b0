"""What a node tells of itself: files in the folder of the cluster's run, each created once and never replaced."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from footfall.output.s3.objects import ObjectPath, create, place

NODES, ACTIVITY = "nodes", "activity"


def tell(run: str, kind: str, name: str, told: Mapping[str, Any]) -> None:
    """Create ``RUN/KIND/NAME.json``.

    Parameters
    ----------
    run : str
        Folder of the run, of this machine or in S3.
    kind : str
        `NODES` or `ACTIVITY`.
    name : str
        Of what is told; nothing else has it.
    told : mapping
        What is told.
    """
    target = place(f"{run}/{kind}/{name}.json")
    content = f"{json.dumps(told)}\n".encode()
    if isinstance(target, ObjectPath):
        create(target, content)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        file.write(content)


def moment() -> str:
    """Return this moment as a part of a name: names are in the order of time."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}"


def host() -> str:
    """Return this machine's name."""
    return os.uname().nodename
