"""A small town of shops, people who walk and drive among them for hours, and what is suggested to them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from footfall import _native
from footfall.live import Approach, Tables

LATITUDE, LONGITUDE = -8.05, -34.88
METRES_PER_DEGREE = 111_195.0
START_US = 1_709_294_400_000_000  # 2024-03-01 12:00 UTC
# Suggested often, so that a double or a missing one shows.
EAGER = {"pause_s": 60, "cooldown_s": 900, "inside_pause_s": 60, "cap": 1000, "holdout": 0.2, "ahead_s": 1e9}


def tables(shops=150, seed=3, name="lunch", **options):
    """What a detector knows of a square of 3 km."""
    random = np.random.default_rng(seed)
    ids = [f"shop {number}" for number in range(shops)]
    places = {
        "establishment_id": ids,
        "name": ids,
        "category": [f"kind {number % 4}" for number in range(shops)],
        "latitude": LATITUDE + random.uniform(0, 3000, shops) / METRES_PER_DEGREE,
        "longitude": LONGITUDE + random.uniform(0, 3000, shops) / METRES_PER_DEGREE,
        "opens_min": pa.nulls(shops, pa.int32()),
        "closes_min": pa.nulls(shops, pa.int32()),
    }
    ads = {
        "ad_id": [f"{name} {number}" for number in range(shops)],
        "campaign_id": [name] * shops,
        "category": places["category"],
        "establishment_id": ids,
        "ctr_low": random.uniform(0.01, 0.1, shops),
        "starts": pa.nulls(shops, pa.date32()),
        "ends": pa.nulls(shops, pa.date32()),
    }
    known = (pa.table(places), pa.table(ads), None, None, None)
    return Tables(*known, options=Approach(**{**EAGER, **options}), tz="America/Recife")


def fixes(users=60, each=60, seed=5, interval_s=30.0):
    """Fixes in the order of their time: straight ways of some minutes, at the pace of feet or wheels."""
    random = np.random.default_rng(seed)
    speed = np.where(random.uniform(size=users) < 0.7, 1.4, 8.0)
    place = random.uniform(0, 3000, (users, 2))
    heading = random.uniform(0, 2 * np.pi, users)
    rows = {name: [] for name in ("user_id", "timestamp", "latitude", "longitude", "accuracy_m")}
    for step in range(each):
        turns = random.uniform(size=users) < 0.1
        heading = np.where(turns, random.uniform(0, 2 * np.pi, users), heading)
        place = np.mod(place + (speed * interval_s * np.array([np.cos(heading), np.sin(heading)])).T, 3000)
        seen = place + random.normal(0, 3, place.shape)
        times = START_US + np.int64(step * interval_s * 1e6) + (np.arange(users) * interval_s * 1e6 / users).astype(int)
        rows["user_id"].extend(f"user {number}" for number in range(users))
        rows["timestamp"].extend(times.tolist())
        rows["latitude"].extend((LATITUDE + seen[:, 0] / METRES_PER_DEGREE).tolist())
        rows["longitude"].extend((LONGITUDE + seen[:, 1] / METRES_PER_DEGREE).tolist())
        rows["accuracy_m"].extend([8.0] * users)
    rows["timestamp"] = pa.array(rows["timestamp"], pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.table(rows)


def replayed(known, given):
    """What an uninterrupted detector suggests, held out or not."""
    suggestions, _ = known.detector(_native).process(given)
    return pa.table(suggestions)
