"""Files are written whole or not at all, and never through a link; what they hold steers no terminal and no sheet."""

from __future__ import annotations

import codecs
import csv
import io
import os
import stat
import subprocess
import sys

import pandas
import pyarrow as pa
import pyarrow.csv
import pytest
from worlds import ONE_ROW, random_world

import footfall
from footfall.output import writing
from footfall.output.text import printable

FOOTFALL = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; from footfall.cli import main; main()"]
ENDINGS = [".parquet", ".csv", ".json", ".jsonl"]
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202ename"


@pytest.fixture(scope="module")
def data():
    return footfall.open(random_world(15, events=400).tables(), progress=False)


def rows(count):
    return f"SELECT value AS n, concat('row ', CAST(value AS VARCHAR)) AS text FROM generate_series(1, {count})"


# Whole or not at all.

FULL_DISK = """
import resource, sys
from pathlib import Path
import footfall, pyarrow as pa
sys.path.insert(0, sys.argv[3])
target, kind = Path(sys.argv[1]), sys.argv[2]
ads = pa.table({"ad_id": [str(n) * 9 for n in range(20_000)], "campaign_id": ["lunch"] * 20_000,
                "category": ["food"] * 20_000})
data = footfall.open({"ads": ads}, progress=False)
if sys.argv[4]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
try:
    if kind == "report":
        data.report(target)
    else:
        data.sql("SELECT * FROM ads").write(target)
except OSError as error:
    print("refused", error)
"""


def fill(target, kind, tmp_path, limited):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", FULL_DISK, str(target), kind, str(tmp_path), limited]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


@pytest.mark.parametrize("ending", [*ENDINGS, ".html"])
def test_a_full_disk_leaves_the_old_file_whole_and_nothing_else(ending, tmp_path):
    """No file may grow beyond 2 kB, and this one must."""
    target = tmp_path / f"x{ending}"
    target.write_bytes(b"the old one")
    kind = "report" if ending == ".html" else "result"
    told = fill(target, kind, tmp_path, "limited")
    assert "refused" in told and target.name in told
    assert target.read_bytes() == b"the old one" and os.listdir(tmp_path) == [target.name]
    assert fill(target, kind, tmp_path, "") == ""
    assert target.stat().st_size > 2_000 and os.listdir(tmp_path) == [target.name]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "footfall-test", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts disks; the test above has a limit instead")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_disk_that_is_full_indeed(ending, small_disk, data):
    target = small_disk / f"x{ending}"
    data.sql(rows(10)).write(target)
    before = target.read_bytes()
    with pytest.raises(OSError, match="No space left on device"):
        data.sql(rows(200_000)).write(target)
    assert target.read_bytes() == before and os.listdir(small_disk) == [target.name]


def test_a_city_on_a_full_disk_is_not_taken_for_a_whole_one(small_disk):
    root = small_disk / "city"
    with pytest.raises(footfall.DataError, match="No space left"):
        footfall.synth.city(root, pings=50_000, progress=False)
    assert '"complete": false' in (root / "truth.json").read_text()
    assert not [file for _, _, files in os.walk(root) for file in files if file.endswith(".new")]


def test_an_interrupt_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.csv"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), writing.whole_file(target) as file:
        file.write(b"half")
        assert target.read_text() == "old"
        raise KeyboardInterrupt
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["x.csv"]


def test_a_new_file_has_the_usual_permissions_and_a_replaced_one_those_of_the_old(data, tmp_path):
    before = os.umask(0o027)
    try:
        data.sql("SELECT 1 AS a").write(tmp_path / "new.csv")
        (tmp_path / "old.csv").touch()
        (tmp_path / "old.csv").chmod(0o600)
        data.sql("SELECT 1 AS a").write(tmp_path / "old.csv")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new.csv", "old.csv")]
    assert modes == [0o640, 0o600]


