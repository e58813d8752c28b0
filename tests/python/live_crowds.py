"""Seeded random worlds for live detection: shops, ads and people with everything that telephones do wrong.

Places are noisy, so that no distance equals a threshold; instants are whole seconds, so that many do.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from live_paths import ADS, CHANCES, ESTABLISHMENTS, FAMILIAR, FIXES, NOON, TASTES, Map, an_ad, table, zone_of

TOWNS = [((-8.05, -34.9), "America/Recife"), ((-16.8, 179.999), "Pacific/Fiji"), ((64.1, -21.9), "Atlantic/Reykjavik"),
         ((40.7, -74.0), "America/New_York"), ((0.0, 0.0), "UTC")]  # fmt: skip
CATEGORIES = ["food", "fashion", "health"]
USERS = ["ana", "bia", "c\u00e9u", "d", "7", ""]
HOUR = 3600
DAY_S = 24 * HOUR
SILENCES = [899, 900, 901, 2 * HOUR, 9 * HOUR, 26 * HOUR, 2 * DAY_S, 2 * DAY_S + 1, 3 * DAY_S]


def choose_options(rng):
    """Some of the options, changed a little."""
    choices = {
        "leg_m": [20, 45], "miss_m": [20, 60], "miss_share": [0, 0.3], "horizon_max_m": [500, 2_000], "rearm": [1, 2],
        "min_chance": [0.3, 0.5, 0.7], "pause_s": [0, 60], "cooldown_s": [0, 600], "cap": [0, 1, 2],
        "holdout": [0, 0.5, 1], "witness_share": [1, 3],
        "same_place_m": [0.5, 60], "witness_s": [0, 60], "gap_s": [300], "both_closing": [0.3], "eta_min_s": [0, 60],
        "visit_radius_m": [20, 80], "default_accuracy_m": [30], "speed_max_mps": [3], "long_leg_m": [60],
    }  # fmt: skip
    return {name: float(rng.choice(values)) for name, values in choices.items() if rng.random() < 0.25}


def choose_shops(rng, town):
    """Some alone, some in a mall, some with hours."""
    shops = []
    for i in range(rng.randint(8, 40)):
        x, y = rng.uniform(-900, 900), rng.uniform(-900, 900)
        for j in range(rng.choice([1, 1, 1, 5])):
            opens = rng.choice([None, None, 480, 1_200, 0])
            closes = rng.choice([None, 1_080, 120, 1_440])
            shops.append(
                town.shop(f"s{i}-{j}", x + 18 * j, y + rng.uniform(-9, 9), rng.choice(CATEGORIES), opens, closes)
            )
    rng.shuffle(shops)
    return shops


def choose_ads(rng, shops):
    day = date(2024, 3, 4)
    dates = [None, None, day - timedelta(days=2), day, day + timedelta(days=1)]
    ads = [
        an_ad(shop["establishment_id"], f"ad{i}-{j}", rng.choice(CATEGORIES), rng.choice([0.1, 0.1, rng.random()]),
              rng.choice(dates), rng.choice(dates))
        for i, shop in enumerate(shops) for j in range(rng.choice([0, 1, 1, 1, 3]))
    ]  # fmt: skip
    return [*ads, an_ad(None, "ad-nowhere", "toys"), an_ad("not-there", "ad-gone")]


def choose_tastes(rng):
    return [
        {"user_id": user, "day_part": part, "category": category, "share": rng.random()}
        for user in USERS for part in ["night", "morning", "afternoon", "evening"] if rng.random() < 0.3
        for category in rng.sample(CATEGORIES, 2)
    ]  # fmt: skip


def choose_chances(rng):
    if rng.random() < 0.3:
        return None
    return [
        {"miss_from_m": miss, "eta_from_s": eta, "speed_from_mps": speed, "approaches": rng.choice([0, 3, 900]),
         "arrivals": 0}
        for miss in (0.0, 15.0, 40.0) for eta in (30.0, 120.0, 300.0) for speed in (0.0, 3.0) if rng.random() < 0.7
    ]  # fmt: skip


@dataclass
class Person:
    """Somebody and his telephone."""

    user: str
    town: Map
    rng: random.Random
    now: int = NOON
    x: float = 0.0
    y: float = 0.0
    fixes: list = field(default_factory=list)

    def report(self, x, y):
        accuracy = self.rng.choice([None, None, 5.0, 20.0, 60.0])
        noise = self.rng.choice([1, 5, 5, 15])
        received = self.rng.choice([None, self.now, self.now - 300, self.now + 60])
        x, y = x + self.rng.gauss(0, noise), y + self.rng.gauss(0, noise)
        self.fixes.append(self.town.fix(self.now, x, y, self.user, accuracy, received))

    def go(self, x, y):
        """To a place, straight or round a corner, at some pace and sampling interval."""
        every, speed = self.rng.choice([1, 5, 15, 30, 31, 60, 120]), self.rng.choice([0.8, 1.4, 1.4, 6, 15])
        for to_x, to_y in [*self.rng.choice([[], [(x, self.y)]]), (x, y)]:
            length = math.hypot(to_x - self.x, to_y - self.y)
            steps = min(200, int(length / speed / every))
            for step in range(1, steps + 1):
                self.now += every
                part = min(1.0, step * every * speed / length)
                self.report(self.x + part * (to_x - self.x), self.y + part * (to_y - self.y))
            self.x, self.y = to_x, to_y

    def stay(self):
        every = self.rng.choice([10, 60, 300])
        for _ in range(self.rng.randint(1, 15)):
            self.now += every
            self.report(self.x, self.y)

    def live(self, goals):
        for _ in range(self.rng.randint(4, 9)):
            self.go(*self.rng.choice(goals))
            self.stay()
            if self.rng.random() < 0.5:
                self.now += self.rng.choice(SILENCES)


def spoil(rng, town, fixes):
    """What telephones and networks do: leaps, wrong clocks, doubles, old news, holes."""
    spoilt = []
    for fix in fixes:
        if rng.random() < 0.03 and fix["timestamp"] is not None:
            far = rng.choice([300, 700, 5_000, 80_000])
            lie = town.fix(fix["timestamp"] / 1e6 - 0.5, far, rng.uniform(-far, far), fix["user_id"], 2.0)
            spoilt += [lie, {**lie, "timestamp": lie["timestamp"] + 250_000}][: rng.choice([1, 1, 2])]
        spoilt.append({**fix, **rng.choice(HOLES)} if rng.random() < 0.02 else fix)
        if rng.random() < 0.02:
            spoilt.append({**rng.choice(spoilt), "latitude": fix["latitude"]})
    return spoilt


HOLES = [{"user_id": None}, {"timestamp": None}, {"latitude": None}, {"longitude": 200.0}, {"latitude": float("nan")},
         {"accuracy_m": -1.0}, {"accuracy_m": 100.5}, {"accuracy_m": 100.0}, {"received": 0}]  # fmt: skip


@dataclass
class Crowd:
    """A world: what is known of it, and each user's fixes in their order."""

    tz: str
    options: dict
    shops: list
    ads: list
    tastes: list
    familiar: list
    chances: list | None
    lives: list

    def tables(self, live, version="v1", shops=None):
        """What a module's detectors know."""
        return live.LiveTables(
            table(self.shops if shops is None else shops, ESTABLISHMENTS),
            table(self.ads, ADS),
            table(self.tastes, TASTES),
            table(self.familiar, FAMILIAR),
            None if self.chances is None else table(self.chances, CHANCES),
            self.options,
            zone_of(live, self.tz),
            version,
        )

    def stream(self, seed=0):
        """All fixes, the users interleaved anyhow."""
        rng, lives, stream = random.Random(seed), [list(reversed(life)) for life in self.lives if life], []
        while lives:
            life = rng.choice(lives)
            stream += [life.pop() for _ in range(min(len(life), rng.choice([1, 1, 4, 50])))]
            lives = [life for life in lives if life]
        return stream


def crowd(seed):
    """The world of a seed."""
    rng = random.Random(seed)
    place, tz = TOWNS[seed % len(TOWNS)]
    town = Map(*place)
    shops = choose_shops(rng, town)
    goals = [(rng.uniform(-900, 900), rng.uniform(-900, 900)) for _ in range(6)]
    lives = []
    for user in USERS:
        person = Person(user, town, rng, now=NOON + rng.randint(0, DAY_S), x=rng.uniform(-900, 900))
        person.live(goals)
        lives.append(spoil(rng, town, person.fixes))
    chances = choose_chances(rng)
    for row in chances or []:
        row["arrivals"] = rng.randint(0, row["approaches"])
    familiar = [
        {"user_id": rng.choice(USERS), "establishment_id": rng.choice(shops)["establishment_id"]} for _ in range(9)
    ]
    return Crowd(tz, choose_options(rng) if seed % 3 else {}, shops, choose_ads(rng, shops), choose_tastes(rng),
                 familiar, chances, lives)  # fmt: skip


def fixes_table(fixes):
    return table(fixes, FIXES)
