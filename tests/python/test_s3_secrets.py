"""Keys, tokens and names of profiles are found in nothing that is shown, kept or sent, save in the signed requests."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import pytest
from machine import family
from s3_proxy import Proxy
from towns import COUNTED, counted, opened, write_town

import footfall

COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]
KEY, SECRET, TOKEN = "AKIAPLANTEDKEY000001", "planted/Secret+of0the9tests", "PlantedToken//of+the=tests"
PROFILE = "planted-profile"
PLANTED = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}


def found_in(*texts):
    """What is planted and found in texts or bytes."""
    whole = b"\0".join(text if isinstance(text, bytes) else str(text).encode() for text in texts)
    return [each for each in (KEY, SECRET, TOKEN, PROFILE) if each.encode() in whole]


def all_of(error):
    return "".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(vars(error))


@pytest.fixture
def town(moto, tmp_path):
    bucket = moto.bucket()
    moto.upload(write_town(tmp_path / "town"), bucket, "town")
    return bucket


def test_they_are_in_the_headers_of_signed_requests_alone(moto, monkeypatch, town):
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address, **PLANTED)
        data = opened(f"s3://{town}/town")
        assert counted(data) == COUNTED
        data.campaign_ctr().write(f"s3://{town}/x.csv")
        for request in proxy.requests:
            told = request.headers
            assert found_in(told.pop("authorization")) == [KEY] and told.pop("x-amz-security-token") == TOKEN
            assert not found_in(told, request.key, request.query)
    assert not found_in(moto.read(town, "x.csv"), moto.client().head_object(Bucket=town, Key="x.csv")["Metadata"])


def test_they_are_in_nothing_that_is_shown_or_kept(moto, monkeypatch, town, tmp_path):
    moto.reach(monkeypatch, **PLANTED)
    data = opened(f"s3://{town}/town")
    result = data.campaign_ctr()
    report = data.report(tmp_path / "report.html").read_bytes()
    assert not found_in(repr(data), data._repr_html_(), repr(result), result._repr_html_(), result.sql, report)
    assert not found_in(pickle.dumps(data), pickle.dumps(result))


def refusals(monkeypatch, server, bucket):
    """Ask for what is refused in as many ways as there are; the errors."""
    places = [f"s3://{bucket}/nothing", "s3://no-such-bucket-of-ours/x", f"s3://{KEY}:{SECRET}@{bucket}/town",
              f"s3://{bucket}/town"]  # fmt: skip
    for place in places:
        try:
            data = opened(place)
            data.campaign_ctr().write(f"s3://{bucket}/town/ads.csv")
        except footfall.FootfallError as error:
            yield all_of(error)


def test_they_are_in_no_message(moto, versitygw, monkeypatch, town, tmp_path):
    moto.reach(monkeypatch, **PLANTED)
    told = list(refusals(monkeypatch, moto, town))
    assert len(told) == 4, "each is refused"
    # versitygw knows neither key nor token, and says so with the key in its answer.
    bucket = versitygw.bucket()
    versitygw.upload(write_town(tmp_path / "again"), bucket, "town")
    versitygw.reach(monkeypatch, **PLANTED)
    told += refusals(monkeypatch, versitygw, bucket)
    # The right key with another's secret.
    versitygw.reach(monkeypatch, AWS_SECRET_ACCESS_KEY=SECRET)
    told += refusals(monkeypatch, versitygw, bucket)
    for status in (403, 409, 500):
        with Proxy(moto.address, plan=lambda _, status=status: status) as proxy:
            if status != 500:
                moto.reach(monkeypatch, proxy.address, **PLANTED)
                told += refusals(monkeypatch, moto, town)
    assert len(told) == 4 + 4 + 4 + 8
    # Where the test itself writes them is no message of ours.
    ours = [line for each in told for line in each.splitlines() if "DataError" in line or "Error:" in line]
    assert len(ours) >= len(told) and [line for line in ours if found_in(line)] == []


def test_a_profile_is_used_and_told_nobody(versitygw, monkeypatch, tmp_path):
    bucket = versitygw.bucket()
    versitygw.upload(write_town(tmp_path / "town"), bucket, "town")
    file = tmp_path / "credentials"
    lines = [f"[{PROFILE}]", f"aws_access_key_id = {versitygw.access_key}"]
    file.write_text("\n".join([*lines, f"aws_secret_access_key = {versitygw.secret_key}", ""]), encoding="utf-8")
    file.chmod(0o600)
    versitygw.reach(monkeypatch, AWS_PROFILE=PROFILE, AWS_SHARED_CREDENTIALS_FILE=str(file))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    data = opened(f"s3://{bucket}/town")
    assert counted(data) == COUNTED
    kept = pickle.dumps(data)
    assert not found_in(kept, repr(data)) and versitygw.access_key.encode() not in kept
    with pytest.raises(footfall.DataError) as caught:
        opened(f"s3://{bucket}/nothing")
    assert not found_in(str(caught.value))


def test_they_are_on_no_command_line_and_in_no_log_of_a_cluster(moto, tmp_path):
    """While a cluster of this machine works, its files and the process list are looked through, again and again."""
    bucket, logs = moto.bucket(), tmp_path / "tmp"
    moto.upload(write_town(tmp_path / "town"), bucket)
    logs.mkdir()
    environment = {**os.environ, **moto.environment(), **PLANTED, "TMPDIR": str(logs), "RUST_LOG": "trace"}
    command = [*COMMAND, "verify", f"s3://{bucket}", "--tz", "UTC", "--engines", "local,dask"]
    with (tmp_path / "told").open("wb") as told:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
    looked = 0
    try:
        while process.poll() is None:
            assert not found_in(*lines_of(family(process.pid)), *contents(logs)), "after how many looks: " + str(looked)
            looked += 1
            time.sleep(0.3)
    finally:
        process.kill()
        process.wait()
    assert looked >= 3
    assert process.returncode == 0, (tmp_path / "told").read_text(encoding="utf-8")
    assert not found_in((tmp_path / "told").read_bytes())


def lines_of(processes):
    for each in processes:
        with suppress(OSError):
            yield Path(f"/proc/{each}/cmdline").read_bytes()


def contents(folder):
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file():
                yield path.read_bytes()


def test_credentials_are_asked_for_only_where_a_place_in_s3_is_opened(versitygw, monkeypatch, tmp_path):
    town = write_town(tmp_path / "town")
    bucket = versitygw.bucket()
    versitygw.upload(town, bucket)
    asked = tmp_path / "asked"
    script = tmp_path / "give.py"
    script.write_text(GIVES.format(asked=str(asked), key=versitygw.access_key, secret=versitygw.secret_key))
    script.chmod(0o700)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script}\n", encoding="utf-8")
    versitygw.reach(monkeypatch, AWS_CONFIG_FILE=str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert counted(opened(town)) == COUNTED and not asked.exists()
    assert counted(opened(f"s3://{bucket}")) == COUNTED
    assert asked.read_text() == "1", "once, however many readers there are"


GIVES = """
import json, pathlib
asked = pathlib.Path({asked!r})
asked.write_text((asked.read_text() if asked.exists() else "") + "1")
print(json.dumps({{"Version": 1, "AccessKeyId": {key!r}, "SecretAccessKey": {secret!r}}}))
"""
