"""Which files of a folder are a table's, and which columns stand in the names of folders."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from towns import COUNTED, ROWS, WRITERS, arrow_table, counted, csv_text, json_text, opened, write_town

import footfall

ENDINGS = list(WRITERS)


def partitioned(root, table, column, folders, ending):
    """Writes each row below the folder that is named for its value of `column`, without that column."""
    for number, (row, folder) in enumerate(zip(ROWS[table], folders)):
        (root / table / folder).mkdir(parents=True, exist_ok=True)
        rest = {name: value for name, value in row.items() if name != column}
        if ending == "csv":
            text = ",".join(rest) + "\n" + ",".join(rest.values()) + "\n"
            (root / table / folder / f"{number}.csv").write_text(text)
        else:
            WRITERS[ending](root / table / folder / f"{number}.{ending}", table, [rest])


@pytest.mark.parametrize("ending", ENDINGS)
def test_values_in_names_of_folders_are_decoded(tmp_path, ending):
    root = write_town(tmp_path, but=["ads"])
    partitioned(root, "ads", "category", ["category=food%20%26%20drink", "category=%C3%A1gua%2Fg%C3%A1s"], ending)
    rows = opened(root).sql("SELECT category FROM ads ORDER BY ad_id").to_arrow()
    assert rows.column("category").to_pylist() == ["food & drink", "água/gás"]


def test_what_is_no_code_stays_as_it_is(tmp_path):
    root = write_town(tmp_path, but=["ads"])
    partitioned(root, "ads", "category", ["category=100% food", "category=50%"], "csv")
    rows = opened(root).sql("SELECT category FROM ads ORDER BY ad_id").to_arrow()
    assert rows.column("category").to_pylist() == ["100% food", "50%"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_folder_of_rows_without_a_value_is_null(tmp_path, ending):
    root = write_town(tmp_path, but=["ads"])
    partitioned(root, "ads", "category", ["category=food", "category=__HIVE_DEFAULT_PARTITION__"], ending)
    data = opened(root)
    assert data.rows()["ads"] == 1
    check = data.check().to_arrow().to_pylist()
    found = {(row["table"], row["check"], row["column"]): row["rows"] for row in check}
    assert found["ads", "null", "category"] == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_above_the_data_set_is_no_column(tmp_path, ending):
    root = write_town(tmp_path / "establishment_id=1" / "name=Recife" / "data", ending=ending)
    data = opened(root)
    assert counted(data) == COUNTED
    names = data.sql("SELECT name FROM establishments ORDER BY establishment_id").to_arrow().column("name").to_pylist()
    assert names == ["Café", "Bank"]


def test_a_folder_above_gives_no_optional_column(tmp_path):
    root = write_town(tmp_path / "establishment_id=1" / "accuracy_m=5", but=["ads"])
    ads = [{name: value for name, value in row.items() if name != "establishment_id"} for row in ROWS["ads"]]
    (root / "ads.csv").write_text("ad_id,campaign_id,category\n" + "".join(",".join(ad.values()) + "\n" for ad in ads))
    data = opened(root)
    assert "establishment_id" not in data.tables["ads"]
    assert "accuracy_m" not in data.tables["pings"]
    assert counted(data) == ([1, 1], [0, 0])


def test_of_a_table_that_is_given_only_what_is_below_its_path_counts(tmp_path):
    root = write_town(tmp_path, but=["ads"])
    partitioned(root, "ads", "category", ["category=food", "category=money"], "csv")
    tables = {name: str(root / f"{name}.csv") for name in ROWS if name != "ads"}
    data = footfall.open({**tables, "ads": str(root / "ads")}, progress=False)
    assert data.rows()["ads"] == 2
    with pytest.raises(footfall.DataError, match="category"):
        footfall.open({**tables, "ads": str(root / "ads" / "category=food")}, progress=False)


def test_a_column_may_be_in_the_path_of_some_files_and_in_others_themselves(tmp_path):
    root = write_town(tmp_path, but=["ads"])
    partitioned(root, "ads", "category", ["category=food"], "parquet")
    WRITERS["jsonl"](root / "ads" / "rest.jsonl", "ads", ROWS["ads"][1:])
    data = opened(root)
    rows = data.sql("SELECT category FROM ads ORDER BY ad_id").to_arrow()
    assert rows.column("category").to_pylist() == ["food", "money"]
    assert counted(data) == COUNTED


def test_instants_in_names_of_folders_are_read_as_in_files(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    partitioned(root, "pings", "timestamp", ["timestamp=1709262000", "timestamp=2024-03-02T10%3A00%3A00Z"], "csv")
    instants = opened(root, epoch_unit="s").sql("SELECT CAST(timestamp AS VARCHAR) AS at FROM pings ORDER BY user_id")
    assert instants.to_arrow().column("at").to_pylist() == ["2024-03-01T03:00:00Z", "2024-03-02T10:00:00Z"]


@pytest.mark.parametrize("name", ["pings.CSV", "pings.Csv", "PINGS.CSV", "Pings.csv"])
def test_names_in_any_case_are_found(tmp_path, name):
    root = write_town(tmp_path, but=["pings"])
    (root / name).write_text(csv_text("pings"))
    assert counted(opened(root)) == COUNTED


def test_parquet_in_capitals_is_read_as_parquet(tmp_path):
    root = write_town(tmp_path, but=["pings", "ads"])
    WRITERS["parquet"](root / "pings.PARQUET", "pings")
    (root / "ads").mkdir()
    WRITERS["parquet"](root / "ads" / "part.Parquet", "ads")
    assert counted(opened(root)) == COUNTED


@pytest.mark.parametrize(
    ("name", "advice"),
    [("pings.csv.zip", "unpack"), ("pings.parquet.gz", "unpack"), ("pings.zip", "unpack"), ("pings.xlsx", "as CSV"),
     ("pings.ods", "as CSV"), ("pings.orc", "convert")],
)  # fmt: skip
def test_a_table_in_a_format_that_is_not_read_is_named(tmp_path, name, advice):
    root = write_town(tmp_path, but=["pings"])
    (root / name).write_bytes(gzip.compress(csv_text("pings").encode()))
    with pytest.raises(footfall.DataError, match=f"{name}.*{advice}"):
        opened(root)
    (root / "pings.csv").write_text(csv_text("pings"))
    assert counted(opened(root)) == COUNTED


@pytest.mark.parametrize(
    ("name", "packing", "text"),
    [("pings.csv.gz", "gzip", csv_text("pings")), ("pings.CSV.GZ", "gzip", csv_text("pings")),
     ("pings.jsonl.zst", "zstd", json_text("pings")), ("pings.tsv", None, csv_text("pings").replace(",", "\t"))],
)  # fmt: skip
def test_a_packed_table_or_one_with_tabs_is_read_and_stands_alone(tmp_path, name, packing, text):
    root = write_town(tmp_path, but=["pings"])
    with pa.output_stream(root / name, compression=packing) as file:
        file.write(text.encode())
    assert counted(opened(root)) == COUNTED
    (root / "pings.csv").write_text(csv_text("pings"))
    with pytest.raises(footfall.DataError, match="which one is `pings`"):
        opened(root)


def test_notes_beside_the_tables_are_no_tables(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    for name in ("pings.md", "pings.sql", "pings.py", "pings.csv.md5", "pings_2023.csv.gz"):
        (root / name).write_text("notes")
    assert set(opened(root).tables) == {"establishments", "ads", "interactions"}


def test_two_files_of_one_table_are_refused_whatever_their_case(tmp_path):
    root = write_town(tmp_path)
    (root / "pings.CSV").write_text(csv_text("pings"))
    with pytest.raises(footfall.DataError, match="which one is `pings`"):
        opened(root)


def test_hidden_files_and_markers_are_no_data(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings" / "_temporary" / "0").mkdir(parents=True)
    (root / "pings" / ".ipynb_checkpoints").mkdir()
    WRITERS["parquet"](root / "pings" / "part-0.snappy.parquet", "pings")
    for name in ("_SUCCESS", ".part-0.crc", "._part-0.parquet", "_metadata", "_temporary/0/x.parquet",
                 ".ipynb_checkpoints/x.csv"):  # fmt: skip
        (root / "pings" / name).write_bytes(b"\0junk")
    assert counted(opened(root)) == COUNTED


def with_pings_folder(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings" / "2024").mkdir(parents=True)
    (root / "pings" / "2024" / "0.csv").write_text(csv_text("pings"))
    return root


@pytest.mark.parametrize("to", ["pings", "pings/2024", "."])
def test_a_link_in_a_circle_is_named(tmp_path, to):
    root = with_pings_folder(tmp_path)
    os.symlink(root / to, root / "pings" / "2024" / "again")
    with pytest.raises(footfall.DataError, match=r"again.*(circle|same file)"):
        opened(root)


def test_links_that_lead_to_each_other_or_nowhere_are_named(tmp_path):
    root = with_pings_folder(tmp_path)
    os.symlink(root / "pings" / "b.csv", root / "pings" / "a.csv")
    os.symlink(root / "pings" / "a.csv", root / "pings" / "b.csv")
    with pytest.raises(footfall.DataError, match=r"a\.csv.*link"):
        opened(root)
    os.unlink(root / "pings" / "a.csv")
    with pytest.raises(footfall.DataError, match=r"b\.csv.*link"):
        opened(root)


def test_rows_are_not_counted_twice_by_a_link(tmp_path):
    root = with_pings_folder(tmp_path)
    os.symlink(root / "pings" / "2024" / "0.csv", root / "pings" / "latest.csv")
    with pytest.raises(footfall.DataError, match=r"latest\.csv.*twice"):
        opened(root)


def test_links_that_leave_the_data_set_are_named(tmp_path):
    """Whoever can write to a folder would choose what else is read; a table that is given by its path is one's own."""
    elsewhere = write_town(tmp_path / "elsewhere")
    (elsewhere / "more").mkdir()
    os.rename(elsewhere / "pings.csv", elsewhere / "more" / "pings.csv")
    root = write_town(tmp_path / "data", but=["ads"])
    os.symlink(elsewhere / "ads.csv", root / "ads.csv")
    with pytest.raises(footfall.DataError, match=r"ads\.csv: this link leads to .*elsewhere/ads\.csv, out of .*data"):
        opened(root)
    os.rename(elsewhere / "ads.csv", root / "real.csv")
    os.remove(root / "ads.csv")
    os.rename(root / "real.csv", root / "ads.csv")
    os.remove(root / "pings.csv")
    (root / "pings").mkdir()
    for name, to in (("more", elsewhere / "more"), ("one.csv", elsewhere / "more" / "pings.csv")):
        os.symlink(to, root / "pings" / name)
        with pytest.raises(footfall.DataError, match=rf"{name}: this link leads to .*elsewhere/more.*, out of "):
            opened(root)
        os.remove(root / "pings" / name)
    os.symlink(elsewhere / "more", root / "linked")
    given = {name: root / f"{name}.csv" for name in ("ads", "establishments", "interactions")}
    assert counted(opened({**given, "pings": root / "linked"})) == COUNTED


