"""Laws: an answer depends on the rows alone.

Counts are integers and add up, each rounding happens once, after the last sum, and every sort ends in a unique key; so
no split into files, order of rows, number of threads, type of column or library may change a single byte.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import chunked, dictionary_encoded, ipc_bytes, retyped, write_files, write_hive, write_mixed
from worlds import SCHEMAS, World, questions, random_world

import footfall

SEED = 15
BUSY = random_world(SEED, events=400)
# A few of the questions, where all of them on every layout would take minutes.
SOME = [
    ("campaign_ctr", {"by": "month"}),
    ("establishment_visits", {"by": "day"}),
    ("visit_attribution", {"by": "week"}),
    ("category_hours", {"by": "period"}),
    ("preferred_ad_categories", {}),
    ("visit_profile", {}),
]


def answers(data, asked=SOME):
    return {f"{job} {options}": ipc_bytes(getattr(data, job)(**options)) for job, options in asked}


def opened(tables, tz=BUSY.tz, **options):
    return footfall.open(tables, tz=tz, progress=False, **options)


@pytest.fixture(scope="module")
def expected():
    return answers(opened(BUSY.tables(), threads=1), questions())


def check(found, expected):
    different = [name for name, payload in found.items() if payload != expected[name]]
    assert not different


def test_the_world_has_something_to_say():
    data = opened(BUSY.tables())
    assert all(len(getattr(data, job)(**options)) > 1 for job, options in SOME)


@pytest.mark.parametrize("threads", [1, 2, 4, 7])
def test_any_number_of_threads(expected, threads):
    check(answers(opened(BUSY.tables(), threads=threads), questions()), expected)


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_rows(expected, seed):
    check(answers(opened(BUSY.shuffled(seed).tables(), threads=2), questions()), expected)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("parts", [1, 2, 9])
def test_any_split_into_files(expected, tmp_path, ending, parts):
    root = write_files(BUSY.tables(), tmp_path / "data", ending, parts, seed=parts)
    for threads in (1, 4):
        check(answers(opened(root, threads=threads)), expected)


def test_hive_folders(expected, tmp_path):
    """The partition column comes from the path; one that no table has is passed over."""
    check(answers(opened(write_hive(BUSY.tables(), tmp_path / "data"))), expected)


def test_formats_mixed_in_one_table(expected, tmp_path):
    check(answers(opened(write_mixed(BUSY.tables(), tmp_path / "a b"))), expected)


def test_paths_and_frames_mixed_in_one_mapping(expected, tmp_path):
    tables = BUSY.tables()
    root = write_files(tables, tmp_path / "data", "csv", 3, seed=1)
    given_tables = {**tables, "pings": root / "pings", "ads": str(root / "ads")}
    check(answers(opened(given_tables)), expected)


@pytest.mark.parametrize("type_", [pa.int64(), pa.int32(), pa.uint16(), pa.large_string(), pa.string_view()], ids=str)
def test_ids_as_text_or_integers(expected, type_):
    check(answers(opened(retyped(BUSY.tables(), ids=type_))), expected)


def test_ids_as_integers_in_one_table_and_text_in_another(expected):
    tables = BUSY.tables()
    integers = retyped(tables, ids=pa.int64())
    check(answers(opened({**tables, "ads": integers["ads"], "pings": integers["pings"]})), expected)


@pytest.mark.parametrize("type_", [pa.large_string(), pa.string_view()], ids=str)
def test_text_of_any_arrow_type(expected, type_):
    check(answers(opened(retyped(BUSY.tables(), text=type_, ids=type_))), expected)


def test_dictionaries(expected, tmp_path):
    tables = dictionary_encoded(BUSY.tables())
    check(answers(opened(tables)), expected)
    check(answers(opened(write_files(tables, tmp_path / "data", "parquet", 2, seed=2))), expected)


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo", "-03:00"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_timestamps_are_instants_whatever_their_unit_and_zone(expected, unit, zone):
    """A zone says how an instant is shown, not which it is; without one `naive_tz` says which clock it is of."""
    tables = retyped(BUSY.tables(), timestamp=pa.timestamp(unit, zone))
    check(answers(opened(tables, naive_tz="UTC" if zone is None else "Pacific/Apia")), expected)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_whole_seconds_in_any_unit(unit, tmp_path):
    world = whole_seconds(BUSY)
    expected = answers(opened(world.tables()))
    tables = retyped(world.tables(), timestamp=pa.timestamp(unit, "UTC"))
    check(answers(opened(tables)), expected)
    check(answers(opened(write_files(tables, tmp_path / "data", "parquet", 2, seed=4))), expected)
    integers = retyped(retyped(tables, timestamp=pa.timestamp(unit)), timestamp=pa.int64())
    check(answers(opened(integers, epoch_unit=unit)), expected)
    root = write_files_of_integers(integers, tmp_path / "integers")
    check(answers(opened(root, epoch_unit=unit)), expected)


def whole_seconds(world):
    def cut(row):
        return {**row, "timestamp": row["timestamp"] and row["timestamp"] // 1_000_000 * 1_000_000}

    return replace(world, interactions=[*map(cut, world.interactions)], pings=[*map(cut, world.pings)])


def write_files_of_integers(tables, root):
    root.mkdir()
    for name, table in tables.items():
        pa.csv.write_csv(table, root / f"{name}.csv")
    return root


def test_batches_of_any_size(expected):
    for rows in (1, 3, 50):
        check(answers(opened(chunked(BUSY.tables(), rows), threads=3)), expected)


def as_polars(table):
    return pytest.importorskip("polars").from_arrow(table)


def as_duckdb(table):
    return pytest.importorskip("duckdb").from_arrow(table)


FRAMES = {
    "polars": as_polars,
    "pandas": lambda table: table.to_pandas(),
    "duckdb": as_duckdb,
    "reader": lambda table: table.to_reader(max_chunksize=11),
    "one batch": lambda table: table.combine_chunks().to_batches()[0],
}


@pytest.mark.parametrize("library", FRAMES)
def test_frames_of_other_libraries(expected, library):
    frames = {name: FRAMES[library](table) for name, table in BUSY.tables().items()}
    check(answers(opened(frames)), expected)


def test_columns_in_any_order_beside_others(expected):
    def rearranged(table):
        wider = table.append_column("weather", pa.array([{"rain": 1}] * table.num_rows))
        return wider.select(wider.column_names[::-1])

    check(answers(opened({name: rearranged(table) for name, table in BUSY.tables().items()})), expected)


def test_asking_twice_and_in_any_order_changes_nothing(expected):
    data = opened(BUSY.tables(), threads=2)
    for asked in (questions()[::-1], questions()):
        check(answers(data, asked), expected)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), order=st.integers(0, 99), threads=st.integers(1, 5), rows=st.integers(1, 30))
def test_any_world_in_any_order_batches_and_threads(seed, order, threads, rows):
    world = random_world(seed)
    straight = opened(world.tables(), world.tz, threads=1, max_unusable=1)
    other = opened(chunked(world.shuffled(order).tables(), rows), world.tz, threads=threads, max_unusable=1)
    check(answers(other), answers(straight))


def test_empty_files_and_parts(tmp_path):
    """A part without rows, and a text file with nothing but its header, add nothing."""
    for ending in ("parquet", "csv"):
        empty = write_files(World().tables(), tmp_path / f"empty {ending}", ending, 2, seed=1)
        data = opened(empty, tz="UTC")
        assert all(len(getattr(data, job)(**options)) == 0 for job, options in questions())
        assert data.rows() == dict.fromkeys(SCHEMAS, 0)
