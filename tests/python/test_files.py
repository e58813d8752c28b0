"""Files that are not what they seem: cut short, empty, mangled. They are read, or refused in our own words."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import WRITERS, write_files
from worlds import ONE_ROW, SCHEMAS, random_world

import footfall

WORLD = random_world(15, events=100)


def opened(root, **options):
    return footfall.open(root, tz=WORLD.tz, progress=False, **options)


def ask_everything(data):
    data.check()
    data.rows()
    for job in data.jobs():
        if not job["missing"]:
            data.run(job["name"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Each table's bytes in each format."""
    root = tmp_path_factory.mktemp("whole")
    for ending in WRITERS:
        write_files(WORLD.tables(), root / ending, ending, 1, seed=0)
    return {(e, t): (root / e / f"{t}.{e}").read_bytes() for e in WRITERS for t in SCHEMAS}


@pytest.mark.parametrize("table", SCHEMAS)
def test_a_truncated_parquet_file_is_named(whole, tmp_path, table):
    payload = whole["parquet", table]
    for length in (0, 1, 4, 11, len(payload) // 2, len(payload) - 1):
        path = tmp_path / f"{table}.parquet"
        path.write_bytes(payload[:length])
        with pytest.raises(footfall.DataError, match=rf"{table}\.parquet"):
            opened(tmp_path)


def test_parquet_with_broken_pages_is_an_error_of_the_data(whole, tmp_path):
    payload = bytearray(whole["parquet", "pings"])
    payload[8 : len(payload) // 3] = b"\xff" * (len(payload) // 3 - 8)
    (tmp_path / "pings.parquet").write_bytes(payload)
    with pytest.raises(footfall.DataError):
        opened(tmp_path).sql("SELECT user_id, timestamp, latitude, longitude FROM pings")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_text_cut_within_its_last_line_loses_that_line_or_says_so(whole, tmp_path, ending):
    payload = whole[ending, "interactions"]
    (tmp_path / f"interactions.{ending}").write_bytes(payload[:-30])
    try:
        rows = opened(tmp_path).rows()["interactions"]
    except footfall.DataError as error:
        assert f"interactions.{ending}" in str(error)
    else:
        assert rows < len(WORLD.interactions)


def mangled(payload, cuts, noise):
    """Some bytes overwritten, and the end cut off."""
    payload = bytearray(payload)
    for position, byte in noise:
        payload[int(position * (len(payload) - 1))] = byte
    return bytes(payload[: int(cuts * len(payload))])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ending=st.sampled_from(list(WRITERS)),
    table=st.sampled_from(list(SCHEMAS)),
    cuts=st.floats(0, 1),
    noise=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
)
def test_a_mangled_file_is_read_or_refused_in_our_own_words(whole, tmp_path_factory, ending, table, cuts, noise):
    root = tmp_path_factory.mktemp("mangled")
    for name in SCHEMAS:
        payload = whole[ending, name]
        (root / f"{name}.{ending}").write_bytes(mangled(payload, cuts, noise) if name == table else payload)
    try:
        ask_everything(opened(root))
    except footfall.InternalError:
        raise
    except footfall.FootfallError as error:
        assert str(error)


def test_an_empty_text_file_has_no_rows_and_no_columns_to_miss(tmp_path):
    write_files(ONE_ROW.tables(), tmp_path / "data", "csv", 2, seed=1)
    for name in SCHEMAS:
        (tmp_path / "data" / name / "part-00007.csv").touch()
    data = opened(tmp_path / "data")
    assert data.rows() == dict.fromkeys(SCHEMAS, 1)


def test_only_empty_text_files(tmp_path):
    (tmp_path / "pings.csv").touch()
    with pytest.raises(footfall.FootfallError, match="pings"):
        opened(tmp_path).visit_profile()


def test_a_header_without_rows(tmp_path):
    (tmp_path / "pings.csv").write_text("user_id,timestamp,latitude,longitude\n")
    assert opened(tmp_path).rows() == {"pings": 0}


def test_files_of_one_table_may_differ_in_types_and_order_of_columns(tmp_path):
    folder = tmp_path / "pings"
    folder.mkdir()
    pings = ONE_ROW.tables()["pings"]
    pa.parquet.write_table(pings, folder / "a.parquet")
    pa.parquet.write_table(pings.select(pings.column_names[::-1]), folder / "b.parquet")
    seconds = pings.set_column(1, "timestamp", pings.column("timestamp").cast(pa.timestamp("ms")))
    pa.parquet.write_table(seconds.append_column("accuracy_m", pa.array([3])), folder / "c.parquet")
    data = opened(tmp_path, naive_tz="UTC")
    assert data.sql("SELECT DISTINCT timestamp, latitude, longitude FROM pings").to_arrow().num_rows == 1
    assert data.rows() == {"pings": 3}


def test_a_column_that_one_file_lacks_is_named(tmp_path):
    folder = tmp_path / "pings"
    folder.mkdir()
    pings = ONE_ROW.tables()["pings"]
    pa.parquet.write_table(pings, folder / "a.parquet")
    pa.parquet.write_table(pings.drop_columns(["longitude"]), folder / "b.parquet")
    with pytest.raises(footfall.FootfallError, match=r"pings.*longitude"):
        opened(tmp_path)


def test_csv_as_people_write_it(tmp_path):
    lines = [
        '\ufeffestablishment_id,name,category,latitude,longitude,"opened, on"',
        '1,"Bar ""do Zé"", centro",food,-8.0631,-34.8711,2020',
        '2,"two\nlines",food, -8.0632 ,-34.8711,',
        "3,,food,-8.0633,-34.8711,x",
    ]
    (tmp_path / "establishments.csv").write_bytes("\r\n".join(lines).encode())
    rows = opened(tmp_path).sql("SELECT name FROM establishments ORDER BY establishment_id").to_arrow()
    assert rows.column("name").to_pylist() == ['Bar "do Zé", centro', "two\nlines", None]


def test_json_lines_as_people_write_them(tmp_path):
    lines = [
        '{"user_id": 7, "timestamp": "2024-03-01T09:00:00-03:00", "latitude": -8, "longitude": -34.5, "tags": ["a"]}',
        "",
        '{"longitude": "-34.5", "latitude": "-8.0", "timestamp": "2024-03-01 12:00:00", "user_id": "7"}',
    ]
    (tmp_path / "pings.ndjson").write_text("\n".join(lines))
    data = opened(tmp_path, naive_tz="UTC")
    assert data.rows() == {"pings": 2}
    assert len(data.sql("SELECT DISTINCT user_id, timestamp, latitude, longitude FROM pings")) == 1


def test_iso_text_is_an_instant_whichever_way_it_is_written(tmp_path):
    instants = ["2024-03-01T12:30:00Z", "2024-03-01 12:30:00", "2024-03-01T12:30:00.000000+00:00",
                "2024-03-01T09:30:00-03:00", "2024-03-01T18:00:00+05:30"]  # fmt: skip
    lines = [f"1,{instant},0.0,1.0" for instant in instants]
    (tmp_path / "pings.csv").write_text("\n".join(["user_id,timestamp,latitude,longitude", *lines]))
    data = opened(tmp_path, naive_tz="UTC")
    assert data.rows() == {"pings": len(instants)}
    assert len(data.sql("SELECT DISTINCT timestamp FROM pings")) == 1


def test_names_with_every_character(tmp_path, monkeypatch):
    root = tmp_path / "São Paulo [1] 100% *?#&= 'x'"
    write_files(WORLD.tables(), root, "parquet", 2, seed=1)
    assert set(opened(root).tables) == set(SCHEMAS)
    monkeypatch.chdir(tmp_path)
    assert set(footfall.open(root.name, progress=False).tables) == set(SCHEMAS)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(footfall.FootfallError, match="nowhere"):
        opened(tmp_path / "nowhere")
    with pytest.raises(footfall.FootfallError, match="establishments"):
        opened(tmp_path)
    (tmp_path / "pings").mkdir()
    with pytest.raises(footfall.FootfallError, match="pings"):
        opened(tmp_path)


def test_a_format_that_is_not_read_and_two_files_for_one_table(tmp_path):
    (tmp_path / "pings").mkdir()
    (tmp_path / "pings" / "rows.csv.gz").write_bytes(gzip.compress(b"user_id\n"))
    with pytest.raises(footfall.DataError, match=r"rows\.csv\.gz"):
        opened(tmp_path)
    (tmp_path / "pings.csv").write_text("user_id,timestamp,latitude,longitude\n")
    with pytest.raises(footfall.DataError, match=r"pings\.csv"):
        opened(tmp_path)


def test_integer_ids_of_any_length_in_parquet(tmp_path):
    """As numbers 8 to 11 is a range, as text it is none; the statistics in the file have it."""
    ads = pa.table({"ad_id": [8, 11], "campaign_id": pa.array([9, 100], pa.uint8()), "category": ["a", "b"]})
    pa.parquet.write_table(ads, tmp_path / "ads.parquet")
    found = footfall.open(tmp_path, progress=False).sql("SELECT ad_id, campaign_id FROM ads ORDER BY 1").to_arrow()
    assert found.to_pylist() == [{"ad_id": "11", "campaign_id": "100"}, {"ad_id": "8", "campaign_id": "9"}]
