"""Ingest: the same answers from fewer, better bytes; every row counted; the source as it was; stopped and continued."""

from __future__ import annotations

import hashlib
import json
import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from layouts import ipc_bytes, retyped, write_files, write_hive, write_mixed
from typer.testing import CliRunner
from worlds import ALL_NULL, EMPTY, ONE_ROW, questions, random_world

import footfall
from footfall import _native
from footfall.cli import app
from footfall.inputs import zones
from footfall.inputs.reading import Reading

TZ = "America/Recife"


def ingest(src, dst, *, tz=TZ, rows_per_part=None, progress=None, columns=None, epoch_unit=None):
    reading = Reading(columns or {}, epoch_unit).native()
    return _native.ingest(str(src), str(dst), tables={}, tz=zones.zone(tz), reading=reading,
                          rows_per_part=rows_per_part, progress=progress)  # fmt: skip


def parts(root, table="pings"):
    return sorted((root / table).rglob("*.parquet"))


def contents(root):
    return {path.relative_to(root): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*") if path.is_file()}  # fmt: skip


def answers(root, tz=TZ, **options):
    data = footfall.open(root, tz=tz, max_unusable=1, progress=False, **options)
    return {f"{job} {kw}": ipc_bytes(data.run(job, **kw)) for job, kw in questions()}


@pytest.fixture(scope="module")
def ingested(city, tmp_path_factory):
    """The sample city in many small parts, and what was told of it."""
    root = tmp_path_factory.mktemp("ingest") / "city"
    return root, ingest(city, root, rows_per_part=20_000)


# The same answers.


def test_all_jobs_answer_the_same(city, ingested):
    assert answers(ingested[0]) == answers(city)


@pytest.mark.parametrize("seed", range(14))
def test_worlds_answer_the_same_in_every_zone(tmp_path, seed):
    world = random_world(seed)
    write = [write_hive, write_mixed, lambda t, root: write_files(t, root, "csv", 3, seed)][seed % 3]
    src = write(world.tables(), tmp_path / "src")
    ingest(src, tmp_path / "dst", tz=world.tz, rows_per_part=5)
    for tz in (world.tz, "Asia/Kolkata"):
        assert answers(tmp_path / "dst", tz) == answers(src, tz)


@pytest.mark.parametrize("world", [EMPTY, ONE_ROW, ALL_NULL], ids=["empty", "one row", "all null"])
def test_small_worlds(tmp_path, world):
    src = write_files(world.tables(), tmp_path / "src", "parquet", 1, seed=1)
    counts = ingest(src, tmp_path / "dst")
    assert answers(tmp_path / "dst") == answers(src)
    for name, table in counts.items():
        assert table["rows_read"] == len(world.rows(name))


def test_samples_periods_and_their_names_are_kept(city, ingested):
    before, after = (footfall.open(root, tz=TZ, progress=False).sample(users=0.3).between("2024-03-20", "2024-04-02")
                     for root in (city, ingested[0]))  # fmt: skip
    assert ipc_bytes(after.visit_attribution()) == ipc_bytes(before.visit_attribution())
    assert after.tables == before.tables


def test_own_names_and_units_become_ours(tmp_path):
    tables = {name: table for name, table in ONE_ROW.tables().items() if name in ("pings", "establishments")}
    seconds = pc.divide(pc.cast(tables["pings"]["timestamp"], pa.int64()), 1_000_000)
    pings = tables["pings"].set_column(1, "t", seconds).rename_columns(["device", "t", "latitude", "longitude"])
    src = write_files({**tables, "pings": pings}, tmp_path / "src", "parquet", 1, seed=1)
    ingest(src, tmp_path / "dst", columns={"user_id": "device", "pings.timestamp": "t"}, epoch_unit="s")
    found = pq.read_table(parts(tmp_path / "dst")[0], partitioning=None)
    assert found.to_pylist() == tables["pings"].to_pylist()
    rows = footfall.open(tmp_path / "dst", progress=False).establishment_visits(by="period").to_arrow()
    assert rows["visits"].to_pylist() == [1]


# The layout.


def test_parts_lie_by_month_bounded_and_sorted(city, ingested):
    root, _ = ingested
    source = pq.read_table(city / "pings")
    seen = 0
    for path in parts(root):
        rows = pq.read_table(path, partitioning=None)
        local = pc.strftime(pc.local_timestamp(rows["timestamp"].cast(pa.timestamp("us", TZ))), "%Y-%m")
        assert local.unique().to_pylist() == [path.parent.name.removeprefix("month=")]
        # A batch of the reader may come on top.
        assert 0 < rows.num_rows <= 20_000 + 8_192
        assert rows.schema.names == source.schema.names
        seen += rows.num_rows
    assert seen == source.num_rows
    for path in parts(root, "interactions"):
        rows = pq.read_table(path, partitioning=None)
        assert rows.sort_by([("user_id", "ascending"), ("timestamp", "ascending")]).select(
            ["user_id", "timestamp"]) == rows.select(["user_id", "timestamp"])  # fmt: skip
    for table, key in [("ads", "ad_id"), ("establishments", "establishment_id")]:
        ids = pq.read_table(root / table)[key].to_pylist()
        assert ids == sorted(ids)


def test_parts_have_dictionaries_statistics_and_page_indexes(ingested):
    for path in parts(ingested[0]):
        metadata = pq.ParquetFile(path).metadata
        for column in (metadata.row_group(0).column(i) for i in range(metadata.num_columns)):
            assert column.is_stats_set and column.has_column_index and column.has_offset_index
            assert column.has_dictionary_page == (column.path_in_schema in ("user_id", "accuracy_m"))
        assert metadata.schema.column(1).logical_type.type == "TIMESTAMP"


def test_near_places_lie_together(tmp_path, city):
    """A page of a thousandth of the rows spans far less than a page of the source."""
    ingest(city, tmp_path / "dst")

    def span(rows):
        slices = [rows.slice(at, 500)["latitude"] for at in range(0, rows.num_rows - 500, 500)]
        spans = [pc.max(s).as_py() - pc.min(s).as_py() for s in slices]
        return sorted(spans)[len(spans) // 2]

    before, after = (pq.read_table(parts(root)[0], partitioning=None) for root in (city, tmp_path / "dst"))
    assert span(after) < span(before) / 5


def test_impossible_months_share_a_folder(tmp_path):
    pings = pa.table({"user_id": ["a"] * 4, "latitude": [0.0] * 4, "longitude": [0.0] * 4,
                      "timestamp": [-(2**62), 0, 2**62, 1_709_251_200_000_000]})  # fmt: skip
    src = write_files({"pings": pings}, tmp_path / "src", "parquet", 1, seed=1)
    ingest(src, tmp_path / "dst", epoch_unit="us", tz="UTC")
    assert [path.parent.name for path in parts(tmp_path / "dst")] == ["month=2024-03", "month=other"]


def test_the_same_source_gives_the_same_bytes(tmp_path, city, ingested):
    ingest(city, tmp_path / "again", rows_per_part=20_000)
    again = contents(tmp_path / "again")
    assert again == contents(ingested[0])


# Counts.


def test_counts_add_up_and_bad_rows_are_counted(tmp_path):
    world = random_world(15, events=400)
    src = write_files(world.tables(), tmp_path / "src", "jsonl", 3, seed=2)
    done = footfall.ingest(src, tmp_path / "dst", tz=world.tz, progress=False)
    usable = footfall.open(src, tz=world.tz, max_unusable=1, progress=False).rows()
    manifest = json.loads((tmp_path / "dst" / "ingest.json").read_text())
    assert manifest["complete"]
    for name, counts in done.tables.items():
        files = parts(done.folder, name)
        assert counts.read == len(world.rows(name)) == counts.written + counts.left_out
        assert counts.written == sum(pq.ParquetFile(path).metadata.num_rows for path in files)
        assert counts.parts == len(files)
        if name in ("pings", "interactions"):
            assert counts.written == usable[name] and counts.left_out > 0
        table = manifest["tables"][name]
        assert (table["rows_read"], table["rows_written"]) == (counts.read, counts.written)
        assert [done.folder / part["path"] for part in table["parts"]] == files


def test_types_of_ids_do_not_matter(tmp_path):
    world = random_world(3)
    tables = retyped(world.tables(), ids=pa.int64(), timestamp=pa.timestamp("ns", "Asia/Tokyo"))
    src = write_files(tables, tmp_path / "src", "parquet", 2, seed=3)
    ingest(src, tmp_path / "dst", tz=world.tz)
    assert answers(tmp_path / "dst", world.tz) == answers(src, world.tz)


# Stopped, continued, refused.


class Stop(Exception):
    pass


def stopping_at(rows):
    def tick(done, _total):
        if done >= rows:
            raise Stop

    return tick


def test_an_interrupted_call_shows_nothing_and_is_continued(tmp_path, city, ingested):
    dst, before = tmp_path / "dst", contents(city)
    read = []
    for rows in (1, 60_000, 150_000):
        with pytest.raises(Stop):
            ingest(city, dst, rows_per_part=5_000, progress=stopping_at(rows))
        with pytest.raises(footfall.DataError, match="none of the tables"):
            footfall.open(dst, tz=TZ)
        (dst / ".ingest" / "pings").mkdir(exist_ok=True)
        (dst / ".ingest" / "pings" / "part-99999.parquet").write_bytes(b"half a part")
    counts = ingest(city, dst, rows_per_part=5_000, progress=lambda done, _: read.append(done))
    # What was done before is not done again.
    assert read[0] > 60_000
    assert counts == ingest(city, dst, rows_per_part=5_000)
    assert {name: table["rows_written"] for name, table in counts.items()} == {
        name: table["rows_written"] for name, table in ingested[1].items()
    }
    assert answers(dst) == answers(city)
    assert contents(city) == before
    assert sorted(os.listdir(dst)) == ["ads", "establishments", "ingest.json", "interactions", "pings"]


def test_a_changed_source_or_another_question_is_refused(tmp_path):
    src = write_files(ONE_ROW.tables(), tmp_path / "src", "parquet", 2, seed=1)
    dst = tmp_path / "dst"
    with pytest.raises(Stop):
        ingest(src, dst, progress=stopping_at(1))
    with pytest.raises(footfall.DataError, match="other options"):
        ingest(src, dst, tz="UTC")
    ingest(src, dst)
    with pytest.raises(footfall.DataError, match="other options"):
        ingest(src, dst, tz="UTC")
    write_files({"ads": ONE_ROW.tables()["ads"]}, tmp_path / "more", "parquet", 1, seed=1)
    os.replace(tmp_path / "more" / "ads.parquet", src / "ads" / "part-00009.parquet")
    with pytest.raises(footfall.DataError, match="the source has changed"):
        ingest(src, dst)


def test_a_lost_part_is_noticed(tmp_path):
    src = write_files(ONE_ROW.tables(), tmp_path / "src", "parquet", 1, seed=1)
    ingest(src, tmp_path / "dst")
    parts(tmp_path / "dst")[0].unlink()
    with pytest.raises(footfall.DataError, match="not those that were written"):
        ingest(src, tmp_path / "dst")


def test_foreign_and_overlapping_folders_are_refused(tmp_path):
    src = write_files(ONE_ROW.tables(), tmp_path / "src", "parquet", 1, seed=1)
    before = contents(src)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("mine")
    (tmp_path / "link").symlink_to(src)
    with pytest.raises(footfall.DataError, match="not empty"):
        ingest(src, tmp_path / "foreign")
    for inside in (src, src / "new", tmp_path / "link" / "new", tmp_path):
        with pytest.raises(footfall.DefinitionError, match="outside"):
            ingest(src, inside)
    assert contents(src) == before
    with pytest.raises(footfall.DefinitionError, match="America/Recife"):
        ingest(src, tmp_path / "dst", tz="America/Recif")
    with pytest.raises(footfall.DataError, match="no such folder"):
        ingest(tmp_path / "nowhere", tmp_path / "dst")
    assert not (tmp_path / "dst").exists()


def test_the_command_tells_the_counts(tmp_path):
    src = write_files(random_world(15).tables(), tmp_path / "src", "parquet", 1, seed=1)
    done = CliRunner().invoke(app, ["ingest", str(src), str(tmp_path / "dst"), "--tz", "UTC"])
    assert done.exit_code == 0, done.output
    for told in ("left out", "pings", "interactions", f"footfall report {tmp_path / 'dst'} --tz UTC"):
        assert told in done.output.replace("\n", "")
    failed = CliRunner().invoke(app, ["ingest", str(src), str(src / "x")])
    assert failed.exit_code == 2
