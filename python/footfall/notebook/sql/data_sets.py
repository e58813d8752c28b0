"""Which variable of the notebook is the data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footfall.dataset import Dataset
from footfall.errors import DefinitionError
from footfall.inputs import options

USUAL = "data"


def data_set(names: Mapping[str, Any], wanted: str | None = None) -> tuple[str, Dataset]:
    """Return the data set that is asked, and its variable: `wanted`, else ``data``, else the only one.

    Raises
    ------
    DefinitionError
        If there is none, or it is not clear which; the message says how to get one.
    """
    there = data_sets(names)
    if wanted is not None:
        if wanted not in there:
            what = f"is of type {type(names[wanted]).__qualname__}" if wanted in names else "is no variable"
            raise DefinitionError(f"--data {wanted}: {what}, no data set{options.meant(wanted, there)}")
        return wanted, there[wanted]
    if USUAL in there:
        return USUAL, there[USUAL]
    different = list({id(data): name for name, data in reversed(there.items())}.values())
    if len(different) == 1:
        return different[0], there[different[0]]
    if different:
        raise DefinitionError(f"which data set: {', '.join(reversed(different))}? Say --data NAME, or call one {USUAL}")
    raise DefinitionError(
        f'there is no data set; open one: import footfall; {USUAL} = footfall.open("city", tz="America/Recife")'
    )


def data_sets(names: Mapping[str, Any]) -> dict[str, Dataset]:
    """Return all data sets of the notebook, by their variables; not what IPython keeps of former outputs."""
    known = [name for name in names if not name.startswith("_")]
    return {name: names[name] for name in known if isinstance(names[name], Dataset)}
