"""Which variable of the notebook is the data set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from footfall import _native
from footfall.dataset import Dataset
from footfall.errors import DefinitionError, FootfallError
from footfall.inputs import options
from footfall.opening import open

USUAL = "data"
#: The tables that a data set may have, and their columns' types.
_NOUNS = {
    "establishments": {"establishment_id": "text", "name": "text", "category": "text", "latitude": "number",
                       "longitude": "number"},
    "ads": {"ad_id": "text", "campaign_id": "text", "category": "text", "establishment_id": "text"},
    "interactions": {"user_id": "text", "ad_id": "text", "action": "text", "timestamp": "time"},
    "pings": {"user_id": "text", "timestamp": "time", "latitude": "number", "longitude": "number",
              "accuracy_m": "number"},
}  # fmt: skip


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


def planner(names: Mapping[str, Any], wanted: str | None) -> _native.Session:
    """Return what knows the names in statements: of the data set, or, until one is open, of an empty one.

    A key that is pressed opens nothing.
    """
    try:
        _, data = data_set(names, wanted)
        return data._session.planner if "_opened" in vars(data) else _empty()
    except FootfallError:
        return _empty()


@lru_cache(maxsize=1)
def _empty() -> _native.Session:
    import pyarrow as pa

    types = {"text": pa.string(), "number": pa.float64(), "time": pa.timestamp("us", "UTC")}
    tables = {
        table: pa.schema([(name, types[kind]) for name, kind in columns.items()]).empty_table()
        for table, columns in _NOUNS.items()
    }
    return open(tables, progress=False)._session.planner
