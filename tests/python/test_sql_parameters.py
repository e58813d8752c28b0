"""Values for the placeholders of a statement, from variables of a notebook and from mappings."""

from __future__ import annotations

import decimal
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from shells import SCORES, failure, new_shell, rows, run
from worlds import random_world

import footfall

pytest.importorskip("IPython")

WORLD = random_world(15, events=400)
UTC = timezone.utc


@pytest.fixture(scope="module")
def data():
    return footfall.open(WORLD.tables(), tz=WORLD.tz, progress=False, max_unusable=1)


@pytest.fixture
def shell(data, tmp_path):
    return new_shell(tmp_path, data=data)


VALUES = {
    "a whole number": (7, 7),
    "below zero": (-7, -7),
    "the largest": (2**63 - 1, 2**63 - 1),
    "beyond int64": (2**63, 2**63),
    "a float": (0.1, 0.1),
    "infinity": (float("inf"), float("inf")),
    "a boolean": (True, True),
    "text": ("São João", "São João"),
    "hostile text": ("'; DROP TABLE pings --", "'; DROP TABLE pings --"),
    "text with a placeholder": ("$x ' \" \\ %s {x}", "$x ' \" \\ %s {x}"),
    "empty text": ("", ""),
    "None": (None, None),
    "a date": (date(2024, 2, 29), date(2024, 2, 29)),
    "a time": (datetime(2024, 3, 1, 9, 30, 1, 2, UTC), datetime(2024, 3, 1, 9, 30, 1, 2, UTC)),
    "a time of another zone": (datetime(2024, 3, 1, 9, tzinfo=timezone(timedelta(hours=-3))),
                               datetime(2024, 3, 1, 12, tzinfo=UTC)),
    "a duration": (timedelta(hours=6, microseconds=1), timedelta(hours=6, microseconds=1)),
    "a duration below zero": (timedelta(days=-1), timedelta(days=-1)),
    "a decimal": (decimal.Decimal("1.50"), decimal.Decimal("1.50")),
    "int8": (np.int8(-3), -3),
    "uint64": (np.uint64(2**64 - 1), 2**64 - 1),
    "float32": (np.float32(0.5), 0.5),
    "bool_": (np.bool_(False), False),
    "str_": (np.str_("a"), "a"),
    "datetime64": (np.datetime64("2024-03-01", "D"), date(2024, 3, 1)),
    "timedelta64": (np.timedelta64(90, "m"), timedelta(minutes=90)),
    "NaT of NumPy": (np.datetime64("NaT"), None),
    "NaT": (pd.NaT, None),
    "NA": (pd.NA, None),
    "a Timestamp": (pd.Timestamp("2024-03-01 09:30", tz="UTC"), datetime(2024, 3, 1, 9, 30, tzinfo=UTC)),
    "a Timestamp with nanoseconds": (pd.Timestamp("2024-03-01 09:30:00.000000001", tz="UTC"),
                                     pd.Timestamp("2024-03-01 09:30:00.000000001", tz="UTC")),
    "a Timedelta": (pd.Timedelta("1h"), timedelta(hours=1)),
    "a scalar of Arrow": (pa.scalar("a"), "a"),
    "a null of Arrow": (pa.scalar(None), None),
    "a list of text": (["ana", "rui"], ["ana", "rui"]),
    "a list with a null": ([1, None], [1, None]),
    "a tuple of floats": ((1, 2.5), [1.0, 2.5]),
    "a range": (range(3), [0, 1, 2]),
    "an array": (np.array([1, 2]), [1, 2]),
    "a series": (pd.Series(["a", "b"]), ["a", "b"]),
    "an array of Arrow": (pa.array(["a", None]), ["a", None]),
    "a column of Arrow": (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
    "dates": ([date(2024, 3, 1)], [date(2024, 3, 1)]),
    "durations": ([timedelta(1), None], [timedelta(1), None]),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_what_is_bound_comes_back_equal(shell, data, name):
    given, expected = VALUES[name]
    shell.push({"x": given})
    for result in (run(shell, "%%sql\nSELECT $x AS x"), run(shell, "%sql SELECT $x AS x"),
                   data.sql("SELECT $x AS x", {"x": given})):  # fmt: skip
        ((back,),) = (row.values() for row in rows(result))
        assert back == expected and type(back) is type(expected)


def test_nan_is_a_number(shell):
    shell.push({"x": float("nan")})
    assert rows(run(shell, "%sql SELECT $x IS NULL AS gone, isnan($x) AS nan")) == [{"gone": False, "nan": True}]


def test_a_time_without_an_offset_is_local_to_the_data_set(data):
    noon = datetime(2024, 3, 1, 12)
    zoned = data.between(noon, noon + timedelta(hours=1)).period[0]
    for given in (noon, pd.Timestamp(noon), np.datetime64(noon)):
        ((back,),) = (row.values() for row in rows(data.sql("SELECT $x AS x", {"x": given})))
        assert back == datetime.fromisoformat(zoned)


def test_a_day_begins_on_the_clock_of_the_data_set(data):
    day = rows(data.sql("SELECT min(local_day(timestamp)) AS day FROM pings"))[0]["day"] + timedelta(days=1)
    counts = "SELECT count(*) AS n FROM pings WHERE "
    between = data.between(day).sql(f"{counts} TRUE")
    assert rows(between)[0]["n"] > 0
    for condition in ("timestamp >= $day", "local_day(timestamp) >= $day", f"timestamp >= '{day}'"):
        assert rows(data.sql(counts + condition, {"day": day})) == rows(between), condition


def test_times_and_durations_add_up(data):
    given = {"start": datetime(2024, 3, 1, tzinfo=UTC), "window": timedelta(hours=6)}
    (row,) = rows(data.sql("SELECT $start + $window AS a, $start - $window AS b", given))
    assert row == {"a": given["start"] + given["window"], "b": given["start"] - given["window"]}


def test_a_duration_is_added_to_a_column(shell):
    shell.push({"window": timedelta(hours=6)})
    (row,) = rows(run(shell, "%sql SELECT timestamp AS a, timestamp + $window AS b FROM pings LIMIT 1"))
    assert row["b"] - row["a"] == timedelta(hours=6)
    counts = [rows(run(shell, f"%sql SELECT count(*) AS n FROM pings WHERE timestamp - {given} > '2000-01-01'"))
              for given in ("$window", "INTERVAL '6 hours'")]  # fmt: skip
    assert counts[0] == counts[1] != [{"n": 0}]


def test_hostile_text_is_text(shell, data):
    before = rows(data.sql("SELECT count(*) AS n FROM pings"))
    shell.push({"x": "'; DROP TABLE pings --"})
    assert rows(run(shell, "%%sql\nSELECT count(*) AS n FROM pings WHERE user_id = $x OR $x = 'x'")) == [{"n": 0}]
    assert rows(run(shell, "%sql SELECT count(*) AS n FROM pings")) == before


def test_lists_find_users(shell, data):
    everybody = rows(data.sql("SELECT user_id, count(*) AS n FROM pings GROUP BY 1 ORDER BY 1"))
    some = everybody[::2]
    query = "SELECT user_id, count(*) AS n FROM pings WHERE array_has($ids, user_id) GROUP BY 1 ORDER BY 1"
    assert len(some) > 1
    for ids in ([row["user_id"] for row in some], {row["user_id"] for row in some},
                pd.Series([row["user_id"] for row in some])):  # fmt: skip
        shell.push({"ids": ids})
        assert rows(run(shell, f"%sql {query}")) == some
    shell.push({"ids": []})
    assert rows(run(shell, f"%sql {query}")) == []


def test_braces_and_dollars_of_python_stay_as_they_are(shell):
    shell.push({"x": 1, "y": "pasted"})
    assert rows(run(shell, "%sql SELECT $x AS a, '{y} $y' AS b -- $nothing")) == [{"a": 1, "b": "{y} $y"}]


@pytest.mark.parametrize("value", [..., b"bytes", {"a": 1}, [1, "a"], [[1]], [...], 1j, 2**64,
                                   [2**63, -1], [2**53 + 1, 0.5], "\ud800", np.array([[1]]), SCORES,
                                   decimal.Decimal("NaN")], ids=repr)  # fmt: skip
def test_what_cannot_be_bound_is_refused_at_its_place(shell, data, value, capsys):
    with pytest.raises(footfall.DefinitionError, match=r"^parameter x\b"):
        data.sql("SELECT $x", {"x": value})
    shell.push({"x": value})
    error = failure(shell, "%%sql\nSELECT 1,\n  $x", capsys)
    assert (error.line, error.column) == (2, 3)


@pytest.mark.parametrize("parameters", [7, [1], {1: 2}])
def test_parameters_are_a_mapping_from_names(data, parameters):
    with pytest.raises(footfall.DefinitionError, match=r"parameters = .* must be a mapping"):
        data.sql("SELECT 1", parameters)
