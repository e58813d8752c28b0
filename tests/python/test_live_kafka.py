"""Kafka to Kafka, exactly once: whatever befalls processes, the suggestions are those of one left in peace."""

from __future__ import annotations

import json
import random
import signal
import time

import brokers
import live_traffic
import pyarrow as pa
import pytest
from kafka_towns import PLAYED_S, Town

from footfall.live import kafka
from footfall.live.kafka.client import Connections
from footfall.live.kafka.exactly_once.transactions import Transactions

BAD = [b"", b"{", b"[1]", b'{"user_id": "ana"}', b"\xff\xfe", b"\xff\xff\xff\xff broken"]


def test_what_is_suggested_is_that_of_a_replay(town):
    town.feed()
    with town.instance() as one:
        town.all_read(one)
    assert brokers.ids(town.broker, town.topic) == town.wanted
    held_out = brokers.read(town.broker, brokers.written(town.topic, "held-out"))
    sent = brokers.read(town.broker, brokers.written(town.topic, "suggestions"))
    assert {json.loads(message.value())["held_out"] for message in held_out} == {True}
    assert {json.loads(message.value())["held_out"] for message in sent} == {False}
    assert all(json.loads(message.value())["user_id"] == message.key().decode() for message in sent)


def kill_at_random(town, kills, seed):
    chance = random.Random(seed)
    one = town.instance()
    for at in range(kills):
        before, feeding = town.stands(), town.feeding(at, kills)
        with one:
            town.goes_on(before, one)
            time.sleep(chance.uniform(0, PLAYED_S / 2))
            one.signal(signal.SIGKILL)
        feeding.over()
    with one:
        town.all_read(one)


def test_after_kills_nothing_is_lost_and_nothing_doubled(town):
    brokers.put(town.broker, town.topic, [{"value": value, "key": f"user {at}"} for at, value in enumerate(BAD)])
    kill_at_random(town, 3, seed=1)
    assert brokers.ids(town.broker, town.topic) == town.wanted
    dead = brokers.read(town.broker, brokers.written(town.topic, "dead-letters"))
    assert sorted(message.value() for message in dead) == sorted(BAD)


@pytest.mark.slow
def test_after_fifty_kills_nothing_is_lost_and_nothing_doubled(kafka_broker, tmp_path):
    town = Town(kafka_broker, tmp_path, each=400)
    kill_at_random(town, 50, seed=2)
    assert brokers.ids(town.broker, town.topic) == town.wanted


def has_partitions(instance, *counts):
    brokers.wait_for(lambda: instance.told().get("partitions") in counts, instance.said)


def stop_past_the_session(town, times):
    with town.instance(name="1") as one, town.instance(name="2") as other:
        for at in range(times):
            before, feeding = town.stands(), town.feeding(at, times)
            town.goes_on(before, one, other)
            stopped, goes_on = (one, other) if at % 2 == 0 else (other, one)
            stopped.signal(signal.SIGSTOP)
            # Past its session: the other has all of it.
            has_partitions(goes_on, 4)
            feeding.over()
            stopped.signal(signal.SIGCONT)
            town.all_read(one, other)
            has_partitions(stopped, 1, 2, 3)


@pytest.mark.slow
def test_who_was_stopped_past_the_session_joins_again(town):
    stop_past_the_session(town, 1)
    assert brokers.ids(town.broker, town.topic) == town.wanted


@pytest.mark.slow
def test_who_was_stopped_ten_times_joins_again(kafka_broker, tmp_path):
    town = Town(kafka_broker, tmp_path, each=400)
    stop_past_the_session(town, 10)
    assert brokers.ids(town.broker, town.topic) == town.wanted


@pytest.mark.slow
def test_instances_come_and_go_and_partitions_move(town):
    with town.instance(name="1") as one:
        feeding = town.feeding(0, 3)
        town.goes_on(-4, one)
        with town.instance(name="2") as other:
            brokers.wait_for(lambda: one.told().get("partitions") == other.told().get("partitions") == 2, other.said)
            feeding.over()
            town.feeding(1, 3).over()
            brokers.wait_for(lambda: other.told().get("messages", 0) > 0, other.said)
            other.signal(signal.SIGINT)
        feeding = town.feeding(2, 3)
        brokers.wait_for(lambda: one.told()["partitions"] == 4, one.said)
        feeding.over()
        town.all_read(one)
    assert brokers.ids(town.broker, town.topic) == town.wanted


