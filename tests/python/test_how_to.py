"""docs/how-to.md runs, block by block, and each of its tasks gives what it says."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import importlib.util
import io
import json
import os
import re
from datetime import date, datetime, timezone

import pyarrow.parquet
import pytest

NOON = datetime(2024, 3, 1, 15, 30, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def tool(project):
    """The tool that runs examples."""
    spec = importlib.util.spec_from_file_location("run_examples", project / "tools" / "run_examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(project):
    return project / "docs" / "how-to.md"


@pytest.fixture(scope="module")
def ran(tool, page, project, tmp_path_factory):
    """The folder in which the page ran, its names, and what it printed."""
    before, folder, names, told = os.getcwd(), tmp_path_factory.mktemp("how-to"), {}, io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(told):
            done = tool.runs(project / "docs" / "index.md", names) and tool.runs(page, names)
        assert done, told.getvalue()
        yield folder, names, told.getvalue()
    finally:
        os.chdir(before)


@pytest.fixture
def names(ran):
    return ran[1]


def rows(data, query):
    return data.sql(query).to_arrow().to_pylist()


def test_a_task_takes_three_lines_at_most(tool, page):
    _setup, *tasks = [block[3] for block in tool.BLOCK.finditer(page.read_text(encoding="utf-8"))]
    assert len(tasks) >= 30
    for task in tasks:
        lines = [line for line in task.splitlines() if line and not line.startswith("import ")]
        assert len(lines) <= 3, task


def test_tasks_say_in_their_first_words_what_they_are_for(page):
    tasks = re.findall(r"^\*\*(.+?)\*\* ", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(tasks) == len(set(tasks)) >= 30


@pytest.mark.parametrize(
    ("name", "expected"), [("gps", {"establishments": 50, "pings": 1}), ("packed", {"pings": 1}),
                           ("exports", {"pings": 2}), ("two", {"pings": 2}), ("from_pandas", {"pings": 1}),
                           ("worse", {"pings": 1}), ("bad", {"pings": 2})]
)  # fmt: skip
def test_files_are_found(names, name, expected):
    assert names[name].rows() == expected


@pytest.mark.parametrize("name", ["shops", "latin"])
def test_columns_and_accents(names, name):
    assert rows(names[name], "SELECT * FROM establishments") == [
        {"establishment_id": "007", "name": "Padaria São João", "category": "padaria",
         "latitude": -8.0631, "longitude": -34.8711}]  # fmt: skip


@pytest.mark.parametrize("name", ["gps", "found", "said", "dates", "minutes", "local", "millis", "packed", "tabs",
                                  "from_pandas", "from_polars", "bar"])  # fmt: skip
def test_the_same_ping_in_many_ways(names, name):
    assert rows(names[name], "SELECT user_id, timestamp, latitude FROM pings") == [
        {"user_id": "00123", "timestamp": NOON, "latitude": -8.0631}]  # fmt: skip


def test_ids_keep_their_zeros_and_words_are_actions(names):
    assert rows(names["events"], "SELECT ad_id, action FROM interactions ORDER BY action") == [
        {"ad_id": "0042", "action": "click"}, {"ad_id": "0042", "action": "view"}]  # fmt: skip
    assert names["creatives"]["ad_id"].tolist() == ["0042"]


def test_what_is_found_out_is_told(ran):
    _, names, told = ran
    assert "semicolon, decimal comma" in told and "csv pings   tab" in told
    assert str(names["bar"].read_as[-1][1]).endswith("footfall.toml")


def test_a_sheet_of_excel(names):
    pytest.importorskip("openpyxl")
    assert names["sheet"]["user_id"].tolist() == ["00123"]


def test_what_is_wrong_is_told_and_stops(ran):
    _, names, told = ran
    (found,) = names["wrong"].to_arrow().to_pylist()
    assert (found["check"], found["rows"], found["example"]) == ("out of range", 1, "-98.1")
    assert names["rows"].to_arrow()["row"].to_pylist() == [1]
    for line in ("too much is lost: exit code 2", "a row is lost: exit code 2", "city is good",
                 "messy/bad is not: exit code 1", "--max-unusable 0.1 refuses that"):  # fmt: skip
        assert line in told


def test_answers(names):
    assert names["march"].period == ("2024-03-01T00:00:00-03:00", "2024-04-01T00:00:00-03:00")
    assert 0 < names["tenth"].rows()["pings"] < names["data"].rows()["pings"] / 4
    assert {day.isoweekday() for day in names["weeks"].to_arrow()["week"].to_pylist()} == {1}
    assert set(names["hours"].to_arrow()["hour"].to_pylist()) == set(range(24))
    assert names["own"].to_arrow()["weekday"].to_pylist() == [1, 2, 3, 4, 5, 6, 7]
    expected = names["data"].campaign_ctr(by="period").to_arrow()
    assert names["fast"].campaign_ctr(by="period").to_arrow() == expected
    assert names["done"].tables["pings"].written == names["data"].rows()["pings"]


def test_what_is_passed_on(ran):
    folder, names, told = ran
    expected = names["data"].campaign_ctr(by="month").to_arrow()
    messy = folder / "messy"
    assert pyarrow.parquet.read_table(messy / "ctr.parquet") == expected
    assert (messy / "ctr.csv").read_bytes() == (messy / "ctr-too.csv").read_bytes()
    text = (messy / "ctr.csv").read_bytes()
    assert text.startswith(codecs.BOM_UTF8) and f'"{expected["ctr"][0]}"'.replace(".", ",").encode() in text
    lines = gzip.decompress((messy / "visits.jsonl.gz").read_bytes()).splitlines()
    assert len(lines) == len([json.loads(line)["visits"] for line in lines]) == 50
    assert "Recife in spring" in (messy / "report.html").read_text(encoding="utf-8")
    assert "<svg" in (messy / "hours.svg").read_text(encoding="utf-8")
    assert expected["month"][0].as_py() == date(2024, 3, 1)
    best = names["data"].campaign_ctr(by="period").to_pandas().query("rank == 1")["campaign_id"].item()
    assert f"best: {best}" in told or "jq is not there" in told


def test_an_example_that_fails_fails(tool, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    for block, runs in (
        ("sh\necho well", True), ("sh\nfalse | cat", False), ("sh\nfalse\ntrue", False), ("sh\nfalse || true", True),
        ("python\n1 / 0", False), ("python\n1 / 1", True), ("sh needs no_such_program\nfalse", True),
        ("python needs footfall\n1 / 0", False), ("console\nfalse", True),
    ):  # fmt: skip
        (tmp_path / "page.md").write_text(f"A page.\n\n```{block}\n```\n")
        assert tool.runs(tmp_path / "page.md", {}) == runs, block
    told = capfd.readouterr().out
    assert "page.md: line 3: an example fails" in told and "skipped, for no_such_program is not there" in told
