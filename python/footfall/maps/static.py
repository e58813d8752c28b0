"""Files that the live map is made of, which `make maps` builds from JavaScript."""

from __future__ import annotations

from importlib import resources

from footfall.errors import InternalError

#: Where a notebook's server has them, below its address.
FOLDER = "lab/extensions/footfall/static"


def text(name: str) -> str:
    """Return one of the files.

    Raises
    ------
    InternalError
        If it was not built.
    """
    file = resources.files("footfall.maps").joinpath("static", name)
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InternalError(f"footfall/maps/static/{name} is not there: run `make maps`, which builds it") from error
