"""A made-up town: shops along streets, and people who walk, drive and ride there or stay at home.

Places are metres east and north of the town's south-west corner, instants seconds since a start.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from footfall import _native
from footfall.maps.mercator import METRES_PER_DEGREE

BLOCK_M = 80.0
SHOPS_PER_BLOCK = 0.32  # 50 a km²
DOOR_M = 12.0  # from the middle of the street to the shop
TURNING_SHARE = 0.25  # of the crossings on the way, beside the turns that the way needs
TRIPS = 3
CENTRE = (-8.05, -34.9)

#: A shop, and the seconds of the departure, of the arrival and of the end of the stay.
Trip = tuple[Optional[int], float, Optional[float], float]


@dataclass(frozen=True)
class Pace:
    """How a kind of people moves: speed, waits at crossings, and how far trips lead."""

    speed_mps: tuple[float, float]
    red_share: float
    red_s: tuple[float, float]
    trip_m: tuple[float, float]


WALKING = Pace((1.1, 1.7), 0.2, (5.0, 40.0), (300.0, 1_200.0))
DRIVING = Pace((6.0, 12.0), 0.25, (10.0, 45.0), (800.0, 2_400.0))
RIDING = Pace((7.0, 10.0), 0.25, (15.0, 30.0), (1_200.0, 2_800.0))
STAY_S = (150.0, 600.0)
HOME_M = (55.0, 120.0)  # from the shop


@dataclass
class Track:
    """Where somebody truly is: corners of a path with instants, and when they are indoors."""

    at: list[tuple[float, float, float]] = field(default_factory=list)  # seconds, metres east, metres north
    indoors: list[tuple[float, float]] = field(default_factory=list)

    def go(self, x: float, y: float, speed_mps: float) -> None:
        """Move straight to a place."""
        time, from_x, from_y = self.at[-1]
        self.at.append((time + math.hypot(x - from_x, y - from_y) / speed_mps, x, y))

    def stay(self, seconds: float, *, indoors: bool = False) -> None:
        """Wait where the track ends."""
        time, x, y = self.at[-1]
        self.at.append((time + seconds, x, y))
        if indoors:
            self.indoors.append((time, time + seconds))


@dataclass(frozen=True)
class Town:
    """Shops along streets: where they are, and the points of the street in front of them."""

    side: int
    shop: np.ndarray
    front: np.ndarray

    @classmethod
    def build(cls, side: int, rng: np.random.Generator) -> Town:
        """Put shops anywhere along the streets of a square town of so many blocks."""
        number = round(SHOPS_PER_BLOCK * side * side)
        street, along = rng.integers(0, side + 1, number) * BLOCK_M, rng.uniform(0, side * BLOCK_M, number)
        beside = street + rng.choice([-DOOR_M, DOOR_M], number)
        northward = (rng.random(number) < 0.5)[:, None]
        front = np.where(northward, np.stack([street, along], 1), np.stack([along, street], 1))
        shop = np.where(northward, np.stack([beside, along], 1), np.stack([along, beside], 1))
        return cls(side, shop, front)


def degrees(place: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of metres east and north of the town's south-west corner."""
    metres = place - side * BLOCK_M / 2
    latitude = CENTRE[0] + metres[:, 1] / METRES_PER_DEGREE
    return latitude, CENTRE[1] + metres[:, 0] / METRES_PER_DEGREE / math.cos(math.radians(CENTRE[0]))


