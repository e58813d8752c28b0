"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from footfall.errors import DefinitionError
from footfall.output.s3.objects import ObjectPath, Written, place, whole_object


@contextmanager
def whole_file(target: Written, *, overwrite: bool = False) -> Iterator[IO[bytes]]:
    """Yield a new file beside `target`, which takes its place, on disk and with its permissions, if all goes well.

    An object of S3 is created, or replaced if `overwrite` says so.

    Raises
    ------
    DefinitionError
        If `target` is a link or anything else but a file: a link is neither written through nor replaced.
    OSError
        If it cannot be written; what was there stays as it was.
    """
    if isinstance(target, ObjectPath):
        with whole_object(target, overwrite=overwrite) as made:
            yield made
        return
    mode = _mode_of(target)
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.new")
    try:
        # Neither a file nor a link that is there is opened.
        with beside.open("xb") as file:
            if mode is not None:
                os.chmod(beside, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError as error:
        # The name of the file beside it would tell nobody anything.
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(target)) from error
    finally:
        with suppress(OSError):
            os.unlink(beside)
    _sync_folder(target.parent)


def html_file(path: str | os.PathLike[str]) -> Written:
    """Return the file of a page that is to be written.

    Raises
    ------
    DefinitionError
        If it does not end in .html, is a folder, or its folder is not there.
    """
    target = place(path)
    if isinstance(target, Path) and target.is_dir():
        raise DefinitionError(f"path = {str(target)!r}: is a folder; name a file in it, such as report.html")
    if target.suffix.lower() not in (".html", ".htm"):
        raise DefinitionError(f"path = {str(target)!r}: a report is one HTML file; end it in .html")
    if isinstance(target, Path) and not target.absolute().parent.is_dir():
        raise DefinitionError(f"path = {str(target)!r}: there is no folder {target.parent}")
    return target


def _mode_of(target: Path) -> int | None:
    """Return the permissions of the file that is there; None if there is none."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        reason = f"is a link to {os.readlink(target)}, which is not written through; name the file itself"
        raise DefinitionError(f"path = {str(target)!r}: {reason}")
    if not stat.S_ISREG(found.st_mode):
        raise DefinitionError(f"path = {str(target)!r}: is there, and is not a file")
    return stat.S_IMODE(found.st_mode)


def _sync_folder(folder: Path) -> None:
    """Put the new name on disk; where folders cannot be synced, the system does it in its time."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