def test_links_within_the_data_set_and_to_it_are_followed(tmp_path):
    root = with_pings_folder(tmp_path)
    (root / "_older").mkdir()
    os.rename(root / "pings" / "2024" / "0.csv", root / "_older" / "0.csv")
    os.symlink(root / "_older" / "0.csv", root / "pings" / "2024" / "0.csv")
    os.symlink(root, tmp_path / "link")
    assert counted(opened(root)) == counted(opened(tmp_path / "link")) == COUNTED


def test_what_is_no_file_is_not_waited_for(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    os.mkfifo(root / "pings.csv")
    with pytest.raises(footfall.DataError, match=r"pings\.csv.*neither a file"):
        opened(root)


@pytest.mark.parametrize("ending", ENDINGS)
def test_only_as_many_files_are_open_as_are_read(tmp_path, ending):
    """400 files where 100 may be open."""
    root = write_town(tmp_path, but=["pings", "interactions"], ending=ending)
    for table in ("pings", "interactions"):
        (root / table).mkdir()
        WRITERS[ending](root / table / f"0.{ending}", table)
        for number in range(1, 400):
            os.link(root / table / f"0.{ending}", root / table / f"{number}.{ending}")
    code = f"""
data = footfall.open({str(root)!r}, progress=False)
print(data.establishment_visits(by="period").to_arrow().column("visits").to_pylist(), sum(data.rows().values()))
data.check()
print(data.visit_attribution(by="period").to_arrow().column("attributed_visits").to_pylist())
"""
    assert asked_with_few_files(code).splitlines() == ["[400, 400] 2404", "[400, 400]"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_folders_of_many_values_keep_no_more_files_open(tmp_path, ending):
    """150 users' folders where 100 files may be open."""
    root = write_town(tmp_path, but=["pings"], ending=ending)
    row = {name: value for name, value in ROWS["pings"][0].items() if name != "user_id"}
    for user in range(150):
        (root / "pings" / f"user_id={user}").mkdir(parents=True)
        WRITERS[ending](root / "pings" / f"user_id={user}" / f"0.{ending}", "pings", [row])
        if ending == "csv":
            text = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
            (root / "pings" / f"user_id={user}" / "0.csv").write_text(text)
    code = (
        f"print(footfall.open({str(root)!r}, progress=False).establishment_visits(by='period').to_arrow()['visitors'])"
    )
    assert "150" in asked_with_few_files(code)


def asked_with_few_files(code):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))  # noqa: E731
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", f"import footfall\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_nobody_asks_for_keeps_no_parquet_files_apart(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings").mkdir()
    plain = arrow_table("pings")
    numbers = pa.array([1, 2, 3])
    others = [plain, plain.append_column("latitude ", numbers), plain.select(plain.column_names[::-1]),
              plain.append_column("note", pa.array([{"a": 1}] * 3)).append_column("note", numbers)]  # fmt: skip
    for number, table in enumerate(others):
        pq.write_table(table, root / "pings" / f"{number}.parquet")
    data = opened(root)
    assert counted(data) == ([4, 4], [4, 4])
    assert str(data.sql("EXPLAIN SELECT * FROM pings").to_arrow().to_pylist()).count("DataSourceExec") == 1
    pq.write_table(plain.append_column("latitude", numbers), root / "pings" / "twice.parquet")
    with pytest.raises(footfall.DataError, match=r"twice\.parquet.*latitude.*twice"):
        opened(root)


def test_a_missing_column_is_told_with_its_file(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings").mkdir()
    WRITERS["parquet"](root / "pings" / "a.parquet", "pings")
    pq.write_table(arrow_table("pings").drop_columns(["latitude"]), root / "pings" / "b.parquet")
    with pytest.raises(footfall.DataError, match=r"latitude.*b\.parquet"):
        opened(root)
