"""`footfall live`: prepare, replay to the terminal and to files, distances, back-test; errors in one line."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from live_towns import ads_of, wanderers
from typer.testing import CliRunner

import footfall
from footfall.cli import app


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    pings, places = wanderers(3, users=12, fixes=60)
    folder = tmp_path_factory.mktemp("live") / "town"
    folder.mkdir()
    for name, table in {"pings": pings, "establishments": places, "ads": ads_of(places)}.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def live(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("tables") / "live"
    assert "8 establishments, 8 ads" in run("live", "prepare", root, "--out", out, "--no-progress")
    return out


def run(*arguments, code=0):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_a_replay_is_a_line_for_each_suggestion_and_a_summary(root, live):
    wanted = footfall.live.replay(footfall.open(root), live)
    told = run("live", root, "--tables", live).splitlines()
    assert sum(" approaches " in line and "ad ad of shop" in line for line in told) == wanted.counters["suggested"] > 5
    assert told[-1].startswith(f"{wanted.counters['fixes']:,} fixes")
    assert run("live", "replay", root, "--tables", live).splitlines()[:-1] == told[:-1]


def test_without_tables_they_are_made_of_the_data(root, live):
    with_tables, without = (run("live", root, *more).splitlines()[:-1] for more in (["--tables", live], []))
    assert with_tables == without


def test_files_stats_and_distances(root, live, tmp_path):
    said = run("live", root, "--tables", live, "--to", tmp_path / "out", "--stats", tmp_path / "stats",
               "--distances", tmp_path / "far", "--users", "u03")  # fmt: skip
    wanted = footfall.live.replay(footfall.open(root), live)
    parts = [pq.read_table(file) for file in sorted((tmp_path / "out").iterdir())]
    assert pa.concat_tables(parts).equals(wanted.suggestions)
    assert json.loads((tmp_path / "stats").read_text().splitlines()[-1])["fixes"] == wanted.counters["fixes"]
    far = pa.concat_tables([pq.read_table(file) for file in (tmp_path / "far").iterdir()])
    assert far.num_rows == 60 * 8 and far["user_id"].unique().to_pylist() == ["u03"]
    assert len(said.splitlines()) == 1


def test_options_of_a_file_are_taken(root, live, tmp_path):
    (tmp_path / "o.toml").write_text("cap = 0\n")
    assert len(run("live", root, "--tables", live, "--options", tmp_path / "o.toml").splitlines()) == 1


def test_a_back_test_tunes_and_its_file_is_taken(root, live, tmp_path):
    file = tmp_path / "tuned.toml"
    assert "entering 500 m" in run("live", "backtest", root, "--no-progress")
    assert f"options: {file}" in run("live", "backtest", root, "--tune", 3, "--save", file, "--no-progress")
    assert footfall.live.Approach.load(file).cap == 3
    run("live", root, "--tables", live, "--options", file)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tables", "nowhere"], "holds no tables for the live process"),
        (["--speed", "0"], "speed = 0.0: must be above 0"),
        (["--users", "u03"], "name where with --distances"),
        (["--options", "o.yaml"], "o.yaml"),
    ],
)
def test_errors_are_one_line(root, arguments, reason):
    (line,) = [each for each in run("live", root, *arguments, code=2).splitlines() if each.startswith("footfall: ")]
    assert reason in line


def test_hours_are_read_of_csv(root, tmp_path):
    (tmp_path / "hours.csv").write_text("establishment_id,opens,closes\nshop0,08:00,18:30\n")
    run("live", "prepare", root, "--out", tmp_path / "live", "--hours", tmp_path / "hours.csv")
    row = footfall.live.load(tmp_path / "live").establishments.to_pylist()[0]
    assert (row["opens_min"], row["closes_min"]) == (480, 1110)
    (tmp_path / "hours.csv").write_text("establishment_id,opens,closes\nshop0,8 am,18:30\n")
    assert "must be a time such as 08:30" in run(
        "live", "prepare", root, "--out", tmp_path / "live", "--hours", tmp_path / "hours.csv", code=2
    )


def test_a_folder_named_like_a_command_is_a_path(root, live, tmp_path, monkeypatch):
    (tmp_path / "prepare").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    assert " fixes" in run("live", "./prepare", "--tables", live)
