"""A Kafka broker, of the tests' own or named by FOOTFALL_KAFKA; live processes at it, and what they wrote."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from footfall.live import kafka
from footfall.live.kafka.client import VARIABLE, Connections

# Of a machine on which others work, too.
PATIENCE_S = 240
COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]


class Named:
    """A broker that runs anyway."""

    def __init__(self, folder):
        self.client = kafka.client.settings()
        self.properties = Path(folder) / "client.properties"
        self.properties.write_text(kafka.client.as_file(self.client), encoding="utf-8")

    def stop(self):
        pass


def has_maven():
    return shutil.which("mvn") is not None


def can_start():
    return bool(os.environ.get(VARIABLE)) or has_maven()


def start(folder):
    return Named(folder) if os.environ.get(VARIABLE) else kafka.broker.start()


def new_topic(broker, partitions=4):
    """The name of a new topic."""
    from confluent_kafka.admin import NewTopic

    name = f"pings-{uuid.uuid4().hex[:8]}"
    admin = Connections(broker.client).admin()
    for made in admin.create_topics([NewTopic(name, partitions, config={"retention.ms": "-1"})]).values():
        made.result()
    return name


def consumer(broker, group="reader", **settings):
    own = {"group_id": group, "isolation_level": "read_committed", "enable_partition_eof": True}
    return Connections(broker.client).consumer(
        **own, auto_offset_reset="earliest", enable_auto_commit=False, **settings
    )


def read(broker, *topics):
    """All messages of topics that are committed, in the order of each partition."""
    from confluent_kafka import OFFSET_BEGINNING, TopicPartition

    reader = consumer(broker)
    there = reader.list_topics(timeout=PATIENCE_S).topics
    places = [(topic, number) for topic in topics if topic in there for number in there[topic].partitions]
    reader.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
    waited, found = set(places), []
    deadline = time.monotonic() + PATIENCE_S
    while waited:
        assert time.monotonic() < deadline, f"no end of {waited}"
        for message in reader.consume(10_000, 0.5):
            if message.error() is None:
                found.append(message)
            else:
                waited.discard((message.topic(), message.partition()))
    reader.close()
    return found


def written(topic, kind):
    """The name of a topic that the tests' instances write; each topic has a group of its own name."""
    return f"{topic}.{topic}.{kind}"


def ids(broker, topic):
    """The ids of the suggestions that are committed, held out or not; sorted."""
    messages = read(broker, written(topic, "suggestions"), written(topic, "held-out"))
    return sorted(json.loads(message.value())["suggestion_id"] for message in messages)


def stands(broker, topic):
    """The group's offset of each partition; -1 where there is none."""
    from confluent_kafka import KafkaException, TopicPartition

    reader = consumer(broker, group=topic)
    numbers = reader.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            told = reader.committed([TopicPartition(topic, number) for number in numbers], timeout=PATIENCE_S)
            reader.close()
            return {each.partition: max(each.offset, -1) for each in told}
        except KafkaException:
            # A broker that has just begun does not know its groups yet.
            assert time.monotonic() < deadline
            time.sleep(0.5)


def ends(broker, topic):
    """Where each partition ends."""
    from confluent_kafka import KafkaException, TopicPartition

    reader, deadline = consumer(broker), time.monotonic() + PATIENCE_S
    numbers = reader.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
    while True:
        try:
            asked = {number: TopicPartition(topic, number) for number in numbers}
            found = {number: reader.get_watermark_offsets(each, timeout=30)[1] for number, each in asked.items()}
            reader.close()
            return found
        except KafkaException:
            # A broker that has just begun does not lead its partitions yet.
            assert time.monotonic() < deadline
            time.sleep(0.5)


def wait_for(what, told, patience_s=PATIENCE_S):
    """Wait until it holds."""
    deadline = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


@dataclass
class Instance:
    """A live process of its own; killed at the end of a ``with``."""

    broker: object
    topic: str
    tables: Path
    folder: Path
    name: str = "1"
    options: tuple = ()
    process: subprocess.Popen | None = field(default=None, repr=False)

    def __post_init__(self):
        self.folder.mkdir(exist_ok=True)
        self.log, self.stats = self.folder / f"{self.name}.log", self.folder / f"{self.name}.stats"

    def start(self):
        self.stats.unlink(missing_ok=True)
        group = ["--group", self.topic]
        told = [
            "--topic",
            self.topic,
            "--tables",
            str(self.tables),
            "--instance",
            self.name,
            "--stats",
            str(self.stats),
        ]
        quick = ["--kafka-config", str(self.broker.properties), "--kafka", "session.timeout.ms=6000"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "live", *told, *group, *quick, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def signal(self, number):
        self.process.send_signal(number)
        if number != signal.SIGSTOP and number != signal.SIGCONT:
            self.process.wait(PATIENCE_S)

    def said(self):
        return self.log.read_text(encoding="utf-8")

    def told(self):
        """The last line of its counts."""
        lines = self.stats.read_text(encoding="utf-8").splitlines() if self.stats.exists() else []
        return json.loads(lines[-1]) if lines else {}

    def ended(self):
        """The exit code of a process that ends by itself."""
        return self.process.wait(PATIENCE_S)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def all_read(broker, topic, *instances):
    """Wait until the group has read the whole topic; no process may have ended before."""
    wanted = ends(broker, topic)

    def is_over():
        assert all(each.process.poll() is None for each in instances), [each.said()[-2_000:] for each in instances]
        return stands(broker, topic) == wanted

    wait_for(is_over, lambda: [wanted, stands(broker, topic), *(each.said()[-2_000:] for each in instances)])


class Feeding(threading.Thread):
    """History played into a topic, from beside."""

    def __init__(self, broker, topic, fixes, speed):
        super().__init__(daemon=True)
        self.work = lambda: kafka.feed(fixes, topic, broker.client, speed=speed)
        self.error = None
        self.start()

    def run(self):
        try:
            self.work()
        except BaseException as error:
            self.error = error

    def over(self):
        self.join(PATIENCE_S)
        assert not self.is_alive() and self.error is None, self.error


def put(broker, topic, messages):
    """Produce messages, each the arguments of `produce`."""
    producer = Connections(broker.client).producer(partitioner="murmur2_random")
    refused = []
    for message in messages:
        producer.produce(topic, **message, on_delivery=lambda error, _: error and refused.append(error))
    assert producer.flush(PATIENCE_S) == 0 and not refused, refused
