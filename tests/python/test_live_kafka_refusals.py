"""Kafka to Kafka: offsets, states and topics that do not fit each other end a process, which says what to do."""

from __future__ import annotations

import brokers
import pytest
from kafka_towns import Town

from footfall.live.kafka.client import Connections


def set_offsets(town, offset):
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

    admin = Connections(town.broker.client).admin()
    places = [TopicPartition(town.topic, number, offset) for number in range(4)]
    for done in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(town.topic, places)]).values():
        done.result()


def leave(town):
    """Wait until the group has nobody: its offsets may be set then."""
    admin = Connections(town.broker.client).admin()

    def is_empty():
        (asked,) = admin.describe_consumer_groups([town.topic]).values()
        return not asked.result().members

    brokers.wait_for(is_empty, lambda: "the group still has members")


@pytest.fixture
def own_group(kafka_broker, tmp_path):
    """A town that is read by a group of its own, which can be left."""
    town = Town(kafka_broker, tmp_path)
    town.feed()
    with town.instance() as one:
        town.all_read(one)
    return town


def test_states_beyond_the_offset_are_an_error_that_says_what_to_do(own_group):
    leave(own_group)
    set_offsets(own_group, 10)
    with own_group.instance() as one:
        assert one.ended() == 2
        assert "its offsets were set back" in one.said() and "--group" in one.said()
    assert set(brokers.stands(own_group.broker, own_group.topic).values()) == {10}


def test_offsets_without_their_states_are_an_error(own_group):
    admin = Connections(own_group.broker.client).admin()
    states = brokers.written(own_group.topic, "states")
    for done in admin.delete_topics([states]).values():
        done.result()
    brokers.wait_for(lambda: states not in admin.list_topics(timeout=30).topics, lambda: "still there")
    with own_group.instance() as one:
        assert one.ended() == 2
        assert "is gone: name another --group" in one.said()


def test_offsets_no_longer_retained_are_an_error_or_skipped_when_told(own_group):
    from confluent_kafka import TopicPartition

    own_group.feed()
    admin = Connections(own_group.broker.client).admin()
    high = brokers.ends(own_group.broker, own_group.topic)
    gone = [TopicPartition(own_group.topic, number, end - 5) for number, end in high.items()]
    for done in admin.delete_records(gone).values():
        done.result()
    with own_group.instance() as one:
        assert one.ended() == 2
        assert "may never have been read" in one.said() and "--skip-lost" in one.said()
    with own_group.instance(options=("--skip-lost",)) as one:
        own_group.all_read(one)
        brokers.wait_for(lambda: one.told().get("messages") == 20 and one.told()["lost"] > 0, one.said)


@pytest.mark.slow
def test_two_processes_of_one_name_are_an_error(town):
    town.feed()
    with town.instance() as one:
        town.all_read(one)
        with town.instance() as twin:
            assert one.ended() == 2
            assert "--instance" in one.said()
            town.feed(0, 10)
            town.all_read(twin)


@pytest.mark.slow
def test_a_topic_of_states_that_does_not_fit_is_refused(town):
    from confluent_kafka.admin import NewTopic

    admin = Connections(town.broker.client).admin()
    states = brokers.written(town.topic, "states")
    for made in admin.create_topics([NewTopic(states, 4)]).values():
        made.result()
    with town.instance() as one:
        assert one.ended() == 2
        assert "cleanup.policy is delete" in one.said()


def test_a_topic_that_is_not_there_is_named(town):
    with brokers.Instance(town.broker, "nowhere", town.tables, town.folder / "instances") as one:
        assert one.ended() == 2
        assert "topic = 'nowhere': is not there" in one.said()
