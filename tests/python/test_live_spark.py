"""Live suggestions on Spark: a real master with two workers, a real broker, drivers that are processes of their own.

What they suggest is what a replay suggests: the same ids, each once, whoever is killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading

import brokers
import live_traffic
import machine
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

import footfall
from footfall.engines import cluster
from footfall.engines.cluster import credentials
from footfall.live.kafka import Topics
from footfall.live.kafka.client import Connections
from footfall.live.spark import progress

BUCKETS, PARTITIONS = 8, 3
TOPICS = Topics("pings")


# On Spark.


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """A cluster of this module's own, since one of its workers is killed."""
    # A Java that lives for a minute compiles as fast as it can.
    settings = tmp_path_factory.mktemp("spark")
    quick = "".join(f"spark.{who}.extraJavaOptions -XX:TieredStopAtLevel=1\n" for who in ("driver", "executor"))
    (settings / "spark-defaults.conf").write_text(quick, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, cluster.start("spark", workers=2) as started:
        patch.setenv(credentials.VARIABLE, str(started.credentials))
        patch.setenv("SPARK_CONF_DIR", str(settings))
        yield started


@pytest.fixture
def live(kafka_broker, master, known, tmp_path):
    """A topic, and a driver for it."""
    topic = brokers.new_topic(kafka_broker, PARTITIONS)
    known.save(tmp_path / "tables")
    place = ("--engine", master.address, "--checkpoint", str(tmp_path / "checkpoint"), "--buckets", str(BUCKETS))
    return brokers.Instance(kafka_broker, topic, tmp_path / "tables", tmp_path / "out", options=place)


def fed(live, fixes):
    """Play fixes into its topic as fast as it goes."""
    brokers.Feeding(live.broker, live.topic, fixes, None).over()


def written(live, messages):
    """Wait until the batches that are committed have so many messages."""

    def is_over():
        assert live.process.poll() is None, live.said()[-3_000:]
        topics = Topics(live.topic, live.topic)
        last = progress.read(Connections(live.broker.client), topics, brokers.PATIENCE_S)
        return last is not None and sum(last.next.values()) >= messages

    # Of two Javas that start beside others' work.
    brokers.wait_for(is_over, lambda: [messages, live.told(), live.said()[-3_000:]], 2 * brokers.PATIENCE_S)


def call_back(port):
    """What the driver answers to one who calls back as Spark does, and has no token."""
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as stranger:
        # A token that is not the driver's; where none is asked for, a call that is too long.
        stranger.sendall(b"c\np0\ncall\n" + 200 * b"x" + b"\ne\n")
        try:
            return stranger.recv(100)
        except (ConnectionResetError, TimeoutError):
            return b""


def test_newer_tables_are_taken_between_two_batches_and_distances_are_written(live, known, fixes, tmp_path):
    half = fixes.num_rows // 2
    newer = live_traffic.tables(name="dinner")
    live.options += ("--distances", str(tmp_path / "distances"), "--users", "user 3")
    with live:
        fed(live, fixes.slice(0, half))
        written(live, half)
        newer.save(live.tables)
        fed(live, fixes.slice(half))
        written(live, fixes.num_rows)
        answers = [call_back(port) for _, port in machine.listening({live.process.pid})]
        assert answers and not any(answers), answers
        live.signal(signal.SIGINT)
    kinds = [brokers.written(live.topic, kind) for kind in ("suggestions", "held-out")]
    rows = [json.loads(message.value()) for message in brokers.read(live.broker, *kinds)]
    detector = known.detector()
    first, _ = detector.process(fixes.slice(0, half))
    detector.reload(newer.native())
    second, _ = detector.process(fixes.slice(half))
    parts = [pa.table(part).select(["suggestion_id", "ad_id", "version"]) for part in (first, second)]
    theirs = pa.concat_tables(parts).to_pylist()
    ours = [{name: row[name] for name in ("suggestion_id", "ad_id", "version")} for row in rows]
    by_id = sorted(ours, key=lambda row: row["suggestion_id"])
    assert by_id == sorted(theirs, key=lambda row: row["suggestion_id"])
    assert {row["version"] for row in ours} == {known.version, newer.version}
    assert live.told()["reloads"] == 1 and live.told()["tables"] == newer.version
    files = sorted((tmp_path / "distances").glob("*.parquet"))
    mine = fixes.filter(pa.compute.equal(fixes["user_id"], "user 3"))
    places = known.establishments.select(["establishment_id", "latitude", "longitude"])
    told = pa.concat_tables([pa.parquet.read_table(file, partitioning=None) for file in files])
    order = [("timestamp", "ascending"), ("establishment_id", "ascending")]
    expected = pa.table(footfall.distances(mine, places)).sort_by(order).to_pylist()
    assert told.sort_by(order).to_pylist() == expected


@pytest.mark.slow
def test_drivers_that_are_killed_at_random_lose_and_double_nothing(live, fixes, wanted):
    rng, parts = random.Random(4), 8
    size = -(-fixes.num_rows // parts)
    for part in range(parts):
        with live:
            fed(live, fixes.slice(part * size, size))
            # Some die before their first batch, some in it, some after it.
            killed = threading.Event()
            killed.wait(rng.uniform(3, 30))
            live.signal(signal.SIGKILL)
    with live:
        written(live, fixes.num_rows)
        assert brokers.ids(live.broker, live.topic) == wanted


@pytest.mark.slow
def test_a_driver_that_stood_still_while_another_took_over_ends_and_writes_nothing(live, fixes, wanted, tmp_path):
    half = fixes.num_rows // 2
    own = (*live.options[2:], "--engine", "spark")
    young = brokers.Instance(live.broker, live.topic, live.tables, tmp_path / "young", options=own)
    with live:
        fed(live, fixes.slice(0, half))
        written(live, half)
        live.signal(signal.SIGSTOP)
        with young:
            fed(live, fixes.slice(half))
            written(young, fixes.num_rows)
            live.signal(signal.SIGCONT)
            brokers.put(live.broker, live.topic, [{"key": b"x", "value": b"nonsense"}])
            assert live.ended() == 2 and "another driver has taken over" in live.said()
            written(young, fixes.num_rows + 1)
    assert brokers.ids(live.broker, live.topic) == wanted
    assert len(brokers.read(live.broker, brokers.written(live.topic, "dead-letters"))) == 1


# The last, since the cluster has one worker less then.


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_driver_and_worker_are_killed(live, master, fixes, wanted):
    third = fixes.num_rows // 3
    with live:
        fed(live, fixes.slice(0, third))
        brokers.put(live.broker, live.topic, [{"key": b"x", "value": b"nonsense"}])
        written(live, third)
        fed(live, fixes.slice(third, third))
        live.signal(signal.SIGKILL)
    with live:
        written(live, 2 * third + 1)
        worker = threading.Timer(0.5, os.kill, (master.processes["worker 1"], signal.SIGKILL))
        worker.start()
        fed(live, fixes.slice(2 * third))
        written(live, fixes.num_rows + 1)
        worker.join()
    assert brokers.ids(live.broker, live.topic) == wanted
    assert len(brokers.read(live.broker, brokers.written(live.topic, "dead-letters"))) == 1
    assert len(set(wanted)) == len(wanted) > 100
