"""A seeded world of a few hundred rows for random SQL: users come near places hours after they saw their ads."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

TZ = "America/Recife"
START = datetime.datetime(2024, 2, 25, tzinfo=datetime.timezone.utc)
DAYS = 12
USERS = 9
TIME = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class World:
    """The four tables, and the literals that statements about them have, by what columns hold."""

    tables: dict
    literals: dict


def world(seed=5):
    """The tables that statements ask; users come near establishments hours after they saw their ads."""
    rng = np.random.default_rng(seed)
    pick = lambda values, n: [values[i] for i in rng.integers(len(values), size=n)]  # noqa: E731
    places, ads, rows = 9, 22, 240
    categories = ["food", "money", "água", "Food", "a category with a name that is long"]
    degrees = rng.integers(0, 40, (places, 2)) / 1e3
    establishments = {
        "establishment_id": list(range(10, 10 + places)),
        "name": pick(["Café", "100% plain", None, "under_score"], places),
        "category": pick(categories, places),
        "latitude": degrees[:, 0].tolist(),
        "longitude": degrees[:, 1].tolist(),
    }
    of_ads = {
        "ad_id": list(range(100, 100 + ads)),
        "campaign_id": pick([3, 4, 5, 6, 7], ads),
        "category": pick(categories, ads),
        "establishment_id": pick([*range(10, 10 + places), None, 99], ads),
    }
    instants = START + np.sort(rng.integers(0, DAYS * 24 * 12, rows)).astype(object) * datetime.timedelta(minutes=5)
    users = rng.integers(1, USERS, rows)
    seen = rng.integers(0, ads, rows)
    interactions = {
        "user_id": [int(u) for u in users],
        "ad_id": [int(n) + 100 for n in seen],
        "action": pick(["view", "view", "view", "click"], rows),
        "timestamp": list(instants),
    }
    near = [(of_ads["establishment_id"][n] or 10) - 10 for n in seen]
    near = [n if n < places else int(rng.integers(places)) for n in near]
    later = [t + datetime.timedelta(minutes=int(m)) for t, m in zip(instants, rng.integers(-60, 500, rows))]
    offsets = rng.choice([0.0, 1e-4, 3e-4, 0.5], (rows, 2), p=[0.4, 0.3, 0.2, 0.1])
    pings = {
        "user_id": [int(u) + int(u == 8) for u in users],
        "timestamp": later,
        "latitude": [float(degrees[n, 0] + o) for n, o in zip(near, offsets[:, 0])],
        "longitude": [float(degrees[n, 1] + o) for n, o in zip(near, offsets[:, 1])],
    }
    made = {"establishments": establishments, "ads": of_ads, "interactions": interactions, "pings": pings}
    literals = {
        "user": [str(u) for u in range(1, USERS + 1)],
        "ad": [str(n) for n in range(98, 98 + ads, 3)],
        "establishment": [str(n) for n in range(9, 9 + places, 2)],
        "campaign": ["3", "4", "9"],
        "category": categories,
        "action": ["view", "click"],
        "name": ["Café", "100% plain", "nobody's"],
    }
    return World({name: pa.table(columns).cast(schema(name)) for name, columns in made.items()}, literals)


def schema(name):
    """The types of a table as files have them: integers for ids."""
    known = {
        "name": pa.string(),
        "category": pa.string(),
        "action": pa.string(),
        "timestamp": TIME,
        "latitude": pa.float64(),
        "longitude": pa.float64(),
    }
    return pa.schema([(column, known.get(column, pa.int64())) for column, _ in NOUNS[name] if column in FILES[name]])


NOUNS = {
    "establishments": [
        ("establishment_id", "establishment"),
        ("name", "name"),
        ("category", "category"),
        ("latitude", "degrees"),
        ("longitude", "degrees"),
    ],
    "ads": [
        ("ad_id", "ad"),
        ("campaign_id", "campaign"),
        ("category", "category"),
        ("establishment_id", "establishment"),
    ],
    "interactions": [("user_id", "user"), ("ad_id", "ad"), ("action", "action"), ("timestamp", "time")],
    "pings": [("user_id", "user"), ("timestamp", "time"), ("latitude", "degrees"), ("longitude", "degrees")],
    "visits": [
        ("user_id", "user"),
        ("timestamp", "time"),
        ("establishment_id", "establishment"),
        ("distance_m", "metres"),
    ],
    "attributed_visits": [
        ("user_id", "user"),
        ("timestamp", "time"),
        ("establishment_id", "establishment"),
        ("distance_m", "metres"),
        ("attributed", "bool"),
        ("ad_id", "ad"),
        ("interaction_timestamp", "time"),
    ],
}
FILES = {name: {column for column, _ in columns} for name, columns in NOUNS.items()}
SMALL = ("establishments", "ads")
TEXTS = ("user", "ad", "establishment", "campaign", "category", "action", "name", "part", "text")
NUMBERS = ("int", "degrees", "metres", "number")
PARTS = ["night", "morning", "afternoon", "evening"]
