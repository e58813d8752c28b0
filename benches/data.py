"""The data sets: seeded, made once, kept under build/bench. Each is a folder of Parquet files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "build" / "bench" / "data"
REAL = Path(os.environ.get("FOOTFALL_REAL_DATA", ROOT / ".." / "shared" / "data")).resolve()
VERSION = 1  # a change of a generator makes new folders

SEED = 2024
TZ = "America/Recife"
METRES_PER_DEGREE = 6_371_008.8 * np.pi / 180
SOUTH, WEST = -8.15, -35.0
SIDE_M = 20_000
START_US = int(datetime(2024, 3, 1, tzinfo=timezone.utc).timestamp()) * 1_000_000
HOUR_US = 3_600_000_000
DAYS = 92
FILE_ROWS = 5_000_000


class MissingData(Exception):
    """Data that this machine does not have, and that cannot be made."""


def folder(name: str, rows: int) -> Path:
    """Return the data set `name` at that size; make it if need be."""
    if name == "sf_taxis":
        return _real(name)
    path = CACHE / f"{name}-{rows}-v{VERSION}"
    if not path.is_dir():
        part = path.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        MAKERS[name](part, rows)
        part.rename(path)
    return path


def places_of(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return where each ping was, and where the ping before the last hundred was."""
    table = pq.read_table(path / "pings.parquet", columns=["latitude", "longitude"])
    latitude, longitude = (np.ascontiguousarray(column.to_numpy()) for column in table.columns)
    return latitude, longitude, np.roll(latitude, 100), np.roll(longitude, 100)


def _real(name: str) -> Path:
    path = REAL / name
    if not path.is_dir():
        raise MissingData(f"no {name} here; FOOTFALL_REAL_DATA says where")
    return path


def _near(root: Path, pings: int, establishments: int) -> None:
    """Pings all over a square of 20 km, in the order of time; 1,000 establishments cover 2 % of it."""
    rng = np.random.default_rng(SEED)
    root.mkdir()
    latitude, longitude = _places(rng, establishments)
    _write(root / "establishments.parquet", _establishments(latitude, longitude))
    latitude, longitude = _places(rng, pings)
    columns = {
        "user_id": rng.integers(0, max(1, pings // 200), pings),
        "timestamp": _timestamps(np.sort(_instants(rng, pings))),
        "latitude": latitude,
        "longitude": longitude,
    }
    _write(root / "pings.parquet", pa.table(columns))


def _city(root: Path, pings: int) -> None:
    """A city of `footfall synth`: people who live, work and go places, so that most pings are near something."""
    import footfall

    footfall.synth.city(root, pings=pings, seed=SEED, tz=TZ, progress=False)


def _attribution(root: Path, visits: int) -> None:
    """Visits, each of them a ping right at its establishment, and four interactions for each; a third follow one."""
    rng = np.random.default_rng(SEED)
    root.mkdir()
    count, users = 1_000, max(1, visits // 25)
    latitude, longitude = _lattice(count)
    _write(root / "establishments.parquet", _establishments(latitude, longitude))
    _write(root / "ads.parquet", _ads(2 * count, categories=8, establishments=count))
    user, place = rng.integers(0, users, visits), rng.integers(0, count, visits)
    at = np.sort(_instants(rng, visits))
    visit = {"user_id": user, "timestamp": _timestamps(at)}
    _write(root / "pings.parquet", pa.table({**visit, "latitude": latitude[place], "longitude": longitude[place]}))
    _write(root / "visits.parquet", pa.table({**visit, "establishment_id": place, "distance_m": np.zeros(visits)}))
    _write(root / "interactions.parquet", _earlier(rng, user, place, at, 4 * visits))


def _earlier(rng: np.random.Generator, user: np.ndarray, place: np.ndarray, at: np.ndarray, rows: int) -> pa.Table:
    """Interactions at random, but half as many as visits come up to 9 hours before a visit there."""
    count, users = int(place.max()) + 1, int(user.max()) + 1
    planted = rng.integers(0, len(at), len(at) // 2)
    others = rows - len(planted)
    users_all = np.concatenate([user[planted], rng.integers(0, users, others)])
    places = np.concatenate([place[planted], rng.integers(0, count, others)])
    before = rng.integers(0, 9 * HOUR_US, len(planted))
    instants = np.concatenate([at[planted] - before, _instants(rng, others)])
    order = np.argsort(instants)
    ads = places + count * rng.integers(0, 2, rows)
    return _interactions(rng, users_all[order], ads[order], instants[order])


def _interaction_log(root: Path, rows: int) -> None:
    """Interactions in the order of time; 200 ads of 20 campaigns in 8 categories; 200 interactions per user."""
    root.mkdir()
    (root / "interactions").mkdir()
    _write(root / "ads.parquet", _ads(200, categories=8, establishments=100))
    files = -(-rows // FILE_ROWS)
    for number, size in enumerate(_sizes(rows, files)):
        rng = np.random.default_rng([SEED, number])
        at = np.sort(_instants(rng, size, number / files, (number + 1) / files))
        table = _interactions(rng, rng.integers(0, max(1, rows // 200), size), rng.integers(0, 200, size), at)
        _write(root / "interactions" / f"part-{number:03}.parquet", table)


def _sizes(rows: int, files: int) -> Iterator[int]:
    return (rows * (number + 1) // files - rows * number // files for number in range(files))


def _places(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    return _degrees(rng.random(count) * SIDE_M, rng.random(count) * SIDE_M)


def _lattice(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places 500 m apart, so that a ping at one is near no other."""
    number = np.arange(count)
    return _degrees(number // 32 * 500.0, number % 32 * 500.0)


def _degrees(north_m: np.ndarray, east_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return SOUTH + north_m / METRES_PER_DEGREE, WEST + east_m / METRES_PER_DEGREE / np.cos(np.radians(SOUTH))


def _instants(rng: np.random.Generator, count: int, start: float = 0, end: float = 1) -> np.ndarray:
    span = DAYS * 24 * HOUR_US
    return START_US + rng.integers(int(start * span), int(end * span), count)


def _timestamps(microseconds: np.ndarray) -> pa.Array:
    return pa.array(microseconds).cast(pa.timestamp("us", tz="UTC"))


def _establishments(latitude: np.ndarray, longitude: np.ndarray) -> pa.Table:
    number = np.arange(len(latitude))
    return pa.table(
        {
            "establishment_id": number,
            "category": [f"category {n % 8}" for n in number],
            "latitude": latitude,
            "longitude": longitude,
        }
    )


def _ads(count: int, categories: int, establishments: int) -> pa.Table:
    number = np.arange(count)
    return pa.table(
        {
            "ad_id": number,
            "campaign_id": [f"campaign {n // 10}" for n in number],
            "category": [f"category {n % categories}" for n in number],
            "establishment_id": number % establishments,
        }
    )


def _interactions(rng: np.random.Generator, user: np.ndarray, ad: np.ndarray, at: np.ndarray) -> pa.Table:
    clicked = pa.array((rng.random(len(ad)) < 0.05).astype(np.int32))
    action = pa.DictionaryArray.from_arrays(clicked, ["view", "click"]).cast(pa.string())
    return pa.table({"user_id": user, "ad_id": ad, "action": action, "timestamp": _timestamps(at)})


def _write(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path)


MAKERS: dict[str, Callable[[Path, int], None]] = {
    "near_1000": lambda root, rows: _near(root, rows, 1_000),
    "near_50000": lambda root, rows: _near(root, rows, 50_000),
    "city": _city,
    "attribution": _attribution,
    "interactions": _interaction_log,
}
