"""The door: every kind of bad row is found, counted, told by its severity, left out; strict=True stops at it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from layouts import retyped
from oracle import Oracle, assert_same
from worlds import SCHEMAS, World, questions, us

import footfall

NOON = us("2024-03-15T15:00:00+00:00")
HERE = (-8.0631, -34.8711)


def clean_world():
    """A town where nothing is wrong: no ping twice, every user with pings, every ad of a known establishment."""
    places = [
        {"establishment_id": f"e{i}", "name": f"place {i}", "category": "food", "latitude": HERE[0] + i / 1_000,
         "longitude": HERE[1]} for i in range(10)
    ]  # fmt: skip
    ads = [{"ad_id": f"a{i}", "campaign_id": "c", "category": "food", "establishment_id": f"e{i}"} for i in range(10)]
    interactions = [
        {"user_id": f"u{i % 4}", "ad_id": f"a{i % 10}", "action": "view", "timestamp": NOON + i} for i in range(20)
    ]
    pings = [
        {"user_id": f"u{i % 4}", "timestamp": NOON + i, "latitude": HERE[0] + i / 10_000, "longitude": HERE[1]}
        for i in range(40)
    ]
    return World("America/Recife", places, ads, interactions, pings)


def with_row(world, table, base=-1, **changed):
    """The world with one more row in a table: a copy of its row `base` with some values changed."""
    rows = world.rows(table)
    return replace(world, **{table: [*rows, {**rows[base], **changed}]})


def found(data):
    """Every check that found rows: (table, check, column) to (rows, severity)."""
    rows = data.check().to_arrow().to_pylist()
    return {(r["table"], r["check"], r["column"]): (r["rows"], r["severity"]) for r in rows if r["rows"]}


UNUSABLE = [
    ("pings", "null", "user_id", None),
    ("pings", "null", "timestamp", None),
    ("pings", "null", "latitude", None),
    ("pings", "null", "longitude", None),
    ("pings", "out of range", "latitude", 90.5),
    ("pings", "out of range", "latitude", math.nan),
    ("pings", "out of range", "longitude", -180.5),
    ("pings", "out of range", "longitude", math.inf),
    ("establishments", "null", "establishment_id", None),
    ("establishments", "null", "category", None),
    ("establishments", "out of range", "latitude", -91.0),
    ("establishments", "out of range", "longitude", 181.0),
    ("ads", "null", "ad_id", None),
    ("ads", "null", "campaign_id", None),
    ("ads", "null", "category", None),
    ("interactions", "null", "user_id", None),
    ("interactions", "null", "ad_id", None),
    ("interactions", "null", "action", None),
    ("interactions", "null", "timestamp", None),
    ("interactions", "unknown action", "action", "viewed"),
    ("interactions", "unknown ad", "ad_id", "nobody's"),
]
# What else must change so that a row has one fault only.
ALONE = {
    "establishments": {"establishment_id": "e99", "latitude": HERE[0]},
    "ads": {"ad_id": "a99"},
    "interactions": {"timestamp": NOON + 999},
    "pings": {"timestamp": NOON + 999},
}
SUSPICIOUS = [
    ("establishments", "at (0, 0)", "latitude", {"latitude": 0.0, "longitude": 0.0}),
    ("establishments", "swapped", "latitude", {"latitude": HERE[1], "longitude": HERE[0]}),
    ("pings", "at (0, 0)", "latitude", {"latitude": 0.0, "longitude": 0.0}),
    ("pings", "swapped", "latitude", {"latitude": HERE[1], "longitude": HERE[0]}),
    ("pings", "epoch unit", "timestamp", {"timestamp": NOON // 1000}),
    ("pings", "in the future", "timestamp", {"timestamp": us("2095-01-01T00:00:00+00:00")}),
    ("interactions", "epoch unit", "timestamp", {"timestamp": NOON * 10}),
    ("interactions", "in the future", "timestamp", {"timestamp": us("2095-01-01T00:00:00+00:00")}),
    ("interactions", "user without pings", "user_id", {"user_id": "stranger"}),
    ("ads", "unknown establishment", "establishment_id", {"establishment_id": "e77"}),
]


def planted(table, column, value):
    return with_row(clean_world(), table, **{**ALONE[table], column: value})


def ids_of(cases):
    return ["-".join(map(str, case)) for case in cases]


def test_nothing_is_found_in_a_clean_world(ask):
    data = ask(clean_world(), strict=True)
    assert found(data) == {}
    assert data.rows() == {"establishments": 10, "ads": 10, "interactions": 20, "pings": 40}


@pytest.mark.parametrize(("table", "check", "column", "value"), UNUSABLE, ids=ids_of(UNUSABLE))
def test_an_unusable_row_is_found_and_left_out(ask, table, check, column, value):
    world = planted(table, column, value)
    data = ask(world)
    assert found(data) == {(table, check, column): (1, "unusable")}
    for job, options in questions():
        assert_same(getattr(data, job)(**options), getattr(Oracle(clean_world()), job)(**options), job)


@pytest.mark.parametrize(("table", "check", "column", "value"), UNUSABLE, ids=ids_of(UNUSABLE))
def test_strict_stops_at_an_unusable_row_and_names_it(ask, table, check, column, value):
    world = planted(table, column, value)
    with pytest.raises(footfall.DataError) as caught:
        ask(world, strict=True)
    error = caught.value
    assert (error.table, error.column, error.row) == (table, column, len(world.rows(table)) - 1)
    assert error.reason
    if isinstance(value, str) or (value is not None and math.isfinite(value)):
        assert str(value) in str(error.value)
    for part in (table, column, str(error.row), error.reason):
        assert part in str(error)


@pytest.mark.parametrize(("table", "check", "column", "changed"), SUSPICIOUS, ids=ids_of(SUSPICIOUS))
def test_a_suspicious_row_is_found_and_kept(ask, table, check, column, changed):
    world = with_row(clean_world(), table, **{**ALONE[table], **changed})
    data = ask(world, strict=True)
    assert found(data) == {(table, check, column): (1, "suspicious")}
    assert data.rows()[table] == len(world.rows(table))


@pytest.mark.parametrize("table", SCHEMAS)
def test_a_row_that_is_there_twice(ask, table):
    """Of places and ads one copy counts, since their id is a key; a repeated event may be two events."""
    world = with_row(with_row(clean_world(), table), table)
    data = ask(world)
    assert found(data) == {(table, "duplicate", None): (2, "suspicious")}
    for job, options in questions():
        assert_same(getattr(data, job)(**options), getattr(Oracle(world), job)(**options), job)


def test_rows_of_one_id_that_disagree(ask):
    """One is kept, the smallest by its other columns, and the others are counted as left out."""
    world = with_row(clean_world(), "ads", campaign_id="a smaller campaign")
    world = with_row(world, "establishments", name="A smaller name", category="zoo")
    data = ask(world)
    assert found(data) == {
        ("ads", "conflicting duplicate", "ad_id"): (1, "unusable"),
        ("establishments", "conflicting duplicate", "establishment_id"): (1, "unusable"),
    }
    assert_same(data.campaign_ctr(by="period"), Oracle(world).campaign_ctr("period"))
    assert_same(data.establishment_visits(by="period"), Oracle(world).establishment_visits("period"))
    with pytest.raises(footfall.DataError) as caught:
        ask(world, strict=True)
    assert (caught.value.table, caught.value.column) in {("ads", "ad_id"), ("establishments", "establishment_id")}


def test_counts_add_up(ask):
    """With one fault a row, usable and unusable rows are all rows."""
    world = clean_world()
    for number, (table, _, column, value) in enumerate(UNUSABLE):
        alone = {**ALONE[table], "establishment_id": f"e{100 + number}"} if table == "establishments" else ALONE[table]
        world = with_row(world, table, base=0, **{**alone, column: value})
    data = ask(world)
    checks = data.check().to_arrow().to_pylist()
    for table in ("pings", "establishments"):
        lost = sum(row["rows"] for row in checks if row["table"] == table and row["severity"] == "unusable")
        assert data.rows()[table] + lost == len(world.rows(table))
        shares = [row["share"] for row in checks if row["table"] == table and row["rows"] and row["column"]]
        assert all(0 < share <= 1 for share in shares)


def test_the_table_of_findings(ask):
    table = ask(planted("pings", "latitude", 90.5)).check().to_arrow()
    assert dict(zip(table.column_names, table.schema.types)) == {
        "table": pa.string(), "check": pa.string(), "column": pa.string(), "rows": pa.int64(), "share": pa.float64(),
        "severity": pa.string(), "example": pa.string(),
    }  # fmt: skip
    row = next(row for row in table.to_pylist() if row["rows"])
    assert (row["example"], row["share"]) == ("90.5", 1 / 41)
    assert set(table.column("severity").to_pylist()) <= {"unusable", "suspicious"}


def test_checks_look_at_everything_whatever_is_asked_for(ask):
    """A sample or a period says what to count, not what to believe."""
    data = ask(planted("pings", "latitude", 90.5))
    some = data.sample(users=1e-9).between("2030-01-01", "2030-01-02")
    assert found(some) == found(data)


def test_what_cannot_be_compared_is_not_looked_for(ask):
    tables = clean_world().tables()
    assert found(ask({"interactions": tables["interactions"]})) == {}
    assert found(ask({"ads": tables["ads"], "pings": tables["pings"]})) == {}


# Files of text: a cell that cannot be read is an unusable row, and not the end.


def write_lines(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_cell_that_cannot_be_read(ask, tmp_path):
    csv = write_lines(
        tmp_path / "pings.csv",
        "user_id,timestamp,latitude,longitude",
        "1,2024-03-01T10:00:00Z,-8.0,-34.0",
        "2,yesterday,-8.0,-34.0",
        "3,2024-03-01T10:00:00Z,south,-34.0",
        "4,2024-03-01T10:00:00Z,-8.0,",
    )
    data = ask({"pings": csv})
    assert found(data) == {
        ("pings", "unreadable", "timestamp"): (1, "unusable"),
        ("pings", "unreadable", "latitude"): (1, "unusable"),
        ("pings", "null", "longitude"): (1, "unusable"),
    }
    assert data.rows() == {"pings": 1}
    with pytest.raises(footfall.DataError) as caught:
        ask({"pings": csv}, strict=True)
    assert (caught.value.column, caught.value.row, caught.value.value) == ("timestamp", 1, "yesterday")
    assert "pings.csv" in str(caught.value)


def test_strict_counts_the_rows_of_the_file_that_it_names(ask, tmp_path):
    (tmp_path / "pings").mkdir()
    header, good = "user_id,timestamp,latitude,longitude", "1,2024-03-01T10:00:00Z,-8.0,-34.0"
    write_lines(tmp_path / "pings" / "a.csv", header, good, good)
    write_lines(tmp_path / "pings" / "b.csv", header, good, good.replace("-8.0", "-98.0"))
    with pytest.raises(footfall.DataError, match=r"b\.csv") as caught:
        footfall.open(tmp_path, strict=True, progress=False)
    assert (caught.value.row, caught.value.value) == (1, "-98.0")


def test_strict_finds_a_row_beyond_the_first_batches(ask):
    rows = 300_000
    latitudes = np.full(rows, -8.0)
    latitudes[250_000] = 123.0
    pings = pa.table({"user_id": np.arange(rows), "latitude": latitudes, "longitude": np.full(rows, -34.0),
                      "timestamp": pa.array(NOON + np.arange(rows), pa.timestamp("us", "UTC"))})  # fmt: skip
    with pytest.raises(footfall.DataError) as caught:
        ask({"pings": pings}, strict=True)
    assert (caught.value.row, caught.value.value) == (250_000, "123.0")


# Types that cannot be meant.


@pytest.mark.parametrize(
    ("table", "column", "type_", "name"),
    [
        ("pings", "user_id", pa.float64(), "Float64"),
        ("pings", "latitude", pa.bool_(), "Bool"),
        ("pings", "longitude", pa.list_(pa.float64()), "List"),
        ("pings", "timestamp", pa.float64(), "Float64"),
        ("pings", "timestamp", pa.int64(), "Int64"),
        ("pings", "timestamp", pa.time64("us"), "Time64"),
        ("interactions", "action", pa.list_(pa.string()), "List"),
        ("ads", "ad_id", pa.bool_(), "Bool"),
        ("establishments", "latitude", pa.timestamp("us"), "Timestamp"),
    ],
    ids=str,
)
def test_a_column_of_an_impossible_type(ask, table, column, type_, name):
    tables = clean_world().tables()
    index = tables[table].column_names.index(column)
    wrong = tables[table].set_column(index, column, pa.nulls(tables[table].num_rows, type_))
    with pytest.raises(footfall.DataError) as caught:
        ask({**tables, table: wrong})
    assert (caught.value.table, caught.value.column) == (table, column)
    assert name in str(caught.value)


def test_integers_are_instants_only_with_their_unit(ask):
    integers = retyped(retyped(clean_world().tables(), timestamp=pa.timestamp("us")), timestamp=pa.int64())
    with pytest.raises(footfall.DataError, match="epoch_unit"):
        ask(integers)
    assert found(ask(integers, epoch_unit="us")) == {}
    wrong = found(ask(integers, epoch_unit="ms"))
    assert wrong[("pings", "epoch unit", "timestamp")] == (40, "suspicious")
    with pytest.raises(footfall.DefinitionError, match="epoch_unit"):
        ask(integers, epoch_unit="minutes")


@pytest.mark.parametrize("table", SCHEMAS)
def test_a_missing_column_is_named_with_those_that_are_there(ask, table):
    tables = clean_world().tables()
    for column in tables[table].column_names:
        without = {**tables, table: tables[table].drop_columns([column])}
        if (table, column) in {("establishments", "name"), ("ads", "establishment_id")}:
            assert found(ask(without)) == {}
            continue
        with pytest.raises(footfall.FootfallError, match=rf"{table}.*{column}"):
            ask(without)
