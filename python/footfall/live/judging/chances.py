"""Chances of arrival: how many approaches of a class arrived, counted by a back-test and added up."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from footfall.live.tables import chance_table

if TYPE_CHECKING:
    import pyarrow

#: Where classes begin: metres by which the line passes, seconds to arrival, metres per second.
MISS_FROM_M = (0.0, 5.0, 10.0, 20.0, 35.0, 60.0, 90.0)
ETA_FROM_S = (0.0, 30.0, 40.0, 55.0, 80.0, 120.0, 200.0, 300.0, 450.0)
SPEED_FROM_MPS = (0.0, 1.0, 2.0, 5.0, 10.0, 15.0)
_FILE = "chances.csv"


def of_the_city() -> pyarrow.Table:
    """Return the chances that were counted in the sample city; ``tools/live_chances.py`` made the file."""
    import pyarrow.csv

    with files("footfall.live.judging").joinpath(_FILE).open("rb") as file:
        return chance_table(pyarrow.csv.read_csv(file))


def count(approaches: pyarrow.Table, arrived: pyarrow.Array) -> pyarrow.Table:
    """Return approaches and arrivals by class.

    Parameters
    ----------
    approaches : pyarrow.Table
        Of a detector: miss_m, eta_s, speed_mps.
    arrived : array of bool
        Whether each arrived.
    """
    import numpy as np
    import pyarrow as pa

    bounds = {"miss_m": MISS_FROM_M, "eta_s": ETA_FROM_S, "speed_mps": SPEED_FROM_MPS}
    codes = [np.searchsorted(edges, approaches[name].to_numpy(), "right") - 1 for name, edges in bounds.items()]
    rows = pa.table(
        {
            **{
                begin: np.asarray(edges)[code]
                for begin, edges, code in zip(("miss_from_m", "eta_from_s", "speed_from_mps"), bounds.values(), codes)
            },
            "arrived": pa.array(arrived, pa.bool_()).cast(pa.int64()),
        }
    )
    keys = rows.column_names[:3]
    counted = rows.group_by(keys).aggregate([("arrived", "count"), ("arrived", "sum")])
    named = counted.select([*keys, "arrived_count", "arrived_sum"]).rename_columns([*keys, "approaches", "arrivals"])
    return chance_table(named.sort_by([(key, "ascending") for key in keys]))


def added(*tables: pyarrow.Table) -> pyarrow.Table:
    """Return counted chances added up."""
    import pyarrow as pa

    rows = pa.concat_tables([chance_table(table) for table in tables])
    keys = rows.column_names[:3]
    summed = rows.group_by(keys).aggregate([("approaches", "sum"), ("arrivals", "sum")])
    named = summed.select([*keys, "approaches_sum", "arrivals_sum"]).rename_columns([*keys, "approaches", "arrivals"])
    return chance_table(named.sort_by([(key, "ascending") for key in keys]))
