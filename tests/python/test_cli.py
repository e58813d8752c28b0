"""The command: the same answers as the methods, in a terminal or a file, and errors in one line with an exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow.csv
import pyarrow.parquet
import pytest
from layouts import ipc_bytes, write_files
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
    for command in ("synth", "ingest", "check", "run", "sql", "report", "jobs", "cluster"):
        assert command in listed
        assert "--help" in run(command, "--help")
    assert footfall.__version__ in run("--version")


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


def test_check_and_sql(root, data):
    shown = run("check", root)
    assert "unusable" in shown and "latitude" in shown
    count = data.sql("SELECT count(*) AS n FROM visits").to_arrow()["n"][0].as_py()
    assert str(count) in run("sql", "SELECT count(*) AS n FROM visits", root)


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
    assert done.returncode == 0 and done.stderr == ""
    assert "\x1b" not in done.stdout and "…" not in done.stdout
