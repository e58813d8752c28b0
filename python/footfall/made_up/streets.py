"""Small made-up worlds of people on streets, at any sampling interval, with the truth of who goes where.

Blocks of 80 m, 50 shops a km², and the errors of real telephones: they drift slowly, are larger indoors, and some leap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Optional

import numpy as np
import pyarrow as pa

from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.made_up.town import Town, Track, degrees, life

OUTDOORS_M, INDOORS_M = 5.0, 20.0  # standard deviation of the error, along each axis
MEMORY_S = 60.0  # over which errors are alike
RADIUS_PER_DEVIATION = 1.515  # of the circle that holds 68 % of fixes, which telephones call accuracy
LEAPING_SHARE, LEAP_M, LEAP_ACCURACY_M = 0.01, (150.0, 700.0), 2.0
START_US = 1_709_553_600_000_000  # 2024-03-04 12:00 UTC
CATEGORIES = ["food", "fashion", "health", "leisure", "services"]
INSTANT = pa.timestamp("us", "UTC")
PINGS = pa.schema(
    {"user_id": pa.string(), "timestamp": INSTANT, "latitude": pa.float64(), "longitude": pa.float64(),
     "accuracy_m": pa.float64()}
)  # fmt: skip


class Streets(NamedTuple):
    """A world of :func:`streets`: two tables as Footfall reads them, and the truth."""

    pings: pa.Table
    establishments: pa.Table
    truth: pa.Table


def streets(
    *,
    interval_s: float = 5.0,
    seed: int = 1,
    walkers: int = 20,
    drivers: int = 20,
    riders: int = 5,
    residents: int = 5,
    glitching: int = 5,
    hours: float = 2.0,
    blocks: int = 30,
    accuracy: bool = True,
) -> Streets:
    """Make a small world of people on streets, and the truth of who goes into which shop.

    Blocks are 80 m wide and shops lie along the streets, 50 a km². Walkers and drivers make three trips each along the
    streets, wait at some crossings, and stay in the shop for two minutes and a half or more. Riders sit in a bus;
    residents stay at home beside a shop; so do people with a glitching telephone, 1 % of whose fixes lie 150-700 m off
    and claim an accuracy of 2 m. The errors of all telephones are autoregressive over 60 s, with a standard deviation
    of 5 m along each axis, indoors 20 m.

    Parameters
    ----------
    interval_s : float
        Seconds between two fixes of a person.
    seed : int
        The same seed makes the same world; people move alike at every `interval_s`.
    walkers, drivers, riders, residents, glitching : int
        How many of each kind; the kind stands in the user_id, such as ``walker-003``.
    hours : float
        How long residents and glitching telephones are seen.
    blocks : int
        How many blocks the town has along each side.
    accuracy : bool
        Whether the fixes have their accuracy_m, the radius that holds 68 % of them.

    Returns
    -------
    Streets
        Arrow tables `pings` and `establishments`, as :func:`footfall.open` takes them, and `truth`: user_id, kind,
        establishment_id, departed, arrived, left. A row is a trip that ends in a shop, from the departure over the
        instant at which the person is truly within the visit radius to the end of the stay. Of somebody who goes
        nowhere there is one row: when the person is first and last seen, without a shop and an arrival.

    Raises
    ------
    DefinitionError
        If an option makes no sense.

    Examples
    --------
    >>> import footfall
    >>> world = footfall.synth.streets(interval_s=30, walkers=2, drivers=0, riders=0, residents=1, glitching=0)
    >>> world.truth.group_by("kind").aggregate([("arrived", "count")]).sort_by("kind").to_pydict()
    {'kind': ['resident', 'walker'], 'arrived_count': [0, 6]}
    """
    asked = {"walkers": walkers, "drivers": drivers, "riders": riders, "residents": residents, "glitching": glitching}
    number = {name.removesuffix("s"): options.whole(name, n, at_least=0) for name, n in asked.items()}
    interval_s, hours = positive("interval_s", interval_s), positive("hours", hours)
    seed, side = options.whole("seed", seed, at_least=0), options.whole("blocks", blocks, at_least=5)
    town = Town.build(side, np.random.default_rng([seed, 0]))
    pings, truth = [], []
    for person, kind in enumerate((kind for kind, n in number.items() for _ in range(n)), 1):
        user_id = f"{kind}-{person:04}"
        track, trips = life(kind, town, hours, np.random.default_rng([seed, person]))
        noise = np.random.default_rng([seed, person, 1])
        pings.append(fixes(track, user_id, side, interval_s, kind == "glitching", noise))
        truth += [(user_id, kind, *trip) for trip in trips or [(None, track.at[0][0], None, track.at[-1][0])]]
    all_pings = pa.concat_tables([PINGS.empty_table(), *pings])
    return Streets(all_pings if accuracy else all_pings.drop_columns(["accuracy_m"]), shops(town), told(truth))


def drift(number: int, interval_s: float, rng: np.random.Generator) -> np.ndarray:
    """Errors of standard deviation one along both axes, autoregressive of first order."""
    kept = math.exp(-interval_s / MEMORY_S)
    errors = rng.standard_normal((number, 2))
    errors[1:] *= math.sqrt(1 - kept * kept)
    for i in range(1, number):
        errors[i] += kept * errors[i - 1]
    return errors


def fixes(
    track: Track, user_id: str, side: int, interval_s: float, leaping: bool, rng: np.random.Generator
) -> pa.Table:
    """What the telephone reports of the track."""
    at, x, y = np.array(track.at).T
    times = np.arange(at[0] + rng.uniform(0, interval_s), at[-1], interval_s)
    is_indoors = np.zeros(len(times), bool)
    for start, end in track.indoors:
        is_indoors |= (times >= start) & (times < end)
    deviation = np.where(is_indoors, INDOORS_M, OUTDOORS_M)
    place = np.stack([np.interp(times, at, x), np.interp(times, at, y)], 1)
    place += drift(len(times), interval_s, rng) * deviation[:, None]
    accuracy = deviation * RADIUS_PER_DEVIATION
    if leaping:
        leaps = np.flatnonzero(rng.random(len(times)) < LEAPING_SHARE)
        angle, length = rng.uniform(0, 2 * math.pi, len(leaps)), rng.uniform(*LEAP_M, len(leaps))
        place[leaps] += np.stack([np.cos(angle), np.sin(angle)], 1) * length[:, None]
        accuracy[leaps] = LEAP_ACCURACY_M
    latitude, longitude = degrees(place, side)
    columns = [[user_id] * len(times), instants(times), latitude, longitude, accuracy]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, PINGS.types)], schema=PINGS)


def shops(town: Town) -> pa.Table:
    """The establishments of the town."""
    latitude, longitude = degrees(town.shop, town.side)
    number = range(len(town.shop))
    return pa.table(
        {
            "establishment_id": [shop_id(i) for i in number],
            "name": [f"Shop {i}" for i in number],
            "category": [CATEGORIES[i % len(CATEGORIES)] for i in number],
            "latitude": latitude,
            "longitude": longitude,
        }
    )


def told(trips: list[tuple[str, str, Optional[int], float, Optional[float], float]]) -> pa.Table:
    """The truth as a table."""
    user_id, kind, shop, departed, arrived, left = zip(*trips) if trips else ((),) * 6
    return pa.table(
        {
            "user_id": pa.array(user_id, pa.string()),
            "kind": pa.array(kind, pa.string()),
            "establishment_id": pa.array([None if i is None else shop_id(i) for i in shop], pa.string()),
            "departed": instants(departed),
            "arrived": instants(arrived),
            "left": instants(left),
        }
    )


def instants(seconds: Iterable[Optional[float]]) -> pa.Array:
    """The instants so many seconds after the start."""
    return pa.array([None if s is None else START_US + round(s * 1e6) for s in seconds], pa.int64()).cast(INSTANT)


def shop_id(number: int) -> str:
    """Name a shop."""
    return f"shop-{number:04}"


def positive(name: str, value: object) -> float:
    """Return `value` as a finite float above 0."""
    amount = options.number(name, value)
    if not 0 < amount < math.inf:
        raise DefinitionError(f"{name} = {value!r}: must be a finite number above 0")
    return amount
