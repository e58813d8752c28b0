"""What a Parquet file tells of its pages is believed only where it can be true: no row that counts is passed over."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta, timezone

import footers
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import footfall

UTC = timezone.utc
HERE, THERE = (-8.05, -34.9), (-8.06, -34.9)
START = datetime(2024, 3, 1, 3, tzinfo=UTC)
INSTANT = pa.timestamp("us", "UTC")
ESTABLISHMENTS = pa.table(
    {"establishment_id": ["1", "2"], "category": ["food", "money"], "latitude": [HERE[0], THERE[0]],
     "longitude": [HERE[1], THERE[1]]}
)  # fmt: skip
ADS = pa.table(
    {"ad_id": ["10", "20"], "campaign_id": ["c1", "c2"], "category": ["food", "money"], "establishment_id": ["1", "2"]}
)


def pings(latitudes=(HERE[0],) * 3 + (THERE[0],) * 3, **columns):
    count = len(latitudes)
    table = {"user_id": [f"u{n % 3}" for n in range(count)], "latitude": pa.array(latitudes, pa.float64()),
             "timestamp": pa.array([START + timedelta(hours=n) for n in range(count)], INSTANT),
             "longitude": [HERE[1]] * count}  # fmt: skip
    return pa.table({**table, **columns})


def interactions(users=("7", "7", "8", "8"), **columns):
    count = len(users)
    table = {"user_id": pa.array(users), "ad_id": ["10"] * count, "action": ["view", "click"] * (count // 2),
             "timestamp": pa.array([START + timedelta(minutes=n) for n in range(count)], INSTANT)}  # fmt: skip
    return pa.table({**table, **columns})


def write(root, *, row_group_size=2, **tables):
    root.mkdir(exist_ok=True)
    all_tables = {"establishments": ESTABLISHMENTS, "ads": ADS, "pings": pings(), "interactions": interactions()}
    for name, table in {**all_tables, **tables}.items():
        pq.write_table(table, root / f"{name}.parquet", row_group_size=row_group_size, write_page_index=True)
    return root


def open_(root, **options):
    return footfall.open(root, max_unusable=1, progress=False, **options)


def ways(root, **options):
    """The data set as it is, of a period, and ingested."""
    data = open_(root, **options)
    yield "whole", data
    yield "period", data.between("2020-01-01", "2030-01-01")
    target = root.parent / f"{root.name} ingested"
    footfall.ingest(root, target, tz="UTC", progress=False, **options)
    yield "ingested", open_(target)


def visits(data):
    return sum(data.establishment_visits(by="period").to_pandas()["visits"])


def found(data, check, column):
    rows = data.check().to_pandas().query(f"check == '{check}' and column == '{column}'")
    return int(rows["rows"].sum())


def counts_by_user(data):
    rows = data.sql("SELECT user_id, count(*) AS n FROM interactions GROUP BY 1 ORDER BY 1").to_arrow().to_pylist()
    return {row["user_id"]: row["n"] for row in rows}


@pytest.mark.parametrize("row_group_size", [1, 2, 3, 6])
def test_a_latitude_beside_nan_is_no_constant(row_group_size, tmp_path):
    latitudes = (HERE[0], HERE[0], math.nan, math.nan, HERE[0], math.nan)
    root = write(tmp_path / "data", pings=pings(latitudes), row_group_size=row_group_size)
    for way, data in ways(root):
        assert visits(data) == 3, way
        assert found(data, "out of range", "latitude") == (0 if way == "ingested" else 3)
        assert data.sql("SELECT count(*) AS n FROM pings WHERE latitude = -8.05").to_pandas()["n"][0] == 3


@pytest.mark.parametrize("other", ["x" * 5_000, "é" * 3_000, None])
def test_a_row_group_without_ends_is_no_constant(other, tmp_path):
    table = interactions(("7", "7", other, other))
    root = write(tmp_path / "data", interactions=table)
    for way, data in ways(root):
        wanted = {"7": 2} if other is None else {"7": 2, other: 2}
        assert counts_by_user(data) == wanted, way
    assert found(open_(root), "null", "user_id") == (2 if other is None else 0)


NAN, LOW, HIGH = (footers.f64(x) for x in (math.nan, -90.0, 90.0))
ENDS_OF_LATITUDE = {
    "NaN at both ends": {"min": NAN, "max": NAN},
    "NaN as the least": {"min": NAN},
    "NaN as the largest": {"max": NAN},
    "the wrong way round": {"min": footers.f64(80.0), "max": footers.f64(-80.0)},
    "none": {"min": None, "max": None},
    "only the least": {"max": None},
    "only the largest": {"min": None},
    "nulls not counted": {"nulls": None},
    "more nulls than rows": {"nulls": 1_000},
    "nothing but nulls": {"nulls": 2},
    "of no value": {"min": footers.f64(math.inf), "max": footers.f64(-math.inf)},
}


@pytest.mark.parametrize("ends", ENDS_OF_LATITUDE)
@pytest.mark.parametrize("column", ["latitude", "longitude"])
def test_ends_that_are_no_bounds_of_places(ends, column, tmp_path):
    root = write(tmp_path / "data")
    footers.edit(root / "pings.parquet", column, footers.statistics(**ENDS_OF_LATITUDE[ends]))
    for way, data in ways(root):
        assert visits(data) == 6, way
        assert data.sql("SELECT count(*) AS n FROM pings WHERE latitude < -8.055").to_pandas()["n"][0] == 3
        assert data.sql("SELECT count(*) AS n FROM pings WHERE longitude <> 1").to_pandas()["n"][0] == 6


ENDS_OF_TEXT = {
    "of the order of signed bytes": {"min": None, "max": None, "old_min": b"\xc3\x89dito", "old_max": b"view"},
    "of that order and narrow": {"min": None, "max": None, "old_min": b"view", "old_max": b"view"},
    "the wrong way round": {"min": b"view", "max": b"click"},
    "cut off": {"max": b"vi", "max_is_exact": False},
    "cut off, not said": {"max": b"vi", "max_is_exact": None},
    "cut off within a letter": {"max": b"v\xc3", "max_is_exact": False},
    "nulls not counted": {"nulls": None},
    "nothing but nulls": {"nulls": 2},
    "none": {"min": None, "max": None, "nulls": None},
}


@pytest.mark.parametrize("ends", ENDS_OF_TEXT)
def test_ends_that_are_no_bounds_of_text(ends, tmp_path):
    root = write(tmp_path / "data")
    footers.edit(root / "interactions.parquet", "action", footers.statistics(**ENDS_OF_TEXT[ends]))
    for way, data in ways(root):
        assert counts_by_user(data) == {"7": 2, "8": 2}, way
        actions = data.sql("SELECT action, count(*) AS n FROM interactions WHERE action >= 'v' GROUP BY 1").to_arrow()
        assert actions.to_pylist() == [{"action": "view", "n": 2}], way


def test_text_without_an_order_has_no_bounds(tmp_path):
    root = write(tmp_path / "data")
    path = root / "interactions.parquet"
    footers.edit_footer(path, lambda footer: footer.pop(footers.COLUMN_ORDERS))
    footers.edit(path, "user_id", footers.statistics(min=b"\xff", max=b"\xff"))
    assert counts_by_user(open_(root)) == {"7": 2, "8": 2}


ENDS_OF_INSTANTS = {
    "the wrong way round": {"min": footers.i64(2**62), "max": footers.i64(-(2**62))},
    "none": {"min": None, "max": None},
    "nothing but nulls": {"nulls": 2},
    "nulls not counted": {"nulls": None},
    "old": {"min": None, "max": None, "old_min": footers.i64(0), "old_max": footers.i64(2**60)},
}


@pytest.mark.parametrize("ends", ENDS_OF_INSTANTS)
@pytest.mark.parametrize("table", ["pings", "interactions"])
def test_ends_that_are_no_bounds_of_instants(ends, table, tmp_path):
    root = write(tmp_path / "data")
    expected = [job(open_(root)) for job in JOBS]
    footers.edit(root / f"{table}.parquet", "timestamp", footers.statistics(**ENDS_OF_INSTANTS[ends]))
    for way, data in ways(root):
        assert [job(data) for job in JOBS] == expected, way


JOBS = [
    lambda data: data.campaign_ctr(by="month").to_arrow().to_pylist(),
    lambda data: data.visit_attribution(by="month").to_arrow().to_pylist(),
    lambda data: data.category_hours(by="period").to_arrow().to_pylist(),
    lambda data: data.visit_profile().to_arrow().to_pylist(),
]


def test_pages_whose_ends_are_no_bounds(tmp_path):
    """The same NaN stands in the page index, found by the ends of the page."""
    root = write(tmp_path / "data", row_group_size=6)
    path = root / "pings.parquet"
    data = path.read_bytes()
    assert data.count(footers.f64(THERE[0])) > 1, "ends of chunks and of pages"
    body = data.index(footers.f64(THERE[0])) + 8
    path.write_bytes(data[:body] + data[body:].replace(footers.f64(THERE[0]), footers.f64(math.nan)))
    for way, opened in ways(root):
        assert opened.sql("SELECT count(*) AS n FROM pings WHERE latitude < -8.055").to_pandas()["n"][0] == 3, way


def test_nan_is_larger_than_any_accuracy(tmp_path):
    table = pings(accuracy_m=[1.0, 2.0, math.nan, 3.0, math.nan, 4.0])
    data = open_(write(tmp_path / "data", pings=table))
    assert data.sql("SELECT count(*) AS n FROM pings WHERE accuracy_m > 100").to_pandas()["n"][0] == 2


@pytest.mark.parametrize("nulls", [None, 0, 2, 1_000])
def test_nulls_that_are_counted_wrong_or_not_at_all(nulls, tmp_path):
    table = pings(accuracy_m=[1.0, None, 2.0, None, 3.0, None])
    root = write(tmp_path / "data", pings=table)
    if nulls != 0:
        footers.edit(root / "pings.parquet", "accuracy_m", footers.statistics(nulls=nulls))
    for way, data in ways(root):
        for condition, wanted in [("IS NULL", 3), ("IS NOT NULL", 3), ("< 2.5", 2)]:
            rows = data.sql(f"SELECT count(*) AS n FROM pings WHERE accuracy_m {condition}")
            assert rows.to_pandas()["n"][0] == wanted, (way, condition)


def test_bounds_that_are_such_go_on_pruning(tmp_path):
    count = 40_000
    latitudes = [-80 + n / count * 100 for n in range(count)]
    root = write(tmp_path / "data", pings=pings(latitudes), row_group_size=1_000)
    plan = "EXPLAIN ANALYZE SELECT count(*) FROM pings WHERE {}"
    for condition in ["latitude > 19", "timestamp < '2024-03-02'", "latitude BETWEEN 0 AND 1"]:
        text = str(open_(root).sql(plan.format(condition)).to_pandas().to_dict())
        assert "row_groups_pruned_statistics=40 total" in text, text
        assert "→ 40 matched" not in text, text


# Finer instants than the column's.

UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}
BASE = 1_711_929_599_000_000  # 2024-03-31T23:59:59Z


def in_unit(unit, offsets):
    """Interactions at BASE and some units on, in files of that unit."""
    per = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit]
    values = pa.array([BASE // 1_000_000 * per + offset for offset in offsets], pa.timestamp(unit, "UTC"))
    return interactions([f"u{n}" for n in range(len(offsets))], timestamp=values)


def microseconds(table):
    unit = table.schema.field("timestamp").type.unit
    to_us = {"s": 1_000_000, "ms": 1_000, "us": 1}
    values = table["timestamp"].cast(pa.int64()).to_pylist()
    return [value // 1_000 if unit == "ns" else value * to_us[unit] for value in values]


def iso(us):
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


HOLDS = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
         "=": lambda a, b: a == b, "<>": lambda a, b: a != b}  # fmt: skip


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("in_memory", [True, False])
def test_any_bound_of_any_unit(unit, in_memory, tmp_path):
    table = in_unit(unit, [0, 0, 1, 1, 2, 1_000])
    if in_memory:
        data = open_({"interactions": table, "ads": ADS})
    else:
        data = open_(write(tmp_path / "data", interactions=table))
    instants = microseconds(table)
    edges = sorted({us + step for us in instants for step in (-1, 0, 1, 500)})
    for edge, (sign, holds) in itertools.product(edges, HOLDS.items()):
        wanted = sum(holds(us, edge) for us in instants)
        for literal in (f"'{iso(edge)}'", f"TIMESTAMP '{iso(edge)}'"):
            got = data.sql(f"SELECT count(*) AS n FROM interactions WHERE timestamp {sign} {literal}")
            assert got.to_pandas()["n"][0] == wanted, (sign, literal)
    for edge in edges:
        wanted = sum(edge - 2 <= us <= edge for us in instants)
        ends = f"'{iso(edge - 2)}' AND '{iso(edge)}'"
        got = data.sql(f"SELECT count(*) AS n FROM interactions WHERE timestamp BETWEEN {ends}")
        assert got.to_pandas()["n"][0] == wanted, ends
        got = data.sql(f"SELECT count(*) AS n FROM interactions WHERE timestamp IN ('{iso(edge)}', '{iso(edge - 2)}')")
        assert got.to_pandas()["n"][0] == sum(us in (edge, edge - 2) for us in instants)
        start, end = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at) for at in (edge, edge + 2))
        got = data.between(start, end).sql("SELECT count(*) AS n FROM interactions").to_pandas()["n"][0]
        assert got == sum(edge <= us < edge + 2 for us in instants)


def test_text_that_is_finer_than_microseconds():
    data = open_({"interactions": in_unit("us", [0, 0, 1, 1]), "ads": ADS})
    second = "2024-03-31T23:59:59"
    for text, before in [(".0000001", 2), (".0000009", 2), (".0000011", 4), (".000001", 2)]:
        for literal in (f"'{second}{text}Z'", f"TIMESTAMP '{second}{text}'"):
            counted = {}
            for sign in HOLDS:
                rows = data.sql(f"SELECT count(*) AS n FROM interactions WHERE timestamp {sign} {literal}")
                counted[sign] = rows.to_pandas()["n"][0]
            same = 2 if text == ".000001" else 0
            assert counted == {"<": before, "<=": before + same, ">": 4 - before - same, ">=": 4 - before,
                               "=": same, "<>": 4 - same}, literal  # fmt: skip


def test_epoch_integers_of_any_bound():
    acts = interactions(timestamp=pa.array([BASE // 1_000_000 + n for n in (0, 0, 1, 2)], pa.int64()))
    data = open_({"interactions": acts, "ads": ADS}, epoch_unit="s")
    end = datetime(2024, 3, 31, 23, 59, 59, 1, tzinfo=UTC)
    assert data.between(None, end).sql("SELECT count(*) AS n FROM interactions").to_pandas()["n"][0] == 2
