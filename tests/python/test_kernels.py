"""The three public kernels on their own: distance against a scalar formula, the two joins against the oracle."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from layouts import chunked, retyped
from oracle import EARTH_RADIUS_M, Oracle
from oracle import haversine_m as one_distance
from worlds import SCHEMAS, random_world

import footfall

MARCO_ZERO = (-8.0631, -34.8711)


def random_degrees(rng, shape):
    return rng.uniform(-90, 90, shape), rng.uniform(-180, 180, shape)


# haversine_m


def test_distances_all_over_the_globe():
    rng = np.random.default_rng(1)
    a, b = random_degrees(rng, 5_000), random_degrees(rng, 5_000)
    expected = [one_distance(*points) for points in zip(*a, *b)]
    np.testing.assert_allclose(footfall.haversine_m(*a, *b), expected, rtol=1e-9)


def test_short_distances_keep_their_digits():
    """What decides on a visit is tens of metres, where a formula by the law of cosines has none left."""
    rng = np.random.default_rng(2)
    latitude, longitude = random_degrees(rng, 5_000)
    north = np.clip(latitude + rng.uniform(-1e-3, 1e-3, 5_000), -90, 90)
    expected = [one_distance(*points) for points in zip(latitude, longitude, north, longitude)]
    np.testing.assert_allclose(footfall.haversine_m(latitude, longitude, north, longitude), expected, rtol=1e-12)


def test_known_distances():
    half_turn = math.pi * EARTH_RADIUS_M
    assert footfall.haversine_m(0, 0, 0, 180) == pytest.approx(half_turn, rel=1e-12)
    assert footfall.haversine_m(90, 17, -90, -3) == pytest.approx(half_turn, rel=1e-12)
    assert footfall.haversine_m(0, 0, 0, 90) == pytest.approx(half_turn / 2, rel=1e-12)
    assert footfall.haversine_m(0, 179.5, 0, -179.5) == pytest.approx(half_turn / 180, rel=1e-12)
    assert footfall.haversine_m(*MARCO_ZERO, *MARCO_ZERO) == 0.0


def test_it_is_symmetric_to_the_last_bit():
    rng = np.random.default_rng(3)
    a, b = random_degrees(rng, 1_000), random_degrees(rng, 1_000)
    assert np.array_equal(footfall.haversine_m(*a, *b), footfall.haversine_m(*b, *a))


@pytest.mark.parametrize(
    ("a", "b"),
    [((), ()), ((3,), ()), ((), (4,)), ((2, 1), (5,)), ((2, 3, 4), (3, 1)), ((0,), ()), ((1,), (7,)), ((1, 1), ())],
)
def test_it_broadcasts_as_numpy_does(a, b):
    rng = np.random.default_rng(4)
    first, second = random_degrees(rng, a), random_degrees(rng, b)
    found = footfall.haversine_m(*first, *second)
    assert np.shape(found) == np.broadcast_shapes(a, b)
    expected = np.vectorize(one_distance, otypes=[float])(*first, *second)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert isinstance(found, float if a == b == () else np.ndarray)


def test_every_kind_of_number():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    expected = footfall.haversine_m(np.array([1.0, 2.0, 3.0]), 0.0, 0.0, 0.0)
    kinds = [
        [1, 2, 3], (1.0, 2.0, 3.0), np.array([1, 2, 3], dtype="int8"), np.array([1, 2, 3], dtype="float32"),
        np.array([1.0, 9, 2, 9, 3])[::2], np.array([1.0, 2, 3], dtype=">f8"), pandas.Series([1, 2, 3], index=[7, 8, 9]),
        polars.Series([1.0, 2.0, 3.0]), pa.array([1.0, 2.0, 3.0]), pa.chunked_array([[1.0], [2.0, 3.0]]),
    ]  # fmt: skip
    for kind in kinds:
        assert np.array_equal(footfall.haversine_m(kind, 0.0, 0.0, 0.0), expected), type(kind)


def test_nan_and_null_give_nan_in_their_place():
    pandas = pytest.importorskip("pandas")
    for latitude in ([1.0, math.nan], [1.0, None], pa.array([1.0, None]), pandas.array([1.0, None], dtype="Float64")):
        found = footfall.haversine_m(latitude, 0.0, 0.0, 0.0)
        assert not math.isnan(found[0]) and math.isnan(found[1])


@pytest.mark.parametrize("column", ["latitude_a", "longitude_a", "latitude_b", "longitude_b"])
@pytest.mark.parametrize("value", [180.0000001, -181.0, math.inf, -math.inf])
def test_a_value_out_of_range_is_named(column, value):
    degrees = dict.fromkeys(["latitude_a", "longitude_a", "latitude_b", "longitude_b"], 0.0)
    degrees[column] = np.array([0.0, 1.0, value])
    with pytest.raises(footfall.DataError, match=column) as caught:
        footfall.haversine_m(**degrees)
    assert (caught.value.column, caught.value.row, caught.value.value) == (column, 2, value)


def test_latitude_ends_at_90():
    assert footfall.haversine_m(90, 0, -90, 0) > 2e7
    with pytest.raises(footfall.DataError, match="latitude_b"):
        footfall.haversine_m(0, 0, 90.0001, 0)


@pytest.mark.parametrize("bad", ["north", ["1.0", "2.0"], [True, False], [1j], [{}]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(footfall.DataError, match="latitude_a"):
        footfall.haversine_m(bad, 0.0, 0.0, 0.0)


def test_shapes_that_do_not_fit_are_a_value_error():
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        footfall.haversine_m([1, 2], [1, 2, 3], 0, 0)


# visit_join and attribute_visits


def usable(world):
    """The kernels take tables as they are and refuse a bad row; here they get the rows that a data set would keep."""
    oracle = Oracle(world)
    rows = {
        "establishments": list(oracle.establishments.values()),
        "ads": list(oracle.ads.values()),
        "interactions": oracle.interactions,
        "pings": oracle.pings,
    }
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in SCHEMAS.items()}


def tuples(table):
    instants = [name for name in table.column_names if name.endswith("timestamp")]
    for name in instants:
        column = table.column(name).cast(pa.int64())
        table = table.set_column(table.column_names.index(name), name, column)
    rows = zip(*(column.to_pylist() for column in table.columns))
    return sorted(rows, key=lambda row: (*row[:3], round(row[3], 6)))


def assert_same_visits(found, expected):
    expected = sorted(expected, key=lambda row: (*row[:3], round(row[3], 6)))
    assert [row[:3] + row[4:] for row in found] == [row[:3] + row[4:] for row in expected]
    np.testing.assert_allclose([r[3] for r in found], [r[3] for r in expected], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("seed", range(21))
def test_visit_join(seed):
    world = random_world(seed, events=200)
    tables = usable(world)
    for radius_m in (50.0, 5, 3_000.0):
        found = footfall.visit_join(tables["pings"], tables["establishments"], radius_m=radius_m)
        assert_same_visits(tuples(found), Oracle(world, radius_m=radius_m).visits)


@pytest.mark.parametrize("seed", range(21))
def test_attribute_visits(seed):
    world = random_world(seed, events=200)
    tables = usable(world)
    visits = footfall.visit_join(tables["pings"], tables["establishments"])
    for window in (timedelta(hours=6), timedelta(0), timedelta(days=30)):
        found = footfall.attribute_visits(visits, tables["interactions"], tables["ads"], window=window)
        oracle = Oracle(world, window_us=window // timedelta(microseconds=1))
        assert_same_visits(tuples(found), oracle.attributed_visits)


@pytest.mark.parametrize("ids", [pa.string(), pa.int64(), pa.int32(), pa.uint64(), pa.large_string()])
def test_attributed_visits_come_in_the_order_of_user_time_and_establishment(ids):
    tables = usable(random_world(9, events=300))
    visits = footfall.visit_join(tables["pings"], tables["establishments"])
    straight = footfall.attribute_visits(visits, tables["interactions"], tables["ads"])
    tables = retyped({"visits": visits.take(np.arange(visits.num_rows)[::-1]), **tables}, ids=ids)
    found = footfall.attribute_visits(tables["visits"], tables["interactions"], tables["ads"])
    assert found.equals(straight)
    keys = [found.column(name).to_pylist() for name in ("user_id", "timestamp", "establishment_id")]
    assert list(zip(*keys)) == sorted(zip(*keys))


def test_schemas():
    tables = usable(random_world(5))
    visits = footfall.visit_join(tables["pings"], tables["establishments"])
    instant = pa.timestamp("us", "UTC")
    assert dict(zip(visits.column_names, visits.schema.types)) == {
        "user_id": pa.string(), "timestamp": instant, "establishment_id": pa.string(), "distance_m": pa.float64(),
    }  # fmt: skip
    attributed = footfall.attribute_visits(visits, tables["interactions"], tables["ads"])
    assert attributed.column_names == [*visits.column_names, "attributed", "ad_id", "interaction_timestamp"]
    assert attributed.schema.types[4:] == [pa.bool_(), pa.string(), instant]


def test_any_column_type_and_any_batches():
    tables = usable(random_world(9, events=300))
    straight = tuples(footfall.visit_join(tables["pings"], tables["establishments"]))
    assert straight
    others = [
        retyped(tables, ids=pa.int64()),
        retyped(tables, ids=pa.large_string(), timestamp=pa.timestamp("ns", "Asia/Tokyo")),
        retyped(tables, ids=pa.string_view(), timestamp=pa.timestamp("us")),
        chunked(tables, 7),
    ]
    for other in others:
        assert tuples(footfall.visit_join(other["pings"], other["establishments"])) == straight
        assert tuples(footfall.visit_join(other["pings"], tables["establishments"])) == straight


def test_empty_tables():
    empty = {name: schema.empty_table() for name, schema in SCHEMAS.items()}
    tables = usable(random_world(9, events=300))
    assert footfall.visit_join(empty["pings"], tables["establishments"]).num_rows == 0
    assert footfall.visit_join(tables["pings"], empty["establishments"]).num_rows == 0
    visits = footfall.visit_join(tables["pings"], tables["establishments"])
    alone = footfall.attribute_visits(visits, empty["interactions"], empty["ads"])
    assert alone.num_rows == visits.num_rows and not any(alone.column("attributed").to_pylist())
    assert footfall.attribute_visits(visits.slice(0, 0), tables["interactions"], tables["ads"]).num_rows == 0


def test_a_visit_of_a_caller_needs_no_distance():
    visits = pa.table({"user_id": ["ana"], "timestamp": pa.array([10], pa.timestamp("us", "UTC")),
                       "establishment_id": ["cafe"]})  # fmt: skip
    interactions = pa.table({"user_id": ["ana"], "ad_id": ["a"], "action": ["click"],
                             "timestamp": pa.array([5], pa.timestamp("us", "UTC"))})  # fmt: skip
    ads = pa.table({"ad_id": ["a"], "campaign_id": ["c"], "category": ["food"], "establishment_id": ["cafe"]})
    found = footfall.attribute_visits(visits, interactions, ads)
    assert found.column("attributed").to_pylist() == [True]


def bad_pings(column, value):
    good = {"user_id": "ana", "timestamp": 5, "latitude": 0.0, "longitude": 0.0}
    return pa.Table.from_pylist([good, {**good, column: value}], schema=SCHEMAS["pings"])


@pytest.mark.parametrize(("column", "value"), [("latitude", 91.0), ("longitude", -181.0), ("user_id", None)])
def test_a_row_that_cannot_be_used_is_an_error(column, value):
    """A kernel returns one table and could not say what it left out."""
    places = usable(random_world(9))["establishments"]
    with pytest.raises(footfall.DataError) as caught:
        footfall.visit_join(bad_pings(column, value), places)
    assert (caught.value.table, caught.value.column, caught.value.row) == ("pings", column, 1)


def test_a_missing_column_and_a_wrong_type_are_named():
    tables = usable(random_world(9))
    with pytest.raises(footfall.FootfallError, match="latitude"):
        footfall.visit_join(tables["pings"].drop_columns(["latitude"]), tables["establishments"])
    with pytest.raises(footfall.DataError, match="pings"):
        footfall.visit_join({"user_id": ["ana"]}, tables["establishments"])
    numbers = tables["pings"].set_column(1, "timestamp", tables["pings"].column("timestamp").cast(pa.int64()))
    with pytest.raises(footfall.DataError, match="timestamp"):
        footfall.visit_join(numbers, tables["establishments"])


@pytest.mark.parametrize("radius_m", [0, -1, math.nan, math.inf, "50 m", None])
def test_a_radius_that_makes_no_sense(radius_m):
    tables = usable(random_world(9))
    with pytest.raises(footfall.DefinitionError, match="radius_m"):
        footfall.visit_join(tables["pings"], tables["establishments"], radius_m=radius_m)


@pytest.mark.parametrize("window", [6, timedelta(microseconds=-1), "6h", None])
def test_a_window_that_makes_no_sense(window):
    tables = usable(random_world(9))
    visits = footfall.visit_join(tables["pings"], tables["establishments"])
    with pytest.raises(footfall.DefinitionError, match="window"):
        footfall.attribute_visits(visits, tables["interactions"], tables["ads"], window=window)
