"""Parquet can be written in many ways; the answers are the same, whether columns are read as codes or decoded."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from layouts import ipc_bytes, retyped
from worlds import questions, random_world

import footfall

BUSY = random_world(27, events=900)
DELTA = {"timestamp": "DELTA_BINARY_PACKED"}
WAYS = {
    "as pyarrow does": {},
    "no compression": {"compression": "none"},
    "zstd": {"compression": "zstd"},
    "lz4": {"compression": "lz4"},
    "no dictionaries": {"use_dictionary": False},
    "dictionaries that grow too large": {"dictionary_pagesize_limit": 64, "write_batch_size": 16},
    "small pages": {"data_page_size": 100, "write_batch_size": 8},
    "small pages of another version": {"data_page_size": 100, "write_batch_size": 8, "data_page_version": "2.0"},
    "small row groups": {"row_group_size": 13},
    "no statistics": {"write_statistics": False},
    "page index": {"write_page_index": True, "data_page_size": 100, "write_batch_size": 8},
    "no Arrow schema": {"store_schema": False},
    "an encoding that is no code": {"use_dictionary": ["user_id"], "column_encoding": DELTA},
}


def write(tables, root, **options):
    root.mkdir()
    for name, table in tables.items():
        encodings = options.get("column_encoding", {})
        there = {column: code for column, code in encodings.items() if column in table.column_names}
        pq.write_table(table, root / f"{name}.parquet", **{**options, "column_encoding": there or None})
    return root


def answers(root, tz=BUSY.tz, **options):
    data = footfall.open(root, tz=tz, max_unusable=1, progress=False, **options)
    return {f"{job} {asked}": ipc_bytes(getattr(data, job)(**asked)) for job, asked in questions()}


@pytest.fixture(scope="module")
def expected():
    return answers(BUSY.tables())


@pytest.mark.parametrize("way", WAYS)
def test_any_way_of_writing(way, expected, tmp_path):
    assert answers(write(BUSY.tables(), tmp_path / "data", **WAYS[way])) == expected


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("ids", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()], ids=str)
def test_any_type(unit, ids, tmp_path):
    if ids == pa.binary():
        ids = pa.dictionary(pa.int32(), pa.string())
    tables = retyped(BUSY.tables(), timestamp=pa.timestamp("us"))
    tables = {name: as_unit(table, unit) for name, table in retyped(tables, ids=ids).items()}
    on_disk = answers(write(tables, tmp_path / "data"), naive_tz="UTC")
    assert on_disk == answers(tables, naive_tz="UTC")


def as_unit(table, unit):
    if "timestamp" not in table.column_names:
        return table
    instants = table.column("timestamp").cast(pa.timestamp(unit), safe=False)
    return table.set_column(table.column_names.index("timestamp"), "timestamp", instants)


def without_nulls(table):
    return table.drop_null().cast(pa.schema([pa.field(f.name, f.type, nullable=False) for f in table.schema]))


def test_columns_that_cannot_be_null(tmp_path):
    tables = {name: without_nulls(table) for name, table in BUSY.tables().items()}
    assert answers(write(tables, tmp_path / "data")) == answers(tables)


@pytest.mark.parametrize("type_", [pa.int64(), pa.int32(), pa.uint16(), pa.uint64()], ids=str)
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_ids_that_are_integers(type_, use_dictionary, tmp_path):
    tables = interactions_by_number(type_, rows=5_000, users=300)
    assert answers(write(tables, tmp_path / "data", use_dictionary=use_dictionary)) == answers(tables)


def interactions_by_number(type_, *, rows, users, categories=7):
    rng = np.random.default_rng(5)
    number = np.arange(40)
    start = datetime(2024, 1, 31, 22, tzinfo=timezone.utc)
    instants = [start + timedelta(minutes=float(minute)) for minute in rng.random(rows) * 60 * 24 * 40]
    establishments = {"establishment_id": number, "category": [f"shop {n % 5}" for n in number],
                      "latitude": number / 1e3, "longitude": number / 1e3}  # fmt: skip
    ads = {"ad_id": number, "campaign_id": number // 4, "category": [f"category {n % categories}" for n in number],
           "establishment_id": number}  # fmt: skip
    some = rng.random(rows)
    unsure = [None if chance < 0.05 else int(n) for n, chance in zip(rng.integers(0, users, rows), some, strict=True)]
    interactions = {"user_id": unsure, "ad_id": rng.integers(0, 45, rows),
                    "action": rng.choice(["view", "click", "hover"], rows, p=[0.8, 0.15, 0.05]),
                    "timestamp": instants}  # fmt: skip
    pings = {"user_id": unsure, "timestamp": instants, "latitude": rng.integers(0, 60, rows) / 1e3,
             "longitude": rng.integers(0, 60, rows) / 1e3}  # fmt: skip
    pings["longitude"][: rows // 2] = pings["latitude"][: rows // 2]
    tables = {"establishments": establishments, "ads": ads, "interactions": interactions, "pings": pings}
    made = {name: pa.table(columns) for name, columns in tables.items()}
    return retyped(made, ids=type_)


@pytest.mark.parametrize("categories", [7, 40])
def test_few_and_many_categories_by_user(categories, tmp_path):
    tables = interactions_by_number(pa.int64(), rows=30_000, users=900, categories=categories)
    assert answers(write(tables, tmp_path / "data")) == answers(tables)


@pytest.mark.parametrize(
    ("tz", "start"),
    [
        # 44 min 30 s behind until 1972.
        ("Africa/Monrovia", datetime(1971, 12, 1, tzinfo=timezone.utc)),
        ("Asia/Kathmandu", datetime(1985, 12, 25, tzinfo=timezone.utc)),
        ("Australia/Lord_Howe", datetime(2024, 4, 1, tzinfo=timezone.utc)),
        ("Pacific/Apia", datetime(2011, 12, 20, tzinfo=timezone.utc)),
    ],
)
def test_zones_whose_quarters_are_odd(tz, start, tmp_path):
    tables = interactions_by_number(pa.int64(), rows=6_000, users=50)
    rng = np.random.default_rng(3)
    instants = [start + timedelta(seconds=float(s)) for s in np.sort(rng.random(6_000)) * 86_400 * 40]
    instants = pa.array(instants, pa.timestamp("us", tz="UTC"))
    moved = {**tables, "interactions": tables["interactions"].set_column(3, "timestamp", instants)}
    assert answers(write(moved, tmp_path / "data", row_group_size=500), tz=tz) == answers(moved, tz=tz)


@pytest.mark.parametrize("rows_of_page", [8, 64])
def test_pages_that_hold_no_visit(rows_of_page, tmp_path):
    tables = interactions_by_number(pa.int64(), rows=8_000, users=200)
    tables["pings"] = tables["pings"].sort_by([("latitude", "ascending"), ("longitude", "ascending")])
    # Few establishments, so that most pages of places are near none.
    tables["establishments"] = tables["establishments"].slice(0, 7)
    pages = {"write_page_index": True, "data_page_size": 8 * rows_of_page, "write_batch_size": rows_of_page}
    root = write(tables, tmp_path / "data", use_dictionary=["user_id"], row_group_size=3_000, **pages)
    assert answers(root) == answers(tables)


def plan(root, query):
    return plan_of(footfall.open(root, tz=BUSY.tz, max_unusable=1, progress=False), query)


def plan_of(data, query):
    return "\n".join(data.sql(f"EXPLAIN {query}").to_arrow().column("plan").to_pylist())


def test_codes_are_used_where_they_can_be(tmp_path):
    root = write(BUSY.tables(), tmp_path / "data")
    joined = "FROM interactions JOIN ads USING (ad_id)"
    hours = f"SELECT category, local_hour(timestamp), count(*) FILTER (WHERE action = 'click') {joined} GROUP BY 1, 2"
    users = f"SELECT user_id, day_part(timestamp), category, count(*) {joined} GROUP BY 1, 2, 3"
    assert "CodedCountExec" in plan(root, hours) and "CodedCountExec" in plan(root, users)
    assert "CodedCountExec" not in plan(root, f"SELECT action, sum(1) {joined} GROUP BY 1")
    assert "CodedCountExec" not in plan(root, "SELECT category, count(*) FROM ads GROUP BY 1")


COUNTS = """WITH counts AS (SELECT user_id, day_part(timestamp) AS part, category, count(*) AS n
                            FROM interactions JOIN ads USING (ad_id) GROUP BY 1, 2, 3)"""
WHOLE = "OVER (PARTITION BY user_id, part)"
TOTALS = {
    "sum": f"{COUNTS} SELECT *, sum(n) {WHOLE} AS total FROM counts ORDER BY user_id, part, category",
    "from the last": f"{COUNTS} SELECT *, sum(n) {WHOLE} AS total FROM counts ORDER BY user_id DESC, category, part",
    "by a count": f"{COUNTS} SELECT *, max(n) {WHOLE} AS most FROM counts ORDER BY user_id, n, part, category",
    "of the user": f"{COUNTS} SELECT *, sum(n) OVER (PARTITION BY user_id) AS total FROM counts ORDER BY 1, 2, 3",
    "the user last": f"{COUNTS} SELECT *, sum(n) OVER (PARTITION BY category, user_id) AS total FROM counts"
    " ORDER BY 1, 2, 3",
    "two of them": f"{COUNTS} SELECT *, sum(n) {WHOLE} AS a, sum(n) OVER (PARTITION BY user_id) AS b FROM counts"
    " ORDER BY 1, 2, 3",
    "only users": "SELECT user_id, n, max(n) OVER (PARTITION BY user_id) AS most"
    " FROM (SELECT user_id, count(*) AS n FROM interactions GROUP BY 1) ORDER BY 1",
    "the first": f"{COUNTS} SELECT *, sum(n) {WHOLE} AS total FROM counts ORDER BY user_id, part, category LIMIT 7",
    "of the largest": f"{COUNTS} SELECT *, sum(n) {WHOLE} AS total FROM"
    " (SELECT * FROM counts ORDER BY n DESC, user_id, part, category LIMIT 20) ORDER BY user_id, part, category",
    "in no order": f"{COUNTS} SELECT part, sum(total) AS sums FROM (SELECT part, sum(n) {WHOLE} AS total FROM counts)"
    " GROUP BY 1 ORDER BY 1",
}
WINDOWS = {
    "some rows": f"{COUNTS} SELECT *, sum(n) FILTER (WHERE n > 1) {WHOLE} AS total FROM counts ORDER BY 1, 2, 3",
    "so far": f"{COUNTS} SELECT *, sum(n) OVER (PARTITION BY user_id, part ORDER BY category) AS total FROM counts"
    " ORDER BY 1, 2, 3",
    "of no user": f"{COUNTS} SELECT *, sum(n) OVER (PARTITION BY part) AS total FROM counts ORDER BY 1, 2, 3",
}


@pytest.fixture(scope="module", params=[pa.int64(), pa.string()], ids=str)
def users_on_disk_and_in_memory(request, tmp_path_factory):
    tables = retyped(interactions_by_number(pa.int64(), rows=30_000, users=300), ids=request.param)
    root = write(tables, tmp_path_factory.mktemp("users") / "data")
    return root, footfall.open(root, tz="UTC", progress=False), footfall.open(tables, tz="UTC", progress=False)


@pytest.mark.parametrize("name", [*TOTALS, *WINDOWS])
def test_totals_beside_the_counts_of_users(name, users_on_disk_and_in_memory):
    root, on_disk, in_memory = users_on_disk_and_in_memory
    query = {**TOTALS, **WINDOWS}[name]
    assert ipc_bytes(on_disk.sql(query)) == ipc_bytes(in_memory.sql(query))
    assert ("TotalsExec" in plan(root, query)) == (name in TOTALS)


def test_counts_in_the_order_of_users(users_on_disk_and_in_memory):
    root, on_disk, in_memory = users_on_disk_and_in_memory
    query = "SELECT user_id, count(*) AS n FROM interactions GROUP BY 1 ORDER BY 1 DESC LIMIT 30"
    assert ipc_bytes(on_disk.sql(query)) == ipc_bytes(in_memory.sql(query))
    assert "order=[user_id@0 DESC" in plan(root, query)


LONG = "a name that is longer than a view of it "
USERS = ["nobody", "empty", "u1", "u2", f"{LONG}1", f"{LONG}2", "twelve bytes"]
ROWS_OF_USERS = """SELECT arrow_cast(CASE campaign_id WHEN 'nobody' THEN NULL WHEN 'empty' THEN '' ELSE campaign_id END,
                                      'Utf8View') AS user_id,
                          arrow_cast(nullif(category, 'c0'), 'Utf8View') AS category FROM ads"""


@pytest.mark.parametrize("order", [None, "user_id, category", "user_id DESC, category DESC"])
@pytest.mark.parametrize("categories", [3, 200], ids=["few groups a user", "many"])
def test_counts_by_users_of_any_rows(order, categories):
    rows = [(USERS[i * i % 11 % 7], f"c{i * 7 % categories}") for i in range(20_000)]
    ids, (users, names) = [f"a{i}" for i in range(len(rows))], zip(*rows)
    tables = interactions_by_number(pa.int64(), rows=9, users=3)
    tables["ads"] = pa.table({"ad_id": ids, "campaign_id": users, "category": names})
    data = footfall.open(tables, tz="UTC", max_unusable=1, progress=False)
    query = f"SELECT user_id, category, count(*) AS n FROM ({ROWS_OF_USERS}) GROUP BY 1, 2"
    query += f" ORDER BY {order}" if order else ""
    assert "UserCountExec" in plan_of(data, query)
    answer = [tuple(row.values()) for row in data.sql(query).to_arrow().to_pylist()]
    read = {"nobody": None, "empty": "", "c0": None}
    wanted = Counter((read.get(user, user), read.get(name, name)) for user, name in rows)
    # Nulls come last, and first from the last on.
    key = lambda row: [(value is None, value or "") for value in row[:2]]  # noqa: E731
    found = answer if order else sorted(answer, key=key)
    assert found == sorted(((*of, n) for of, n in wanted.items()), key=key, reverse="DESC" in (order or ""))


def test_totals_of_numbers_that_may_be_null(users_on_disk_and_in_memory):
    _, _, data = users_on_disk_and_in_memory
    not_all = "CASE WHEN part != 'night' AND n != 3 THEN n END AS n"
    some = f"{COUNTS}, some AS (SELECT user_id, part, category, {not_all} FROM counts)"
    query = f"{some} SELECT *, sum(n) {WHOLE} AS a, max(n) {WHOLE} AS b FROM some ORDER BY user_id, part, category"
    assert "TotalsExec" in plan_of(data, query)
    answer = data.sql(query).to_arrow()
    of_parts = answer.group_by(["user_id", "part"]).aggregate([("n", "sum"), ("n", "max")]).to_pylist()
    wanted = {(row["user_id"], row["part"]): (row["n_sum"], row["n_max"]) for row in of_parts}
    assert None in {total for totals in wanted.values() for total in totals}
    found = answer.to_pylist()
    assert [(row["a"], row["b"]) for row in found] == [wanted[row["user_id"], row["part"]] for row in found]


def test_profiles_sort_users_and_not_their_rows(users_on_disk_and_in_memory):
    root, on_disk, _ = users_on_disk_and_in_memory
    query = on_disk.interaction_profile().sql
    above, otherwise = plan(root, query).split("otherwise:", 1)
    assert "order=[user_id@0" in above and "order=[user_id@0" in otherwise and "SortExec" not in above + otherwise


def test_a_broken_page_is_an_error_and_no_answer(tmp_path):
    root = write(interactions_by_number(pa.int64(), rows=5_000, users=9), tmp_path / "data", compression="none")
    path = root / "interactions.parquet"
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    content = bytearray(path.read_bytes())
    # The codes of the page: every one of them now as large as it can be.
    end = column.dictionary_page_offset + column.total_compressed_size
    content[end - 200 : end] = b"\xff" * 200
    path.write_bytes(bytes(content))
    with pytest.raises(footfall.FootfallError):
        footfall.open(root, tz="UTC", progress=False).campaign_ctr()
