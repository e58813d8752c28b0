"""What options say of a notebook's data set, as variables of its kernel."""

import os
from typing import Optional

from footfall import engines
from footfall.errors import DefinitionError
from footfall.inputs import paths, zones
from footfall.notebook.namespace import DATA, ENGINE, TZ


def variables(data: Optional[str], tz: Optional[str], engine: Optional[str]) -> dict[str, str]:
    """Return the variables of a kernel; what `footfall.open` would refuse is refused here, save a folder not there."""
    if tz is not None:
        zones.zone(tz)
    if engine is not None:
        engines.check_name(engine)
    given = {DATA: None if data is None else _root(data), TZ: tz, ENGINE: engine}
    return {name: value for name, value in given.items() if value is not None}


def _root(data: str) -> str:
    """Return the folder of a data set as any notebook finds it."""
    if not data:
        raise DefinitionError("--data: names no folder")
    return str(paths.absolute(os.path.expanduser(data)))
