"""Data sets on S3: the answers are those of the disk, little is asked for, and no object is read in two states."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import worlds
from layouts import WRITERS, ipc_bytes, write_files
from s3_proxy import Proxy
from s3_servers import END
from towns import COUNTED, counted, opened, write_town

import footfall
from footfall import _native

COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]
JOBS = [job["name"] for job in _native.jobs()]


def answers(root, **options):
    data = footfall.open(root, tz="America/Recife", progress=False, max_unusable=1, **options)
    return {job: ipc_bytes(data.run(job)) for job in JOBS} | {"rows": data.rows()}


def test_all_jobs_answer_the_bytes_of_the_disk(s3, city, monkeypatch):
    bucket = s3.bucket()
    s3.upload(city, bucket, "groups/ação 1+1")
    s3.reach(monkeypatch)
    assert answers(f"s3://{bucket}/groups/ação 1+1") == answers(city)
    assert answers(f"s3://{bucket}/groups/ação 1+1/") == answers(city)


@pytest.mark.parametrize("cluster", ["dask", pytest.param("spark", marks=pytest.mark.slow)])
def test_clusters_answer_the_bytes_of_this_machine(moto, tmp_path, cluster):
    bucket = moto.bucket()
    moto.upload(footfall.synth.city(tmp_path / "city", pings=20_000, progress=False), bucket)
    command = [*COMMAND, "verify", f"s3://{bucket}", "--tz", "America/Recife", "--engines", f"local,{cluster}"]
    environment = {**os.environ, **moto.environment()}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=540)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count(cluster) >= len(JOBS)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("ending", WRITERS)
def test_worlds_of_any_format_and_split_answer_as_from_disk(s3, monkeypatch, tmp_path, ending, parts):
    world = worlds.random_world(3 + parts, events=200)
    root = write_files(world.tables(), tmp_path / "world", ending, parts, seed=1)
    bucket = s3.bucket()
    s3.upload(root, bucket, "w")
    s3.reach(monkeypatch)
    assert answers(f"s3://{bucket}/w") == answers(root)


def test_folders_with_values_in_their_names_are_columns_and_leave_files_unread(moto, monkeypatch, tmp_path):
    root = months(tmp_path / "set", files=8)
    bucket = moto.bucket()
    moto.upload(root, bucket)
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        data = footfall.open(f"s3://{bucket}", tz="UTC", progress=False)
        proxy.clear()
        march = data.between("2024-03-01", "2024-04-01").campaign_ctr(by="period")
        assert {re.search("month=[^/]*", request.key)[0] for request in proxy.of("GET")} == {"month=2024-03-01"}
        assert not proxy.of("LIST") and not proxy.of("HEAD")
    here = footfall.open(root, tz="UTC", progress=False).between("2024-03-01", "2024-04-01")
    assert ipc_bytes(march) == ipc_bytes(here.campaign_ctr(by="period"))


def test_tables_are_found_at_places_of_their_own(moto, monkeypatch, tmp_path):
    root = write_town(tmp_path)
    first, second = moto.bucket(), moto.bucket()
    moto.upload(root, first, "all")
    moto.client().upload_file(str(root / "pings.csv"), second, "elsewhere/what was seen.csv")
    moto.client().delete_object(Bucket=first, Key="all/pings.csv")
    moto.reach(monkeypatch)
    data = opened(f"s3://{first}/all", tables={"pings": f"s3://{second}/elsewhere/what was seen.csv"})
    assert counted(data) == COUNTED


def test_more_objects_than_a_list_holds_are_found(moto, monkeypatch, tmp_path):
    root = write_town(tmp_path, but=["pings"])
    bucket, s3 = moto.bucket(), moto.client()
    moto.upload(root, bucket)
    header = "user_id,timestamp,latitude,longitude\n"
    for number in range(25):
        content = f"{header}u{number},2024-03-05T12:00:00Z,0,0\n".encode()
        s3.put_object(Bucket=bucket, Key=f"pings/{number}.csv", Body=content)
    with Proxy(moto.address, keys_per_list=4) as proxy:
        moto.reach(monkeypatch, proxy.address)
        assert opened(f"s3://{bucket}").rows()["pings"] == 25
        assert len(proxy.of("LIST")) >= 1 + 7 and not proxy.of("HEAD")


def test_a_file_of_settings_beside_the_data_is_read(moto, monkeypatch, tmp_path):
    root = write_town(tmp_path)
    (root / "pings.csv").rename(root / "pontos.csv")
    (root / "footfall.toml").write_text('tz = "Asia/Kolkata"\n[tables]\npings = "pontos.csv"\n', encoding="utf-8")
    bucket = moto.bucket()
    moto.upload(root, bucket, "a b")
    moto.reach(monkeypatch)
    data = footfall.open(f"s3://{bucket}/a b", progress=False)
    assert data.tz == "Asia/Kolkata" and data.rows()["pings"] == counted_rows(root)


def counted_rows(root):
    return footfall.open(root, progress=False).rows()["pings"]


# What is asked for.


def months(root, files=4):
    """Interactions of four months, in folders, and ads."""
    for number in range(files):
        first = np.datetime64("2024-01") + number % 4
        rng = np.random.default_rng(number)
        instants = first.astype("datetime64[us]").astype(int) + rng.integers(0, 28 * 86_400_000_000, 4_000)
        rows = interactions(rng, pa.array(instants, pa.timestamp("us", "UTC")))
        path = root / "interactions" / f"month={first.astype('datetime64[D]')}" / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)
    ads = {"ad_id": [f"ad-{number}" for number in range(50)], "campaign_id": ["c"] * 50, "category": ["food"] * 50}
    pq.write_table(pa.table({**ads, "establishment_id": pa.nulls(50, pa.string())}), root / "ads.parquet")
    return root


def interactions(rng, instants):
    count = len(instants)
    ads = pa.array([f"ad-{number}" for number in range(50)]).take(pa.array(rng.integers(0, 50, count)))
    actions = pa.array(["view", "click"]).take(pa.array((rng.random(count) < 0.1).astype(int)))
    told = {"user_id": rng.integers(0, 2**60, count), "timestamp": instants, "ad_id": ads, "action": actions}
    return pa.table({**told, **{name: rng.random(count) for name in ("speed", "heading", "altitude", "battery")}})


def test_only_chunks_of_needed_columns_are_asked_for(moto, monkeypatch, tmp_path):
    groups = 6
    instants = pa.array(np.full(240_000, 1_709_640_000_000_000), pa.timestamp("us", "UTC"))
    root = months(tmp_path / "set")
    path = root / "interactions" / "all.parquet"
    table = interactions(np.random.default_rng(1), instants)
    pq.write_table(table, path, row_group_size=40_000, use_dictionary=["ad_id", "action"])
    for folder in root.glob("interactions/month=*"):
        subprocess.run(["rm", "-r", folder], check=True)
    needed = sum(
        footer.column(number).total_compressed_size
        for footer in map(pq.read_metadata(path).row_group, range(groups))
        for number in range(8)
        if footer.column(number).path_in_schema in ("ad_id", "action")
    )
    bucket = moto.bucket()
    moto.upload(root, bucket)
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        data = footfall.open(f"s3://{bucket}", tz="UTC", progress=False)
        proxy.clear()
        answer = data.campaign_ctr(by="period")
        assert not proxy.of("LIST") and not proxy.of("HEAD")
        assert len(proxy.of("GET")) <= groups
        assert needed <= proxy.bytes_sent() <= needed + END
        proxy.clear()
        data.campaign_ctr(by="period")
        assert len(proxy.of("GET")) <= groups, "footers are kept as long as the data set"
    assert ipc_bytes(answer) == ipc_bytes(footfall.open(root, tz="UTC", progress=False).campaign_ctr(by="period"))


def test_of_a_month_only_chunks_of_what_is_counted_are_asked_for(moto, monkeypatch, tmp_path):
    root = months(tmp_path / "set", files=8)
    march = [pq.read_metadata(path).row_group(0) for path in root.glob("interactions/month=2024-03-01/*")]
    columns = [footer.column(number) for footer in march for number in range(footer.num_columns)]
    needed = sum(each.total_compressed_size for each in columns if each.path_in_schema in ("ad_id", "action"))
    bucket = moto.bucket()
    moto.upload(root, bucket)
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        data = footfall.open(f"s3://{bucket}", tz="UTC", progress=False).between("2024-03-01", "2024-04-01")
        proxy.clear()
        assert len(data.campaign_ctr(by="period")) == 1
        assert not proxy.of("LIST") and not proxy.of("HEAD") and len(proxy.of("GET")) <= len(march)
        assert proxy.bytes_sent() <= needed + 1_000 * len(march), "users and times have values, as footers tell"


def test_opening_asks_for_ends_of_files_and_for_no_head(moto, monkeypatch, tmp_path):
    files = 40
    root = months(tmp_path / "set", files=files)
    bucket = moto.bucket()
    moto.upload(root, bucket)
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        footfall.open(f"s3://{bucket}", tz="UTC", progress=False)
        assert not proxy.of("HEAD")
        assert len(proxy.of("LIST")) == 1
        asked = [request.key for request in proxy.of("GET") if "interactions" in request.key]
        assert len(set(asked)) == files and len(asked) <= files + 16, "of few files, some rows are looked at"
        assert proxy.bytes_sent("GET") <= (files + 16) * END


SMALL_GROUPS = {"row_group_size": 20_000}
SMALL_PAGES = {"row_group_size": 400_000, "write_page_index": True, "data_page_size": 32 << 10}


@pytest.mark.parametrize("written", [SMALL_GROUPS, SMALL_PAGES], ids=["groups", "pages"])
def test_places_far_from_all_establishments_are_not_asked_for(moto, monkeypatch, tmp_path, written):
    rng, count = np.random.default_rng(2), 400_000
    instants = pa.array(np.full(count, 1_709_640_000_000_000), pa.timestamp("us", "UTC"))
    places = {"latitude": np.sort(rng.uniform(-9, -8, count)), "longitude": rng.uniform(-35, -34.9, count)}
    pings = pa.table({"user_id": rng.integers(0, 2**60, count), "timestamp": instants, **places})
    root = tmp_path / "set"
    root.mkdir()
    pq.write_table(pings, root / "pings.parquet", use_dictionary=False, **written)
    shops = {"establishment_id": ["a"], "category": ["food"], "latitude": [-8.52], "longitude": [-34.95]}
    pq.write_table(pa.table(shops), root / "establishments.parquet")
    bucket = moto.bucket()
    moto.upload(root, bucket)
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        data = footfall.open(f"s3://{bucket}", tz="UTC", progress=False)
        proxy.clear()
        answer = data.establishment_visits(by="period")
        assert proxy.bytes_sent() < (root / "pings.parquet").stat().st_size / 10
    here = footfall.open(root, tz="UTC", progress=False).establishment_visits(by="period")
    assert ipc_bytes(answer) == ipc_bytes(here) and answer.to_arrow()["visits"].to_pylist() != [0]


# Other processes.


def test_a_data_set_on_s3_is_asked_in_other_processes(moto, monkeypatch, tmp_path):
    root = write_town(tmp_path)
    bucket = moto.bucket()
    moto.upload(root, bucket)
    moto.reach(monkeypatch)
    data = opened(f"s3://{bucket}")
    assert counted(data) == COUNTED
    for kind in ("fork", "spawn"):
        context = multiprocessing.get_context(kind)
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            assert list(pool.map(counted, [data] * 3)) == [COUNTED] * 3, kind
    assert counted(pickle.loads(pickle.dumps(data))) == COUNTED


# Names.

HOSTILE = [
    "a b",
    "a%20b",
    "a+b",
    "ü",
    "#",
    "a?b=c&d",
    "'quoted\"",
    "<script>alert(1)</script>",
    "$HOME",
    "=cmd|' /C'!A0",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_keys_are_text(s3, monkeypatch, tmp_path, name):
    root = write_town(tmp_path)
    bucket = s3.bucket()
    s3.upload(root, bucket, name)
    s3.reach(monkeypatch)
    data = opened(f"s3://{bucket}/{name}")
    assert counted(data) == COUNTED
    assert f"s3://{bucket}/{name}" in repr(data)
    assert "<script>" not in data._repr_html_()
    s3.client().put_object(Bucket=bucket, Key=f"{name}/pings.csv", Body=b'"')
    with pytest.raises(footfall.DataError) as caught:
        counted(opened(f"s3://{bucket}/{name}"))
    assert f"s3://{bucket}/{name}/pings.csv" in str(caught.value)


@pytest.mark.parametrize("place", ["s3://", "s3:///x", "s3://B/x", "s3://a/x", "s3://bucket/../x", "s3://bucket/a//b",
                                   "s3://bucket/\x1b[2J", "s3://bu cket/x", "gs://bucket/x"])  # fmt: skip
def test_what_is_no_place_is_refused_before_anything_is_asked(moto, monkeypatch, place):
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        with pytest.raises(footfall.FootfallError) as caught:
            footfall.open(place, progress=False)
        assert not proxy.requests
    assert "\x1b" not in str(caught.value)


def test_a_key_that_no_path_can_have_is_named(moto, monkeypatch, tmp_path):
    root = write_town(tmp_path)
    bucket = moto.bucket()
    moto.upload(root, bucket)
    (root / "pings.csv").unlink()
    moto.client().put_object(Bucket=bucket, Key="pings/../pings//x.csv", Body=b"1")
    moto.reach(monkeypatch)
    with pytest.raises(footfall.DataError) as caught:
        counted(opened(f"s3://{bucket}", tables={"pings": f"s3://{bucket}/pings"}))
    assert bucket in str(caught.value)
