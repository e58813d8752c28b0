"""What workers and the driver of a live query on Spark do with a batch, without Spark around them."""

from __future__ import annotations

import json
import random

import brokers
import live_traffic
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

import footfall
from footfall.engines import packets
from footfall.live import replaying
from footfall.live.kafka import Topics
from footfall.live.kafka.client import Connections
from footfall.live.kafka.exactly_once.forgetting import keep_us
from footfall.live.kafka.exactly_once.transactions import Transactions
from footfall.live.spark import OnSpark, intake, knowledge, placing, progress
from footfall.live.spark.batches import Batches, Output
from footfall.live.spark.buckets import SUGGESTIONS, TOLD, Buckets
from footfall.live.spark.intake import Intake
from footfall.live.spark.progress import Progress, Stretch
from footfall.live.spark.tally import Tally
from footfall.live.stats import Stats
from footfall.live.streaming import DistanceRows

BUCKETS, PARTITIONS = 8, 3
TOPICS = Topics("pings")


# What workers do, without Spark around it.


def messages_of(fixes):
    """The fixes as Spark's rows of messages, by partition, in their order."""
    rows = {number: [] for number in range(PARTITIONS)}
    for fix in fixes.to_pylist():
        said = json.dumps({**fix, "timestamp": fix["timestamp"].isoformat()}).encode()
        partition = rows[sum(fix["user_id"].encode()) % PARTITIONS]
        partition.append((None, said, sum(fix["user_id"].encode()) % PARTITIONS, len(partition), None))
    return rows


def batch_of(rows):
    names = ("key", "value", "partition", "offset", "received_us")
    kinds = (pa.binary(), pa.binary(), pa.int32(), pa.int64(), pa.int64())
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows), kinds)]
    return pa.RecordBatch.from_arrays(columns, names=names)


def worked(buckets, states, packets_in, tables):
    """What the buckets make of a batch's packets, which come to them in any order."""
    by_share = {}
    for packet in packets_in:
        by_share.setdefault(packet.share, []).append(packet)
    made = []
    for share, given in by_share.items():
        random.Random(len(given)).shuffle(given)
        after = buckets(share, given, states.get(share), tables)
        if after.state is not None:
            states[share] = after.state
        made += after.packets
    return made


@pytest.mark.parametrize("size", [1, 37, 100_000])
def test_any_batches_of_any_buckets_suggest_what_a_replay_suggests(known, fixes, wanted, size):
    """States travel as bytes between any two batches; tasks of a batch read partitions in pieces of their own."""
    few = fixes if size > 1 else fixes.slice(0, 600)
    rows, states, found = messages_of(few), {}, []
    tables = knowledge.unpacked(knowledge.packed(known)).native()
    buckets, take_in = Buckets(keep_us(172_800), "none", PARTITIONS), Intake(BUCKETS)
    step = max(size, 20)
    for start in range(0, max(map(len, rows.values())), step):
        batches = [batch_of(part) for part in (each[start : start + step] for each in rows.values()) if part]
        pieces = [piece for batch in batches for piece in (batch.slice(0, 11), batch.slice(11)) if piece.num_rows]
        found += worked(buckets, states, list(take_in(pieces)), tables)
    suggestions = [packets.table(packet) for packet in found if packet.name == SUGGESTIONS]
    ids = sorted(each for table in suggestions for each in table["suggestion_id"].to_pylist())
    assert ids == (wanted if few is fixes else sorted(live_traffic.replayed(known, few)["suggestion_id"].to_pylist()))
    users = sum(json.loads(packet.payload)["counters"]["fixes"] for packet in found if packet.name == TOLD)
    assert users == few.num_rows


def test_what_cannot_be_read_goes_past_the_buckets_with_its_place():
    rows = [(b"x", b"nonsense", 2, 41, None), (None, None, 2, 42, 5)]
    tables = live_traffic.tables().native()
    found = worked(Buckets(1, "none", 3), {}, list(Intake(BUCKETS)([batch_of(rows)])), tables)
    letters = [
        each
        for packet in found
        if packet.name.startswith(intake.DEAD)
        for each in intake.letters(packets.table(packet))
    ]
    assert [(raw.offset, reason) for raw, reason in letters] == [(41, letters[0][1]), (42, "is empty")]
    assert "is not JSON" in letters[0][1]


