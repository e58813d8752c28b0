"""Every engine: awkward layouts, memory and errors, on real clusters of processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from layouts import chunked, ipc_bytes, retyped, write_files, write_hive, write_mixed
from oracle import Oracle, assert_same
from towns import ROWS, csv_text, write_town
from worlds import ONE_ROW, SCHEMAS, World, random_world, us

import footfall
from footfall import quality
from footfall.engines import cluster, connect, distributed, versions
from footfall.verify import first_difference

BUSY = random_world(15, events=400)
ASKED = [
    ("campaign_ctr", {"by": "month"}),
    ("establishment_visits", {"by": "month"}),
    ("visit_attribution", {"by": "month"}),
    ("category_hours", {"by": "period"}),
    ("interaction_profile", {}),
    ("preferred_establishment_categories", {}),
]


def answers(data):
    return {f"{job} {options}": ipc_bytes(getattr(data, job)(**options)) for job, options in ASKED}


def on_this_machine(tables, **options):
    return footfall.open(tables, progress=False, max_unusable=1, **options)


def compare(data, oracle):
    for job, options in ASKED:
        assert_same(getattr(data, job)(**options), getattr(oracle, job)(**options), job)


# Statements.


def test_a_statement_takes_parameters_tables_and_a_limit(ask):
    data = ask(BUSY)
    query = "SELECT user_id, count(*) AS n FROM pings WHERE NOT array_has($ids, user_id) GROUP BY 1 ORDER BY 1"
    ids = [BUSY.pings[0]["user_id"]]
    here = on_this_machine(BUSY.tables(), tz=BUSY.tz)
    assert ipc_bytes(data.sql(query, {"ids": ids}, limit=2)) == ipc_bytes(here.sql(query, {"ids": ids}, limit=2))
    few = {"few": pa.table({"user_id": ids})}
    found = data._sql("SELECT count(DISTINCT user_id) AS n FROM pings JOIN few USING (user_id)", {}, few)
    assert found.to_arrow().to_pylist() == [{"n": 1}]


# Layouts.


def test_one_user_has_most_of_the_rows(ask):
    heavy = [{**row, "user_id": "1"} for row in BUSY.pings[: len(BUSY.pings) // 2]]
    events = [{**row, "user_id": "1"} for row in BUSY.interactions[: len(BUSY.interactions) // 2]]
    world = replace(BUSY, pings=heavy + BUSY.pings, interactions=events + BUSY.interactions)
    compare(ask(world), Oracle(world))


def test_more_pieces_than_rows(ask):
    compare(ask(ONE_ROW), Oracle(ONE_ROW))


def test_files_without_rows(engine, tmp_path):
    root = write_files(BUSY.tables(), tmp_path / "data", "parquet", 3, seed=1)
    for table in ("interactions", "pings"):
        pq.write_table(SCHEMAS[table].empty_table(), root / table / "empty.parquet")
        (root / table / "nothing.csv").touch()
    compare(footfall.open(root, tz=BUSY.tz, engine=engine, max_unusable=1, progress=False), Oracle(BUSY))
    nothing = write_files(World().tables(), tmp_path / "nothing", "parquet", 2, seed=1)
    data = footfall.open(nothing, engine=engine, progress=False)
    assert all(len(getattr(data, job)(**options)) == 0 for job, options in ASKED)
    assert data.rows() == dict.fromkeys(SCHEMAS, 0)


def test_an_interaction_before_midnight_and_its_visit_after_in_other_files(engine, tmp_path):
    """Another file, another month, another piece: it is the same user."""
    world = replace(
        ONE_ROW,
        interactions=[{**ONE_ROW.interactions[0], "timestamp": us("2024-02-29T23:00:00-03:00")}],
        pings=[{**ONE_ROW.pings[0], "timestamp": us("2024-03-01T03:00:00-03:00")}],
    )
    noise = replace(world, interactions=[{**world.interactions[0], "user_id": "other"}] * 3,
                    pings=[{**world.pings[0], "user_id": "another"}] * 3)  # fmt: skip
    for number, part in enumerate((noise, world)):
        for table in ("interactions", "pings"):
            folder = tmp_path / table / f"month={number + 2 + (table == 'pings')}"
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(part.tables()[table], folder / f"{number}.parquet")
    for table in ("ads", "establishments"):
        pq.write_table(world.tables()[table], tmp_path / f"{table}.parquet")
    both = replace(world, interactions=noise.interactions + world.interactions, pings=noise.pings + world.pings)
    data = footfall.open(tmp_path, tz=world.tz, engine=engine, max_unusable=1, progress=False)
    assert data.visit_attribution(by="month").to_arrow().column("attributed_visits").to_pylist() == [1]
    compare(data, Oracle(both))


def test_any_layout_of_files(engine, tmp_path):
    expected = answers(on_this_machine(BUSY.tables(), tz=BUSY.tz))
    layouts = [write_files(BUSY.tables(), tmp_path / ending, ending, 3, seed=2) for ending in ("csv", "jsonl")]
    layouts += [write_hive(BUSY.tables(), tmp_path / "hive"), write_mixed(BUSY.tables(), tmp_path / "a b")]
    for root in layouts:
        assert answers(footfall.open(root, tz=BUSY.tz, engine=engine, progress=False)) == expected, root


def test_counts_by_user_of_many_pieces_move(remote, tmp_path, monkeypatch):
    """Of few pieces, the driver adds up counts by user; of many, the workers do."""
    expected = answers(on_this_machine(BUSY.tables(), tz=BUSY.tz))
    root = write_files(BUSY.tables(), tmp_path / "data", "parquet", 3, seed=2)
    assert answers(footfall.open(root, tz=BUSY.tz, engine=remote, progress=False)) == expected
    monkeypatch.setattr(distributed, "PIECES_ADDED_UP_HERE", 0)
    assert answers(footfall.open(root, tz=BUSY.tz, engine=remote, progress=False)) == expected


def test_ids_as_text_and_as_integers(ask):
    expected = answers(on_this_machine(BUSY.tables(), tz=BUSY.tz))
    tables = retyped(BUSY.tables(), ids=pa.int64())
    assert answers(ask(tables, tz=BUSY.tz)) == expected
    assert answers(ask({**BUSY.tables(), "pings": tables["pings"]}, tz=BUSY.tz)) == expected


def test_columns_of_other_names_and_units(ask):
    tables = retyped(retyped(BUSY.tables(), timestamp=pa.timestamp("us")), timestamp=pa.int64())
    tables["pings"] = tables["pings"].rename_columns(["device", "at", "lat", "lon"])
    tables["ads"] = tables["ads"].rename_columns(["ad_id", "campaign", "kind", "establishment_id"])
    columns = {"pings.user_id": "device", "pings.timestamp": "at", "latitude": "lat", "longitude": "lon",
               "campaign_id": "campaign", "ads.category": "kind"}  # fmt: skip
    tables["establishments"] = tables["establishments"].rename_columns(
        ["establishment_id", "name", "category", "lat", "lon"]
    )
    data = ask(tables, tz=BUSY.tz, columns=columns, epoch_unit="us")
    expected = answers(on_this_machine(BUSY.tables(), tz=BUSY.tz))
    assert answers(data) == expected
    assert answers(data.persist()) == expected
    data.unpersist()


def test_files_as_others_write_them(engine, tmp_path):
    """Patterns, semicolons, decimal commas, a clock without an offset and other names of actions and columns."""
    expected = answers(on_this_machine(write_town(tmp_path / "ours")))
    root = tmp_path / "theirs"
    root.mkdir()
    for name in ROWS:
        text = csv_text(name).replace(",", ";").replace(".", ",").replace("Z", "").replace("click", "Clique")
        (root / f"{name}-1.csv").write_text(text.replace("user_id", "device"), encoding="utf-16")
    (root / "footfall.toml").write_text('naive_tz = "Etc/UTC"\n[columns]\nuser_id = "device"\n[tables]\n'
                                        + "".join(f'{name} = "{name}-?.csv"\n' for name in ROWS))  # fmt: skip
    said = {"csv": footfall.Csv(separator=";", decimal=",", encoding="utf-16"), "actions": {"Clique": "click"}}
    data = footfall.open(root, engine=engine, progress=False, **said)
    assert answers(data) == expected
    assert answers(data.persist()) == expected
    data.unpersist()


def test_losses_are_told_and_shown_on_every_engine(engine, tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings.csv").write_text(csv_text("pings").replace("-8.06", "95"))
    with pytest.warns(footfall.DataWarning, match=r"pings\.latitude: 33\.3 %"):
        data = footfall.open(root, engine=engine, progress=False)
    assert data.unusable("pings").to_arrow().select(["row", "value"]).to_pylist() == [{"row": 1, "value": "95"}]
    assert [row["check"] for row in data.check().to_arrow().to_pylist() if row["severity"] == "unusable"] == [
        "out of range"]  # fmt: skip


@pytest.mark.slow
def test_spark_batches_far_smaller_than_a_users_rows(clusters):
    clusters("spark")
    session = connect.remote("spark", clusters("spark").partition("://")[2]).session
    before = session.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch")
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
    try:
        data = footfall.open(chunked(BUSY.tables(), 3), tz=BUSY.tz, engine=session, progress=False)
        compare(data, Oracle(BUSY))
    finally:
        session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", before)


def test_samples_and_periods(engine, city, city_data):
    data = footfall.open(city, tz="America/Recife", engine=engine, progress=False)
    for asked, expected in [(data, city_data), (data.sample(users=0.2), city_data.sample(users=0.2))]:
        march = [
            each.between("2024-03-05", "2024-03-20T12:00").visit_attribution(by="day") for each in (asked, expected)
        ]
        assert ipc_bytes(march[0]) == ipc_bytes(march[1])
        assert asked.rows() == expected.rows()


# Large files fall apart between row groups.


@pytest.fixture(scope="module")
def one_file(tmp_path_factory):
    """A data set with one file of many row groups a table."""
    rng = np.random.default_rng(3)
    count, root = 300_000, tmp_path_factory.mktemp("one file")
    pings = pa.table({
        "user_id": rng.integers(0, 1_000, count),
        "timestamp": pa.array(1_709_251_200_000_000 + rng.integers(0, 80 * 86_400_000_000, count)).cast(
            pa.timestamp("us", "UTC")
        ),
        "latitude": rng.uniform(-8.1, -8.0, count), "longitude": rng.uniform(-34.9, -34.8, count),
    })  # fmt: skip
    pq.write_table(pings, root / "pings.parquet", row_group_size=25_000)
    places = pa.table({"establishment_id": np.arange(50), "category": ["food"] * 50,
                       "latitude": rng.uniform(-8.1, -8, 50), "longitude": rng.uniform(-34.9, -34.8, 50)})  # fmt: skip
    pq.write_table(places, root / "establishments.parquet")
    return root


def test_one_large_file_has_pieces_for_all_workers(engine, one_file):
    data = footfall.open(one_file, engine=engine, progress=False)
    expected = on_this_machine(one_file)
    assert ipc_bytes(data.establishment_visits(by="month")) == ipc_bytes(expected.establishment_visits(by="month"))
    if engine != "local":
        pieces = data._session.local.pieces("pings", 8)
        assert len(pieces) >= 4
        ends = [span for piece in pieces for _, span, _ in piece]
        assert ends[0][0] == 0 and ends[-1][1] == (one_file / "pings.parquet").stat().st_size
        assert all(one[1] == other[0] for one, other in zip(ends, ends[1:]))


# Memory.


def test_persisted_tables_give_the_same_answers_and_can_be_let_go(engine, city, city_data):
    data = footfall.open(city, tz="America/Recife", engine=engine, progress=False)
    before = data.sample(users=0.5)
    assert data.persist() is data
    assert answers(data) == answers(city_data)
    assert answers(before) == answers(city_data.sample(users=0.5))
    data.unpersist()
    assert answers(before) == answers(city_data.sample(users=0.5))


def test_persisted_tables_are_in_the_memory_of_dasks_workers(clusters, city):
    data = footfall.open(city, tz="America/Recife", engine=clusters("dask"), progress=False).persist()
    client = connection(clusters("dask"))
    keys = [future.key for rows in data._session.tables_.kept.values() for future in rows.sources]
    assert len(keys) >= 2 and all(client.who_has()[key] for key in keys)
    data.unpersist()
    deadline = time.monotonic() + 20
    while (held := set(keys) & set(client.who_has())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not held


def test_persisted_tables_are_in_the_memory_of_sparks_executors(clusters, city):
    data = footfall.open(city, tz="America/Recife", engine=clusters("spark"), progress=False).persist()
    held = connection(clusters("spark")).sparkContext._jsc.sc().getPersistentRDDs
    frames = [rows.frame for rows in data._session.tables_.kept.values()]
    assert len(frames) == 2 and all(frame.is_cached and frame.storageLevel.useMemory for frame in frames)
    before = held().size()
    data.unpersist()
    assert held().size() == before - 2
    assert not any(frame.is_cached for frame in frames)


# Errors.


def told(error):
    return type(error), str(error), error.table, error.column, error.row, error.value


def test_the_first_unusable_row_is_the_same_on_every_engine(engine, one_file, tmp_path):
    """Wherever its piece begins, a row has its number in its file."""
    table = pq.read_table(one_file / "pings.parquet")
    latitude = table.column("latitude").to_numpy().copy()
    latitude[[171_717, 250_000]] = 95.5
    for name in ("establishments", "pings"):
        pq.write_table(pq.read_table(one_file / f"{name}.parquet"), tmp_path / f"{name}.parquet", row_group_size=25_000)
    wrong = table.set_column(2, "latitude", pa.array(latitude))
    pq.write_table(wrong, tmp_path / "pings.parquet", row_group_size=25_000)
    with pytest.raises(footfall.DataError) as expected:
        on_this_machine(tmp_path, strict=True)
    with pytest.raises(footfall.DataError) as found:
        footfall.open(tmp_path, engine=engine, strict=True, progress=False)
    assert found.value.row == 171_717
    assert told(found.value) == told(expected.value)


def test_a_broken_file_is_the_same_error_on_every_engine(engine, tmp_path, monkeypatch):
    # A sample of so small a file would already be an error.
    monkeypatch.setattr(quality, "tell", lambda session, max_unusable: None)
    root = write_files(BUSY.tables(), tmp_path / "data", "parquet", 1, seed=1)
    whole = (root / "pings.parquet").read_bytes()
    broken = len(whole) // 4
    (root / "pings.parquet").write_bytes(whole[:4] + b"\xff" * broken + whole[4 + broken :])
    data = footfall.open(root, engine=engine, progress=False)
    with pytest.raises(footfall.DataError) as found:
        data.establishment_visits(by="period")
    with pytest.raises(footfall.DataError) as persisted:
        data.persist()
    assert "Parquet" in str(found.value) and "Parquet" in str(persisted.value)


@pytest.mark.parametrize("engine_", ["flink", "dask://", "local://here", 7, None])
def test_an_unknown_engine_is_refused(engine_):
    with pytest.raises(footfall.DefinitionError, match=r"engine = .*expected local, dask, spark"):
        footfall.open(ONE_ROW.tables(), engine=engine_)


@pytest.mark.parametrize("engine_", ["dask", "dask+tls", "spark"])
def test_an_address_where_nobody_answers(engine_):
    with pytest.raises(ConnectionError, match=re.escape(f"{engine_}://127.0.0.1:9")):
        footfall.open(ONE_ROW.tables(), engine=f"{engine_}://127.0.0.1:9")


def test_a_worker_of_another_version_is_named_at_connection(remote, monkeypatch):
    live = connection(remote)
    connect.adapter_of.cache_clear()
    monkeypatch.setattr(versions, "OURS", "9.9.9")
    with pytest.raises(footfall.DefinitionError, match=r"needs footfall 9\.9\.9, but .*127\.0\.0\.1.* has "):
        footfall.open(ONE_ROW.tables(), engine=live)


def connection(address):
    adapter = connect.remote(*address.split("://"))
    return adapter.client if hasattr(adapter, "client") else adapter.session


def test_a_worker_without_footfall_is_named_at_connection(tmp_path, monkeypatch):
    package = tmp_path / "footfall"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('it is not here')")
    monkeypatch.setattr("footfall.engines.cluster.dask.search_path", lambda: str(tmp_path))
    named = pytest.raises(footfall.DefinitionError, match=r"127\.0\.0\.1.* has none \(it is not here\)")
    with cluster.start("dask", workers=1) as without, without.connect() as client, named:
        footfall.open(ONE_ROW.tables(), engine=client)


SECOND = "import footfall, sys; footfall.open({}, tables={'ads': sys.argv[1]}, engine=sys.argv[2], progress=False)"


def test_cores_that_another_session_holds_are_an_error(clusters, tmp_path):
    address = clusters("spark")
    footfall.open(ONE_ROW.tables(), tz="UTC", engine=address, progress=False)
    # Once instead of 40 times, each of which takes 3 s.
    once = "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures 1\n"
    (tmp_path / "spark-defaults.conf").write_text(once, encoding="utf-8")
    pq.write_table(ONE_ROW.tables()["ads"], tmp_path / "ads.parquet")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SPARK_CONF_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SECOND, str(tmp_path / "ads.parquet"), address]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode != 0 and "none of its 2 cores was free for minutes" in done.stderr, done.stderr


# The comparison of `footfall verify`.


def test_the_first_difference_is_named():
    table = pa.table({"id": ["a", "b", None], "count": [1, 2, None], "share": [0.5, float("nan"), None]})
    assert first_difference(table, table) is None
    changed = table.set_column(1, "count", pa.array([1, 3, None]))
    assert first_difference(table, changed) == ("row 1, count", 2, 3)
    assert first_difference(table, table.slice(1)) == ("number of rows", 3, 2)
    assert first_difference(table, table.set_column(1, "count", pa.array([1, 2, 0])))[0] == "row 2, count"
    zero = pa.table({"share": [0.0]})
    assert first_difference(zero, pa.table({"share": [-0.0]}))[0] == "row 0, share"
    assert first_difference(zero, pa.table({"share": [0]}))[0] == "columns"
