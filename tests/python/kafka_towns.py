"""A town whose history is played into a topic, and read by processes that are disturbed."""

from __future__ import annotations

from functools import partial

import brokers
import live_traffic

from footfall.live import kafka

# Seconds for which a part of history is played, while processes are disturbed.
PLAYED_S = 3


class Town:
    """Tables, fixes and a topic at a broker."""

    def __init__(self, broker, folder, users=60, each=100):
        self.broker, self.folder = broker, folder
        self.known = live_traffic.tables()
        self.tables = self.known.save(folder / "tables")
        self.fixes = live_traffic.fixes(users, each)
        self.topic = brokers.new_topic(broker)
        self.played = None
        self.instance = partial(brokers.Instance, broker, self.topic, self.tables, folder / "instances")

    @property
    def wanted(self):
        found = sorted(live_traffic.replayed(self.known, self.fixes)["suggestion_id"].to_pylist())
        assert len(found) > 300
        return found

    def feeding(self, part=0, parts=1, played_s=PLAYED_S):
        """Play a part of history for some seconds, from beside."""
        start, end = (len(self.fixes) * at // parts for at in (part, part + 1))
        fixes = self.fixes.slice(start, end - start)
        seconds = (fixes["timestamp"][-1].as_py() - fixes["timestamp"][0].as_py()).total_seconds()
        self.played = brokers.Feeding(self.broker, self.topic, fixes, seconds / played_s)
        return self.played

    def feed(self, start=0, end=None):
        kafka.feed(self.fixes.slice(start, end and end - start), self.topic, self.broker.client, speed=None)

    def all_read(self, *instances):
        brokers.all_read(self.broker, self.topic, *instances)

    def stands(self):
        return sum(brokers.stands(self.broker, self.topic).values())

    def goes_on(self, before, *instances):
        """Wait until the group has committed more than `before`."""

        def has_moved():
            assert self.played is None or self.played.error is None, self.played.error
            return self.stands() > before

        brokers.wait_for(has_moved, lambda: [each.said() for each in instances])
