"""From Kafka to Kafka, states included: `python -m benches.live_kafka [--users N]`, on a machine left alone.

A broker, a live process, a producer and a read-committed reader, each a process of its own. Users report every five
seconds; what is read is what was suggested, whose timestamp is the instant at which its fix was produced.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa

from benches.data import METRES_PER_DEGREE
from footfall.live import Approach, Tables, kafka
from footfall.live.kafka.client import Connections, as_file

REPORTS_S = 5.0
SIDE_M = 12_000.0
SHOPS = 1_000
PARTITIONS = 4
#: All begin to walk at once, and are first called after some ten fixes.
WARM_FIXES = 15
# Suggested as often as can be, so that there is much to time.
EAGER = {"pause_s": 1, "cooldown_s": 60, "inside_pause_s": 1, "cap": 100_000, "holdout": 0.1}
COMMAND = [sys.executable, "-c", "from footfall.cli import main; main()"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--users", type=int, default=100_000)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--rate", type=int, default=20_000)
    options.add_argument("--drain", type=int, default=1_000_000, help="Fixes that lie there when the process starts.")
    options.add_argument("--produce", nargs=4, metavar=("FILE", "TOPIC", "RATE", "SECONDS"), help=argparse.SUPPRESS)
    told = options.parse_args()
    if told.produce:
        produce(Path(told.produce[0]), told.produce[1], int(told.produce[2]), float(told.produce[3]), told.users)
        return
    with tempfile.TemporaryDirectory() as folder, kafka.broker.start() as broker:
        bench = Bench(broker, Path(folder), told.users)
        rows = [*bench.latency(told.rate, told.seconds), *bench.drain(told.drain), *bench.restart(told.rate)]
    print("| measure | value |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


class Bench:
    def __init__(self, broker: kafka.broker.Broker, folder: Path, users: int) -> None:
        self.broker, self.folder, self.users = broker, folder, users
        self.settings = folder / "client.properties"
        self.settings.write_text(as_file(broker.client), encoding="utf-8")
        self.settings.chmod(0o600)
        self.tables = shops().save(folder / "tables")

    def latency(self, rate: int, seconds: int) -> list[tuple[str, str]]:
        """How long a suggestion takes from the fix that triggers it to a reader of what is committed."""
        live = self.live("latency")
        warm_s = self.warm_s(rate)
        producing = self.producing("latency", rate, warm_s + seconds)
        waits = self.waits("latency", warm_s, seconds)
        producing.wait()
        # Of the seconds in which suggestions were timed, too.
        told = {name: values[-seconds:] for name, values in self.told("latency").items()}
        self.end(live)
        middle, tail, most = np.percentile(waits, [50, 99, 100])
        return [
            (f"{rate:,} fixes/s, {self.users:,} users: fixes/s of the live process", f"{np.median(told['rate']):,.0f}"),
            (f"suggestions timed, after {warm_s:.0f} s", f"{len(waits):,}"),
            ("produce to read-committed reader, p50", f"{middle:,.0f} ms"),
            ("p99", f"{tail:,.0f} ms"),
            ("most", f"{most:,.0f} ms"),
            ("produce to commit, p50 / p99 by the live process's own counts (medians of seconds)",
             f"{np.median(told['p50_ms']):,.0f} / {np.median(told['p99_ms']):,.0f} ms"),
            ("lag at the end", f"{told['lag'][-1]:,} fixes"),
        ]  # fmt: skip

    def drain(self, fixes: int) -> list[tuple[str, str]]:
        """How many fixes a second one process takes that are there already."""
        produce(self.settings, "drain", 0, fixes / self.users * REPORTS_S, self.users)
        live = self.live("drain")
        while not (rows := self.told("drain")) or rows["messages"][-1] == 0 or rows["lag"][-1] > 0:
            time.sleep(1)
        rates = [rate for rate in rows["rate"] if rate > 0]
        self.end(live)
        return [(f"{fixes:,} fixes that lie there: median of seconds", f"{np.median(rates):,.0f} fixes/s")]

    def restart(self, rate: int) -> list[tuple[str, str]]:
        """How long after kill -9 the group's offsets move again; all users are remembered."""
        live = self.live("restart")
        warm_s = max(30.0, 1.2 * self.users / rate)
        producing = self.producing("restart", rate, warm_s + 60)
        time.sleep(warm_s)
        live.kill()
        live.wait()
        users, killed, stood = self.told("restart")["users"][-1], time.time(), self.stands("restart")
        live = self.live("restart")
        while self.stands("restart") <= stood:
            time.sleep(0.01)
        first = time.time()
        producing.terminate()
        producing.wait()
        self.end(live)
        return [(f"kill -9 with {users:,} users, started again: the first commit after", f"{first - killed:.1f} s")]

    def warm_s(self, rate: int) -> float:
        """How long until Java is warm and the first calls of all are over."""
        return WARM_FIXES * self.users / rate

    def stands(self, group: str) -> int:
        """The sum of a group's offsets; of a transaction that is pending, nothing counts."""
        from confluent_kafka import KafkaException, TopicPartition

        reader = Connections(self.broker.client).consumer(group_id=group, isolation_level="read_uncommitted")
        asked = [TopicPartition(group, number) for number in range(PARTITIONS)]
        while True:
            with suppress(KafkaException):
                told = reader.committed(asked, timeout=1)
                if not any(each.error for each in told):
                    reader.close()
                    return sum(max(each.offset, 0) for each in told)

    def live(self, topic: str) -> subprocess.Popen[bytes]:
        make(self.broker.client, topic)
        told = ["--topic", topic, "--group", topic, "--tables", str(self.tables), "--stats", str(self.folder / topic)]
        return subprocess.Popen([*COMMAND, "live", *told, "--kafka-config", str(self.settings)])

    def end(self, live: subprocess.Popen[bytes]) -> None:
        live.send_signal(signal.SIGINT)
        live.wait()

    def producing(self, topic: str, rate: int, seconds: float) -> subprocess.Popen[bytes]:
        what = ["--produce", str(self.settings), topic, str(rate), str(seconds), "--users", str(self.users)]
        return subprocess.Popen([sys.executable, "-m", "benches.live_kafka", *what])

    def told(self, topic: str) -> dict[str, list[float]]:
        file = self.folder / topic
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
        rows = [row for row in rows if row["p50_ms"] is not None or row["messages"]]
        return {name: [row[name] for row in rows if row[name] is not None] for name in rows[0]} if rows else {}

    def reader(self, topic: str) -> object:
        reader = Connections(self.broker.client).consumer(
            group_id="bench", isolation_level="read_committed", auto_offset_reset="latest", fetch_wait_max_ms=10,
            topic_metadata_refresh_interval_ms=1000,
        )  # fmt: skip
        for kind in ("suggestions", "held-out"):
            make(self.broker.client, f"{topic}.{topic}.{kind}")
        reader.subscribe([f"{topic}.{topic}.suggestions", f"{topic}.{topic}.held-out"])
        return reader

    def waits(self, topic: str, warm_s: float, seconds: float) -> np.ndarray:
        reader, found = self.reader(topic), []
        begun = time.time()
        while time.time() < begun + warm_s + seconds:
            messages = reader.consume(1_000, 0.005)
            now = time.time()
            if now > begun + warm_s:
                found.extend((now - instant(message)) * 1_000 for message in messages if message.error() is None)
        reader.close()
        return np.array(found)