def test_a_folder_that_is_not_there_is_named_as_it_was_given(data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/x\.csv'$"):
        data.sql("SELECT 1 AS a").write(tmp_path / "nowhere" / "x.csv")


# Links.


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("ending", [*ENDINGS, ".html"])
def test_a_link_is_neither_written_through_nor_replaced(ending, there, data, tmp_path):
    other, link = tmp_path / "other", tmp_path / f"link{ending}"
    if there:
        other.write_text("mine")
    link.symlink_to(other)
    with pytest.raises(footfall.DefinitionError, match=rf"link{ending}.*is a link to .*other"):
        data.report(link) if ending == ".html" else data.sql("SELECT 1 AS a").write(link)
    assert link.is_symlink() and other.exists() == there
    assert not there or other.read_text() == "mine"


def test_what_is_no_file_is_not_written_to(data, tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(footfall.DefinitionError, match="is not a file"):
        data.sql("SELECT 1 AS a").write(tmp_path / "x.csv")


def test_ingest_does_not_write_through_a_link(tmp_path):
    src = footfall.synth.city(tmp_path / "src", pings=1_000, progress=False)
    other, dst = tmp_path / "other", tmp_path / "dst"
    other.mkdir()
    dst.mkdir()
    (dst / ".ingest").symlink_to(other)
    with pytest.raises(footfall.DataError, match=r"\.ingest.*link"):
        footfall.ingest(src, dst, progress=False)
    assert list(other.iterdir()) == []


# Terminals.


def test_control_characters_of_data_reach_no_terminal(tmp_path):
    tables = {**ONE_ROW.tables(), "establishments": hostile_places()}
    data = footfall.open(tables, progress=False)
    shown = repr(data.sql(f'SELECT name AS "{HOSTILE}", name FROM establishments'))
    assert "name" in shown and steering(shown) == []
    assert steering(repr(data)) == []


def hostile_places():
    places = ONE_ROW.tables()["establishments"]
    names = pa.array([HOSTILE] * places.num_rows)
    return places.set_column(places.schema.get_field_index("name"), "name", names)


def steering(text):
    return [c for c in text if c not in "\n" and not c.isprintable() and not c.isspace()]


@pytest.mark.parametrize("command", ["run", "sql", "check", "strict", "file"])
def test_the_command_line_lets_no_control_character_through(command, tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    pyarrow.csv.write_csv(hostile_places(), root / "establishments.csv")
    text = "user_id,timestamp,latitude,longitude\n" + f'"{HOSTILE}",2024-03-01T00:00:00Z,95\x1b[31m,0\n' * 3
    (root / "pings.csv").write_text(text, encoding="utf-8")
    arguments = {
        "run": ["run", "establishment_visits", root],
        "sql": ["sql", f'SELECT name AS "{HOSTILE}", name FROM establishments', root],
        "check": ["check", root],
        "strict": ["check", root, "--strict"],
        "file": ["run", "establishment_visits", tmp_path / f"no{HOSTILE}"],
    }[command]
    done = subprocess.run([*FOOTFALL, *map(str, arguments)], capture_output=True, timeout=120)
    output = (done.stdout + done.stderr).decode()
    assert len(output) > 20 and done.returncode in (0, 1, 2), output
    assert steering(output) == [], output


def test_errors_quote_what_was_wrong_without_steering_the_terminal():
    error = footfall.DataError(f"bad: {HOSTILE}\nsecond line\tend", value=HOSTILE)
    assert steering(str(error).replace("\t", "")) == [] and "\nsecond line\tend" in str(error)
    assert error.value == HOSTILE, "who asks for the value gets it"
    assert printable("São Paulo\u00a0😀 \u3000日本") == "São Paulo\u00a0😀 \u3000日本"


@pytest.mark.parametrize("option", ["root", "tables"])
def test_a_table_given_for_a_mapping_is_not_shown_with_its_rows(option):
    people = pandas.DataFrame({"user_id": ["maria.silva"]})
    with pytest.raises(footfall.DefinitionError, match=rf'{option} is of type DataFrame.*"pings"') as refused:
        footfall.open(people) if option == "root" else footfall.open({}, tables=people)
    assert "maria" not in str(refused.value)


# Spreadsheets.

FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\N{FULLWIDTH EQUALS SIGN}1", "-2+3+cmd|' /C calc'!A0"]
PLAIN = ["lunch", "a=b", "1-2", "", " =1", "'x", "São João"]


def test_text_stays_text_in_a_spreadsheet_and_numbers_stay_numbers(tmp_path):
    texts = [*FORMULAS, *PLAIN]
    table = pa.table({"text": texts, "coded": pa.array(texts).dictionary_encode(), "=n": [-1.5] * len(texts)})
    written = footfall.open({"ads": ads_named(texts)}, progress=False).sql(
        'SELECT category AS text, -1.5 AS "=n", -3 AS whole FROM ads ORDER BY CAST(ad_id AS BIGINT)'
    )
    path = written.write(tmp_path / "x.csv", spreadsheet=True)
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    strings = pyarrow.csv.ConvertOptions(column_types={"text": pa.string()}, strings_can_be_null=True,
                                         quoted_strings_can_be_null=False)  # fmt: skip
    found = pyarrow.csv.read_csv(path, parse_options=options, convert_options=strings)
    assert found.column("text").to_pylist() == [*(f"'{text}" for text in FORMULAS), *PLAIN]
    assert found.column_names == ["text", "'=n", "whole"]
    assert found.column("'=n").to_pylist() == [-1.5] * len(texts) and found.column("whole").to_pylist()[0] == -3
    from footfall.output.spreadsheet import harmless

    safe = harmless(table)
    assert harmless(pa.table({"text": pa.array([None, "=1"])})).column("text").to_pylist() == [None, "'=1"]
    assert safe.column("coded").to_pylist() == safe.column("text").to_pylist() == found.column("text").to_pylist()
    plain = written.write(tmp_path / "y.csv").read_bytes()
    assert b"'=1+1" not in plain and b"=1+1" in plain


def ads_named(texts):
    numbers = [str(number) for number in range(len(texts))]
    return pa.table({"ad_id": numbers, "campaign_id": numbers, "category": texts})


def test_a_spreadsheet_is_a_csv_file(data, tmp_path):
    with pytest.raises(footfall.DefinitionError, match=r"spreadsheet.*\.csv"):
        data.sql("SELECT 1 AS a").write(tmp_path / "x.parquet", spreadsheet=True)
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize("spreadsheet", [False, True])
def test_a_spreadsheet_in_portuguese_opens_it(spreadsheet, tmp_path):
    numbers = "0.25 AS ctr, -1e-9 AS least, CAST(1.5 AS DECIMAL(4, 2)) AS d, 1200 AS n"
    query = f"SELECT 'São João; \"1.5\"' AS name, '-2.5' AS text, {numbers}"
    written = footfall.open({"ads": ads_named(["x"])}, progress=False).sql(query)
    raw = written.write(tmp_path / "x.csv", spreadsheet=spreadsheet, decimal=",").read_bytes()
    assert raw.startswith(codecs.BOM_UTF8) == spreadsheet
    names, cells = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";")
    assert names == ["name", "text", "ctr", "least", "d", "n"]
    assert cells == ['São João; "1.5"', "'-2.5" if spreadsheet else "-2.5", "0,25", "-1e-9", "1,50", "1200"]
    found = pandas.read_csv(tmp_path / "x.csv", sep=";", decimal=",")
    assert found.loc[0, ["ctr", "least", "d", "n"]].tolist() == [0.25, -1e-9, 1.5, 1200]
    assert found["name"].tolist() == ['São João; "1.5"']


def test_what_is_written_for_a_spreadsheet_is_read_again(data, tmp_path):
    places = data.sql("SELECT * FROM establishments ORDER BY establishment_id")
    path = places.write(tmp_path / "establishments.csv", spreadsheet=True, decimal=",")
    again = footfall.open({"establishments": path}, progress=False, max_unusable=1)
    assert dict(again.read_as)["csv establishments"] == "semicolon, decimal comma, UTF-8"
    assert again.sql("SELECT * FROM establishments ORDER BY establishment_id").to_arrow() == places.to_arrow()


@pytest.mark.parametrize(
    ("path", "options", "told"),
    [("x.json", {"decimal": ","}, r"decimal = .,.: is for \.csv"), ("x.csv", {"decimal": ";"}, "decimal = .;.: must"),
     ("x.xlsx", {}, r"must end in \.parquet, .*spreadsheet=True")],
)  # fmt: skip
def test_what_cannot_be_written_for_a_spreadsheet(data, tmp_path, path, options, told):
    with pytest.raises(footfall.DefinitionError, match=told):
        data.sql("SELECT 1 AS a").write(tmp_path / path, **options)
    assert os.listdir(tmp_path) == []


def test_the_command_writes_for_spreadsheets(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    pyarrow.csv.write_csv(pa.table({"ad_id": ["=1"], "campaign_id": ["-2"], "category": ["x"]}), root / "ads.csv")
    query = "SELECT ad_id, campaign_id FROM ads"
    command = [*FOOTFALL, "sql", query, str(root), "--spreadsheet"]
    assert subprocess.run(command, capture_output=True).returncode == 2
    done = subprocess.run([*command, "--out", str(tmp_path / "x.csv")], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == '"\'=1","\'-2"'


def test_the_command_writes_decimal_commas_to_files_and_pipes(tmp_path):
    pyarrow.csv.write_csv(ads_named(["x"]), tmp_path / "ads.csv")
    command = [*FOOTFALL, "sql", "SELECT 0.5 AS a, 'é' AS b FROM ads", str(tmp_path), "--out-decimal", ","]
    done = subprocess.run([*command, "--out", str(tmp_path / "x.csv")], capture_output=True)
    piped = subprocess.run([*command, "--format", "csv", "--spreadsheet"], capture_output=True)
    assert (done.returncode, piped.returncode) == (0, 0), done.stderr + piped.stderr
    text = '"a";"b"\n"0,5";"é"\n'.encode()
    assert ((tmp_path / "x.csv").read_bytes(), piped.stdout) == (text, codecs.BOM_UTF8 + text)
    for wrong in (["--format", "json"], ["--out-decimal", ";", "--format", "csv"], []):
        refused = subprocess.run([*command, *wrong], capture_output=True, text=True)
        assert refused.returncode == 2 and "--out-decimal" in refused.stderr


def test_a_scheme_in_capitals_is_no_folder(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(footfall.DefinitionError, match="in small letters"):
        data.campaign_ctr().write("S3://bucket/ctr.csv")
    assert list(tmp_path.iterdir()) == []
