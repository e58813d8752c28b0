"""Objects of S3 as places of results: created, and replaced only where one says so."""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Union

from footfall import _native
from footfall.aws.workspace import S3, is_in_s3, must_hold
from footfall.errors import DataError, DefinitionError


@dataclass(frozen=True)
class ObjectPath:
    """A key of a bucket, with what callers ask of a path.

    Examples
    --------
    >>> place = ObjectPath("s3://bucket/group/visits.parquet")
    >>> place.name, place.suffix, str(place / "part-0")
    ('visits.parquet', '.parquet', 's3://bucket/group/visits.parquet/part-0')
    """

    text: str

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return posixpath.basename(self.text)

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return posixpath.splitext(self.name)[1]

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(f"{self.text.rstrip('/')}/{name}")

    def __fspath__(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text


#: Where something was written.
Written = Union[Path, ObjectPath]


def place(path: str | os.PathLike[str]) -> Written:
    """Return where something is to be written.

    Raises
    ------
    DefinitionError
        If it looks like a place in S3, and its scheme is not written as it has to be.

    Examples
    --------
    >>> place("s3://bucket/visits.csv")
    ObjectPath(text='s3://bucket/visits.csv')
    """
    if not is_in_s3(path):
        return Path(path).expanduser()
    told = os.fspath(path)
    if not told.startswith(S3):
        raise DefinitionError(f"path = {told!r}: places in S3 begin with {S3}, in small letters")
    return ObjectPath(told)


def read(target: str) -> bytes:
    """Return the content of an object.

    Raises
    ------
    DataError
        If it is not there, or S3 refuses.
    """
    content = _native.read_object(target)
    if content is None:
        raise DataError(f"{target}: there is no such object", table=target, reason="there is no such object")
    return content


@contextmanager
def whole_object(target: ObjectPath, *, overwrite: bool = False) -> Iterator[IO[bytes]]:
    """Yield a file in memory, which becomes the object `target` if all goes well.

    Raises
    ------
    DefinitionError
        If `target` is not in the workspace that the environment names.
    DataError
        If an object is there already; with `overwrite`, if it is no longer the one that was there at the beginning.
    """
    must_hold(target.text)
    seen = _native.look_at_object(target.text) if overwrite else None
    with io.BytesIO() as file:
        yield file
        create(target, file.getvalue(), replaces=None if seen is None else seen[0])


def create(
    target: ObjectPath, content: bytes, notes: Mapping[str, str] | None = None, *, replaces: str | None = None
) -> str:
    """Create an object, with a few words of what made it beside its content, and return its state."""
    told = {"footfall-version": _native.__version__, **(notes or {})}
    return _native.write_object(target.text, content, notes=told, replaces=replaces) or ""
