"""Folders as sets of objects in S3: they are there when their manifest is, which goes last.

The objects are what a run of the same work makes again, byte by byte, so that whoever was stopped goes on: what is
there stays, what is missing comes, and of anything else the error tells.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from footfall import _native
from footfall.aws.workspace import must_hold
from footfall.errors import DataError
from footfall.output.s3.objects import ObjectPath, create

#: Names that the reader knows, too (``src/engine/files/s3/listing.rs``).
MANIFEST = "_manifest.json"
BEGUN = "_begun.json"

_SUM = "footfall-sha256"


@contextmanager
def whole_set(root: ObjectPath, tick: Callable[[int, int], None] | None = None) -> Iterator[Path]:
    """Yield a folder of this machine, whose files become the objects below `root` if all goes well.

    Raises
    ------
    DefinitionError
        If `root` is not in the workspace that the environment names.
    DataError
        If another set is there or was begun there.
    """
    must_hold(root.text)
    with tempfile.TemporaryDirectory(prefix="footfall-set-") as beside:
        yield Path(beside)
        upload(Path(beside), root, tick)


def upload(folder: Path, root: ObjectPath, tick: Callable[[int, int], None] | None = None) -> None:
    """Create the objects of all files in `folder`, and then the manifest."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    sums = {name: _sum_of(folder / name) for name in names}
    identity = hashlib.sha256(json.dumps(sums).encode()).hexdigest()
    _once(root / BEGUN, _json({"set": identity, "objects": len(names)}), identity)
    objects = []
    for done, name in enumerate(names):
        if tick is not None:
            tick(done, len(names))
        etag = _once(root / name, (folder / name).read_bytes(), sums[name])
        size = os.path.getsize(folder / name)
        objects.append({"key": name, "bytes": size, "etag": etag, "sha256": sums[name]})
    _once(root / MANIFEST, _json({"footfall": _native.__version__, "set": identity, "objects": objects}), identity)


def _once(target: ObjectPath, content: bytes, of: str) -> str:
    """Create an object, unless the same is there, and return its state."""
    there = _native.look_at_object(target.text)
    if there is None:
        return create(target, content, {_SUM: of})
    etag, written, notes = there
    if notes.get(_SUM) != of:
        reason = f"another one is there, written at {written}: nothing is replaced; choose another place"
        raise DataError(f"{target}: {reason}", table=target.text, reason=reason)
    return etag or ""


def _sum_of(file: Path) -> str:
    with file.open("rb") as opened:
        digest = hashlib.sha256()
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _json(told: Any) -> bytes:
    return f"{json.dumps(told, indent=1)}\n".encode()
