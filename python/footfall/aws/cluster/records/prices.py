"""What an hour of a machine costs, by a table that tells its date; somebody's own price goes before it."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from footfall.aws.cluster.records.names import EMR


@dataclass(frozen=True)
class Price:
    """US dollars for an hour of a machine; None if nobody said and the table has none.

    Examples
    --------
    >>> print(Price(0.13, "of the table of 2025-01-01").of_hours(8))
    1.04 USD (0.13 USD an hour and machine, of the table of 2025-01-01)
    >>> print(Price(None, "no price of m9.huge in us-east-1; say it by --price").of_hours(8))
    no price of m9.huge in us-east-1; say it by --price
    """

    hourly: float | None
    source: str

    def of_hours(self, hours: float) -> str:
        """Return what so many hours of machines cost, in words."""
        if self.hourly is None:
            return self.source
        return f"{self.hourly * hours:.2f} USD ({self.hourly:g} USD an hour and machine, {self.source})"


def price(region: str, instance_type: str, role: str, *, said: float | None = None) -> Price:
    """Return the price of a machine for an hour: of EC2, and of EMR if that runs it.

    Examples
    --------
    >>> price("us-east-1", "m4.large", "emr").hourly, price("us-east-1", "m4.large", "dask").hourly
    (0.13, 0.1)
    """
    if said is not None:
        return Price(said, "as you said")
    date, table = _table()
    found = table.get((region, instance_type))
    if found is None:
        return Price(None, f"no price of {instance_type} in {region} in the table of {date}; say it by --price")
    ec2, emr = found
    return Price(round(ec2 + emr if role == EMR else ec2, 4), f"by the table of {date}")


@lru_cache(maxsize=1)
def _table() -> tuple[str, dict[tuple[str, str], tuple[float, float]]]:
    """Return the date of the table and its rows."""
    text = files("footfall.aws.cluster.records").joinpath("prices.csv").read_text(encoding="utf-8")
    lines = text.splitlines()
    date = re.search(r"\d{4}-\d\d-\d\d", text)
    assert date is not None, "the table tells its date"
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return date[0], {(row["region"], row["type"]): (float(row["ec2"]), float(row["emr"])) for row in rows}
