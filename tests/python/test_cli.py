"""The command: the same answers as the methods, in a terminal or a file, and errors in one line with an exit code."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import pyarrow.csv
import pyarrow.parquet
import pytest
from layouts import ipc_bytes, write_files
from towns import ROWS, csv_text, write_town
from typer.testing import CliRunner
from worlds import JOBS_BY, JOBS_BY_USER, random_world

import footfall
from footfall.cli import app

WORLD = random_world(15, events=400)
# The installed command, in this interpreter and with its search path.
FOOTFALL = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; from footfall.cli import main; main()"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_files(WORLD.tables(), tmp_path_factory.mktemp("cli") / "data", "parquet", 1, seed=1)


@pytest.fixture(scope="module")
def data(root):
    return footfall.open(root, tz=WORLD.tz, progress=False)


def run(*arguments, code=0):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_help_lists_the_commands_and_each_tells_its_options():
    listed = run("--help")
    for command in (
        "synth",
        "ingest",
        "check",
        "unusable",
        "run",
        "sql",
        "report",
        "jobs",
        "cluster",
        "kernel",
        "notebooks",
    ):
        assert command in listed
        assert "--help" in run(command, "--help")
    assert footfall.__version__ in run("--version")


def lines(text):
    return text.splitlines()


def piped(*arguments, code=0):
    """What the installed command writes to standard output, and to standard error."""
    command = [*FOOTFALL, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def test_jobs_lists_the_registry():
    listed = run("jobs")
    assert all(job in listed for job in JOBS_BY + JOBS_BY_USER)


@pytest.mark.parametrize("job", JOBS_BY + JOBS_BY_USER)
def test_run_writes_what_the_method_returns(root, data, tmp_path, job):
    by = ["--by", "week"] if job in JOBS_BY else []
    run("run", job, root, "--tz", WORLD.tz, *by, "--out", tmp_path / "x.parquet")
    result = data.run(job, by="week" if by else None)
    assert ipc_bytes(pyarrow.parquet.read_table(tmp_path / "x.parquet")) == ipc_bytes(result)


def test_run_writes_every_format(root, data, tmp_path):
    expected = data.campaign_ctr(by="period").to_arrow()
    for ending in ("csv", "json", "jsonl", "ndjson"):
        told = run("run", "campaign_ctr", root, "--by", "period", "--tz", WORLD.tz, "-o", tmp_path / f"x.{ending}")
        assert f"x.{ending}" in told.replace("\n", "")
    assert pyarrow.csv.read_csv(tmp_path / "x.csv").num_rows == expected.num_rows
    assert [row["views"] for row in json.loads((tmp_path / "x.json").read_text())] == expected["views"].to_pylist()


def test_run_shows_a_table(root, data):
    shown = run("run", "establishment_visits", root, "--by", "period", "--tz", WORLD.tz, "--top", 2)
    assert "visitors" in shown and data.jobs()[1]["title"] in shown
    assert f"first 2 of {len(data.establishment_visits(by='period'))} rows" in shown.replace("\n", " ")


def test_options_of_the_data_set(root, data, tmp_path):
    out = tmp_path / "x.parquet"
    definitions = footfall.Definitions(visit_radius_m=25, confidence=0.9)
    expected = footfall.open(root, tz="Asia/Tokyo", definitions=definitions, progress=False).sample(users=0.5)
    expected = expected.between("2024-03-01", "2024-12-01").visit_attribution(by="day", rank_by="ratio")
    run("run", "visit_attribution", root, "--tz", "Asia/Tokyo", "--radius", 25, "--confidence", 0.9, "--sample", 0.5,
        "--start", "2024-03-01", "--end", "2024-12-01", "--by", "day", "--rank-by", "ratio", "--out", out,
        "--threads", 1, "--memory-limit", "1GiB")  # fmt: skip
    assert ipc_bytes(pyarrow.parquet.read_table(out)) == ipc_bytes(expected)
    run("run", "visit_profile", root, "--tz", WORLD.tz, "--users", "1", "--users", "10", "--out", out)
    assert ipc_bytes(pyarrow.parquet.read_table(out)) == ipc_bytes(data.visit_profile(users=["1", "10"]))


def test_own_column_names(tmp_path):
    theirs = {"user_id": "device", "timestamp": "t"}
    tables = {
        name: table.rename_columns([theirs.get(column, column) for column in table.column_names])
        for name, table in WORLD.tables().items()
    }
    root = write_files(tables, tmp_path / "data", "parquet", 1, seed=1)
    assert "visits" in run("run", "visit_profile", root, "--columns", "user_id=device", "--columns", "timestamp=t")
    assert "ours=yours" in run("check", root, "--columns", "device", code=2)
    assert "yours=ours" in run("check", root, "--actions", "Clique", code=2)


def test_check_and_sql(root, data):
    shown = run("check", root, code=1)
    assert "unusable" in shown and "latitude" in shown
    assert len(lines(run("check", root, "--all", code=1))) > len(lines(shown))
    count = data.sql("SELECT count(*) AS n FROM visits").to_arrow()["n"][0].as_py()
    assert str(count) in run("sql", "SELECT count(*) AS n FROM visits", root)


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        ("run campaign_ctr DATA --tz UTC", "run DATA campaign_ctr --tz UTC"),
        ("run campaign-ctr DATA --tz UTC", "--tz UTC run --no-progress DATA campaign-ctr"),
        ("sql 'SELECT 1 AS one' DATA", "sql DATA 'SELECT 1 AS one'"),
        ("unusable DATA pings", "unusable pings DATA"),
        ("run campaign_ctr DATA --by month --tz UTC", "--tz=UTC --by month run DATA campaign_ctr"),
        ("live backtest DATA --tz UTC", "live --tz UTC backtest DATA"),
        ("live backtest DATA --tz UTC", "--tz UTC live --seed 1 backtest DATA"),
    ],
)
def test_arguments_stand_in_the_order_in_which_people_write_them(root, usual, other):
    results = [CliRunner().invoke(app, shlex.split(line.replace("DATA", str(root)))) for line in (usual, other)]
    first, second = results
    assert first.exit_code == second.exit_code == 0, second.output
    assert re.sub(r"in [\d.]+ \w+", "", first.output) == re.sub(r"in [\d.]+ \w+", "", second.output)


def test_what_is_called_like_a_command_or_a_job_is_no_other(tmp_path, monkeypatch):
    """A value of an option, and a folder."""
    monkeypatch.chdir(tmp_path)
    write_town(tmp_path / "pings")
    write_town(tmp_path / "run")
    assert "interactions" in run("unusable", "pings", "interactions")
    assert "'interactoins': there is no such table" in run("unusable", "pings", "interactoins", code=2)
    run("--title", "report", "report", "run", "--naive-tz", "UTC", "--out", "r.html")
    assert "<h1>report</h1>" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No such option" in run("--nonsense", "1", "jobs", code=2)
    assert footfall.__version__ in run("--version", "jobs")


def test_synth_check_report(tmp_path):
    told = run("synth", tmp_path / "city", "--pings", "1e4", "--seed", 5, "--days", 20)
    assert "footfall report" in told.replace("\n", " ")
    run("check", tmp_path / "city", "--strict")
    run("report", tmp_path / "city", "--tz", "America/Recife", "--out", tmp_path / "r.html", "--title", "A title")
    assert "at_least" in run("report", tmp_path / "city", "--out", tmp_path / "no.html", "--at-least", 0, code=2)
    assert "A title" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "campaign_cpc", "DATA"], "campaign_ctr"),
        (["run", "campaign_ctr", "DATA", "--by", "year"], "month"),
        (["run", "campaign_ctr", "DATA", "--tz", "Mars/Olympus"], "Mars/Olympus"),
        (["run", "campaign_ctr", "DATA", "--out", "x.docx"], "parquet"),
        (["run", "campaign_ctr", "DATA", "--radius", "-3"], "visit_radius_m"),
        (["run", "campaign_ctr", "DATA", "--window", "soon"], "6h"),
        (["run", "campaign_ctr", "nowhere-at-all"], "nowhere-at-all"),
        (["sql", "SELEC", "DATA"], "SELEC"),
        (["check", "DATA", "--strict"], "null"),
        (["synth", "DATA"], "empty"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_an_error_is_one_line_and_exit_code_2(root, arguments, told):
    command = [*FOOTFALL, *(str(root) if a == "DATA" else a for a in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr and "Traceback" not in done.stderr


def test_a_pipe_gets_whole_lines_and_no_bar(root):
    command = [*FOOTFALL, "run", "visit_attribution", str(root), "--top", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert all(line.startswith("footfall: warning: ") for line in done.stderr.splitlines())
    assert "\x1b" not in done.stdout and "…" not in done.stdout


@pytest.mark.parametrize("way", [["--format", "json"], ["--out", "-"], ["--format", "json", "--out", "-"]])
def test_a_pipe_gets_a_json_object_in_each_line(root, data, way):
    told, beside = piped("run", "establishment_visits", root, "--by", "period", "--tz", WORLD.tz, *way)
    expected = data.establishment_visits(by="period").to_arrow().to_pylist()
    assert [json.loads(line)["visits"] for line in lines(told)] == [row["visits"] for row in expected]
    assert data.jobs()[1]["title"] in beside


@pytest.mark.parametrize("way", [["--format", "csv"], ["--format", "csv", "--out", "-"]])
def test_a_pipe_gets_csv_with_its_header(root, data, way):
    told, _ = piped("sql", "SELECT ad_id, category FROM ads ORDER BY 1", root, *way)
    assert lines(told)[0] == '"ad_id","category"' and len(lines(told)) == data.rows()["ads"] + 1
    formulas, _ = piped("sql", "SELECT '=1+1' AS x FROM ads LIMIT 1", root, *way, "--spreadsheet")
    assert "'=1+1" in formulas


def test_of_a_pipe_that_is_closed_nothing_is_said(root):
    many = "SELECT value AS n FROM generate_series(1, 1000000)"
    for form in ("csv", "json"):
        command = [*FOOTFALL, "sql", many, str(root), "--format", form, "--max-unusable", "1"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(timeout=60) == 141
        assert all(line.startswith("footfall: warning: ") for line in lines(told)), told


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--format", "json", "--out", "x.json"], "ending"), (["--format", "table", "--out", "-"], "csv or json"),
     (["--format", "json", "--spreadsheet"], "CSV"), (["--format", "xml"], "xml"),
     (["--actions", "Clique=clic"], "click"), (["--csv-separator", ";;"], "separator"), (["--table", "ads"], "--table"),
     (["--naive-tz", "Mars/Olympus"], "naive_tz"), (["--max-unusable", "2"], "max_unusable")],
    ids=str,
)  # fmt: skip
def test_options_that_make_no_sense(root, options, told):
    assert told in run("sql", "SELECT 1", root, *options, code=2)


def as_others_write_it(root):
    """A town with tabs, decimal commas, a clock without an offset and actions of other names."""
    write_town(root, but=["pings", "interactions"])
    for table, times in (("pings", "Z,"), ("interactions", "Z\n")):
        text = csv_text(table).replace(times, times.replace("Z", ""))
        text = text.replace(",", "\t").replace("-8.", "-8,").replace("-34.", "-34,").replace("\tclick", "\ttap=1")
        (root / f"{table}.csv").write_text(text)
    return root


OTHERS = ["--actions", "tap=1=click", "--naive-tz", "Etc/UTC", "--csv-quote", "'"]


@pytest.mark.parametrize("tab", ["tab", "\\t", "\t"])
def test_what_is_said_of_files_is_read(tmp_path, tab):
    root = as_others_write_it(tmp_path / "town")
    for name in ("ads", "establishments"):
        text = csv_text(name).replace(",", "\t").replace("-8.", "-8,").replace("-34.", "-34,")
        (root / f"{name}.csv").write_text(text, encoding="windows-1252")
    csv = ["--csv-separator", tab, "--csv-decimal", ",", "--csv-encoding", "windows-1252"]
    told, beside = piped("run", "visit_attribution", root, "--by", "period", "--format", "json", *OTHERS, *csv)
    assert [json.loads(line)["attributed_visits"] for line in lines(told)] == [1, 1] and "warning" not in beside
    assert "Café" in piped("sql", "SELECT name FROM establishments", root, "--format", "csv", *OTHERS, *csv)[0]
    run("ingest", root, tmp_path / "new", *OTHERS, *csv)
    run("check", tmp_path / "new", "--strict")


def test_times_are_written_as_it_is_said(tmp_path):
    (tmp_path / "pings.csv").write_text("user_id,timestamp,latitude,longitude\n7,01.03.2024 03h00,-8.05,-34.9\n")
    query = "SELECT local_day(timestamp) AS day FROM pings"
    told, _ = piped("sql", query, tmp_path, "--csv-timestamp", "%d.%m.%Y %Hh%M", "--naive-tz", "UTC",
                    "--format", "json")  # fmt: skip
    assert json.loads(told) == {"day": "2024-03-01"}


def test_tables_lie_elsewhere(tmp_path):
    root = write_town(tmp_path / "town", but=["pings"])
    for number, row in enumerate(ROWS["pings"]):
        (tmp_path / f"p{number}.csv").write_text(csv_text("pings", [row]))
    count = ["sql", "SELECT count(*) AS n FROM pings", root, "--format", "csv"]
    assert lines(piped(*count, "--table", f"pings={tmp_path}/p*.csv")[0]) == ['"n"', "3"]
    several = [part for number in (0, 2) for part in ("--table", f"pings={tmp_path}/p{number}.csv")]
    assert lines(piped(*count, *several)[0]) == ['"n"', "2"]


def half_lost(root, lost):
    rows = [dict(row) for row in ROWS["pings"]]
    for row in rows[:lost]:
        row["latitude"] = "95"
    write_town(root, but=["pings"])
    (root / "pings.csv").write_text(csv_text("pings", rows))
    return root


def test_a_loss_is_told_in_a_line_of_standard_error(tmp_path):
    root = half_lost(tmp_path, lost=1)
    told, beside = piped("sql", "SELECT count(*) AS n FROM pings", root, "--format", "json")
    (warning, headline) = lines(beside)
    assert json.loads(told) == {"n": 2} and headline.startswith("Query: 1 row")
    assert warning.startswith("footfall: warning: pings.latitude: 33.3 % of 3 sampled rows cannot be used")


def test_a_large_loss_stops_all_but_those_who_ask_for_it(tmp_path):
    root = half_lost(tmp_path, lost=2)
    assert "--max-unusable 1" in run("sql", "SELECT 1", root, code=2)
    run("sql", "SELECT 1", root, "--max-unusable", 0.7)
    assert "out of range" in run("check", root, code=1)
    told, _ = piped("unusable", root, "pings", "--format", "json")
    assert [(row["row"], row["column"], row["value"]) for row in map(json.loads, lines(told))] == [
        (0, "latitude", "95"), (1, "latitude", "95")]  # fmt: skip
    assert len(lines(piped("unusable", root, "pings", "--limit", 1, "--format", "json")[0])) == 1
    assert "mean pings" in run("unusable", root, "pingz", code=2)


def test_check_of_good_tables_ends_well(tmp_path):
    run("check", write_town(tmp_path), code=0)


def test_settings_beside_the_data_are_read(tmp_path):
    root = write_town(tmp_path)
    (root / "footfall.toml").write_text('tz = "America/Recife"\n')
    shown = run("run", "campaign_ctr", root)
    assert "America/Recife" in shown
    assert "Asia/Tokyo" in run("run", "campaign_ctr", root, "--tz", "Asia/Tokyo")
    assert "America/Recife" in run("ingest", root, tmp_path.parent / f"{tmp_path.name}-new").replace("\n", "")
