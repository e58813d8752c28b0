"""Trees of scipy and scikit-learn: look up each ping's neighbours among the establishments."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benches.grid import DIAMETER_M, RADIUS_M

Run = Callable[[], Any]
CHUNK = 1_000_000


def kd_tree(data: Path) -> Run:
    """Points on the sphere in space: the chord grows with the great circle, so that the order is the same."""
    from scipy.spatial import KDTree

    pings, establishments = _tables(data)
    reach = 2 * np.sin(RADIUS_M / DIAMETER_M)

    def run() -> Any:
        tree = KDTree(_sphere(_radians(establishments)))
        points = _sphere(_radians(pings))
        found = [
            tree.query_ball_point(points[at : at + CHUNK], reach, workers=-1) for at in range(0, len(points), CHUNK)
        ]
        return _visits(pings, establishments, found)

    return run


def ball_tree(data: Path) -> Run:
    from sklearn.neighbors import BallTree

    pings, establishments = _tables(data)

    def run() -> Any:
        tree = BallTree(_radians(establishments), metric="haversine")
        points = _radians(pings)
        reach = RADIUS_M / (DIAMETER_M / 2)
        found = [tree.query_radius(points[at : at + CHUNK], reach) for at in range(0, len(points), CHUNK)]
        return _visits(pings, establishments, found)

    return run


def _tables(data: Path) -> tuple[pa.Table, pa.Table]:
    pings, establishments = (pq.read_table(data / f"{name}.parquet") for name in ("pings", "establishments"))
    return pings.combine_chunks(), establishments.combine_chunks()


def _radians(table: pa.Table) -> np.ndarray:
    return np.radians(np.column_stack([table["latitude"].to_numpy(), table["longitude"].to_numpy()]))


def _sphere(radians: np.ndarray) -> np.ndarray:
    latitude, longitude = radians.T
    return np.column_stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    )


def _visits(pings: pa.Table, establishments: pa.Table, found: list[np.ndarray]) -> pa.Table:
    counts = np.concatenate([np.fromiter(map(len, chunk), np.int64, len(chunk)) for chunk in found])
    ping = np.repeat(np.arange(len(counts)), counts)
    place = np.concatenate([np.asarray(near) for chunk in found for near in chunk if len(near)]).astype(np.int64)
    metres = _haversine_m(_radians(pings)[ping], _radians(establishments)[place])
    exact = metres < RADIUS_M
    visits = pings.select(["user_id", "timestamp"]).take(pa.array(ping[exact]))
    ids = establishments["establishment_id"].take(pa.array(place[exact]))
    return visits.append_column("establishment_id", ids).append_column("distance_m", pa.array(metres[exact]))


def _haversine_m(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    sines = np.sin((one - other) / 2) ** 2
    return DIAMETER_M * np.arcsin(np.sqrt(sines[:, 0] + np.cos(one[:, 0]) * np.cos(other[:, 0]) * sines[:, 1]))