def test_users_on_a_partition_where_they_do_not_belong_are_told_once(known):
    user = live_traffic.fixes(users=1, each=3)
    rows = [(None, row[1], 2, row[3], None) for row in messages_of(user)[sum(b"user 0") % PARTITIONS]]
    buckets, states, tables = Buckets(1, "murmur2_random", 3), {}, known.native()
    told = []
    for row in rows:
        found = worked(buckets, states, list(Intake(BUCKETS)([batch_of([row])])), tables)
        told += [json.loads(packet.payload)["elsewhere"] for packet in found if packet.name == TOLD]
    assert told[0] in ([], [[2, "user 0", 0]], [[2, "user 0", 1]]) and told[1:] == [[], []]


def test_distances_of_a_batch_are_those_of_the_function(known, fixes):
    few = fixes.slice(0, 50)
    take_in = Intake(BUCKETS, distances=DistanceRows(known.establishments, ["user 3"]))
    found = [packet for part in messages_of(few).values() for packet in take_in([batch_of(part)])]
    ours = pa.concat_tables(packets.table(packet) for packet in found if packet.name.startswith(intake.DISTANCES))
    mine = few.filter(pa.compute.equal(few["user_id"], "user 3"))
    theirs = footfall.distances(mine, known.establishments.select(["establishment_id", "latitude", "longitude"]))
    assert ours.num_rows and ours.to_pylist() == theirs.to_pylist()


def test_too_many_distances_are_an_error_that_travels(known, fixes):
    take_in = Intake(BUCKETS, distances=DistanceRows(known.establishments, None, speed=1e6))
    rows = list(messages_of(fixes)[0]) * 20
    found = worked(Buckets(1, "none", 3), {}, list(take_in([batch_of(rows)])), known.native())
    with pytest.raises(footfall.DefinitionError, match="choose users with --users"):
        packets.raise_error_in(found)


# What the driver knows of earlier ones.


@pytest.mark.parametrize(
    ("last", "batch", "said"),
    [
        (None, 0, False),
        (Progress("q", 4, 8), 4, True),
        (Progress("q", 4, 8), 5, False),
        (None, 3, "is empty"),
        (Progress("q", 4, 8), 3, "the checkpoint is at batch 3"),
        (Progress("q", 4, 8), 6, "the checkpoint is at batch 6"),
        (Progress("another", 4, 8), 0, "was read by query another"),
    ],
)
def test_a_checkpoint_must_be_the_one_that_the_topic_tells_of(last, batch, said):
    if isinstance(said, bool):
        assert progress.is_written(last, "q", batch, TOPICS) is said
        return
    with pytest.raises(footfall.DataError, match=said):
        progress.is_written(last, "q", batch, TOPICS)


def test_a_batch_has_no_message_of_an_earlier_one():
    last = Progress("q", 4, 8, {0: 10, 1: 20})
    reached = progress.after(last, "q", 5, 8, {1: Stretch(20, 25), 2: Stretch(0, 3)}, TOPICS)
    assert reached == Progress("q", 5, 8, {0: 10, 1: 25, 2: 3}) == Progress.of_bytes(reached.to_bytes())
    assert progress.after(last, "q", 4, 8, {1: Stretch(15, 20)}, TOPICS).next == last.next
    for batch, stretch, said in [(5, Stretch(19, 25), "an earlier one had"), (4, Stretch(15, 21), "other offsets")]:
        with pytest.raises(footfall.DataError, match=said):
            progress.after(last, "q", batch, 8, {1: stretch}, TOPICS)


def test_settings_that_will_not_do_are_refused(tmp_path):
    for wrong, said in [
        ({"checkpoint": ""}, "--checkpoint FOLDER"),
        ({"engine": "dask"}, "live suggestions run on spark"),
        ({"buckets": 10**6}, "at most 10,000"),
        ({"buckets": 0}, "buckets"),
    ]:
        with pytest.raises(footfall.DefinitionError, match=said):
            OnSpark(**{"checkpoint": str(tmp_path), **wrong})


