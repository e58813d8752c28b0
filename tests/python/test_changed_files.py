"""Files that change after a data set was opened, on this machine and on workers."""

from __future__ import annotations

import os

import pytest
from towns import COUNTED, ROWS, WRITERS, counted, csv_text, json_text, opened, write_town

import footfall

ENDINGS = list(WRITERS)


def rewritten(path, change):
    """Changes a file as programs do, at another time."""
    before = path.read_bytes()
    if change == "exchanged":
        tables = {"csv": csv_text, "jsonl": json_text}
        rows = [{k: row[k] for k in ("user_id", "timestamp", "longitude", "latitude")} for row in ROWS["pings"]]
        if path.suffix == ".parquet":
            WRITERS["parquet"](path, "pings", rows)
        elif path.suffix == ".csv":
            path.write_text("user_id,timestamp,longitude,latitude\n" + csv_text("pings", rows).split("\n", 1)[1])
        else:
            path.write_text(tables[path.suffix[1:]]("pings", rows))
    elif change == "truncated":
        path.write_bytes(before[: len(before) // 2])
    elif change == "grown":
        path.write_bytes(before + before.splitlines(keepends=True)[-1])
    elif change == "replaced":
        other = path.with_name(".other")
        other.write_bytes(before)
        os.replace(other, path)
    elif change == "gone":
        path.unlink()
    if path.exists():
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


ASKED = {
    "job": lambda data: data.establishment_visits(by="period"),
    "sql": lambda data: data.sql("SELECT count(*) FROM pings"),
    "rows": lambda data: data.rows(),
    "check": lambda data: data.check(),
    "attribution": lambda data: data.visit_attribution(),
    "of a period": lambda data: data.between("2024-03-01", "2024-04-01").establishment_visits(),
    "persist": lambda data: data.persist(),
}


@pytest.mark.parametrize("change", ["exchanged", "truncated", "grown", "replaced", "gone"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_changes_after_it_was_opened_is_refused(tmp_path, ending, change):
    root = write_town(tmp_path, ending=ending)
    data = opened(root)
    used = opened(root)
    assert counted(used) == COUNTED
    rewritten(root / f"pings.{ending}", change)
    for ask in ASKED.values():
        for asked in (data, used):
            with pytest.raises(footfall.DataError, match=rf"pings\.{ending}.*since the data set was opened.*open it"):
                ask(asked)
    if change in ("exchanged", "replaced"):
        assert counted(opened(root)) == COUNTED


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_of_many_files_that_changes_is_named(tmp_path, ending):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings").mkdir()
    for number in range(5):
        WRITERS[ending](root / "pings" / f"{number}.{ending}", "pings")
    data = opened(root)
    rewritten(root / "pings" / f"3.{ending}", "replaced")
    with pytest.raises(footfall.DataError, match=rf"3\.{ending}.*changed"):
        data.establishment_visits()


@pytest.mark.parametrize("ending", ENDINGS)
def test_workers_of_a_cluster_refuse_files_that_changed_after_the_driver_opened_them(tmp_path, ending):
    """What a worker does, without a cluster."""
    from footfall import _native
    from footfall.engines import packets
    from footfall.inputs import zones
    from footfall.inputs.reading import Reading

    options = {"reading": Reading().native(), "tz": zones.zone("UTC"), "threads": 1, "memory_limit": None,
               "definitions": {"radius_m": 50.0, "window_us": 1, "z": 1.96}}  # fmt: skip
    root = write_town(tmp_path / "category=x" / "town", ending=ending)
    pieces = _native.Session(str(root), {}, **options).pieces("pings", 2)
    packet = packets.of_files("pings", 0, pieces[0])
    with packets.piece([packet]) as piece:
        assert _native.Session(None, {"pings": piece}, **options).rows() == {"pings": 3}
        session = _native.Session(None, {"pings": piece}, **options)
        rewritten(root / f"pings.{ending}", "replaced")
        with pytest.raises(footfall.DataError, match="since the data set was opened"):
            session.rows()
        with pytest.raises(footfall.DataError, match="since the data set was opened"):
            _native.Session(None, {"pings": piece}, **options)


def test_a_worker_knows_which_folders_are_columns(tmp_path):
    from footfall import _native
    from footfall.engines import packets
    from footfall.inputs import zones
    from footfall.inputs.reading import Reading

    options = {"reading": Reading().native(), "tz": zones.zone("UTC"), "threads": 1, "memory_limit": None,
               "definitions": {"radius_m": 50.0, "window_us": 1, "z": 1.96}}  # fmt: skip
    folder = tmp_path / "accuracy_m=9" / "pings" / "user_id=a%2Fb"
    folder.mkdir(parents=True)
    rows = [{name: value for name, value in row.items() if name != "user_id"} for row in ROWS["pings"]]
    WRITERS["parquet"](folder / "0.parquet", "pings", rows)
    pieces = _native.Session(str(tmp_path / "accuracy_m=9"), {}, **options).pieces("pings", 2)
    with packets.piece([packets.of_files("pings", 0, pieces[0])]) as piece:
        session = _native.Session(None, {"pings": piece}, **options)
        assert session.tables() == {"pings": ["user_id", "timestamp", "latitude", "longitude"]}
        assert session.rows() == {"pings": 3}
