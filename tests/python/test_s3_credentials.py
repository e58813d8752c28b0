"""Where credentials come from, that they are renewed, and what is said where they do not do.

versitygw checks signatures: who reads there has the right key. Single sign-on was not tried: it needs AWS's portal.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from s3_proxy import Proxy
from towns import COUNTED, counted, opened, write_town

import footfall

LIFE_S = 20
# Gives whatever credentials the file has now.
GIVES = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"


@pytest.fixture
def place(versitygw, tmp_path):
    bucket = versitygw.bucket()
    versitygw.upload(write_town(tmp_path / "town"), bucket, "town")
    return f"s3://{bucket}/town"


def reach_without_keys(server, monkeypatch, **more):
    server.reach(monkeypatch, **more)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


def told(access_key, secret_key, life_s=3_600, **names):
    ends = datetime.now(timezone.utc) + timedelta(seconds=life_s)
    expiration = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"AccessKeyId": access_key, "SecretAccessKey": secret_key, "Expiration": expiration, **names}


@contextmanager
def answering(answers):
    """A server on loopback: `answers` tells, by method and path, the content for a request's headers, or None."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked.append((self.command, self.path, headers))
            content = answers(self.command, self.path, headers)
            self.send_response(401 if content is None else 200)
            content = (content or "").encode()
            self.send_header("Content-Length", str(len(content)))
            if self.command == "PUT":
                self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_GET

        def log_message(self, *message):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_container_gives_them_to_whoever_has_its_token(versitygw, monkeypatch, place):
    content = json.dumps(told(versitygw.access_key, versitygw.secret_key, Token=""))

    def answers(method, path, headers):
        return content if headers.get("authorization") == "the container's own" else None

    with answering(answers) as (address, asked):
        uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{address}/creds"}
        reach_without_keys(versitygw, monkeypatch, **uri, AWS_CONTAINER_AUTHORIZATION_TOKEN="the container's own")
        assert counted(opened(place)) == COUNTED
        assert len(asked) == 1


def test_the_role_of_a_machine_is_asked_by_the_new_metadata_service(versitygw, monkeypatch, place):
    content = json.dumps(told(versitygw.access_key, versitygw.secret_key, Token="", Code="Success", Type="AWS-HMAC"))

    def answers(method, path, headers):
        if method == "PUT":
            return "session" if path == "/latest/api/token" else None
        if headers.get("x-aws-ec2-metadata-token") != "session":
            return None
        return content if path.endswith("/footfall-group-7") else "footfall-group-7"

    with answering(answers) as (address, asked):
        reach_without_keys(versitygw, monkeypatch, AWS_EC2_METADATA_SERVICE_ENDPOINT=address)
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        assert counted(opened(place)) == COUNTED
        assert asked[0][:2] == ("PUT", "/latest/api/token")
        assert all("x-aws-ec2-metadata-token" in headers for method, _, headers in asked if method == "GET")


def test_public_buckets_are_read_without_any(versitygw, monkeypatch, place):
    bucket = place.split("/")[2]
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": arns}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    versitygw.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    with Proxy(versitygw.address) as proxy:
        reach_without_keys(versitygw, monkeypatch, AWS_NO_SIGN_REQUEST="1", AWS_ENDPOINT_URL=proxy.address)
        assert counted(opened(place)) == COUNTED
        assert not any("authorization" in request.headers for request in proxy.requests)


def test_who_asks_pays_if_it_is_said(moto, monkeypatch, tmp_path):
    bucket = moto.bucket()
    moto.upload(write_town(tmp_path / "town"), bucket)
    with Proxy(moto.address) as proxy:
        moto.reach(monkeypatch, proxy.address, AWS_REQUEST_PAYER="requester")
        assert counted(opened(f"s3://{bucket}")) == COUNTED
        assert {request.headers.get("x-amz-request-payer") for request in proxy.requests} == {"requester"}


def test_a_profile_says_region_and_endpoint(versitygw, monkeypatch, place, tmp_path):
    config = tmp_path / "config"
    keys = f"aws_access_key_id = {versitygw.access_key}\naws_secret_access_key = {versitygw.secret_key}\n"
    config.write_text(f"[profile course]\nregion = us-east-1\nendpoint_url = {versitygw.address}\n{keys}")
    reach_without_keys(versitygw, monkeypatch, AWS_CONFIG_FILE=str(config), AWS_PROFILE="course")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_REGION")
    assert counted(opened(place)) == COUNTED


