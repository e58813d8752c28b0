"""What messages say, and what is said of those that cannot be read."""

from __future__ import annotations

import json
import math

import pyarrow as pa
import pytest

import footfall
from footfall.live.kafka.messages import Raw, Reader

RECEIVED_US = 1_709_294_400_000_000
GOOD = {"user_id": "ana", "timestamp": "2024-03-01T12:00:00.123456Z", "latitude": 1.5, "longitude": 2, "accuracy_m": 9}
AT_US = RECEIVED_US + 123_456


def read(*values, unit=None):
    found = Reader(unit).read([Raw(b"key", value, 0, at, RECEIVED_US) for at, value in enumerate(values)])
    return found.fixes.set_column(1, "timestamp", found.fixes["timestamp"].cast(pa.int64())).to_pylist(), found.dead


def text(**changes):
    return json.dumps({**GOOD, **changes}).encode()


def stream(**columns):
    given = {"user_id": ["ana"], "timestamp": pa.array([AT_US], pa.timestamp("us", "UTC")), "latitude": [1.5],
             "longitude": [2.0], **columns}  # fmt: skip
    table = pa.table({name: column for name, column in given.items() if column is not None})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    return sink.getvalue().to_pybytes()


def test_json_and_arrow_say_the_same_in_the_order_of_the_messages():
    rows, dead = read(text(), stream(), text(user_id="bia"), stream(accuracy_m=[3.0]))
    assert dead == []
    assert [row["user_id"] for row in rows] == ["ana", "ana", "bia", "ana"]
    assert [row["accuracy_m"] for row in rows] == [9, None, 9, 3]
    assert {(row["timestamp"], row["latitude"], row["longitude"]) for row in rows} == {(AT_US, 1.5, 2.0)}
    assert {row["received"].timestamp() for row in rows} == {RECEIVED_US / 1e6}


@pytest.mark.parametrize(
    ("changes", "unit", "wanted"),
    [
        ({"timestamp": "2024-03-01T12:00:00.123456789Z"}, None, {"timestamp": AT_US}),
        ({"timestamp": "2024-03-01T09:00:00.123456-03:00"}, None, {"timestamp": AT_US}),
        ({"timestamp": AT_US}, "us", {"timestamp": AT_US}),
        ({"timestamp": AT_US * 1_000}, "ns", {"timestamp": AT_US}),
        ({"timestamp": AT_US // 1_000}, "ms", {"timestamp": AT_US // 1_000 * 1_000}),
        ({"timestamp": 1.5}, "s", {"timestamp": 1_500_000}),
        ({"user_id": 7}, None, {"user_id": "7"}),
        ({"user_id": 2**70}, None, {"user_id": str(2**70)}),
        # What the detector counts as unusable is readable.
        ({"user_id": None, "timestamp": None}, None, {"user_id": None, "timestamp": None}),
        ({"accuracy_m": None, "more": [1, {}]}, None, {"accuracy_m": None}),
    ],
)
def test_what_can_be_read(changes, unit, wanted):
    (row,), dead = read(text(**changes), unit=unit)
    assert dead == [] and {name: row[name] for name in wanted} == wanted


def test_a_number_that_is_none_goes_to_the_detector_which_counts_it():
    (row,), _ = read(text(latitude=math.nan))
    assert math.isnan(row["latitude"])


UNREADABLE = [
    (b"", "is empty"),
    (None, "is empty"),
    (b"{", "is not JSON"),
    (b"nul", "is not JSON"),
    (b"\xff\xfe", "is not JSON"),
    (b"[" * 100_000, "is not JSON"),
    (b"1" * 10_000, "is not JSON"),
    (b"[]", "is not a JSON object but list"),
    (text() + text(), "more follows"),
    (b'{"user_id": "ana"}', "has no timestamp"),
    (text(timestamp="2024-03-01T12:00:00"), "no ISO 8601 text with an offset"),
    (text(timestamp="noon"), "no ISO 8601 text with an offset"),
    (text(timestamp=12), "--epoch-unit"),
    (text(latitude="1.5"), "latitude is no number"),
    (text(accuracy_m=True), "accuracy_m is no number"),
    (text(longitude=10**400), "cannot be read"),
    (text(user_id=True), "neither text nor an integer"),
    (text(user_id=["a"]), "neither text nor an integer"),
    (text(user_id="\ud800"), "cannot be read"),
    (text(user_id="x" * 1_001), "at most 1000"),
    (b"\xff\xff\xff\xff", "no Arrow stream"),
    (b"\xff\xff\xff\xff\xff\xff\xff\x7f", "no Arrow stream"),
    (b"ARROW1", "no Arrow stream"),
    (stream()[:-60], "no Arrow stream"),
    (stream(latitude=None), "has no latitude"),
    (stream(timestamp=pa.array([1], pa.timestamp("us"))), "not a timestamp with a zone"),
    (stream(timestamp=pa.array([2**62], pa.timestamp("s", "UTC"))), "no Arrow stream"),
    (stream(user_id=["x" * 1_001]), "at most 1000"),
    (stream(latitude=["north"]), "no Arrow stream"),
]


@pytest.mark.parametrize(("value", "reason"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_cannot_be_read_is_told_and_hurts_nobody_else(value, reason):
    rows, dead = read(text(), value, text(user_id="bia"))
    assert [row["user_id"] for row in rows] == ["ana", "bia"]
    ((raw, told),) = dead
    assert raw.offset == 1 and reason in told


def test_all_of_them_at_once():
    values = [value for value, _ in UNREADABLE]
    rows, dead = read(*values, text())
    assert len(rows) == 1 and sorted(raw.offset for raw, _ in dead) == list(range(len(values)))


def test_rows_that_take_no_room_are_not_made_to():
    schema = pa.schema([("user_id", pa.string()), ("timestamp", pa.timestamp("us", "UTC")), ("latitude", pa.null()),
                        ("longitude", pa.null())])  # fmt: skip
    many = 1_000_001
    table = pa.table([pa.nulls(many, field.type) for field in schema], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as out:
        out.write_table(table)
    _, dead = read(sink.getvalue().to_pybytes())
    assert "has 1,000,001 rows" in dead[0][1]


def test_an_unknown_unit_is_refused():
    with pytest.raises(footfall.DefinitionError, match="epoch_unit = 'sec'"):
        Reader("sec")
