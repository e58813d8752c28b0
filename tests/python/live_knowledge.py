"""What live detection knows of the world, slow and obvious, written from the prose; it shares no code with Footfall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa

from footfall.errors import DefinitionError

EARTH_RADIUS_M = 6_371_008.8
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

DEFAULTS = {
    "leg_m": 30, "leg_sigmas": 1.5, "default_accuracy_m": 10, "worst_accuracy_m": 100, "witness_s": 30,
    "witness_share": 1.5, "miss_m": 40, "miss_share": 0.3, "horizon_s": 300, "horizon_min_m": 200,
    "horizon_max_m": 1000, "leg_closing": 0.3,
    "both_closing": 0.5, "long_leg_m": 100, "long_leg_s": 45, "long_leg_closing": 0.7, "eta_min_s": 15,
    "eta_max_s": 600, "speed_min_mps": 0.3, "speed_max_mps": 25, "rearm": 1.5, "gap_s": 900, "jump_mps": 70,
    "ahead_s": 300, "visit_radius_m": 50, "forget_s": 172_800, "min_chance": 0, "pause_s": 600, "cooldown_s": 86_400,
    "inside_pause_s": 1800, "cap": 5, "holdout": 0.1, "same_place_m": 30,
}  # fmt: skip


def haversine_m(a, b):
    """The distance of two points, each with latitude and longitude in its fields."""
    phi_a, phi_b = math.radians(a.latitude), math.radians(b.latitude)
    half_phi = math.sin(math.radians(b.latitude - a.latitude) / 2)
    half_lambda = math.sin(math.radians(b.longitude - a.longitude) / 2)
    h = half_phi**2 + math.cos(phi_a) * math.cos(phi_b) * half_lambda**2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def plane(centre, point):
    """Metres east and north of a point, in the plane that touches the globe at the centre."""
    east = (point.longitude - centre.longitude + 180) % 360 - 180
    x = EARTH_RADIUS_M * math.radians(east) * math.cos(math.radians(centre.latitude))
    return x, EARTH_RADIUS_M * math.radians(point.latitude - centre.latitude)


def may_be_near(a, b, metres):
    """False if the latitudes alone are farther apart; a degree has more than 111 km."""
    return abs(a.latitude - b.latitude) * 111_000 <= metres


@dataclass
class Place:
    establishment_id: str
    latitude: float
    longitude: float
    opens_min: int | None = None
    closes_min: int | None = None
    group: str = ""


def rows_of(table):
    return [] if table is None else pa.table(table).to_pylist()


class LiveTables:
    """What the detector knows of the world."""

    def __init__(self, establishments, ads, tastes, familiar, chances, options, tz, version):
        if unknown := sorted(set(options) - set(DEFAULTS)):
            raise DefinitionError(f"{unknown[0]} is not an option of live detection; they are {', '.join(DEFAULTS)}")
        self.options = {**DEFAULTS, **options}
        self.zone, self.version = ZoneInfo(getattr(tz, "name", tz)), version
        kept = Place.__dataclass_fields__
        self.places = [Place(**{k: v for k, v in row.items() if k in kept}) for row in rows_of(establishments)]
        self.places.sort(key=lambda place: place.establishment_id.encode())
        self.place_of = {place.establishment_id: place for place in self.places}
        self.set_groups()
        self.ads = rows_of(ads)
        self.categories = len({ad["category"] for ad in self.ads})
        self.familiar = {(row["user_id"], row["establishment_id"]) for row in rows_of(familiar)}
        self.tastes = {}
        for row in rows_of(tastes):
            self.tastes.setdefault((row["user_id"], row["day_part"]), {})[row["category"]] = row["share"]
        self.set_chances(rows_of(chances))

    def set_groups(self):
        """Places in a chain of near pairs have one group, named by its smallest id: names spread until all agree."""
        near_m = self.options["same_place_m"]
        near = [
            (a, b) for a in self.places for b in self.places
            if may_be_near(a, b, near_m) and haversine_m(a, b) < near_m
        ]  # fmt: skip
        for place in self.places:
            place.group = place.establishment_id
        changed = True
        while changed:
            changed = False
            for a, b in near:
                if b.group.encode() < a.group.encode():
                    a.group, changed = b.group, True

    def set_chances(self, rows):
        self.bounds = [sorted({row[name] for row in rows}) for name in ("miss_from_m", "eta_from_s", "speed_from_mps")]
        self.cells, self.all = {}, (0, 0)
        for row in rows:
            key = (row["miss_from_m"], row["eta_from_s"], row["speed_from_mps"])
            old = self.cells.get(key, (0, 0))
            self.cells[key] = (old[0] + row["approaches"], old[1] + row["arrivals"])
            self.all = (self.all[0] + row["approaches"], self.all[1] + row["arrivals"])

    def chance(self, *values):
        if self.all[0] == 0:
            return 1.0
        key = tuple(
            max((b for b in bounds if b <= value), default=bounds[0]) for bounds, value in zip(self.bounds, values)
        )
        prior = self.all[1] / self.all[0]
        if key not in self.cells:
            return prior
        approaches, arrivals = self.cells[key]
        return (arrivals + 20 * prior) / (approaches + 20)

    def local(self, time):
        return (EPOCH + timedelta(microseconds=time)).astimezone(self.zone)

    def running_ads(self, establishment_id, day):
        return [
            ad for ad in self.ads
            if ad["establishment_id"] == establishment_id
            and (ad.get("starts") is None or ad["starts"] <= day)
            and (ad.get("ends") is None or day <= ad["ends"])
        ]  # fmt: skip

    def is_closed(self, place, time):
        if place.opens_min is None or place.closes_min is None:
            return False
        local = self.local(time)
        minute = local.hour * 60 + local.minute
        if place.opens_min < place.closes_min:
            return not place.opens_min <= minute < place.closes_min
        return place.closes_min <= minute < place.opens_min

    def taste(self, user_id, time, category):
        day_part = ["night", "morning", "afternoon", "evening"][self.local(time).hour // 6]
        known = self.tastes.get((user_id, day_part))
        return 1 / self.categories if known is None else known.get(category, 0.0)
