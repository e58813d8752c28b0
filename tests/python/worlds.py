"""Small seeded worlds with everything that goes wrong in real ones, as rows and as Arrow tables.

Instants come from a few moments at month ends and clock changes, and from the edges of the attribution window around
them, so that ties and boundaries are common and not lucky finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
HOUR_US = 3_600_000_000
METRES_PER_DEGREE = 111_195.08

INSTANT = pa.timestamp("us", "UTC")
SCHEMAS = {
    "establishments": pa.schema(
        {"establishment_id": pa.string(), "name": pa.string(), "category": pa.string(),
         "latitude": pa.float64(), "longitude": pa.float64()}
    ),
    "ads": pa.schema(
        {"ad_id": pa.string(), "campaign_id": pa.string(), "category": pa.string(), "establishment_id": pa.string()}
    ),
    "interactions": pa.schema(
        {"user_id": pa.string(), "ad_id": pa.string(), "action": pa.string(), "timestamp": INSTANT}
    ),
    "pings": pa.schema(
        {"user_id": pa.string(), "timestamp": INSTANT, "latitude": pa.float64(), "longitude": pa.float64()}
    ),
}  # fmt: skip

# Zone and local moments that are hard: month ends, and the days of 23, 25 and no hours.
ZONES = [
    ("America/Recife", ["2024-02-29T23:59:59.999999-03:00", "2024-12-31T21:00:00-03:00", "2024-03-04T00:00:00-03:00"]),
    ("America/New_York", ["2024-03-10T07:00:00+00:00", "2024-11-03T06:00:00+00:00", "2024-11-01T04:00:00+00:00"]),
    ("America/Sao_Paulo", ["2018-11-04T03:00:00+00:00", "2018-02-18T02:00:00+00:00", "2018-03-01T03:00:00+00:00"]),
    ("Pacific/Apia", ["2011-12-30T10:00:00+00:00", "2012-01-01T10:00:00+00:00"]),
    ("Australia/Lord_Howe", ["2024-04-06T15:00:00+00:00", "2024-10-05T15:30:00+00:00"]),
    ("Asia/Kolkata", ["1969-12-31T18:30:00+00:00", "2024-01-31T18:30:00+00:00"]),
    ("UTC", ["2023-12-31T23:59:59.999999+00:00", "2024-02-29T00:00:00+00:00"]),
]
# Latitude and longitude of a town: at the antimeridian, near a pole, at the origin, and plain ones.
TOWNS = [(-8.0631, -34.8711), (-16.8, 179.99999), (89.9999, 12.0), (0.0, 0.0), (40.7, -74.0), (-89.9998, -180.0)]


def us(text):
    """Microseconds since 1970 of an ISO 8601 instant."""
    return (datetime.fromisoformat(text) - EPOCH) // MICROSECOND


def at(instant_us):
    """The datetime of microseconds since 1970."""
    return EPOCH + instant_us * MICROSECOND


@dataclass(frozen=True)
class World:
    """Rows by table (timestamps in microseconds since 1970), and the zone in which they are asked about."""

    tz: str = "UTC"
    establishments: list = field(default_factory=list)
    ads: list = field(default_factory=list)
    interactions: list = field(default_factory=list)
    pings: list = field(default_factory=list)

    def rows(self, table):
        return getattr(self, table)

    def tables(self):
        """The world as Arrow tables, in the plainest types."""
        return {name: pa.Table.from_pylist(self.rows(name), schema=schema) for name, schema in SCHEMAS.items()}

    def shuffled(self, seed):
        """The same rows in another order."""
        rng = np.random.default_rng(seed)
        return replace(self, **{name: [self.rows(name)[i] for i in rng.permutation(len(self.rows(name)))]
                                for name in SCHEMAS})  # fmt: skip


def near(latitude, longitude, north_m, east_m):
    """A point so many metres away, its longitude wrapped into [-180, 180]."""
    latitude = float(np.clip(latitude + north_m / METRES_PER_DEGREE, -90, 90))
    east = east_m / METRES_PER_DEGREE / max(np.cos(np.radians(latitude)), 1e-6)
    return latitude, float((longitude + east + 180) % 360 - 180)


def random_world(seed, *, events=60):
    """A town with a few establishments, ads, users and their events; the same for the same seed."""
    rng = np.random.default_rng(seed)
    tz, moments = ZONES[seed % len(ZONES)]
    maker = _Maker(rng, TOWNS[seed % len(TOWNS)], [us(moment) for moment in moments])
    places = [maker.establishment(number) for number in range(rng.integers(1, 8))]
    return World(
        tz=tz,
        establishments=places,
        ads=[maker.ad(number, len(places)) for number in range(rng.integers(1, 8))],
        interactions=[maker.interaction() for _ in range(rng.integers(0, events))],
        pings=[maker.ping(places) for _ in range(rng.integers(0, events))],
    )


@dataclass
class _Maker:
    rng: np.random.Generator
    town: tuple
    moments: list

    def one_of(self, values):
        return values[self.rng.integers(len(values))]

    def but_sometimes(self, value, others, chance=0.04):
        return self.one_of(others) if self.rng.random() < chance else value

    def instant(self):
        edges = [0, 0, 1, -1, 6 * HOUR_US, 6 * HOUR_US + 1, -6 * HOUR_US, HOUR_US // 2]
        offset = self.one_of(edges) if self.rng.random() < 0.6 else int(self.rng.integers(-60 * HOUR_US, 60 * HOUR_US))
        return self.but_sometimes(self.one_of(self.moments) + offset, [None], 0.02)

    def user(self):
        return self.but_sometimes(self.one_of(["1", "2", "3", "10", "11"]), [None], 0.02)

    def category(self):
        return self.but_sometimes(self.one_of(["food", "money", "água"]), [None], 0.03)

    def establishment(self, number):
        # Some stand on one point, most a few metres apart, so that a ping is near several.
        north_m, east_m = (self.one_of([0.0, self.rng.uniform(-80, 80)]) for _ in range(2))
        latitude, longitude = near(*self.town, north_m, east_m)
        return {
            "establishment_id": str(number * 5),
            "name": self.one_of([None, "Café São José", 'with "quotes", commas', "plain"]),
            "category": self.category(),
            "latitude": self.but_sometimes(latitude, [95.0, None]),
            "longitude": self.but_sometimes(longitude, [-180.5, None]),
        }

    def ad(self, number, places):
        of_place = str(int(self.rng.integers(places)) * 5)
        return {
            "ad_id": str(number * 7),
            "campaign_id": str(self.rng.integers(8, 12)),
            "category": self.category(),
            "establishment_id": self.but_sometimes(of_place, [None, "999"], 0.2),
        }

    def interaction(self):
        return {
            "user_id": self.user(),
            # Number 8 is no ad's: an unknown one.
            "ad_id": self.but_sometimes(str(int(self.rng.integers(9)) * 7), [None], 0.02),
            "action": self.but_sometimes(self.one_of(["view", "view", "click"]), ["VIEW", "buy", None]),
            "timestamp": self.instant(),
        }

    def ping(self, places):
        anchor = self.one_of(places)
        anchored = anchor["latitude"] in (None, 95.0) or anchor["longitude"] in (None, -180.5)
        origin = self.town if anchored else (anchor["latitude"], anchor["longitude"])
        latitude, longitude = near(*origin, *self.rng.uniform(-60, 60, 2))
        return {
            "user_id": self.user(),
            "timestamp": self.instant(),
            "latitude": self.but_sometimes(latitude, [None, 91.0, float("nan"), float("inf")]),
            "longitude": self.but_sometimes(longitude, [None, 181.0, float("-inf")]),
        }


EMPTY = World(tz="America/Recife")
ONE_ROW = World(
    tz="America/Recife",
    establishments=[
        {"establishment_id": "cafe", "name": "Café", "category": "food", "latitude": -8.0631, "longitude": -34.8711}
    ],
    ads=[{"ad_id": "a", "campaign_id": "lunch", "category": "food", "establishment_id": "cafe"}],
    interactions=[{"user_id": "ana", "ad_id": "a", "action": "view", "timestamp": us("2024-03-01T02:59:00+00:00")}],
    pings=[
        {"user_id": "ana", "timestamp": us("2024-03-01T03:00:00+00:00"), "latitude": -8.0631, "longitude": -34.8711}
    ],
)
ALL_NULL = World(**{name: [dict.fromkeys(schema.names)] * 3 for name, schema in SCHEMAS.items()})

JOBS_BY = ["campaign_ctr", "establishment_visits", "visit_attribution", "category_hours"]
JOBS_BY_USER = [
    "interaction_profile",
    "preferred_ad_categories",
    "visit_profile",
    "preferred_establishment_categories",
]
UNITS = ["day", "week", "month", "period"]


def questions():
    """Every job with every unit that it takes, as (method, keyword arguments)."""
    return [(job, {"by": by}) for job in JOBS_BY for by in UNITS] + [(job, {}) for job in JOBS_BY_USER]
