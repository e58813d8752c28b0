"""What the tests of live suggestions share: a street with shops, people who walk it, and tables by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa

NOON = datetime(2024, 3, 4, 15, tzinfo=timezone.utc)
LATITUDE, LONGITUDE = -8.0634, -34.8711
METRE = 1 / 111_195


def shops(*places, names=None):
    """Shops so many metres north of the corner, each of its own category."""
    ids = names or [f"shop{number}" for number in range(len(places))]
    return pa.table(
        {
            "establishment_id": ids,
            "name": ids,
            "category": [f"kind of {each}" for each in ids],
            "latitude": [LATITUDE + metres * METRE for metres in places],
            "longitude": [LONGITUDE] * len(places),
        }
    )


def ads_of(establishments):
    """An ad for each shop."""
    ids = establishments["establishment_id"].to_pylist()
    return pa.table(
        {
            "ad_id": [f"ad of {each}" for each in ids],
            "campaign_id": [f"campaign of {each}" for each in ids],
            "category": establishments["category"],
            "establishment_id": ids,
        }
    )


def walk(user, metres, start=NOON, every_s=30):
    """Fixes of a user, so many metres north of the corner, one every so many seconds."""
    times = [start + timedelta(seconds=every_s * number) for number in range(len(metres))]
    return pa.table(
        {
            "user_id": pa.array([user] * len(metres), pa.string()),
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "latitude": [LATITUDE + each * METRE for each in map(float, metres)],
            "longitude": [LONGITUDE] * len(metres),
        }
    )


def together(*tables):
    return pa.concat_tables(tables)


def wanderers(seed, users=30, fixes=120, every_s=30, places=8):
    """Seeded people who walk up and down a street of shops, and stand still now and then."""
    draws = np.random.default_rng(seed)
    parts = []
    for user in range(users):
        at, goal, tracks = draws.uniform(-800, 800), draws.uniform(-800, 800), []
        for _ in range(fixes):
            if abs(goal - at) < 40 and draws.random() < 0.3:
                goal = draws.uniform(-800, 800)
            at += np.clip(goal - at, -42, 42)
            tracks.append(at + draws.normal(0, 3))
        start = NOON + timedelta(seconds=int(draws.integers(0, 3 * 86_400)))
        parts.append(walk(f"u{user:02d}", tracks, start, every_s))
    return together(*parts), shops(*draws.uniform(-800, 800, places))