def test_a_foreign_transaction_on_the_states_is_waited_for(town):
    states, third = brokers.written(town.topic, "states"), len(town.fixes) // 3
    town.feed(0, third)
    with town.instance() as one:
        town.all_read(one)
        foreign = Connections(town.broker.client).producer(transactional_id=f"foreign {town.topic}")
        foreign.init_transactions(30)
        foreign.begin_transaction()
        for number in range(4):
            foreign.produce(states, b"?", b"somebody", number)
        foreign.flush(30)
        # What is committed from now on lies above the open transaction.
        town.feed(third, 2 * third)
        town.all_read(one)
    stood = brokers.stands(town.broker, town.topic)
    town.feed(2 * third)
    with town.instance(name="2", options=("--patience", "3")) as impatient:
        assert impatient.ended() == 2
        assert "somebody has a transaction open there" in impatient.said()
    assert brokers.stands(town.broker, town.topic) == stood
    with town.instance(name="3") as patient:
        foreign.abort_transaction(30)
        town.all_read(patient)
    assert brokers.ids(town.broker, town.topic) == town.wanted


def test_tables_reload_between_two_batches(town):
    feeding = town.feeding(0, 2)
    with town.instance() as one:
        town.goes_on(-4, one)
        newer = live_traffic.tables(name="dinner")
        newer.save(town.tables)
        brokers.wait_for(lambda: one.told().get("reloads") == 1, one.said)
        feeding.over()
        town.feeding(1, 2).over()
        town.all_read(one)
    # Only the names of ads are others, which no id depends on.
    assert brokers.ids(town.broker, town.topic) == town.wanted
    by_user = {}
    for message in brokers.read(town.broker, brokers.written(town.topic, "suggestions")):
        said = json.loads(message.value())
        by_user.setdefault(said["user_id"], []).append((said["timestamp"], said["version"], said["campaign_id"]))
    order = {town.known.version: 0, newer.version: 1}
    assert {version for rows in by_user.values() for _, version, _ in rows} == set(order)
    for rows in by_user.values():
        assert [order[version] for _, version, _ in sorted(rows)] == sorted(order[version] for _, version, _ in rows)
        assert all(campaign == ("lunch", "dinner")[order[version]] for _, version, campaign in rows)


@pytest.mark.slow
def test_broken_tables_leave_the_old_ones_at_work(town):
    town.feed()
    with town.instance() as one:
        town.all_read(one)
        (town.tables / "live.json").write_text("{", encoding="utf-8")
        brokers.wait_for(lambda: one.told().get("reloads_failed") == 1, one.said)
        assert one.process.poll() is None and "newer tables cannot be read" in one.said()


# With the second, librdkafka does not come back from sending offsets after a restart: the call is left behind.
@pytest.mark.parametrize("recovery", ["none", "rebootstrap"])
@pytest.mark.slow
def test_a_broker_that_restarts_is_waited_for(own_broker, tmp_path, recovery):
    town = Town(own_broker, tmp_path)
    with town.instance(options=("--kafka", f"metadata.recovery.strategy={recovery}")) as one:
        for at, number in enumerate((signal.SIGTERM, signal.SIGKILL)):
            before, feeding = town.stands(), town.feeding(at, 2)
            town.goes_on(before, one)
            own_broker.restart(number)
            feeding.over()
        town.all_read(one)
    assert brokers.ids(own_broker, town.topic) == town.wanted


class Group:
    """A member of a group, and a producer that sends its offsets."""

    def __init__(self, broker):
        self.topic = brokers.new_topic(broker, partitions=1)
        self.consumer = brokers.consumer(broker, group=self.topic)
        self.consumer.subscribe([self.topic])
        while not self.consumer.assignment():
            self.consumer.poll(0.1)
        self.transactions = Transactions(Connections(broker.client), self.topic, patience_s=20)

    def send(self, offset):
        from confluent_kafka import TopicPartition

        place = TopicPartition(self.topic, 0, offset)
        self.transactions.begin()
        self.transactions.send_offsets([place], self.consumer.consumer_group_metadata())


