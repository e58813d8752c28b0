"""numba: loops by hand over NumPy arrays, compiled, on all cores."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Callable

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit, prange

from benches.data import HOUR_US, places_of
from benches.grid import DIAMETER_M, RADIUS_M, STRIDE, Grid

Run = Callable[[], Any]
RADIANS = math.pi / 180


def near(data: Path) -> Run:
    pings, establishments = (
        pq.read_table(data / f"{name}.parquet").combine_chunks() for name in ("pings", "establishments")
    )
    places = tuple(establishments[name].to_numpy() for name in ("latitude", "longitude"))
    points = tuple(pings[name].to_numpy() for name in ("latitude", "longitude"))

    def run() -> Any:
        grid = Grid.over(establishments)
        starts, listed = _listed(grid, *places)
        box = (grid.south, grid.west, grid.step_latitude, grid.step_longitude)
        ping, place, metres = _pairs(*points, *places, starts, listed, np.array(box), numba.get_num_threads() * 8)
        visits = pings.select(["user_id", "timestamp"]).take(pa.array(ping))
        ids = establishments["establishment_id"].take(pa.array(place))
        return visits.append_column("establishment_id", ids).append_column("distance_m", pa.array(metres))

    return run


def _listed(grid: Grid, latitude: np.ndarray, longitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each cell's list begins, on a dense grid, and the establishments listed."""
    height = int((grid.north - grid.south) / grid.step_latitude) + 1
    width = int((grid.east - grid.west) / grid.step_longitude) + 1
    cell = grid.cells(latitude, longitude)
    around = np.add.outer(np.array([-1, 0, 1]) * width, np.array([-1, 0, 1])).ravel()
    cells = np.add.outer(cell // STRIDE * width + cell % STRIDE, around).ravel()
    order = np.argsort(cells, kind="stable")
    starts = np.zeros((height, width + 1), dtype=np.int32)
    counts = np.cumsum(np.bincount(cells, minlength=height * width)).reshape(height, width)
    starts[:, 1:] = counts
    starts[1:, 0] = counts[:-1, -1]
    return starts, (order // 9).astype(np.int32)


@njit(parallel=True, cache=True)
def _pairs(latitude, longitude, place_latitude, place_longitude, starts, listed, box, shares):
    """Each thread walks its share of the pings twice: to count its pairs, and to write them where they belong."""
    ends = np.linspace(0, len(latitude), shares + 1).astype(np.int64)
    counts = np.zeros(shares + 1, dtype=np.int64)
    none = (np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0))
    cosines = np.cos(place_latitude * RADIANS)
    places = (place_latitude, place_longitude, cosines)
    for share in prange(shares):
        counts[share + 1] = _share(latitude, longitude, places, starts, listed, box, ends, share, False, 0, none)
    first = np.cumsum(counts)
    found = (np.empty(first[-1], np.int64), np.empty(first[-1], np.int32), np.empty(first[-1]))
    for share in prange(shares):
        _share(latitude, longitude, places, starts, listed, box, ends, share, True, first[share], found)
    return found


@njit(cache=True)
def _share(latitude, longitude, places, starts, listed, box, ends, share, write, at, found):
    south, west, step_latitude, step_longitude = box
    up, right = 1 / step_latitude, 1 / step_longitude
    height, width = starts.shape
    limit = math.sin(RADIUS_M / DIAMETER_M) ** 2
    count = 0
    for ping in range(ends[share], ends[share + 1]):
        y, x = (latitude[ping] - south) * up, (longitude[ping] - west) * right
        if not (0 <= y < height and 0 <= x < width - 1):
            continue
        row, column = int(y), int(x)
        for entry in range(starts[row, column], starts[row, column + 1]):
            place = listed[entry]
            sine_latitude = math.sin((latitude[ping] - places[0][place]) * (RADIANS / 2))
            if sine_latitude * sine_latitude >= limit:
                continue
            sine_longitude = math.sin((longitude[ping] - places[1][place]) * (RADIANS / 2))
            cosines = math.cos(latitude[ping] * RADIANS) * places[2][place]
            chord = sine_latitude * sine_latitude + cosines * sine_longitude * sine_longitude
            if chord < limit:
                if write:
                    found[0][at + count] = ping
                    found[1][at + count] = place
                    found[2][at + count] = DIAMETER_M * math.asin(math.sqrt(chord))
                count += 1
    return count


def attributed(data: Path) -> Run:
    def run() -> Any:
        ads = pq.read_table(data / "ads.parquet", columns=["ad_id", "establishment_id"])
        place_of_ad = np.zeros(ads["ad_id"].to_numpy().max() + 1, dtype=np.int64)
        place_of_ad[ads["ad_id"].to_numpy()] = ads["establishment_id"].to_numpy()
        user, place, at = _columns(data, "visits", "user_id", "establishment_id", "timestamp")
        seen_user, ad, seen = _columns(data, "interactions", "user_id", "ad_id", "timestamp")
        credit = _credits(user, place, at, seen_user, ad, seen, place_of_ad)
        earned = np.flatnonzero(credit >= 0)
        rows = credit[earned]
        return pa.table({"establishment_id": place[earned], "ad_id": ad[rows], "interaction_timestamp": seen[rows]})

    return run


def _columns(data: Path, table: str, *names: str) -> list[np.ndarray]:
    read = pq.read_table(data / f"{table}.parquet", columns=list(names))
    arrays = [read[name].to_numpy().view(np.int64) for name in names]
    for array in arrays:
        # As one chunk already is, and several are not: another type, for which numba would compile again.
        array.flags.writeable = False
    return arrays


@njit(cache=True)
def _credits(user, place, at, seen_user, ad, seen, place_of_ad):  # type: ignore[no-untyped-def]
    """Hash the pairs of user and place that visits have; list each pair's interactions; look up each visit's latest."""
    places = place_of_ad.max() + 1
    size = 1 << math.ceil(math.log2(2 * len(user) + 1))
    keys = np.full(size, -1, dtype=np.int64)
    slot_of_visit = np.empty(len(user), dtype=np.int64)
    for visit in range(len(user)):
        key = user[visit] * places + place[visit]
        slot = _slot(keys, key)
        keys[slot] = key
        slot_of_visit[visit] = slot
    starts, rows = _listed_by_slot(keys, seen_user, ad, place_of_ad, places)
    credit = np.full(len(user), -1, dtype=np.int64)
    for visit in range(len(user)):
        slot, latest = slot_of_visit[visit], at[visit] - 6 * HOUR_US - 1
        for entry in range(starts[slot], starts[slot + 1]):
            instant = seen[rows[entry]]
            if latest < instant <= at[visit]:
                latest, credit[visit] = instant, rows[entry]
    return credit


@njit(cache=True)
def _listed_by_slot(keys, seen_user, ad, place_of_ad, places):  # type: ignore[no-untyped-def]
    slots = np.empty(len(seen_user), dtype=np.int32)
    starts = np.zeros(len(keys) + 1, dtype=np.int32)
    for row in range(len(seen_user)):
        key = seen_user[row] * places + place_of_ad[ad[row]]
        slot = _slot(keys, key)
        slots[row] = slot if keys[slot] == key else -1
        if keys[slot] == key:
            starts[slot + 1] += 1
    for slot in range(len(keys)):
        starts[slot + 1] += starts[slot]
    rows, filled = np.empty(starts[-1], dtype=np.int32), starts[:-1].copy()
    for row in range(len(seen_user)):
        if slots[row] >= 0:
            rows[filled[slots[row]]] = row
            filled[slots[row]] += 1
    return starts, rows


@njit(cache=True, inline="always")
def _slot(keys, key):  # type: ignore[no-untyped-def]
    """Return where the key is, or where it would be."""
    mask = len(keys) - 1
    slot = ((key * 0x9E3779B97F4A7C1) >> 20) & mask
    while keys[slot] != key and keys[slot] != -1:
        slot = (slot + 1) & mask
    return slot


def distances(data: Path) -> Run:
    """Prepare a loop over all cores."""
    places = places_of(data)
    return lambda: _distances(*places)


@njit(parallel=True, cache=True)
def _distances(latitude_a, longitude_a, latitude_b, longitude_b):  # type: ignore[no-untyped-def]
    metres = np.empty(len(latitude_a))
    for row in prange(len(latitude_a)):
        south, north = math.radians(latitude_a[row]), math.radians(latitude_b[row])
        sine_north = math.sin((north - south) / 2)
        sine_east = math.sin(math.radians(longitude_b[row] - longitude_a[row]) / 2)
        squared = sine_north * sine_north + math.cos(south) * math.cos(north) * sine_east * sine_east
        metres[row] = DIAMETER_M * math.asin(math.sqrt(squared))
    return metres