def refused(place):
    with pytest.raises(footfall.DataError) as caught:
        counted(opened(place))
    return str(caught.value)


def test_without_any_it_is_told_what_was_tried(versitygw, monkeypatch, place):
    reach_without_keys(versitygw, monkeypatch)
    said = refused(place)
    for tried in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "single sign-on", "web identity", "container"):
        assert tried in said


def test_what_does_not_do_is_told(versitygw, monkeypatch, place):
    versitygw.reach(monkeypatch, AWS_SECRET_ACCESS_KEY="0" * 40)
    assert "signature is wrong" in refused(place)
    versitygw.reach(monkeypatch, AWS_ACCESS_KEY_ID="nobody")
    assert "unknown there" in refused(place)
    versitygw.reach(monkeypatch, AWS_REGION="eu-west-1")
    assert place in refused(place)
    versitygw.reach(monkeypatch)
    assert "no-such-bucket-of-ours" in refused("s3://no-such-bucket-of-ours/x")


def test_who_has_no_permission_is_told_for_what(versitygw, monkeypatch, place):
    bucket, user = place.split("/")[2], f"guest-{time.monotonic_ns()}"
    versitygw.reach(monkeypatch, AWS_ACCESS_KEY_ID=user, AWS_SECRET_ACCESS_KEY=versitygw.new_user(user))
    assert f"s3://{bucket}" in refused(place) and "s3:" in refused(place)
    arn = f"arn:aws:s3:::{bucket}"
    listing = {"Effect": "Allow", "Principal": {"AWS": [user]}, "Action": "s3:ListBucket", "Resource": arn}
    reading = {"Effect": "Allow", "Principal": {"AWS": [user]}, "Action": "s3:GetObject",
               "Resource": [f"{arn}/town/a*", f"{arn}/town/e*", f"{arn}/town/f*", f"{arn}/town/i*"]}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [listing, reading]})
    versitygw.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    said = refused(place)
    assert f"s3://{bucket}/town/pings.csv" in said and "s3:GetObject" in said
    with pytest.raises(footfall.DataError, match=rf"s3://{bucket}/x\.csv.*s3:PutObject"):
        opened({"ads": str(place) + "/ads.csv"}).sql("SELECT 1 AS one FROM ads").write(f"s3://{bucket}/x.csv")


@pytest.mark.slow
def test_those_that_live_for_seconds_and_are_then_revoked_do_for_a_minute(versitygw, monkeypatch, place, tmp_path):
    """A process gives the keys of a user who is removed when they end; the next has been there before."""
    bucket, given = place.split("/")[2], tmp_path / "given.json"
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    users = [f"short-{time.monotonic_ns()}-{number}" for number in range(5)]
    secrets = {user: versitygw.new_user(user) for user in users}
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": arns}
    statements = [{**allowed, "Principal": {"AWS": users}}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    versitygw.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    done = threading.Event()

    def give():
        for number, user in enumerate(users):
            given.write_text(json.dumps(told(user, secrets[user], LIFE_S, Version=1)))
            if number:
                # Half of the life of those before is left when these are given.
                done.wait(LIFE_S / 2 + 1)
                versitygw.remove_user(users[number - 1])
            if done.wait(LIFE_S / 2 - 1):
                return

    config = tmp_path / "config"
    script = tmp_path / "gives.py"
    script.write_text(GIVES)
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script} {given}\n", encoding="utf-8")
    reach_without_keys(versitygw, monkeypatch, AWS_CONFIG_FILE=str(config))
    giving = threading.Thread(target=give)
    giving.start()
    try:
        while not given.exists():
            time.sleep(0.01)
        data, begun, answers = opened(place), time.monotonic(), 0
        while time.monotonic() - begun < 60:
            # A data set that is opened anew reads objects again; the credentials are those of the process.
            assert counted(data) == counted(opened(place)) == COUNTED
            answers += 1
        assert answers > 5
        refusals = [user for user in users if was_revoked(versitygw, user, secrets[user], bucket)]
        assert len(refusals) >= 2, "their keys were revoked while the work went on"
    finally:
        done.set()
        giving.join()


def was_revoked(server, user, secret_key, bucket):
    client = server.client(access_key=user, secret_key=secret_key)
    try:
        client.list_objects_v2(Bucket=bucket)
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"] == "InvalidAccessKeyId"
    return False
