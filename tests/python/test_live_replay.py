"""Replay: what is suggested depends on the fixes alone, whatever the batches, the speed or the sink."""

from __future__ import annotations

import io
import json

import live_oracle
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from live_towns import ads_of, shops, together, walk, wanderers

import footfall
from footfall import _native
from footfall.errors import DataError, DefinitionError
from footfall.live import Approach, prepare, replay, replaying
from footfall.live.sinks import Files, Terminal
from footfall.live.streaming import Distances


@pytest.fixture(scope="module")
def town():
    pings, places = wanderers(3)
    data = footfall.open({"establishments": places, "ads": ads_of(places), "pings": pings}, tz="America/Recife")
    tables = prepare(data, options=Approach(pause_s=60, cooldown_s=900, cap=50))
    found = replay(data, tables)
    assert len(found) > 40 and found.counters["held_out"] and found.counters["cooldown"], "the world shows too little"
    return data, pings, tables, found


def ids(found):
    return sorted(found.suggestions["suggestion_id"].to_pylist())


def test_the_oracle_suggests_the_same(town):
    data, _, tables, found = town
    slow = replay(data, tables, kernel=live_oracle)
    assert slow.suggestions.column_names == found.suggestions.column_names
    assert ids(slow) == ids(found)
    assert slow.counters == {name: found.counters[name] for name in slow.counters}


def test_a_table_of_pings_in_any_order_suggests_the_same(town):
    _, pings, tables, found = town
    order = np.random.default_rng(1).permutation(pings.num_rows)
    assert replay(pings.take(order), tables).suggestions.equals(found.suggestions)


@pytest.mark.parametrize("rows", [1, 7, 500])
def test_batches_of_any_size_suggest_the_same(town, rows, monkeypatch):
    data, _, tables, found = town
    monkeypatch.setattr(replaying, "_BATCH_ROWS", rows)
    assert replay(data, tables).suggestions.equals(found.suggestions)


def test_the_speed_changes_when_and_not_what(town):
    data, _, tables, found = town
    assert replay(data, tables, speed=4 * 86_400).suggestions.equals(found.suggestions)


def test_columns_are_those_of_the_contract(town):
    *_, found = town
    columns = "suggestion_id user_id timestamp establishment_id ad_id campaign_id distance_m miss_m closing_speed_mps"
    assert found.suggestions.column_names == f"{columns} eta_s chance score held_out version".split()
    assert pa.table(found).equals(found.suggestions)
    outcomes = found.approaches["outcome"].value_counts().to_pylist()
    counted = {each["values"]: each["counts"] for each in outcomes}
    assert counted == {name: found.counters[name] for name in counted}


def test_distances_of_approaches_are_those_of_the_kernel(town):
    _data, pings, tables, found = town
    every = footfall.distances(pings, tables.establishments)
    assert every.num_rows == pings.num_rows * tables.establishments.num_rows
    keys = ["user_id", "timestamp", "establishment_id"]
    both = found.approaches.join(every, keys, right_suffix="_of_all", join_type="inner")
    assert both.num_rows == found.approaches.num_rows
    assert both["distance_m"].to_numpy() == pytest.approx(both["distance_m_of_all"].to_numpy(), abs=1e-6)


def test_a_callback_is_called_for_what_is_not_held_out(town):
    data, _, tables, found = town
    called = []
    replay(data, tables, to=called.append)
    sent = [row for row in found.suggestions.to_pylist() if not row["held_out"]]
    assert called == sent and len(sent) < len(found)


