"""The wheelhouse, and new keys of a cluster, to the workspace: under names of their own; nothing is replaced."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable

from footfall.aws import keys
from footfall.aws.cluster.records.names import Launch
from footfall.aws.cluster.records.objects import Objects
from footfall.aws.cluster.wheelhouse import Wheelhouse


def send_wheelhouse(objects: Objects, wheelhouse: Wheelhouse, tell: Callable[[str], None]) -> None:
    """Send what of it is not there yet."""
    there = set(objects.keys(f"{wheelhouse.name}/"))
    missing = [path for path in wheelhouse.files() if f"{wheelhouse.name}/{path.name}" not in there]
    if missing:
        size = sum(path.stat().st_size for path in missing)
        tell(f"uploading {len(missing)} files, {size / 1e6:,.0f} MB, to {objects.space.place(wheelhouse.name)}")
    for path in missing:
        objects.create_file(f"{wheelhouse.name}/{path.name}", path)


def send_credentials(objects: Objects, launch: Launch) -> None:
    """Make what lets into a cluster and send it; nothing of it stays here."""
    with tempfile.TemporaryDirectory(prefix="footfall-") as scratch:
        folder = Path(scratch) / "credentials"
        keys.write(folder)
        for path in sorted(folder.iterdir()):
            objects.create(f"{launch.credentials}/{path.name}", path.read_bytes())