def test_offsets_are_sent_by_a_producer_that_idled_while_its_broker_restarted(own_broker):
    group = Group(own_broker)
    for offset in (1, 2):
        group.send(offset)
        group.transactions.commit()
    own_broker.restart(signal.SIGTERM)
    group.send(3)
    group.transactions.commit()
    assert brokers.stands(own_broker, group.topic) == {0: 3}


def test_dead_letters_tell_where_and_why(town):
    brokers.put(town.broker, town.topic, [{"value": value, "key": b"\x00ana", "partition": 2} for value in BAD])
    with town.instance() as one:
        town.all_read(one)
        # None again, whoever reads on.
        one.signal(signal.SIGKILL)
        town.feed(0, 100)
        one.start()
        town.all_read(one)
    dead = brokers.read(town.broker, brokers.written(town.topic, "dead-letters"))
    headers = [dict(message.headers()) for message in dead]
    assert sorted(int(told["offset"]) for told in headers) == list(range(len(BAD)))
    for message, told in zip(dead, headers):
        assert (told["topic"].decode(), told["partition"]) == (town.topic, b"2")
        assert message.value() == BAD[int(told["offset"])] and message.key() == b"\x00ana"
        assert told["reason"]


def latest(broker, topic):
    """The last record of each key."""
    return {message.key().decode(): message for message in brokers.read(broker, topic)}


@pytest.mark.slow
def test_silence_leaves_no_state_behind_and_the_topic_is_compacted(town):
    from footfall.live.kafka.topics import config_of

    users = [f"user {number}" for number in range(40)]
    then, days_later = live_traffic.START_US, live_traffic.START_US + 3 * 86_400_000_000
    rows = [(user, then) for user in users] + [(user, days_later) for user in users[:20]]
    times = pa.array([at for _, at in rows], pa.int64()).cast(pa.timestamp("us", "UTC"))
    place = {"latitude": [live_traffic.LATITUDE] * len(rows), "longitude": [live_traffic.LONGITUDE] * len(rows)}
    fixes = pa.table({"user_id": [user for user, _ in rows], "timestamp": times, **place})
    kafka.feed(fixes, town.topic, town.broker.client, speed=None)
    states = brokers.written(town.topic, "states")
    with town.instance() as one:
        town.all_read(one)
        brokers.wait_for(lambda: one.told().get("users") == 20, lambda: one.told())
        assert one.told()["expired_users"] == 20
    found = latest(town.broker, states)
    assert {user for user, message in found.items() if message.value() is not None} == set(users[:20])
    assert {user for user, message in found.items() if message.value() is None} == set(users[20:])
    admin = Connections(town.broker.client).admin()
    assert config_of(admin, states)["cleanup.policy"] == "compact"


def test_a_state_tells_the_offset_that_it_includes(town):
    town.feed()
    with town.instance() as one:
        town.all_read(one)
    stood = brokers.stands(town.broker, town.topic)
    included = {}
    for message in brokers.read(town.broker, brokers.written(town.topic, "states")):
        included[message.partition()] = max(
            int(dict(message.headers())["offset"]), included.get(message.partition(), 0)
        )
    assert included == stood


def test_a_user_on_the_wrong_partition_is_told(town):
    value = json.dumps({"user_id": "ana", "timestamp": "2024-03-01T12:00:00Z", "latitude": 0, "longitude": 0})
    put = [{"value": value, "key": "ana", "partition": number} for number in range(4)]
    brokers.put(town.broker, town.topic, put)
    with town.instance() as one:
        town.all_read(one)
        brokers.wait_for(lambda: one.told().get("misplaced") == 3, one.said)
        assert "the fixes of a user are split" in one.said()


def test_arrow_batches_are_read_as_json_is(town):
    from footfall.live.kafka.partitioner import partitioner

    where = partitioner("murmur2_random")
    numbers = pa.array([where(user.encode(), 4) for user in town.fixes["user_id"].to_pylist()])
    put = []
    for start in range(0, len(town.fixes), 500):
        piece = town.fixes.slice(start, 500)
        for number in range(4):
            rows = piece.filter(pa.compute.equal(numbers.slice(start, 500), number))
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, rows.schema) as out:
                out.write_table(rows)
            put.append({"value": sink.getvalue().to_pybytes(), "partition": number})
    brokers.put(town.broker, town.topic, put)
    with town.instance() as one:
        town.all_read(one)
    assert brokers.ids(town.broker, town.topic) == town.wanted
