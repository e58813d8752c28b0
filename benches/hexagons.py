"""Ten million pings to hexagons with pings and users, beside PyPI's h3 and DuckDB.

Usage: python -m benches.hexagons [--pings 10000000]
"""

from __future__ import annotations

import argparse
import time
from typing import Any, Callable

import duckdb
import h3
import pyarrow as pa

import footfall
from benches import data

RESOLUTION = 8
QUERY = f"""SELECT h3_cell(latitude, longitude, {RESOLUTION}) AS cell, count(*), count(DISTINCT user_id)
FROM pings GROUP BY 1"""


def main() -> None:
    """Print seconds, best of three, and whether the answers agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--pings", type=int, default=10_000_000)
    city = data.folder("city", parser.parse_args().pings)
    ours = best("footfall", lambda: footfall.open(city, tz="America/Recife", progress=False).sql(QUERY).to_arrow())
    theirs = best("h3 and DuckDB", lambda: by_h3(city), rounds=1)
    same = sorted(zip(*ours.to_pydict().values())) == sorted(zip(*theirs.to_pydict().values()))
    print("the same cells and counts" if same else "THEY DIFFER")


def best(name: str, work: Callable[[], Any], rounds: int = 3) -> Any:
    """Print the shortest time of `work`, and return what it makes."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        made = work()
        seconds.append(time.perf_counter() - started)
    print(f"{name:<16} {min(seconds):8.2f} s")
    return made


def by_h3(city: Any) -> pa.Table:
    """Return the same by h3, which takes one place at a time, and DuckDB, which counts."""
    places = duckdb.sql(f"SELECT user_id, latitude, longitude FROM '{city}/pings/*.parquet'").to_arrow_table()
    pairs = zip(places["latitude"].to_numpy(), places["longitude"].to_numpy())
    cells = [h3.str_to_int(h3.latlng_to_cell(*pair, RESOLUTION)) for pair in pairs]
    found = places.append_column("cell", pa.array(cells, pa.uint64()))
    assert found.num_rows
    return duckdb.sql("SELECT cell, count(*), count(DISTINCT user_id) FROM found GROUP BY 1").to_arrow_table()


if __name__ == "__main__":
    main()
