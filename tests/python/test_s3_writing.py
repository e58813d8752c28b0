"""Writing to S3 creates and never replaces: who is told that it won has won, whatever became of the answer.

Races run at moto, whose conditional writes are atomic, by processes of their own.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3_proxy import Fault, Proxy, seeded
from towns import opened, write_town

import footfall
from footfall import _native

COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]
# One of those who race: each line names a key; the answer tells whether it won.
RACER = """
import sys
from footfall import _native, DataError
print("ready", flush=True)
for line in sys.stdin:
    place = line.strip()
    try:
        _native.write_object(place, sys.argv[1].encode() * 100, notes={"by": sys.argv[1]})
        print("won", flush=True)
    except DataError as error:
        print("lost " + str(error).replace(chr(10), " "), flush=True)
"""
TABLE = pa.table({"campaign_id": ["a", "b"], "views": [1, 2]})


@pytest.fixture
def result(tmp_path):
    return opened(write_town(tmp_path / "town")).campaign_ctr(by="period")


def test_every_format_is_created_as_on_disk(s3, monkeypatch, result, tmp_path):
    bucket = s3.bucket()
    with Proxy(s3.address) as proxy:
        s3.reach(monkeypatch, proxy.address)
        for ending in ("parquet", "csv", "json", "jsonl"):
            place = f"s3://{bucket}/results/ação 1+1.{ending}"
            told = result.write(place)
            assert str(told) == place
            here = result.write(tmp_path / f"x.{ending}")
            assert s3.read(bucket, f"results/ação 1+1.{ending}") == here.read_bytes()
        assert {request.headers.get("if-none-match") for request in proxy.of("PUT")} == {"*"}
        assert proxy.counts() == {"PUT": 4}, "no uploads in parts, no copies, no questions before"


def test_what_is_there_stays_and_whoever_comes_second_is_told_when_it_came(s3, monkeypatch, result):
    bucket = s3.bucket()
    s3.reach(monkeypatch)
    place = f"s3://{bucket}/x.csv"
    result.write(place)
    first = s3.read(bucket, "x.csv")
    with pytest.raises(footfall.DataError, match=rf"{bucket}/x\.csv.*there already.*20\d\d-.*by footfall") as caught:
        result.write(place)
    assert footfall.__version__ in str(caught.value)
    assert s3.read(bucket, "x.csv") == first


def test_others_objects_stay_too(s3, monkeypatch, result):
    bucket = s3.bucket()
    s3.client().put_object(Bucket=bucket, Key="x.csv", Body=b"theirs")
    s3.reach(monkeypatch)
    with pytest.raises(footfall.DataError, match="there already"):
        result.write(f"s3://{bucket}/x.csv")
    assert s3.read(bucket, "x.csv") == b"theirs"


def test_an_object_tells_what_made_it(moto, monkeypatch, result):
    bucket = moto.bucket()
    moto.reach(monkeypatch)
    result.write(f"s3://{bucket}/1.csv"), result.write(f"s3://{bucket}/2.csv")
    told = [moto.client().head_object(Bucket=bucket, Key=f"{number}.csv")["Metadata"] for number in (1, 2)]
    assert [each["footfall-version"] for each in told] == [footfall.__version__] * 2
    assert len({each["footfall-write"] for each in told}) == 2


def test_overwrite_replaces_what_was_seen(moto, monkeypatch, result):
    bucket = moto.bucket()
    moto.client().put_object(Bucket=bucket, Key="x.csv", Body=b"seen")
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        result.write(f"s3://{bucket}/x.csv", overwrite=True)
        (put,) = proxy.of("PUT")
        assert put.headers.get("if-match") and "if-none-match" not in put.headers
    assert b"campaign_id" in moto.read(bucket, "x.csv")
    result.write(f"s3://{bucket}/new.csv", overwrite=True)


def test_overwrite_does_not_replace_what_came_meanwhile(moto, monkeypatch, result):
    bucket = moto.bucket()
    moto.client().put_object(Bucket=bucket, Key="x.csv", Body=b"seen")

    def plan(request):
        if request.method == "PUT" and not request.before:
            moto.client().put_object(Bucket=bucket, Key="x.csv", Body=b"came meanwhile")

    with Proxy(moto.address, plan=plan) as proxy:
        moto.reach(monkeypatch, proxy.address)
        with pytest.raises(footfall.DataError, match="no longer what you saw"):
            result.write(f"s3://{bucket}/x.csv", overwrite=True)
    assert moto.read(bucket, "x.csv") == b"came meanwhile"


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.CUT, Fault.UNAVAILABLE])
def test_an_own_success_whose_answer_was_lost_is_a_success(moto, monkeypatch, result, fault):
    bucket = moto.bucket()
    spoilt = {"PUT": fault}
    with Proxy(moto.address, plan=lambda asked: None if asked.before else spoilt.get(asked.method)) as proxy:
        moto.reach(monkeypatch, proxy.address)
        result.write(f"s3://{bucket}/x.csv")
        assert proxy.faults() == {fault: 1}
        assert len(proxy.of("HEAD")) <= 1
        with pytest.raises(footfall.DataError, match="there already"):
            result.write(f"s3://{bucket}/x.csv")


def test_two_that_met_are_asked_to_try_again_and_one_of_them_wins(moto, monkeypatch, result):
    """S3 says 409 to a conditional write that meets another; the proxy says it in S3's place."""
    bucket = moto.bucket()
    answers = iter([409, 409])
    with Proxy(moto.address, plan=lambda asked: next(answers, None) if asked.method == "PUT" else None) as proxy:
        moto.reach(monkeypatch, proxy.address)
        result.write(f"s3://{bucket}/x.csv")
        assert [request.status for request in proxy.of("PUT")] == [409, 409, 200]
    assert b"campaign_id" in moto.read(bucket, "x.csv")