def instant(message: object) -> float:
    """When the fix of a suggestion was produced."""
    text = json.loads(message.value())["timestamp"]
    return float(np.datetime64(text.rstrip("Z"), "us").astype(np.int64)) / 1e6


def make(client: dict[str, str], topic: str) -> None:
    from footfall.live.kafka.topics import make as made

    admin = Connections(client).admin()
    made(admin, {topic: {}}, PARTITIONS)


def produce(settings: Path, topic: str, rate: int, seconds: float, users: int) -> None:
    """Produce what users report, at a rate; 0: as fast as it goes, with the times that they would have."""
    client = kafka.client.settings(files=[settings])
    make(client, topic)
    producer = Connections(client).producer(
        partitioner="murmur2_random", linger_ms=2, queue_buffering_max_messages=500_000
    )
    random = np.random.default_rng(1)
    place, heading = random.uniform(0, SIDE_M, (users, 2)), random.uniform(0, 2 * np.pi, users)
    moved = 1.4 * REPORTS_S * np.array([np.cos(heading), np.sin(heading)]).T
    begun, sent, most = time.time(), 0, int((rate or users / REPORTS_S) * seconds)
    while sent < most:
        place = np.mod(place + moved, SIDE_M)
        degrees = (place / METRES_PER_DEGREE).tolist()
        for user in range(users):
            if sent % 50 == 0:
                at = begun + sent / (rate or users / REPORTS_S)
                while rate and (early := at - time.time()) > 0:
                    producer.poll(min(early, 0.005))
                now = time.time() if rate else at - seconds
                text = f"{np.datetime64(int(now * 1e6), 'us')}Z"
            fix = f'{{"user_id":"user {user}","timestamp":"{text}","latitude":{degrees[user][0]:.6f},' \
                  f'"longitude":{degrees[user][1]:.6f},"accuracy_m":8.0}}'  # fmt: skip
            put(producer, topic, fix, f"user {user}", int(now * 1e3))
            sent += 1
            if sent == most:
                break
    producer.flush()


def put(producer: object, topic: str, value: str, key: str, time_ms: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, timestamp=time_ms)
            return
        except BufferError:
            producer.poll(0.01)


def shops() -> Tables:
    random = np.random.default_rng(2)
    ids = [f"shop {number}" for number in range(SHOPS)]
    places = {
        "establishment_id": ids, "name": ids, "category": ["food"] * SHOPS,
        "latitude": random.uniform(0, SIDE_M, SHOPS) / METRES_PER_DEGREE,
        "longitude": random.uniform(0, SIDE_M, SHOPS) / METRES_PER_DEGREE,
        "opens_min": pa.nulls(SHOPS, pa.int32()), "closes_min": pa.nulls(SHOPS, pa.int32()),
    }  # fmt: skip
    ads = {
        "ad_id": ids, "campaign_id": ["lunch"] * SHOPS, "category": ["food"] * SHOPS, "establishment_id": ids,
        "ctr_low": [0.05] * SHOPS, "starts": pa.nulls(SHOPS, pa.date32()), "ends": pa.nulls(SHOPS, pa.date32()),
    }  # fmt: skip
    return Tables(pa.table(places), pa.table(ads), None, None, None, options=Approach(**EAGER), tz="America/Recife")


if __name__ == "__main__":
    main()
