"""A network that fails: whatever becomes of answers, a table is the same or there is an error that names the object."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pyarrow as pa
import pytest
from layouts import ipc_bytes
from s3_proxy import Fault, Proxy, seeded
from towns import COUNTED, counted, opened, write_town

import footfall
from footfall import _native

JOBS = [job["name"] for job in _native.jobs()]
CHANCES = {"unavailable": 0.01, "cut": 0.01, "lost": 0.01, "late": 0.01}
# So many files that a hundredth of the answers is some.
FILES = 60
# Asks a cluster for each job; prints the sum of its answer's bytes, or the error.
ASK = """
import hashlib, json, sys
from layouts import ipc_bytes
import footfall
engine, place, jobs = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
try:
    data = footfall.open(place, tz="America/Recife", engine=engine, progress=False)
    told = {job: hashlib.sha256(ipc_bytes(data.run(job))).hexdigest() for job in jobs}
except footfall.FootfallError as error:
    told = {"error": type(error).__name__, "message": str(error)}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A city whose interactions and pings are cut into many files."""
    import pyarrow.parquet as pq

    city = footfall.synth.city(tmp_path_factory.mktemp("faults") / "city", pings=12_000, progress=False)
    for name in ("interactions", "pings"):
        rows = pa.concat_tables([pq.read_table(path) for path in sorted((city / name).rglob("*.parquet"))])
        for path in sorted((city / name).rglob("*.parquet")):
            path.unlink()
        size = rows.num_rows // FILES + 1
        for number in range(FILES):
            pq.write_table(rows.slice(number * size, size), city / name / f"{number:03}.parquet")
    return city


@pytest.fixture(scope="module")
def wanted(pieces):
    data = footfall.open(pieces, tz="America/Recife", progress=False)
    return {job: ipc_bytes(data.run(job)) for job in JOBS}


@pytest.fixture(scope="module")
def uploaded(moto, pieces):
    bucket = moto.bucket()
    moto.upload(pieces, bucket)
    return bucket


def same_or_named(place, wanted, jobs):
    """Ask for jobs of a data set that is opened anew; how many answers came, and how many errors that name it."""
    came = errors = 0
    for job in jobs:
        try:
            data = footfall.open(place, tz="America/Recife", progress=False)
            assert ipc_bytes(data.run(job)) == wanted[job], job
            came += 1
        except (footfall.DataError, OSError) as error:
            assert re.search(rf"{place}(/\S+)?", str(error)), error
            errors += 1
    return came, errors


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_table_or_an_error_that_names_the_object(moto, monkeypatch, uploaded, wanted, seed):
    # What is spoilt once is asked for again: hardly anybody is kept from an answer.
    assert spoilt_and_asked(moto, monkeypatch, uploaded, wanted, seed) >= len(JOBS) - 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 21))
def test_the_same_table_or_an_error_that_names_the_object_with_more_seeds(moto, monkeypatch, uploaded, wanted, seed):
    spoilt_and_asked(moto, monkeypatch, uploaded, wanted, seed)


def spoilt_and_asked(moto, monkeypatch, bucket, wanted, seed):
    with Proxy(moto.address, plan=seeded(seed, **CHANCES)) as proxy:
        moto.reach(monkeypatch, proxy.address)
        came, _ = same_or_named(f"s3://{bucket}", wanted, JOBS)
        assert len(proxy.faults()) >= 3, "hardly anything was spoilt"
    return came


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("cluster", ["dask", "spark"])
def test_clusters_give_the_same_table_or_an_error_that_names_the_object(moto, uploaded, wanted, cluster, project, seed):
    asked_of_cluster(moto, uploaded, wanted, cluster, project, seed)


CLUSTERS_ANSWER = ["campaign_ctr", "establishment_visits", "visit_attribution"]


def asked_of_cluster(moto, bucket, wanted, engine, project, seed):
    """Have a cluster of its own, which finds the proxy by its environment, answer; how many answers came."""
    import hashlib
    import json

    with Proxy(moto.address, plan=seeded(seed, **CHANCES)) as proxy:
        paths = os.pathsep.join([str(project / "tests" / "python"), str(project / "python")])
        environment = {**os.environ, **moto.environment(proxy.address), "PYTHONPATH": paths}
        command = [sys.executable, "-c", ASK, engine, f"s3://{bucket}", ",".join(CLUSTERS_ANSWER)]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
        assert told.returncode == 0, told.stderr[-2_000:]
        assert proxy.faults()
    answer = json.loads(told.stdout.splitlines()[-1])
    if "error" in answer:
        assert bucket in answer["message"], answer
        return 0
    assert answer == {job: hashlib.sha256(wanted[job]).hexdigest() for job in CLUSTERS_ANSWER}
    return len(answer)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.LOST, Fault.UNAVAILABLE, Fault.LATE])
def test_each_first_answer_may_be_spoilt(moto, monkeypatch, tmp_path, fault):
    root = write_town(tmp_path)
    bucket = moto.bucket()
    moto.upload(root, bucket)

    def plan(request):
        return None if request.before else fault

    with Proxy(moto.address, plan=plan, late_s=0.1) as proxy:
        moto.reach(monkeypatch, proxy.address)
        data = opened(f"s3://{bucket}")
        assert counted(data) == COUNTED
        assert proxy.faults()[fault] >= 5


def test_half_a_list_again_and_again_is_an_error_and_no_smaller_data_set(moto, monkeypatch, uploaded):
    for prefix, keys_per_list in (("", None), ("pings/", FILES)):

        def plan(request, prefix=prefix):
            return Fault.CUT if request.kind == "LIST" and request.query.get("prefix", "") == prefix else None

        with Proxy(moto.address, plan=plan, keys_per_list=keys_per_list) as proxy:
            moto.reach(monkeypatch, proxy.address)
            with pytest.raises(footfall.DataError, match=f"s3://{uploaded}/"):
                footfall.open(f"s3://{uploaded}", tz="America/Recife", progress=False)


def test_an_object_that_cannot_be_had_is_named(moto, monkeypatch, uploaded):
    """S3 refuses one object of many, each time, in words that no repetition mends."""
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address)
        proxy.plan = lambda asked: 403 if asked.key == "pings/017.parquet" else None
        with pytest.raises(footfall.DataError, match=rf"s3://{uploaded}/pings/017\.parquet.*s3:GetObject"):
            footfall.open(f"s3://{uploaded}", tz="America/Recife", progress=False).establishment_visits()


@pytest.mark.slow
def test_a_server_that_is_never_available_is_told_as_such(moto, monkeypatch, uploaded):
    with Proxy(moto.address, plan=lambda _: Fault.UNAVAILABLE) as proxy:
        moto.reach(monkeypatch, proxy.address)
        with pytest.raises(footfall.DataError, match=rf"{uploaded}.*too much at once"):
            footfall.open(f"s3://{uploaded}", tz="America/Recife", progress=False)


def test_a_server_that_is_not_there_is_told_as_such(monkeypatch, moto):
    moto.reach(monkeypatch, "http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    with pytest.raises(footfall.DataError, match="s3://some-bucket"):
        footfall.open("s3://some-bucket/x", progress=False)
