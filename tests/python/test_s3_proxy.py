"""The proxy of the tests, in front of real S3 servers: it changes nothing, counts all, and spoils what it is told."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import s3_proxy
import s3_servers
from s3_proxy import Fault, Proxy

BODY = bytes(range(256)) * 4_000


@pytest.fixture
def bucket(s3):
    name = s3.bucket()
    s3.client().put_object(Bucket=name, Key="a folder/ação+1.bin", Body=BODY)
    return name


def through(s3, proxy):
    return s3.client(address=proxy.address)


def read(client, bucket, **more):
    return client.get_object(Bucket=bucket, Key="a folder/ação+1.bin", **more)["Body"].read()


def ask(proxy, bucket, key="x"):
    """A request of no client but our own, which tries once and tells what came; its signature is missing."""
    connection = http.client.HTTPConnection(urlsplit(proxy.address).netloc, timeout=10)
    connection.request("GET", f"/{bucket}/{key}")
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_what_passes_is_unchanged_and_counted(s3, bucket):
    with Proxy(s3.address) as proxy:
        client = through(s3, proxy)
        client.put_object(Bucket=bucket, Key="new", Body=BODY[:70_000])
        assert read(client, bucket) == BODY
        assert read(client, bucket, Range="bytes=-300") == BODY[-300:]
        assert client.head_object(Bucket=bucket, Key="new")["ContentLength"] == 70_000
        assert [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]] == [
            "a folder/ação+1.bin",
            "new",
        ]
        client.delete_object(Bucket=bucket, Key="new")
        assert proxy.counts() == {"PUT": 1, "GET": 2, "HEAD": 1, "LIST": 1, "DELETE": 1}
        assert proxy.bytes_sent("GET") == len(BODY) + 300
        # A client may put sums of pieces between them.
        assert proxy.of("PUT")[0].received >= 70_000
        assert [(each.bucket, each.key, each.range) for each in proxy.of("GET")] == [
            (bucket, "a folder/ação+1.bin", None),
            (bucket, "a folder/ação+1.bin", "bytes=-300"),
        ]
        proxy.clear()
        assert not proxy.counts()


def test_what_a_bucket_is_asked_besides_is_no_list(moto):
    name = moto.bucket()
    with Proxy(moto.address) as proxy:
        through(moto, proxy).get_bucket_location(Bucket=name)
        through(moto, proxy).get_bucket_versioning(Bucket=name)
        through(moto, proxy).list_objects(Bucket=name)
        assert proxy.counts() == {"BUCKET": 2, "LIST": 1}


def test_signatures_pass_and_wrong_ones_are_refused(versitygw):
    name = versitygw.bucket()
    with Proxy(versitygw.address) as proxy:
        through(versitygw, proxy).put_object(Bucket=name, Key="x", Body=b"1")
        liar = versitygw.client(address=proxy.address, secret_key="0" * 40)
        with pytest.raises(liar.exceptions.ClientError, match="SignatureDoesNotMatch"):
            liar.get_object(Bucket=name, Key="x")
        assert proxy.of("GET")[0].status == 403


def test_an_unavailable_server_is_not_asked(s3, bucket):
    with Proxy(s3.address, plan=lambda _: Fault.UNAVAILABLE) as proxy:
        client = through(s3, proxy)
        with pytest.raises(client.exceptions.ClientError, match="SlowDown"):
            client.put_object(Bucket=bucket, Key="never", Body=BODY)
    assert list(s3.keys(bucket)) == ["a folder/ação+1.bin"]
    assert proxy.faults() == {Fault.UNAVAILABLE: 1}


def test_half_of_a_cut_answer_comes(s3, bucket):
    from botocore.exceptions import ResponseStreamingError

    with Proxy(s3.address, plan=lambda _: Fault.CUT) as proxy:
        with pytest.raises(ResponseStreamingError):
            read(through(s3, proxy), bucket)
        assert proxy.bytes_sent() == len(BODY) // 2


def test_an_answer_without_a_body_is_cut_in_its_head(s3, bucket):
    from botocore.exceptions import ConnectionClosedError

    with Proxy(s3.address, plan=lambda _: Fault.CUT) as proxy, pytest.raises(ConnectionClosedError):
        through(s3, proxy).put_object(Bucket=bucket, Key="written", Body=BODY)
    assert s3.keys(bucket)["written"] == len(BODY)


def test_what_a_lost_answer_told_is_done(s3, bucket):
    from botocore.exceptions import ConnectionClosedError

    with Proxy(s3.address, plan=lambda _: Fault.LOST) as proxy:
        with pytest.raises(ConnectionClosedError):
            through(s3, proxy).put_object(Bucket=bucket, Key="written", Body=BODY)
        assert proxy.of("PUT")[0].status == 200
    assert s3.read(bucket, "written") == BODY


def test_late_answers_wait_and_others_do_not_wait_for_them(moto):
    name = moto.bucket()
    with Proxy(moto.address, plan=lambda asked: Fault.LATE if asked.key == "late" else None, late_s=1) as proxy:
        threads = [threading.Thread(target=ask, args=(proxy, name, "late")) for _ in range(8)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        ask(proxy, name, "soon")
        soon = time.monotonic() - begun
        for thread in threads:
            thread.join()
        assert soon < 0.9 < 1 <= time.monotonic() - begun < 6


def test_each_answer_comes_from_afar(moto):
    name = moto.bucket()
    with Proxy(moto.address, delay_s=0.2) as proxy:
        begun = time.monotonic()
        ask(proxy, name), ask(proxy, name)
        assert time.monotonic() - begun >= 0.4


def request(number, before=0):
    return s3_proxy.Request("GET", "bucket", f"key {number}", {}, {}, before=before)


def test_a_seed_is_a_plan_and_about_as_much_is_spoilt_as_it_says():
    plan, same, other = (s3_proxy.seeded(seed, unavailable=0.1, cut=0.1, lost=0.1, late=0.1) for seed in (1, 1, 2))
    drawn = [plan(request(number)) for number in range(4_000)]
    assert drawn == [same(request(number)) for number in range(4_000)] != [other(request(n)) for n in range(4_000)]
    for fault in Fault:
        assert 300 < drawn.count(fault) < 500
    # A repetition draws anew, so that whoever tries again gets through.
    assert {plan(request(1, before=before)) for before in range(100)} == {None, *Fault}


def test_a_plan_is_asked_for_each_repetition(moto):
    name = moto.bucket()
    moto.client().put_object(Bucket=name, Key="x", Body=b"1")
    with Proxy(moto.address, plan=lambda asked: None if asked.before else Fault.UNAVAILABLE) as proxy:
        statuses = [ask(proxy, name)[0] for _ in range(3)]
        assert statuses[0] == 503 and 503 not in statuses[1:]
        assert [each.before for each in proxy.of("GET")] == [0, 1, 2]


def test_a_client_that_goes_in_the_middle_leaves_the_proxy_at_work(moto):
    name = moto.bucket()
    with Proxy(moto.address) as proxy:
        where = urlsplit(proxy.address)
        with socket.create_connection((where.hostname, where.port)) as gone:
            gone.sendall(b"PUT /%s/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf" % name.encode())
        moto.client(address=proxy.address).put_object(Bucket=name, Key="y", Body=b"1")
    assert list(moto.keys(name)) == ["y"]


def test_servers_listen_on_loopback_only_and_end(tmp_path):
    from machine import listening

    server = s3_servers.moto(tmp_path)
    with Proxy(server.address) as proxy:
        assert {address for address, _ in listening({server.process.pid})} == {"127.0.0.1"}
        assert urlsplit(proxy.address).hostname == "127.0.0.1"
    server.stop()
    assert server.process.poll() is not None
    with pytest.raises(OSError):
        ask(proxy, "bucket")
