"""SedonaDB: a spatial join in metres on a plane, slightly too wide, and the exact distance of what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sedonadb

from benches.data import METRES_PER_DEGREE, TZ
from benches.grid import DISTANCE, RADIUS_M

Run = Callable[[], Any]

# Within 60 km of the middle latitude, an equirectangular plane is less than 2 % wrong about east and west.
PLANE_RADIUS_M = RADIUS_M * 1.02


def near(data: Path) -> Run:
    context = sedonadb.connect()
    for name in ("pings", "establishments"):
        table = pq.read_table(data / f"{name}.parquet")
        context.create_data_frame(table).to_memtable().to_view(name)
    middle = float(np.mean(table["latitude"].to_numpy()))
    return lambda: pa.table(context.sql(_visits(middle)))


def visits_by_month(data: Path) -> Run:
    def run() -> Any:
        context = sedonadb.connect()
        for name in ("pings", "establishments"):
            path = data / name
            files = sorted(map(str, path.rglob("*.parquet"))) if path.is_dir() else f"{path}.parquet"
            context.read_parquet(files).to_view(name)
        latitude = pq.read_table(data / "establishments.parquet", columns=["latitude"])["latitude"]
        visits = _visits(float(np.mean(latitude.to_numpy())))
        month = f"CAST(date_trunc('month', to_local_time(timestamp AT TIME ZONE '{TZ}')) AS DATE)"
        query = f"SELECT establishment_id, {month} AS month, count(*) AS visits FROM ({visits}) GROUP BY 1, 2"
        return pa.table(context.sql(query))

    return run


def _visits(middle_latitude: float) -> str:
    east_m = METRES_PER_DEGREE * np.cos(np.radians(middle_latitude))

    def point(table: str) -> str:
        return f"ST_Point({table}.longitude * {east_m:.17g}, {table}.latitude * {METRES_PER_DEGREE:.17g})"

    exact = (
        DISTANCE.replace("e.e_cosine", "cos(radians(e.latitude))")
        .replace("e.e_latitude", "e.latitude")
        .replace("e.e_longitude", "e.longitude")
    )
    return f"""
        SELECT user_id, timestamp, establishment_id, distance_m
        FROM (SELECT p.user_id, p.timestamp, e.establishment_id, {exact} AS distance_m
              FROM pings AS p JOIN establishments AS e
                ON ST_DWithin({point("p")}, {point("e")}, {PLANE_RADIUS_M}))
        WHERE distance_m < {RADIUS_M}"""
