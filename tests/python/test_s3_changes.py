"""Objects on S3 that change after a data set was opened: an error that names them, and never rows of two states."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from layouts import WRITERS, write_files
from s3_proxy import Proxy
from s3_servers import END
from towns import COUNTED, counted, opened, write_town

import footfall


def crowd(root, ending="parquet", count=20_000, group=2_000):
    """Pings of some hundred kilobytes, most of them at one of two establishments."""
    rng = np.random.default_rng(4)
    instants = pa.array(1_709_640_000_000_000 + np.arange(count), pa.timestamp("us", "UTC"))
    places = {"latitude": rng.uniform(-8.0502, -8.05, count), "longitude": rng.uniform(-34.9002, -34.9, count)}
    users = pa.array(rng.integers(0, 2**60, count)).cast(pa.string())
    tables = {"pings": pa.table({"user_id": users, "timestamp": instants, **places})}
    shops = {"latitude": [-8.05, -8.0502], "longitude": [-34.9, -34.9002]}
    tables["establishments"] = pa.table({"establishment_id": ["a", "b"], "category": ["food", "food"], **shops})
    write_files(tables, root, ending, 1, seed=1)
    if ending == "parquet":
        pq.write_table(tables["pings"], root / "pings.parquet", row_group_size=group, use_dictionary=False)
    assert (root / f"pings.{ending}").stat().st_size > 5 * END
    return root


CHANGES = {
    "exchanged": lambda s3, place, content: s3.put_object(**place, Body=content.replace(b"0", b"1")),
    "grown": lambda s3, place, content: s3.put_object(**place, Body=content + content.splitlines(keepends=True)[-1]),
    "truncated": lambda s3, place, content: s3.put_object(**place, Body=content[: len(content) // 2]),
    "gone": lambda s3, place, _: s3.delete_object(**place),
}
ASKED = {
    "job": lambda data: data.establishment_visits(by="period"),
    "sql": lambda data: data.sql("SELECT count(*), min(latitude) FROM pings"),
    "check": lambda data: data.check(),
    "of a period": lambda data: data.between("2024-03-01", "2024-04-01").establishment_visits(),
    "persist": lambda data: data.persist(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("ending", WRITERS)
def test_an_object_that_changes_after_it_was_seen_is_refused(s3, monkeypatch, tmp_path, ending, change):
    root = crowd(tmp_path / "set", ending)
    bucket = s3.bucket()
    s3.upload(root, bucket)
    s3.reach(monkeypatch)
    fresh, used = opened(f"s3://{bucket}"), opened(f"s3://{bucket}")
    assert sum(ASKED["job"](used).to_arrow()["visits"].to_pylist()) > 10_000
    place = {"Bucket": bucket, "Key": f"pings.{ending}"}
    CHANGES[change](s3.client(), place, (root / f"pings.{ending}").read_bytes())
    for name, ask in ASKED.items():
        for data in (fresh, used):
            with pytest.raises(footfall.DataError, match=rf"{bucket}/pings\.{ending}.*since the data set was opened"):
                raise AssertionError(f"{name}: {ask(data)}")


def test_a_small_object_is_read_once_and_stays_what_it_was(s3, monkeypatch, tmp_path):
    root = write_town(tmp_path)
    bucket = s3.bucket()
    s3.upload(root, bucket)
    s3.reach(monkeypatch)
    data = opened(f"s3://{bucket}")
    assert counted(data) == COUNTED
    s3.client().put_object(Bucket=bucket, Key="pings.csv", Body=b"user_id,timestamp,latitude,longitude\n")
    assert counted(data) == COUNTED
    assert counted(opened(f"s3://{bucket}")) == ([0, 0], [0, 0])


@pytest.mark.parametrize("ending", WRITERS)
def test_an_object_that_is_replaced_in_the_middle_of_a_job_is_an_error(s3, monkeypatch, tmp_path, ending):
    """Whichever of the job's requests it is replaced before."""
    root = crowd(tmp_path / "set", ending)
    bucket, key = s3.bucket(), f"pings.{ending}"
    s3.upload(root, bucket)
    content = (root / key).read_bytes()
    # Of the same length, as a program does that writes the same columns of another day.
    place, other = {"Bucket": bucket, "Key": key}, content[:-200] + bytes(reversed(content[-200:]))
    state, one_by_one = {"left": None}, threading.Lock()

    def plan(request):
        with one_by_one:
            if request.key == key and state["left"] is not None:
                if state["left"] == 0:
                    s3.client().put_object(**place, Body=other)
                state["left"] -= 1

    with Proxy(s3.address, plan=plan) as proxy:
        s3.reach(monkeypatch, proxy.address)
        data = opened(f"s3://{bucket}")
        proxy.clear()
        ASKED["job"](data)
        asked = sum(request.key == key for request in proxy.requests)
        assert asked >= 2 or ending != "parquet"
        for before in range(asked):
            s3.client().put_object(**place, Body=content)
            data = opened(f"s3://{bucket}")
            state["left"] = before
            with pytest.raises(footfall.DataError, match=rf"{key}.*since the data set was opened"):
                raise AssertionError(str(ASKED["job"](data).to_arrow()))
            with one_by_one:
                state["left"] = None
