"""The planted streets: speeds, errors, sampling and arrivals are as `footfall.synth.streets` says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from worlds import METRES_PER_DEGREE

import footfall
from footfall.errors import DefinitionError

KINDS = {"walker": 4, "driver": 3, "rider": 2, "resident": 3, "glitching": 2}


def streets(interval_s=1.0, **others):
    number = {"walkers": 4, "drivers": 3, "riders": 2, "residents": 3, "glitching": 2}
    return footfall.synth.streets(interval_s=interval_s, **{**number, **others})


@pytest.fixture(scope="module")
def world():
    """People seen every second, two hours at home."""
    return streets()


def seconds(column):
    return column.cast(pa.int64()).to_numpy() / 1e6


def metres(table):
    """East and north of the origin of degrees, on a sphere so small a town is flat."""
    latitude, longitude = table["latitude"].to_numpy(), table["longitude"].to_numpy()
    return np.stack([longitude * np.cos(np.radians(-8.05)), latitude], 1) * METRES_PER_DEGREE


def of_each(world, kind):
    """The fixes of each person of a kind: seconds, places and accuracy."""
    users = np.array(world.pings["user_id"].to_pylist())
    for user in np.unique(users[np.char.startswith(users, kind)]):
        own = world.pings.filter(pa.array(users == user))
        yield seconds(own["timestamp"]), metres(own), own["accuracy_m"].to_numpy()


def trips(world):
    shops = dict(zip(world.establishments["establishment_id"].to_pylist(), metres(world.establishments)))
    for row in world.truth.to_pylist():
        if row["arrived"] is not None:
            yield row, shops[row["establishment_id"]]


def test_everybody_is_there(world):
    users = set(world.pings["user_id"].to_pylist())
    assert {kind: sum(user.startswith(f"{kind}-") for user in users) for kind in KINDS} == KINDS
    assert users == set(world.truth["user_id"].to_pylist())
    gone = [row["kind"] for row, _ in trips(world)]
    assert {kind: gone.count(kind) for kind in KINDS} == {k: 3 * n if k in ("walker", "driver") else 0
                                                          for k, n in KINDS.items()}  # fmt: skip


def test_fifty_shops_a_square_kilometre(world):
    side_km = 30 * 0.080
    assert world.establishments.num_rows == round(50 * side_km**2)
    assert np.ptp(metres(world.establishments), axis=0) == pytest.approx(side_km * 1_000, rel=0.05)


@pytest.mark.parametrize("interval_s", [0.5, 1, 15, 120])
def test_fixes_come_at_the_interval(interval_s):
    sampled = streets(interval_s)
    for kind in KINDS:
        for at, _, _ in of_each(sampled, kind):
            assert len(at) > 5 and np.diff(at) == pytest.approx(interval_s, abs=2e-6)


def test_the_same_seed_makes_the_same_world_and_another_another(world):
    again, other = streets(), streets(seed=2)
    assert world == again and world.truth != other.truth and world.establishments != other.establishments
    assert streets(30).truth == world.truth, "people move alike at every interval"


@pytest.mark.parametrize(("kind", "slowest", "fastest"), [("walker", 1.1, 1.7), ("driver", 6, 12), ("rider", 7, 10)])
def test_speeds(world, kind, slowest, fastest):
    """Over ten seconds; half of the time somebody who moves is at full speed, or turns, or waits."""
    for _, place, _ in of_each(world, kind):
        speed = np.hypot(*(place[10:] - place[:-10]).T) / 10
        assert np.quantile(speed, 0.9) < fastest + 1
        if kind != "walker":
            assert np.quantile(speed, 0.9) > slowest * 0.7
        else:
            moving = speed[speed > 0.8]
            assert slowest - 0.15 < np.median(moving) < fastest + 0.15


def test_an_arrival_is_the_step_over_the_visit_radius_and_who_arrives_stays(world):
    """Errors are 5 m along each axis on the street."""
    edges, stays, users = [], [], np.array(world.pings["user_id"].to_pylist())
    for row, shop in trips(world):
        own = world.pings.filter(pa.array(users == row["user_id"]))
        at, away = seconds(own["timestamp"]), metres(own) - shop
        arrived, left = row["arrived"].timestamp(), row["left"].timestamp()
        assert row["departed"] < row["arrived"] and left - arrived >= 120
        edges.append(np.hypot(*away[np.searchsorted(at, arrived)]))
        stays.append(away[(at > left - 120) & (at < left)].mean(axis=0))
    assert len(edges) == 21 and max(edges) < 75 and 40 < np.median(edges) < 56
    assert np.abs(np.mean(stays, axis=0)).max() < 15


def test_people_at_home_are_beside_a_shop(world):
    for kind in ("resident", "glitching"):
        for _, place, _ in of_each(world, kind):
            home = np.median(place, axis=0)
            assert np.hypot(*(metres(world.establishments) - home).T).min() < 140


def test_errors_indoors_are_of_twenty_metres_and_alike_for_a_minute():
    home = streets(10, walkers=0, drivers=0, riders=0, residents=6, glitching=0, hours=24)
    errors = np.concatenate([place[:8_600] for _, place, _ in of_each(home, "resident")], 1)
    assert errors.std(axis=0).mean() == pytest.approx(20, rel=0.1)
    alike = [np.corrcoef(errors[:-6, i], errors[6:, i])[0, 1] for i in range(errors.shape[1])]
    assert np.mean(alike) == pytest.approx(np.exp(-1), abs=0.06)
    rarely = streets(120, walkers=0, drivers=0, riders=0, residents=6, glitching=0, hours=200)
    errors = np.concatenate([place[:5_900] for _, place, _ in of_each(rarely, "resident")], 1)
    alike = [np.corrcoef(errors[:-1, i], errors[1:, i])[0, 1] for i in range(errors.shape[1])]
    assert np.mean(alike) == pytest.approx(np.exp(-2), abs=0.05)


def test_errors_on_the_street_are_of_five_metres(world):
    """Who waits at a red light or for the bus stands still: nearby fixes of one second differ by the noise alone."""
    step = np.concatenate([np.diff(place, axis=0) for _, place, _ in of_each(world, "rider")])
    still = step[np.hypot(*step.T) < 3]
    expected = 5 * np.sqrt(2 * (1 - np.exp(-1 / 60)))
    assert still.std(axis=0) == pytest.approx(expected, rel=0.2)


def test_a_telephone_says_how_good_it_is(world):
    walking = np.concatenate([accuracy for _, _, accuracy in of_each(world, "walker")])
    assert sorted(np.unique(np.round(walking, 1))) == [7.6, 30.3]
    assert "accuracy_m" not in streets(60, accuracy=False).pings.column_names
    assert streets(60, accuracy=False).pings == streets(60).pings.drop_columns(["accuracy_m"])


def test_one_in_a_hundred_fixes_of_a_glitching_telephone_lies():
    home = streets(5, walkers=0, drivers=0, riders=0, residents=0, glitching=4, hours=10)
    lies, fixes = [], 0
    for _, place, accuracy in of_each(home, "glitching"):
        away = np.hypot(*(place - np.median(place, axis=0)).T)
        lies += list(away[accuracy == 2.0])
        fixes += len(place)
        assert away[accuracy != 2.0].max() < 120
    assert len(lies) / fixes == pytest.approx(0.01, rel=0.2)
    assert 80 < min(lies) < 200 and 600 < max(lies) < 780


def test_it_is_data_as_footfall_reads_it(world):
    tables = {"pings": world.pings, "establishments": world.establishments}
    visits = footfall.open(tables, tz="America/Recife", progress=False).establishment_visits(by="period").to_arrow()
    visited = {row["establishment_id"] for row in visits.to_pylist() if row["visits"]}
    assert {row["establishment_id"] for row, _ in trips(world)} <= visited


def test_nobody_at_all():
    empty = streets(**dict.fromkeys(["walkers", "drivers", "riders", "residents", "glitching"], 0))
    assert empty.pings.num_rows == empty.truth.num_rows == 0
    assert empty.pings.schema == streets(60).pings.schema and empty.truth.schema == streets(60).truth.schema


@pytest.mark.parametrize(
    ("options", "said"),
    [({"interval_s": 0}, "interval_s = 0"), ({"interval_s": float("inf")}, "interval_s = inf"),
     ({"interval_s": "5"}, "interval_s = '5'"), ({"hours": -1}, "hours = -1"), ({"walkers": -1}, "walkers = -1"),
     ({"glitching": 1.5}, "glitching = 1.5"), ({"blocks": 2}, "blocks = 2"), ({"seed": -1}, "seed = -1")],
)  # fmt: skip
def test_options_that_make_no_sense(options, said):
    with pytest.raises(DefinitionError, match=said):
        footfall.synth.streets(**options)