def corner_near(place: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """The end of the place's block, as numbers of streets, from which it is shorter to go on."""
    blocks = place / BLOCK_M
    return np.where(towards > place, np.ceil(blocks - 1e-9), np.floor(blocks + 1e-9)).astype(int)


def corners(start: np.ndarray, end: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The crossings on a shortest way along streets, turning at some."""
    here, there = corner_near(start, end), corner_near(end, start)
    there = np.where((there - here) * (end - start) < 0, here, there)  # both between the same two streets
    yield here
    axis = int(rng.integers(2))
    while (here != there).any():
        if here[axis] == there[axis] or (rng.random() < TURNING_SHARE and here[1 - axis] != there[1 - axis]):
            axis = 1 - axis
        here = here.copy()
        here[axis] += 1 if there[axis] > here[axis] else -1
        yield here


def travel(track: Track, end: np.ndarray, pace: Pace, speed_mps: float, rng: np.random.Generator) -> None:
    """Go along streets to a point of a street, and wait at some crossings."""
    for corner in corners(np.array(track.at[-1][1:]), end, rng):
        track.go(corner[0] * BLOCK_M, corner[1] * BLOCK_M, speed_mps)
        if rng.random() < pace.red_share:
            track.stay(rng.uniform(*pace.red_s))
    track.go(end[0], end[1], speed_mps)


def far(town: Town, here: np.ndarray, pace: Pace, rng: np.random.Generator) -> int:
    """Choose a shop as far away along the streets as trips of this pace lead."""
    way = np.abs(town.front - here).sum(axis=1)
    fitting = np.flatnonzero((way >= pace.trip_m[0]) & (way <= pace.trip_m[1]))
    return int(rng.choice(fitting)) if len(fitting) else int(np.argmax(way))


def life(kind: str, town: Town, hours: float, rng: np.random.Generator) -> tuple[Track, list[Trip]]:
    """Where a person of this kind is, and the trips to shops."""
    if kind in ("walker", "driver"):
        return shopper(town, WALKING if kind == "walker" else DRIVING, rng)
    return rider(town, rng) if kind == "rider" else stayer(town, hours, rng), []


def shopper(town: Town, pace: Pace, rng: np.random.Generator) -> tuple[Track, list[Trip]]:
    """Several trips to shops; of each: the shop, the departure, the arrival and the end of the stay."""
    trips: list[Trip] = []
    track = begin(rng.integers(0, town.side + 1, 2) * BLOCK_M, rng)
    speed = rng.uniform(*pace.speed_mps)
    for _ in range(TRIPS):
        departed, front = track.at[-1][0], np.array(track.at[-1][1:])
        shop = far(town, front, pace, rng)
        travel(track, town.front[shop], pace, speed, rng)
        track.go(town.shop[shop, 0], town.shop[shop, 1], WALKING.speed_mps[0])
        track.stay(rng.uniform(*STAY_S), indoors=True)
        trips.append((shop, departed, entered(track, town.shop[shop]), track.at[-1][0]))
        track.go(town.front[shop, 0], town.front[shop, 1], WALKING.speed_mps[0])
    travel(track, rng.integers(0, town.side + 1, 2) * BLOCK_M, pace, speed, rng)
    return track, trips


def begin(place: np.ndarray, rng: np.random.Generator) -> Track:
    """Stand somewhere for a minute or two, at some time of the first half hour."""
    track = Track([(rng.uniform(0, 1_800), float(place[0]), float(place[1]))])
    track.stay(rng.uniform(60, 120))
    return track


def entered(track: Track, shop: np.ndarray) -> float:
    """The instant of the last step over the visit radius, on a track that ends in the shop."""
    times, x, y = np.array(track.at).T
    fine = np.linspace(times[-2] - 600, times[-2], 6_001)
    away = np.hypot(np.interp(fine, times, x) - shop[0], np.interp(fine, times, y) - shop[1])
    outside = np.flatnonzero(away >= _native.VISIT_RADIUS_M)
    return float(fine[outside[-1] + 1] if len(outside) else fine[0])


def rider(town: Town, rng: np.random.Generator) -> Track:
    """Two rides through the town, past shops."""
    track, speed = begin(rng.integers(0, town.side + 1, 2) * BLOCK_M, rng), rng.uniform(*RIDING.speed_mps)
    for _ in range(2):
        travel(track, town.front[far(town, np.array(track.at[-1][1:]), RIDING, rng)], RIDING, speed, rng)
        track.stay(rng.uniform(60, 300))
    return track


def stayer(town: Town, hours: float, rng: np.random.Generator) -> Track:
    """Somebody at home beside a shop."""
    shop, angle = town.shop[rng.integers(len(town.shop))], rng.uniform(0, 2 * math.pi)
    track = begin(shop + rng.uniform(*HOME_M) * np.array([math.cos(angle), math.sin(angle)]), rng)
    track.stay(hours * 3600, indoors=True)
    return track