def race(server_address, bucket, keys, racers=8):
    """Each of the racers is told each key at once; what they tell, by key."""
    command = [sys.executable, "-c", RACER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, f"racer-{number};"], **pipes) for number in range(racers)]
    try:
        assert [each.stdout.readline() for each in running] == ["ready\n"] * racers
        for key in keys:
            for each in running:
                each.stdin.write(f"s3://{bucket}/{key}\n")
                each.stdin.flush()
            with ThreadPoolExecutor(racers) as pool:
                yield key, list(pool.map(lambda each: each.stdout.readline().strip(), running))
    finally:
        for each in running:
            each.kill()
            each.wait()


def races(moto, monkeypatch, seed, count):
    bucket, won = moto.bucket(), []
    with Proxy(moto.address, plan=seeded(seed, lost=1 / 3)) as proxy:
        moto.reach(monkeypatch, proxy.address)
        for key, told in race(proxy.address, bucket, [f"{seed}-{number}" for number in range(count)]):
            winners = [f"racer-{number};" for number, each in enumerate(told) if each == "won"]
            assert len(winners) == 1, (key, told)
            assert moto.read(bucket, key) == winners[0].encode() * 100, (key, told)
            assert all(key in each and "there already" in each for each in told if each != "won"), told
            won += winners
        assert proxy.faults()[Fault.LOST] > count
    return won


def test_of_eight_that_race_for_a_key_exactly_one_is_told_that_it_won(moto, monkeypatch):
    assert len(set(races(moto, monkeypatch, 1, 12))) > 1


@pytest.mark.slow
def test_of_eight_that_race_for_a_hundred_keys_exactly_one_is_told_that_it_won(moto, monkeypatch):
    races(moto, monkeypatch, 2, 100)


# The workspace.


def test_outside_of_the_workspace_nothing_is_written_and_nothing_is_asked(moto, monkeypatch, tmp_path, result):
    bucket = moto.bucket()
    town = write_town(tmp_path / "again")
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        monkeypatch.setenv("FOOTFALL_WORKSPACE", f"s3://{bucket}/g7")
        outside = f"s3://{bucket}/g70/x"
        for write in (
            lambda: result.write(f"{outside}.csv"),
            lambda: result.write(f"{outside}.csv", overwrite=True),
            lambda: footfall.synth.city(outside, pings=100, progress=False),
            lambda: footfall.ingest(town, outside, progress=False),
            lambda: opened(town).report(f"{outside}.html"),
        ):
            with pytest.raises(footfall.DefinitionError, match="FOOTFALL_WORKSPACE"):
                write()
        assert not proxy.requests
        result.write(f"s3://{bucket}/g7/x.csv")
        result.write(tmp_path / "x.csv")
    assert list(moto.keys(bucket)) == ["g7/x.csv"]


