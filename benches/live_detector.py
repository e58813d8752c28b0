"""How many fixes a second one core takes: the detector beside a search around every fix by a BallTree and a k-d tree.

Usage: python -m benches.live_detector [--rounds 3]

Time of the processor, the best of the rounds; approaches are counted, not listed. The peers answer less: which
establishments lie within a kilometre, of one fix after the other; they remember nobody and know no direction.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, Callable, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benches.data import METRES_PER_DEGREE
from footfall import _native
from footfall.inputs import zones

BATCH = 20_000
START_US = 1_700_000_000_000_000
MIDDLE = (-8.05, -34.9)
SPEED_MPS, NOISE_M, TURN = 1.3, 3.0, 0.05
PEERS_TAKE = 5_000
REACH_M, EARTH_M = 1_000.0, 6_371_008.8


class Workload(NamedTuple):
    """Walkers on a square, and how many establishments are on it."""

    name: str
    users: int
    steps: int
    interval_s: float
    establishments: int
    side_km: float
    bar: float


WORKLOADS = (
    Workload("1 Hz, near 1,000 establishments", 2_000, 1_000, 1.0, 1_000, 6.0, 5e6),
    Workload("1 Hz, 1 million users in memory", 1_000_000, 3, 1.0, 1_000, 6.0, 3e6),
    Workload("each 60 s, 50,000 establishments", 20_000, 60, 60.0, 50_000, 30.0, 1e6),
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print("| workload | fixes/s | bar | bytes a user | approaches |")
    print("|---|---|---|---|---|")
    for each in WORKLOADS:
        places, fixes = establishments(each), walks(each)
        best, detector = max((detected(places, fixes) for _ in range(rounds)), key=lambda run: run[0])
        held = detector.state_bytes() / detector.users()
        called = detector.counters()["approaches"]
        print(f"| {each.name} | {best:,.0f} | {each.bar:,.0f} | {held:.0f} | {called:,} |", flush=True)
    print("\n| peer, 1,000 establishments | fixes/s |\n|---|---|")
    for name, search in peers(establishments(WORKLOADS[0])).items():
        print(f"| {name} | {searched(search, walks(WORKLOADS[0])):,.0f} |", flush=True)


def establishments(work: Workload) -> pa.Table:
    """Establishments, evenly over the square."""
    random, half = np.random.default_rng(1), work.side_km * 1_000 / 2 / METRES_PER_DEGREE
    degrees = {
        name: middle + random.uniform(-half, half, work.establishments)
        for name, middle in zip(("latitude", "longitude"), MIDDLE)
    }
    return pa.table({"establishment_id": [f"e{each}" for each in range(work.establishments)], **degrees})


def walks(work: Workload) -> pa.Table:
    """Fixes of people who walk and now and then turn, by time."""
    random, half = np.random.default_rng(2), work.side_km * 1_000 / 2
    east, north = random.uniform(-half, half, (2, work.users))
    heading = random.uniform(0, 2 * np.pi, work.users)
    ids = pa.array([f"user-{each:07d}" for each in range(work.users)])
    steps = []
    for step in range(work.steps):
        heading += random.normal(0, TURN * np.sqrt(work.interval_s), work.users)
        east += SPEED_MPS * work.interval_s * np.cos(heading)
        north += SPEED_MPS * work.interval_s * np.sin(heading)
        seen = np.stack([north, east]) + random.normal(0, NOISE_M, (2, work.users))
        at_us = np.full(work.users, START_US + int(step * work.interval_s * 1e6))
        latitude, longitude = (middle + metres / METRES_PER_DEGREE for middle, metres in zip(MIDDLE, seen))
        columns = [ids, pa.array(at_us).cast(pa.timestamp("us", "UTC")), pa.array(latitude), pa.array(longitude)]
        steps.append(pa.table(columns, ["user_id", "timestamp", "latitude", "longitude"]))
    return pa.concat_tables(steps)


def detected(places: pa.Table, fixes: pa.Table) -> tuple[float, Any]:
    """Fixes a second of a new detector, and the detector."""
    count = places.num_rows
    ads = pa.table(
        {
            "ad_id": [f"a{each}" for each in range(count)],
            "campaign_id": ["c"] * count,
            "category": ["k"] * count,
            "establishment_id": places["establishment_id"],
            "ctr_low": np.full(count, 0.02),
        }
    )
    tables = _native.LiveTables(places, ads, None, None, None, {}, zones.zone("America/Recife"), "bench")
    detector = _native.Detector(tables)
    batches = [pa.Table.from_batches([each]) for each in fixes.combine_chunks().to_batches(max_chunksize=BATCH)]
    started = time.process_time()
    for batch in batches:
        detector.process(batch, approaches=False)
    return fixes.num_rows / (time.process_time() - started), detector


def peers(places: pa.Table) -> dict[str, Callable[[float, float], Any]]:
    """What else finds establishments near a place."""
    from scipy.spatial import cKDTree
    from sklearn.neighbors import BallTree

    degrees = np.column_stack([places["latitude"].to_numpy(), places["longitude"].to_numpy()])
    ball, tree = BallTree(np.radians(degrees), metric="haversine"), cKDTree(on_sphere(degrees))
    chord = 2 * np.sin(REACH_M / EARTH_M / 2)
    return {
        "scikit-learn's BallTree, haversine": lambda latitude, longitude: ball.query_radius(
            np.radians([[latitude, longitude]]), REACH_M / EARTH_M
        ),
        "SciPy's cKDTree, on the sphere": lambda latitude, longitude: tree.query_ball_point(
            on_sphere(np.array([[latitude, longitude]])), chord
        ),
    }


def on_sphere(degrees: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points of the unit sphere."""
    latitude, longitude = np.radians(degrees).T
    flat = np.cos(latitude)
    return np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])


def searched(search: Callable[[float, float], Any], fixes: pa.Table) -> float:
    """Fixes a second of one search after the other."""
    taken = fixes.slice(0, PEERS_TAKE)
    started = time.process_time()
    for latitude, longitude in zip(taken["latitude"].to_pylist(), taken["longitude"].to_pylist()):
        search(latitude, longitude)
    return PEERS_TAKE / (time.process_time() - started)


if __name__ == "__main__":
    main()
