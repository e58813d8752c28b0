"""Paths in metres for tests of live detection: where shops are, how somebody moves, and what a telephone reports."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timezone

import pyarrow as pa

from footfall import _native
from footfall.inputs.zones import zone

METRES_PER_DEGREE = math.radians(1) * 6_371_008.8
RECIFE = (-8.05, -34.9)
NOON = 1_709_564_400  # Monday 2024-03-04 12:00 in Recife, in seconds
INSTANT = pa.timestamp("us", "UTC")
TEXT, NUMBER = pa.string(), pa.float64()
ESTABLISHMENTS = pa.schema(
    {"establishment_id": TEXT, "name": TEXT, "category": TEXT, "latitude": NUMBER, "longitude": NUMBER,
     "opens_min": pa.int32(), "closes_min": pa.int32()}
)  # fmt: skip
ADS = pa.schema(
    {"ad_id": TEXT, "campaign_id": TEXT, "category": TEXT, "establishment_id": TEXT, "ctr_low": NUMBER,
     "starts": pa.date32(), "ends": pa.date32()}
)  # fmt: skip
TASTES = pa.schema({"user_id": TEXT, "day_part": TEXT, "category": TEXT, "share": NUMBER})
FAMILIAR = pa.schema({"user_id": TEXT, "establishment_id": TEXT})
CHANCES = pa.schema(
    {"miss_from_m": NUMBER, "eta_from_s": NUMBER, "speed_from_mps": NUMBER, "approaches": pa.int64(),
     "arrivals": pa.int64()}
)  # fmt: skip
FIXES = pa.schema(
    {"user_id": TEXT, "timestamp": INSTANT, "latitude": NUMBER, "longitude": NUMBER, "accuracy_m": NUMBER,
     "received": INSTANT}
)  # fmt: skip


def seconds(year, month, day, hour=0, minute=0, *, ahead_of_utc=-3):
    """An instant of a local clock, Recife's by default, in seconds since 1970."""
    return int(datetime(year, month, day, hour, minute, tzinfo=timezone.utc).timestamp()) - ahead_of_utc * 3600


def table(rows, schema):
    return pa.Table.from_pylist(rows, schema=schema)


@dataclass
class Map:
    """A place on the globe from which metres are counted."""

    latitude: float = RECIFE[0]
    longitude: float = RECIFE[1]

    def degrees(self, east, north):
        """Latitude, and longitude from -180 to 180."""
        latitude = self.latitude + north / METRES_PER_DEGREE
        longitude = self.longitude + east / METRES_PER_DEGREE / math.cos(math.radians(self.latitude))
        return latitude, (longitude + 180) % 360 - 180

    def shop(self, establishment_id, east, north, category="food", opens=None, closes=None):
        latitude, longitude = self.degrees(east, north)
        return {"establishment_id": establishment_id, "name": establishment_id, "category": category,
                "latitude": latitude, "longitude": longitude, "opens_min": opens, "closes_min": closes}  # fmt: skip

    def fix(self, at, east, north, user="ana", accuracy=None, received=None):
        """A fix so many seconds after 1970."""
        latitude, longitude = self.degrees(east, north)
        return {"user_id": user, "timestamp": round(at * 1e6), "latitude": latitude, "longitude": longitude,
                "accuracy_m": accuracy, "received": None if received is None else round(received * 1e6)}  # fmt: skip

    def walk(self, corners, every, speed=1.4, start=NOON, user="ana", accuracy=None):
        """Fixes at regular instants along a path of straight lines; a corner may be ``("wait", seconds)``."""
        times, places = [0.0], [corners[0]]
        for corner in corners[1:]:
            here = places[-1]
            there = here if corner[0] == "wait" else corner
            took = corner[1] if corner[0] == "wait" else math.dist(here, there) / speed
            times.append(times[-1] + took)
            places.append(there)
        return [
            self.fix(start + n * every, *between(times, places, n * every), user=user, accuracy=accuracy)
            for n in range(int(times[-1] / every) + 1)
        ]


def between(times, places, now):
    """Where somebody is who is at these places at these times."""
    for (before, after), (here, there) in zip(zip(times, times[1:]), zip(places, places[1:])):
        if before <= now <= after:
            part = (now - before) / (after - before) if after > before else 1.0
            return tuple(a + part * (b - a) for a, b in zip(here, there))
    return places[-1]


def an_ad(establishment_id, ad_id=None, category="food", ctr_low=0.1, starts=None, ends=None):
    return {"ad_id": ad_id or f"ad-{establishment_id}", "campaign_id": "campaign", "category": category,
            "establishment_id": establishment_id, "ctr_low": ctr_low, "starts": starts, "ends": ends}  # fmt: skip


@dataclass
class Seen:
    """What came out."""

    suggestions: list = field(default_factory=list)
    approaches: list = field(default_factory=list)
    counters: dict = field(default_factory=dict)

    def approached(self):
        return [row["establishment_id"] for row in self.approaches]

    def suggested(self):
        return [row["establishment_id"] for row in self.suggestions]

    def outcomes(self):
        return {row["establishment_id"]: row["outcome"] for row in self.approaches}


def zone_of(live, tz):
    """A time zone as the module takes it: the extension wants one of its own."""
    return zone(tz) if live.LiveTables is getattr(_native, "LiveTables", None) else tz


def knowledge(live, shops, ads=None, tastes=None, familiar=None, chances=None, tz="America/Recife", version="v1",
              **options):  # fmt: skip
    """The tables of a module with the live classes; each shop has an ad, nobody is held out unless that is asked."""
    ads = [an_ad(shop["establishment_id"], category=shop["category"]) for shop in shops] if ads is None else ads
    return live.LiveTables(
        table(shops, ESTABLISHMENTS),
        table(ads, ADS),
        None if tastes is None else table(tastes, TASTES),
        None if familiar is None else table(familiar, FAMILIAR),
        None if chances is None else table(chances, CHANCES),
        {"holdout": 0, **options},
        zone_of(live, tz),
        version,
    )


def with_instants(rows):
    """Rows as they are told: their instants as seconds since 1970."""
    return [{**row, "timestamp": row["timestamp"].timestamp()} for row in rows]


def watch(detector, fixes):
    """Give fixes to a detector, all at once."""
    suggestions, approaches = detector.process(table(fixes, FIXES))
    return Seen(
        with_instants(pa.table(suggestions).to_pylist()),
        with_instants(pa.table(approaches).to_pylist()),
        detector.counters(),
    )


def see(live, shops, fixes, **knows):
    """What a new detector says of these fixes."""
    return watch(live.Detector(knowledge(live, shops, **knows)), fixes)


HERE = Map()
EVERY = [1, 30, 120]
DAY = 86_400
WALKING = 1.4
CAFE = HERE.shop("cafe", 900, 0)
TO_THE_CAFE = [(0, 0), (900, 0)]


def towards(every, start=NOON, user="ana", **how):
    """Somebody walks 900 m straight to the cafe."""
    return HERE.walk(TO_THE_CAFE, every, start=start, user=user, **how)