# Sets of several objects.


def test_a_city_and_a_rewritten_set_are_those_of_the_disk(s3, monkeypatch, tmp_path):
    bucket = s3.bucket()
    s3.reach(monkeypatch)
    city, place = footfall.synth.city(tmp_path / "city", pings=3_000, progress=False), f"s3://{bucket}/city"
    assert str(footfall.synth.city(place, pings=3_000, progress=False)) == place
    assert content(s3, bucket, "city/") == files(city)
    # From the disk and from S3, the same files.
    here = footfall.ingest(city, tmp_path / "rewritten", tz="America/Recife", progress=False)
    for number, source in enumerate((city, place)):
        there = footfall.ingest(source, f"s3://{bucket}/rewritten-{number}", tz="America/Recife", progress=False)
        assert there.tables == here.tables
        found, wanted = content(s3, bucket, f"rewritten-{number}/"), files(here.folder)
        # What is read is named in it, and when.
        assert {**found, "ingest.json": b""} == {**wanted, "ingest.json": b""}
        data = footfall.open(f"s3://{bucket}/rewritten-{number}", tz="America/Recife", progress=False)
        assert data.rows() == footfall.open(here.folder, tz="America/Recife", progress=False).rows()


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def content(s3, bucket, prefix):
    """What is below a prefix, save for what makes it a set."""
    keys = [key for key in s3.keys(bucket, prefix) if not key.endswith(("_begun.json", "_manifest.json"))]
    return {key.removeprefix(prefix): s3.read(bucket, key) for key in keys}


def test_the_manifest_goes_last_and_each_object_once(moto, monkeypatch):
    bucket = moto.bucket()
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        footfall.synth.city(f"s3://{bucket}/city", pings=1_000, progress=False)
        keys = [request.key for request in proxy.of("PUT")]
        assert keys[0].endswith("_begun.json") and keys[-1].endswith("_manifest.json")
        assert len(set(keys)) == len(keys)
        assert {request.headers.get("if-none-match") for request in proxy.of("PUT")} == {"*"}
        assert not proxy.of("POST") and not proxy.of("DELETE")


def test_where_another_set_is_nothing_is_written(moto, monkeypatch):
    bucket = moto.bucket()
    moto.reach(monkeypatch)
    footfall.synth.city(f"s3://{bucket}/city", pings=1_000, progress=False)
    before = moto.keys(bucket)
    footfall.synth.city(f"s3://{bucket}/city", pings=1_000, progress=False)
    assert moto.keys(bucket) == before
    with pytest.raises(footfall.DataError, match="another one is there"):
        footfall.synth.city(f"s3://{bucket}/city", pings=1_000, seed=2, progress=False)
    assert moto.keys(bucket) == before


def test_objects_that_no_manifest_names_are_not_read(moto, monkeypatch):
    bucket = moto.bucket()
    moto.reach(monkeypatch)
    footfall.synth.city(f"s3://{bucket}/city", pings=1_000, progress=False)
    data = footfall.open(f"s3://{bucket}/city", tz="America/Recife", progress=False)
    key = next(key for key in moto.keys(bucket) if "/pings/" in key)
    moto.client().put_object(Bucket=bucket, Key=key.replace(".parquet", "-more.parquet"), Body=moto.read(bucket, key))
    again = footfall.open(f"s3://{bucket}/city", tz="America/Recife", progress=False)
    assert data.rows() == again.rows() and again.rows()["pings"] == 1_000