def test_only_a_cluster_of_our_own_is_told_how_its_java_compiles(monkeypatch, tmp_path):
    told = {}
    monkeypatch.setattr(placing, "_connector", lambda: tmp_path)
    monkeypatch.setattr(placing.connect, "local", lambda name, settings: told.update(own=settings))
    monkeypatch.setattr(placing.connect, "remote", lambda *where, insecure, settings: told.update(other=settings))
    OnSpark(str(tmp_path)).connect()
    OnSpark(str(tmp_path), engine="spark://127.0.0.1:1").connect()
    java = {"spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions"}
    assert java <= told["own"].keys() and not java & told["other"].keys()


class Frame:
    """A batch whose packets are there already, for drivers at a real broker."""

    def __init__(self, found, query="q"):
        self.sparkSession = self
        self.sparkContext = self
        self.query, self.found, self.collected = query, found, 0

    def getLocalProperty(self, name):
        return self.query

    def setLocalProperty(self, name, value):
        pass

    def collect(self):
        self.collected += 1
        row = type("Row", (), {})
        rows = []
        for packet in self.found:
            each = row()
            each.share, each.name, each.payload = packet
            rows.append(each)
        return rows


class NoShelf:
    """Tables that are where they shall be."""

    all = ()
    last = knowledge.Shelved(0, "v", "tables")

    def send(self, batch):
        return self.last.name

    def put(self, batch, tables):
        pass


def driver(broker, topics, known):
    """The driver's side of a query."""
    connections = Connections(broker.client)
    progress.prepare(connections, topics)
    transactions = Transactions(connections, f"spark:{topics.group}", 30)
    last = progress.read(connections, topics)
    tally = Tally(Stats())
    return Batches(topics, BUCKETS, replaying.Fixed(known), NoShelf(), transactions, last, Output(), tally)


def found_in(known, fixes):
    """The packets of one batch."""
    rows = messages_of(fixes)
    taken = list(Intake(BUCKETS)(batch_of(part) for part in rows.values() if part))
    dead = list(Intake(BUCKETS)([batch_of([(b"k", b"nonsense", 0, 10_000, None)])]))
    return worked(Buckets(keep_us(1), "none", PARTITIONS), {}, [*taken, *dead], known.native())


def test_a_batch_that_comes_again_is_written_once_and_an_old_driver_is_fenced(kafka_broker, known, fixes, wanted):
    topic = brokers.new_topic(kafka_broker)
    topics = Topics(topic, topic)
    found = found_in(known, fixes)
    old = driver(kafka_broker, topics, known)
    old(Frame(found), 0)
    assert brokers.ids(kafka_broker, topic) == wanted
    young = driver(kafka_broker, topics, known)
    again = Frame(found)
    young(again, 0)
    assert again.collected == 1, "states are made by it"
    assert young._tally.counts["replayed"] == 1
    with pytest.raises(RuntimeError, match="batch 1 failed: DefinitionError"):
        old(Frame([]), 1)
    assert "another driver has taken over" in str(old.error)
    young(Frame([]), 1)
    assert brokers.ids(kafka_broker, topic) == wanted
    assert len(brokers.read(kafka_broker, brokers.written(topic, "dead-letters"))) == 1
    assert progress.read(Connections(kafka_broker.client), topics).batch == 1


def test_a_group_is_read_with_spark_or_without(kafka_broker, known):
    from footfall.live.kafka.topics import prepare

    topic = brokers.new_topic(kafka_broker)
    connections = Connections(kafka_broker.client)
    progress.prepare(connections, Topics(topic, "a"))
    brokers.wait_for(lambda: progress.read(connections, Topics(topic, "a")) is None, lambda: "no topic of progress")
    with pytest.raises(footfall.DefinitionError, match="a query of Spark has read"):
        prepare(connections, Topics(topic, "a"))
    brokers.put(kafka_broker, topic, [{"key": b"x", "value": b"{}"}])
    reader = brokers.consumer(kafka_broker, group="b")
    from confluent_kafka import TopicPartition

    reader.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    reader.close()
    with pytest.raises(footfall.DefinitionError, match=r"has read .* without Spark"):
        progress.prepare(connections, Topics(topic, "b"))