def test_files_are_named_by_offsets_and_hold_everything(town, tmp_path, monkeypatch):
    data, pings, tables, found = town
    monkeypatch.setattr(replaying, "_BATCH_ROWS", 300)
    for _ in range(2):  # A second run replaces each part by itself.
        replay(data, tables, to=tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert pa.concat_tables([pq.read_table(file) for file in files]).equals(found.suggestions)
    offsets = [tuple(map(int, file.stem.split("-")[1:])) for file in files]
    assert all(last - first < 300 and first % 300 == 0 for first, last in offsets) and len(offsets) > 3
    assert offsets[-1][1] < pings.num_rows


def test_a_part_that_is_not_whole_has_no_name(town, tmp_path, monkeypatch):
    """Who looks at the folder while a part is written, or after a crash in it, finds complete parts only."""
    *_, found = town

    def crash(table, file):
        file.write(b"PAR1 half")
        assert list(tmp_path.glob("*.parquet")) == [], "a part has its name before it is whole"
        raise OSError("disk full")

    monkeypatch.setattr("footfall.live.sinks.write_parquet", crash)
    with pytest.raises(OSError, match="disk full"):
        Files(tmp_path).write(found.suggestions, "pings-0-9")
    assert list(tmp_path.iterdir()) == []


def test_newer_tables_are_taken_between_two_batches(town, tmp_path, monkeypatch):
    data, _, tables, found = town
    tables.save(tmp_path / "live")
    monkeypatch.setattr(replaying, "_BATCH_ROWS", 200)
    calls = []

    def renew(row):
        calls.append(row["version"])
        if len(calls) == 5:
            tables.told(Approach(pause_s=60, cooldown_s=900, cap=51)).save(tmp_path / "live")

    renewed = replay(data, tmp_path / "live", to=renew)
    versions = renewed.suggestions["version"].to_pylist()
    assert versions[0] == tables.version != versions[-1]
    assert versions.count(versions[0]) == versions.index(versions[-1]), "versions go back"
    assert ids(renewed) == ids(found), "a reload loses or doubles a suggestion"


def test_stats_are_json_lines_that_end_with_all_counts(town, tmp_path):
    data, pings, tables, found = town
    replay(data, tables, stats=tmp_path / "stats")
    last = json.loads((tmp_path / "stats").read_text().splitlines()[-1])
    assert {name: last[name] for name in found.counters} == found.counters
    assert last["fixes"] == pings.num_rows and last["users"] == 30 and last["tables"] == tables.version
    assert last["state_bytes"] > 0 and 0 < last["p50_ms"] <= last["p99_ms"]


def test_a_line_of_the_terminal_steers_none():
    places = shops(0, names=["ca\x1b[2Jfe\n"])
    data = footfall.open({"establishments": places, "ads": ads_of(places)}, tz="America/Recife")
    tables, screen = prepare(data, options=Approach(holdout=0)), io.StringIO()
    replay(walk("a\x07na", range(-400, -100, 45)), tables, to=Terminal(tables, screen))
    (line,) = screen.getvalue().splitlines()
    assert line.startswith("2024-03-04 12:0") and "a\N{REPLACEMENT CHARACTER}na approaches ca" in line
    assert line.isprintable()


def test_unusable_fixes_are_counted_and_end_nothing(town):
    *_, tables, _ = town
    wrong = together(walk("ana", [-300, -255]), walk("ana", [10**9]))
    assert replay(wrong, tables).counters["unusable"] == 1


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"speed": 0}, DefinitionError, "speed = 0: must be above 0"),
        ({"to": 7}, DefinitionError, "to = 7: must be a folder"),
        ({"tables": 7}, DefinitionError, "tables is of type int"),
        ({"pings": pa.table({"user_id": ["a"]})}, DataError, "has no column timestamp"),
        ({"pings": walk("a", [1]).set_column(1, "timestamp", pa.array([7]))}, DataError, "column timestamp cannot"),
    ],
)
def test_what_cannot_be_replayed_is_refused(town, options, error, reason):
    data, _, tables, _ = town
    with pytest.raises(error, match=reason):
        replay(**{"pings": data, "tables": tables, **options})


class Kept:
    def __init__(self):
        self.rows = []

    def write(self, rows, name):
        self.rows += rows.to_pylist()


def test_distances_of_chosen_users_stream(town):
    _, pings, tables, _ = town
    kept = Kept()
    Distances(tables.establishments, [kept], ["u03"])(pings, "pings-0-9")
    chosen = pings.filter(pa.compute.equal(pings["user_id"], "u03"))
    assert kept.rows == footfall.distances(chosen, tables.establishments).to_pylist()
    with pytest.raises(DefinitionError, match="choose users with --users"):
        Distances(tables.establishments, [kept], speed=1e9)(pings, "pings-0-9")


def test_too_many_distances_are_refused(monkeypatch):
    monkeypatch.setattr("footfall.kernels.MOST_DISTANCES", 5)
    with pytest.raises(DefinitionError, match=r"3 pings x 2 establishments = 6 distances: at most 5"):
        footfall.distances(walk("ana", [1, 2, 3]), shops(0, 1))


def test_the_extension_has_the_interface():
    for name in ("process", "counters", "users", "state_bytes", "states", "restore", "reload"):
        assert hasattr(_native.Detector, name)
