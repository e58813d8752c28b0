"""Live on Spark beside the process of its own: `python -m benches.live_spark [--users N]`, on a machine left alone.

A master, two workers of one core and a broker, all started here. The same fixes lie in the topic for both; then both
get the same rate. What is timed of suggestions is how long they take from their fix to a reader of what is committed.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benches.live_kafka import REPORTS_S, Bench, produce
from benches.processor import family_s
from footfall.live import kafka, spark, stats
from footfall.live.tables import Watch

#: The first batches compile what the others only run.
COLD = 3
BATCH = 20_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--users", type=int, default=100_000)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--rate", type=int, default=10_000)
    options.add_argument("--batches", type=int, default=15)
    told = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, kafka.broker.start() as broker:
        both = Both(broker, Path(folder), told.users)
        rows = [*both.drain(told.batches), *both.rate(told.rate, told.seconds)]
    print("| measure | direct | Spark 1+2 |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


class Recorder(stats.Stats):
    """Remembers each batch: when it was over, its fixes, and how far it is behind."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[float, int, float]] = []
        self.processor_s: list[float] = []
        self.users = self.state_bytes = 0

    def took(self, fixes: int, seconds: float, lag_s: float | None = None) -> None:
        self.batches.append((time.time(), fixes, lag_s or 0.0))
        self.processor_s.append(family_s())

    def tell(self, detectors, version: str, *, now: bool = False) -> None:  # type: ignore[no-untyped-def]
        (tally,) = detectors
        self.users, self.state_bytes = tally.users(), tally.state_bytes()


class Both(Bench):
    """The bench of the process of its own, and the same on Spark."""

    def drain(self, batches: int) -> Iterator[tuple[str, str, str]]:
        """How fast fixes are worked on that lie there already."""
        fixes = batches * BATCH
        for topic in ("direct-drain", "spark-drain"):
            produce(self.settings, topic, 0, fixes / self.users * REPORTS_S, self.users)
        live = self.live("direct-drain")
        while not (told := self.told("direct-drain")) or told["messages"][-1] == 0 or told["lag"][-1] > 0:
            time.sleep(1)
        self.end(live)
        recorder = Recorder()
        with self.on_spark("spark-drain", recorder):
            while sum(batch[1] for batch in recorder.batches) < fixes:
                time.sleep(0.5)
        # From commit to commit: what Spark does between two batches is in it.
        warm = np.diff([batch[0] for batch in recorder.batches[COLD - 1 :]])
        direct = np.median([rate for rate in told["rate"] if rate > 0])
        yield f"{fixes:,} fixes that lie there: fixes/s", f"{direct:,.0f}", f"{BATCH / np.median(warm):,.0f}"
        yield f"a warm batch of {BATCH:,}, median", "-", f"{np.median(warm):.2f} s"
        yield "the slowest of them", "-", f"{warm.max():.2f} s"
        used = np.diff(recorder.processor_s[COLD - 1 :])
        yield "processor time of a warm batch, broker and all, median", "-", f"{np.median(used):.2f} s"
        yield "users; bytes of their states", f"{told['users'][-1]:,}", f"{recorder.users:,}; {recorder.state_bytes:,}"

    def rate(self, rate: int, seconds: int) -> Iterator[tuple[str, str, str]]:
        """How long suggestions take at a rate that lasts."""
        direct, recorder, warm_s = self.direct_waits(rate, seconds), Recorder(), self.warm_s(rate)
        # What lies there starts the query.
        produce(self.settings, "spark-rate", 0, BATCH / self.users * REPORTS_S, self.users)
        with self.on_spark("spark-rate", recorder):
            producing = self.producing("spark-rate", rate, warm_s + seconds)
            begun = time.time()
            spark_waits = self.waits("spark-rate", warm_s, seconds)
            producing.wait()
        measured = [batch for batch in recorder.batches if batch[0] > begun + warm_s]
        worked = sum(batch[1] for batch in measured) / (measured[-1][0] - begun - warm_s)
        yield f"{rate:,} fixes/s for {seconds} s: fixes/s", f"{direct[1]:,.0f}", f"{worked:,.0f}"
        for name, share in (("p50", 50), ("p99", 99)):
            ours, theirs = np.percentile(direct[0], share), np.percentile(spark_waits, share)
            yield f"produce to read-committed reader, {name}", f"{ours:,.0f} ms", f"{theirs:,.0f} ms"
        behind = f"{measured[0][2]:.1f} s, {measured[-1][2]:.1f} s"
        yield "the last fix of a batch is behind, at the beginning and the end", "-", behind

    def direct_waits(self, rate: int, seconds: int) -> tuple[np.ndarray, float]:
        live, warm_s = self.live("direct-rate"), self.warm_s(rate)
        producing = self.producing("direct-rate", rate, warm_s + seconds)
        waits = self.waits("direct-rate", warm_s, seconds)
        producing.wait()
        told = self.told("direct-rate")
        self.end(live)
        return waits, float(np.median(told["rate"]))

    @contextmanager
    def on_spark(self, topic: str, recorder: Recorder) -> Iterator[None]:
        """Work on a topic by Spark, in a thread, for as long as the block lasts."""
        stop, failed = threading.Event(), []
        place = spark.OnSpark(str(self.folder / f"{topic}.checkpoint"), batch_most=BATCH)
        topics = kafka.Topics(topic, topic)

        def work() -> None:
            try:
                spark.run(topics, self.broker.client, Watch(self.tables), place, stats=recorder, stop=stop)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            while not recorder.batches and thread.is_alive():
                time.sleep(0.2)
            yield
        finally:
            stop.set()
            thread.join()
        if failed:
            raise failed[0]


if __name__ == "__main__":
    main()
