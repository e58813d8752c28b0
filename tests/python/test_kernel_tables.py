"""What the kernels refuse: rows that cannot be used, in whatever way a column holds them; errors name the place."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

import footfall


def instants(*texts):
    return [text if text is None else f"2024-03-01T{text}:00Z" for text in texts]


def encoded(values, entries, value_type=None):
    """A dictionary column with these codes (None is a null code) and entries (None is a null entry)."""
    return pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), pa.array(entries, value_type))


GOOD = {"user_id": ["ana", "bea", "eva"], "timestamp": instants("08:00", "09:00", "10:00"),
        "latitude": [0.0, 0.0, 0.0], "longitude": [0.0, 0.0, 0.0]}  # fmt: skip
PLACES = {"establishment_id": ["cafe", "bank", "far"], "latitude": [0.0, 0.0001, 9.0], "longitude": [0.0, 0.0, 9.0]}
VISITED = {"user_id": GOOD["user_id"], "timestamp": GOOD["timestamp"], "establishment_id": ["cafe", "cafe", "bank"]}
SEEN = {"user_id": GOOD["user_id"], "ad_id": ["a", "a", "b"], "action": ["view", "click", "view"],
        "timestamp": GOOD["timestamp"]}  # fmt: skip
OF_ADS = {"ad_id": ["a", "b", "c"], "establishment_id": ["cafe", "bank", None]}
TIMES = pa.array([0, 1, None], pa.timestamp("us", "UTC"))
UNUSABLE = {
    "text that is no time": ("timestamp", [*instants("08:00", "09:00"), "yesterday"], "yesterday"),
    "a number in text": ("timestamp", [*instants("08:00", "09:00"), "20240301"], "20240301"),
    "text without a value": ("timestamp", instants("08:00", "09:00", None), "null"),
    "text as codes": ("timestamp", encoded([0, 0, 1], [*instants("08:00"), "soon"]), "soon"),
    "text as codes with a null entry": ("timestamp", encoded([0, 0, 1], instants("08:00", None)), "null"),
    "text as codes with a null code": ("timestamp", encoded([0, 0, None], instants("08:00")), "null"),
    "instants as codes with a null entry": ("timestamp", encoded([0, 1, 2], TIMES), "null"),
    "instants as codes with a null code": ("timestamp", encoded([0, 1, None], TIMES.slice(0, 2)), "null"),
    "seconds beyond all time": ("timestamp", pa.array([0, 1, 2**62], pa.timestamp("s")), None),
    "no instant": ("timestamp", TIMES, "null"),
    "nothing but nulls": ("timestamp", pa.nulls(3), None),
    "no id": ("user_id", ["ana", "bea", None], "null"),
    "no integer": ("user_id", pa.array([7, 8, None], pa.int64()), "null"),
    "ids as codes with a null entry": ("user_id", encoded([0, 1, 2], ["ana", "bea", None]), "null"),
    "ids as codes with a null code": ("user_id", encoded([0, 1, None], ["ana", "bea"]), "null"),
    "integers as codes with a null entry": ("user_id", encoded([0, 1, 2], [7, 8, None], pa.int64()), "null"),
}  # fmt: skip
UNUSABLE_DEGREES = {
    "NaN": (math.nan, "NaN"), "infinity": (math.inf, "inf"), "beyond": (181.0, "181.0"), "below": (-180.5, "-180.5"),
    "null": (None, "null"), "text": ("nowhere", "nowhere"), "text beyond": ("181", "181"),
}  # fmt: skip


def refused(work, table, column, value):
    with pytest.raises(footfall.DataError) as caught:
        work()
    error = caught.value
    # `pa.nulls` has none of all values, so that its first row is the first.
    assert (error.table, error.column) == (table, column) and error.row in (0, 2) and error.reason
    if value is not None:
        assert (error.row, error.value) == (2, value)
    assert table in str(error) and column in str(error)


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_value_that_cannot_be_used(kind, batches):
    column, values, value = UNUSABLE[kind]

    def with_it(table):
        whole = pa.table({**table, column: values})
        return whole if batches == 1 else pa.concat_tables([whole.slice(row, 1) for row in range(3)])

    refused(lambda: footfall.visit_join(with_it(GOOD), pa.table(PLACES)), "pings", column, value)
    ads, visits, seen = pa.table(OF_ADS), pa.table(VISITED), pa.table(SEEN)
    refused(lambda: footfall.attribute_visits(with_it(VISITED), seen, ads), "visits", column, value)
    refused(lambda: footfall.attribute_visits(visits, with_it(SEEN), ads), "interactions", column, value)


@pytest.mark.parametrize("kind", UNUSABLE_DEGREES)
def test_degrees_that_cannot_be_used(kind):
    degrees, value = UNUSABLE_DEGREES[kind]
    values = [0.0, 0.0, degrees] if not isinstance(degrees, str) else ["0", "0", degrees]
    refused(lambda: footfall.visit_join(pa.table({**GOOD, "longitude": values}), pa.table(PLACES)),
            "pings", "longitude", value)  # fmt: skip
    refused(lambda: footfall.visit_join(pa.table(GOOD), pa.table({**PLACES, "longitude": values})),
            "establishments", "longitude", value)  # fmt: skip
    codes = encoded([0, 0, 1], values[1:])
    refused(lambda: footfall.visit_join(pa.table({**GOOD, "longitude": codes}), pa.table(PLACES)),
            "pings", "longitude", value)  # fmt: skip


@pytest.mark.parametrize("values", [[True, False, True], TIMES, [[1.0], [2.0], [3.0]]], ids=str)
def test_degrees_of_another_type(values):
    with pytest.raises(footfall.DataError, match=r"latitude.*numbers"):
        footfall.visit_join(pa.table({**GOOD, "latitude": pa.array(values)}), pa.table(PLACES))


@pytest.mark.parametrize("other", ["bank", None])
def test_ads_of_one_id_that_disagree(other):
    visits, seen = pa.table(VISITED), pa.table(SEEN)
    text, codes = ["cafe", "bank", other], encoded([0, 1, 2], ["cafe", "bank", other])
    for ads in ({"ad_id": ["a", "b", "a"], "establishment_id": text},
                {"ad_id": pa.array([7, 8, 7]), "establishment_id": codes}):  # fmt: skip
        with pytest.raises(footfall.DataError, match="row 0 of this id has another establishment_id") as caught:
            footfall.attribute_visits(visits, seen, pa.table(ads))
        error = caught.value
        assert (error.table, error.column, error.row) == ("ads", "ad_id", 2) and error.value in ("a", "7")
    same = {"ad_id": ["a", "b", "a"], "establishment_id": ["cafe", "bank", "cafe"]}
    earned = footfall.attribute_visits(visits, seen, pa.table(same)).column("attributed").to_pylist()
    assert earned == [True, True, True]


def test_establishments_of_one_id_that_disagree():
    places = {"establishment_id": ["cafe", "bank", "cafe"], "latitude": [0.0, 1.0, 0.0], "longitude": [0.0, 1.0, 0.0]}
    once = footfall.visit_join(pa.table(GOOD), pa.table(places))
    assert once.column("establishment_id").to_pylist() == ["cafe"] * 3
    with pytest.raises(footfall.DataError, match="row 0 of this id has another longitude") as caught:
        footfall.visit_join(pa.table(GOOD), pa.table({**places, "longitude": [0.0, 1.0, 0.5]}))
    error = caught.value
    assert (error.table, error.column, error.row, error.value) == ("establishments", "establishment_id", 2, "cafe")


def test_codes_are_as_good_as_values():
    plain = footfall.visit_join(pa.table(GOOD), pa.table(PLACES))
    assert plain.num_rows == 6
    entries = [*instants("08:00", "09:00", "10:00"), None]
    codes = {
        **GOOD,
        "timestamp": encoded([0, 1, 2], entries),
        "user_id": encoded([0, 1, 2], ["ana", "bea", "eva", None]),
    }
    assert footfall.visit_join(pa.table(codes), pa.table(PLACES)).equals(plain)


def test_what_is_masked_is_not_there():
    """Whatever stands behind a mask of NumPy, also degrees that are not on Earth."""
    values = np.ma.array([0.0, 999.0, 1.0], mask=[False, True, False])
    expected = [0.0, math.nan, footfall.haversine_m(1, 0, 0, 0)]
    for masked in (values, values.astype("float32"), values.astype("int64"), values.astype(object)):
        np.testing.assert_array_equal(footfall.haversine_m(masked, 0, 0, 0), expected)
    np.testing.assert_array_equal(
        footfall.haversine_m(0, 0, np.ma.array([0.0, 0.0, 1.0], mask=values.mask), 0), expected
    )
    square = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[True, False], [False, True]])
    assert np.isnan(footfall.haversine_m(square, 0, 0, 0)).tolist() == square.mask.tolist()
    assert not np.isnan(footfall.haversine_m(np.ma.array([1.0, 2.0]), 0, 0, 0)).any()
    assert np.isnan(footfall.haversine_m(np.ma.masked, 0, 0, 0))
    with pytest.raises(footfall.DataError, match="latitude_a, row 2: 91"):
        footfall.haversine_m(np.ma.array([0.0, 999.0, 91.0], mask=[False, True, False]), 0, 0, 0)
