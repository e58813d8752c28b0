"""What simpler rules would have suggested: as many on each day of each user, by the same policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from footfall.lang import mark
from footfall.live.judging.outcomes import Suggested
from footfall.live.judging.tracks import SECOND, Bools, Floats, Ints, Tracks, Visits
from footfall.maps.mercator import METRES_PER_DEGREE

#: The distance at whose crossing the rule of geofences speaks.
ENTERING_M = 500.0
NAMES = (mark("nearest"), mark("any heading"), mark("entering 500 m"), mark("random"))
# So many moments for each suggestion are looked at, since some have nothing to suggest.
_MOMENTS = 4
_MORE_MOMENTS = 4
_ROWS = 5_000
# Of a moment's establishments, the first few by the rule: some may have been suggested that day.
_CHOICES = 6


@dataclass(frozen=True)
class World:
    """What the rules may know.

    Attributes
    ----------
    tracks : Tracks
        The fixes.
    visits : Visits
        Who was inside what.
    may : callable
        Takes numbers of users, establishments and days; tells what may be suggested: an ad runs, nobody is familiar.
    """

    tracks: Tracks
    visits: Visits
    may: Any


def baselines(world: World, made: Suggested, seed: int) -> dict[str, Suggested]:
    """Return as many suggestions on each day of each user as were `made`, by each rule; fewer where it finds none."""
    draws = np.random.default_rng(seed)
    wanted = _per_day(world.tracks, made)
    moments = _moments(world.tracks, wanted, draws)
    found: dict[str, list[tuple[Ints, Ints]]] = {name: [] for name in NAMES}
    for start in range(0, len(moments), _ROWS):
        for name, choices in _choices(world, moments[start : start + _ROWS], draws).items():
            found[name].append(choices)
    return {name: _taken(world.tracks, moments, parts, wanted) for name, parts in found.items()}


def _per_day(tracks: Tracks, made: Suggested) -> dict[tuple[int, int], int]:
    """Return how many suggestions each user had on each day."""
    days = np.stack([made.user, tracks.day[made.fix]], axis=1)
    keys, counts = np.unique(days, axis=0, return_counts=True)
    return {(int(user), int(day)): int(count) for (user, day), count in zip(keys, counts)}


def _moments(tracks: Tracks, wanted: dict[tuple[int, int], int], draws: Any) -> Ints:
    """Return rows of fixes at which users had moved on, in an order by chance within each day of a user.

    Two of a day are not nearer to each other than the pause.
    """
    pause = int(tracks.options.pause_s * SECOND)
    chosen: list[int] = []
    for key, rows in _by_day(tracks, _moved(tracks)):
        count = wanted.get(key, 0) * _MOMENTS + _MORE_MOMENTS if key in wanted else 0
        times: list[int] = []
        for row in draws.permutation(rows) if count else ():
            time = int(tracks.time[row])
            if all(abs(time - other) >= pause for other in times):
                times.append(time)
                chosen.append(int(row))
                if len(times) == count:
                    break
    return np.array(chosen, dtype=np.int64)


def _by_day(tracks: Tracks, rows: Ints) -> Iterator[tuple[tuple[int, int], Ints]]:
    """Yield user and day, and the rows of them; rows are in the order of users and times."""
    user, day = tracks.user[rows], tracks.day[rows]
    begins = np.flatnonzero(np.append(True, (np.diff(user) != 0) | (np.diff(day) != 0))) if len(rows) else rows
    for first, last in zip(begins, np.append(begins[1:], len(rows))):
        yield (int(user[first]), int(day[first])), rows[first:last]


def _moved(tracks: Tracks) -> Ints:
    """Return fixes that lie a leg away from the last such fix of the track: what stands still is asked nothing."""
    leg_m = tracks.options.leg_m
    latitude, longitude = (each.tolist() for each in tracks.degrees)
    east = (METRES_PER_DEGREE * np.cos(np.radians(tracks.degrees[0]))).tolist()
    moved, at = [], 0
    for row, follows in enumerate(tracks.follows.tolist()):
        if not follows:
            at = row
            continue
        y, x = (latitude[row] - latitude[at]) * METRES_PER_DEGREE, (longitude[row] - longitude[at]) * east[row]
        if x * x + y * y >= leg_m * leg_m:
            moved.append(row)
            at = row
    return np.array(moved, dtype=np.int64)


def _choices(world: World, moments: Ints, draws: Any) -> dict[str, tuple[Ints, Ints]]:
    """Return by rule: rows of fixes and establishments, the first choice of each moment first."""
    tracks, options = world.tracks, world.tracks.options
    place_in, place = tracks.near(moments, options.horizon_max_m)
    row = moments[place_in]
    metres = tracks.metres_to(row, place)
    usable = (metres >= options.visit_radius_m) & world.may(tracks.user[row], place, tracks.day[row])
    usable &= _was_away(world, row, place)
    row, place, metres = row[usable], place[usable], metres[usable]
    chance = draws.random(len(row))
    reach = np.clip(tracks.speed_mps[row] * options.horizon_s, options.horizon_min_m, options.horizon_max_m)
    # A moment has a fix before it, since the user moved.
    entered = (metres < ENTERING_M) & (tracks.metres_to(row - 1, place) >= ENTERING_M)
    rules: dict[str, tuple[Bools, Floats]] = {
        "nearest": (np.ones(len(row), dtype=bool), metres),
        "any heading": (metres <= reach, chance),
        "entering 500 m": (entered, metres),
        "random": (np.ones(len(row), dtype=bool), chance),
    }
    return {name: _first(row[may], place[may], by[may]) for name, (may, by) in rules.items()}


def _was_away(world: World, row: Ints, place: Ints) -> Bools:
    """Return whether the user was not inside shortly before."""
    tracks = world.tracks
    time = tracks.time[row]
    last = world.visits.last_end(tracks.user[row] * world.visits.places + place, time)
    return time - last >= tracks.options.inside_pause_s * SECOND


def _first(row: Ints, place: Ints, by: Floats) -> tuple[Ints, Ints]:
    """Return the first few establishments of each moment, by a number."""
    order = np.lexsort((place, by, row))
    row, place = row[order], place[order]
    begins = np.append(True, np.diff(row) != 0) if len(row) else np.zeros(0, dtype=bool)
    rank = np.arange(len(row)) - np.maximum.accumulate(np.where(begins, np.arange(len(row)), 0))
    kept = rank < _CHOICES
    return row[kept], place[kept]


def _taken(
    tracks: Tracks, moments: Ints, parts: list[tuple[Ints, Ints]], wanted: dict[tuple[int, int], int]
) -> Suggested:
    """Take moment by moment, each user's in the order by chance, until a day has as many as are wanted."""
    choices: dict[int, list[int]] = {}
    for rows, places in parts:
        for row, place in zip(rows.tolist(), places.tolist()):
            choices.setdefault(row, []).append(place)
    cooldown = int(tracks.options.cooldown_s * SECOND)
    given: dict[tuple[int, int], int] = {}
    told: dict[tuple[int, int], list[int]] = {}
    taken: list[tuple[int, int]] = []
    for row in moments.tolist():
        user, time = int(tracks.user[row]), int(tracks.time[row])
        day = user, int(tracks.day[row])
        if given.get(day, 0) >= wanted[day]:
            continue
        for place in choices.get(row, ()):
            before = told.setdefault((user, place), [])
            if all(abs(time - other) >= cooldown for other in before):
                before.append(time)
                given[day] = given.get(day, 0) + 1
                taken.append((row, place))
                break
    rows = np.array([row for row, _ in taken], dtype=np.int64)
    places = np.array([place for _, place in taken], dtype=np.int64)
    return Suggested(tracks.user[rows], places, tracks.time[rows], rows, np.full(len(rows), np.nan))