def kills(moto, monkeypatch, city, tmp_path, before_request):
    """Kill it as its n-th request comes, for each n; a reader sees nothing, and resuming gives the bytes of a run."""
    whole = moto.bucket()
    moto.reach(monkeypatch)
    footfall.ingest(city, f"s3://{whole}/set", tz="America/Recife", progress=False)
    wanted = content(moto, whole, "set/")
    running = {}

    def plan(request):
        running["left"] -= 1
        if running["left"] == 0:
            os.kill(running["process"], signal.SIGKILL)

    for before in before_request:
        bucket = moto.bucket()
        place, running["left"] = f"s3://{bucket}/set", before
        with Proxy(moto.address, plan=plan) as proxy:
            environment = {**os.environ, **moto.environment(proxy.address)}
            command = [*COMMAND, "ingest", str(city), place, "--tz", "America/Recife", "--no-progress"]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            running["process"] = process.pid
            code = process.wait(120)
        if code != -signal.SIGKILL:
            assert code == 0, "it needs less requests"
            assert running["left"] > 0
        elif not any(key.endswith("_manifest.json") for key in moto.keys(bucket)):
            with pytest.raises(footfall.DataError, match=r"unfinished|no object's key begins so|no such folder"):
                footfall.open(place, tz="America/Recife", progress=False)
        footfall.ingest(city, place, tz="America/Recife", progress=False)
        found = content(moto, bucket, "set/")
        assert {**found, "ingest.json": b""} == {**wanted, "ingest.json": b""}
        assert footfall.open(place, tz="America/Recife", progress=False).rows()["pings"] == 2_000
        yield code


@pytest.fixture(scope="module")
def small_city(tmp_path_factory):
    return footfall.synth.city(tmp_path_factory.mktemp("small") / "city", pings=2_000, progress=False)


def test_a_set_that_was_killed_is_all_or_nothing_and_goes_on(moto, monkeypatch, small_city, tmp_path):
    assert set(kills(moto, monkeypatch, small_city, tmp_path, [2, 9])) == {-signal.SIGKILL}


@pytest.mark.slow
def test_a_set_that_was_killed_at_twenty_moments_is_all_or_nothing_and_goes_on(moto, monkeypatch, small_city, tmp_path):
    moments = sorted(random.Random(1).sample(range(1, 60), 20))
    assert list(kills(moto, monkeypatch, small_city, tmp_path, moments)).count(-signal.SIGKILL) >= 5


# What the command says.


def run(environment, *arguments):
    return subprocess.run(
        [*COMMAND, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )


def test_the_command_reads_and_writes_places(moto, tmp_path):
    bucket, environment = moto.bucket(), moto.environment()
    place = f"s3://{bucket}/city"
    made = run(environment, "synth", place, "--pings", "2000")
    assert made.returncode == 0 and f"in {place};" in made.stdout, made.stderr
    rewritten = run(environment, "ingest", place, f"s3://{bucket}/set", "--tz", "America/Recife")
    assert rewritten.returncode == 0 and f"footfall report s3://{bucket}/set" in rewritten.stdout, rewritten.stderr
    told = run(environment, "run", "campaign_ctr", f"s3://{bucket}/set", "--tz", "America/Recife",
               "--out", f"s3://{bucket}/ctr.parquet")  # fmt: skip
    assert told.returncode == 0, told.stderr
    here = tmp_path / "ctr.parquet"
    here.write_bytes(moto.read(bucket, "ctr.parquet"))
    assert pq.read_table(here).num_rows > 0
    report = run(environment, "report", place, "--tz", "America/Recife", "--out", f"s3://{bucket}/report.html")
    assert report.returncode == 0, report.stderr
    assert moto.read(bucket, "report.html").startswith(b"<!doctype html>"[:2])
    again = run(environment, "report", place, "--tz", "America/Recife", "--out", f"s3://{bucket}/report.html")
    assert again.returncode == 2 and re.search(r"report\.html.*there already", again.stderr), again.stderr


def test_larger_objects_than_one_request_writes_are_refused(moto, monkeypatch):
    moto.reach(monkeypatch)
    with Proxy(moto.address) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        with pytest.raises(footfall.DataError, match="268435457 bytes"):
            _native.write_object("s3://bucket/x", bytes((256 << 20) + 1), notes={})
        assert not proxy.requests
