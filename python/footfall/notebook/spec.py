"""Kernelspecs: where Jupyter finds our kernel, with what Python it starts it, and on which data."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall import extras
from footfall.errors import DefinitionError

NAME = "footfall"
_FILE = "kernel.json"
_RESOURCES = Path(__file__).parent / "kernelspec"
# What the page of a notebook loads for a live map, from its server.
_LIVE_MAP = Path(__file__).parents[1] / "maps" / "static"


@dataclass(frozen=True)
class Spec:
    """A kernelspec that is installed.

    Attributes
    ----------
    folder : Path
        Where it is.
    content : mapping
        What its ``kernel.json`` says; empty if that cannot be read.
    """

    folder: Path
    content: Mapping[str, Any]

    @property
    def python(self) -> str:
        """The Python that it starts."""
        argv = self.content.get("argv")
        return str(argv[0]) if isinstance(argv, list) and argv else "unreadable"

    def variable(self, name: str) -> str:
        """Return what it sets an environment variable to, or nothing."""
        environment = self.content.get("env")
        return str(environment.get(name, "")) if isinstance(environment, Mapping) else ""


def folder_in(data: Path) -> Path:
    """Return the folder of our kernelspec in one of Jupyter's folders of data, such as ``PREFIX/share/jupyter``."""
    return data / "kernels" / NAME


def of_user() -> Path:
    """Return Jupyter's folder of data of this user."""
    check_installed()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir())


def of_prefix(prefix: Path) -> Path:
    """Return Jupyter's folder of data of an environment."""
    return prefix.absolute() / "share" / "jupyter"


def check_installed() -> None:
    """Raise DefinitionError if the kernel could not start here; it says what to install."""
    extras.need("notebook", "ipykernel", by="the kernel")


def install(data: Path, environment: Mapping[str, str]) -> Path:
    """Write a kernelspec that starts this Python, and what a server needs to show its maps; return the spec's folder.

    Parameters
    ----------
    data : Path
        One of Jupyter's folders of data.
    environment : mapping
        Variables that the kernel is to see.

    Raises
    ------
    DefinitionError
        If the kernel could not start here.
    OSError
        If the folder cannot be written.
    """
    check_installed()
    written = content(environment)
    folder = folder_in(data)
    shutil.copytree(_RESOURCES, folder, dirs_exist_ok=True)
    (folder / _FILE).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    if _LIVE_MAP.is_dir():
        shutil.copytree(_LIVE_MAP, _served_from(data) / "static", dirs_exist_ok=True)
    return folder


def _served_from(data: Path) -> Path:
    """Return the folder that a server of `data` shows to its pages as ``lab/extensions/footfall``."""
    return data / "labextensions" / NAME


def content(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a ``kernel.json`` for this Python: what its ipykernel can, the kernel can."""
    from ipykernel.kernelspec import get_kernel_dict

    found = json.loads((_RESOURCES / _FILE).read_text(encoding="utf-8"))
    argv = [sys.executable, *found["argv"][1:]]
    return {**found, "argv": argv, "env": dict(environment), "metadata": get_kernel_dict()["metadata"]}


def installed() -> Iterator[Spec]:
    """Yield the kernelspecs that Jupyter finds; it takes the first."""
    check_installed()
    from jupyter_core.paths import jupyter_path

    for folder in map(Path, jupyter_path("kernels")):
        if (folder / NAME / _FILE).is_file():
            yield read(folder / NAME)


def read(folder: Path) -> Spec:
    """Return the kernelspec in a folder."""
    try:
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    return Spec(folder, content if isinstance(content, dict) else {})


def remove(data: Path) -> Path:
    """Remove our kernelspec from one of Jupyter's folders of data, and return its folder.

    Raises
    ------
    DefinitionError
        If there is none.
    """
    folder = folder_in(data)
    if not (folder / _FILE).is_file():
        raise DefinitionError(f"there is no kernel in {folder}; `footfall kernel list` says where there are")
    shutil.rmtree(folder)
    # Those of this environment are pip's; maps in notebooks of other kernels need them.
    if data != of_prefix(Path(sys.prefix)):
        shutil.rmtree(_served_from(data), ignore_errors=True)
    return folder
