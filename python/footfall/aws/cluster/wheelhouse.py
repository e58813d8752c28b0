"""The wheelhouse: all that machines install, in a folder that `make wheelhouse` makes."""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall.errors import DefinitionError

#: Where it is; the manifest has the hashes of all others, and its own names the whole.
WHEELHOUSE = Path("build/wheelhouse")
_MANIFEST, _PROJECT, _SETTINGS = "manifest", "node.tar.gz", "deploy/aws/emr.json"
_DIGITS = 16


@dataclass(frozen=True)
class Wheelhouse:
    """All that machines install, in a folder.

    Attributes
    ----------
    name : str
        ``wheelhouse-`` and its hash: its folder in the workspace.
    configurations : list of dict
        EMR's settings for it.
    """

    folder: Path
    name: str
    configurations: list[dict[str, Any]]

    @classmethod
    def of(cls, folder: Path) -> Wheelhouse:
        """Read a folder.

        Raises
        ------
        DefinitionError
            If it is no wheelhouse.
        """
        manifest = folder / _MANIFEST
        if not manifest.is_file():
            raise DefinitionError(f"wheelhouse = {str(folder)!r}: has no {_MANIFEST}; make wheelhouse makes one")
        digest = hashlib.sha256(manifest.read_bytes()).hexdigest()[:_DIGITS]
        return cls(folder, f"wheelhouse-{digest}", _settings(folder / _PROJECT))

    def files(self) -> list[Path]:
        """Return its files, the manifest last: who finds it finds all that it names."""
        return sorted(self.folder.iterdir(), key=lambda path: (path.name == _MANIFEST, path.name))


def _settings(project: Path) -> list[dict[str, Any]]:
    try:
        with tarfile.open(project) as archive:
            file = archive.extractfile(_SETTINGS)
            assert file is not None, "a file, as it was packed"
            settings: list[dict[str, Any]] = json.load(file)
            return settings
    except (OSError, KeyError, tarfile.TarError) as error:
        raise DefinitionError(f"wheelhouse: {project} has no {_SETTINGS}: {error}; make wheelhouse anew") from error
