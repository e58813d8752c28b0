"""From topic to topic, exactly once: batch after batch, joining again where the group has gone on without us."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Callable, Protocol

from footfall import _native
from footfall.errors import DataWarning, FootfallError
from footfall.live.kafka.client import Connections
from footfall.live.kafka.exactly_once.partition import Detector, Work
from footfall.live.kafka.exactly_once.restore import Restore
from footfall.live.kafka.membership import LeftBehind, Membership
from footfall.live.kafka.messages import Raw, Reader
from footfall.live.kafka.meter import Meter, Stats
from footfall.live.kafka.partitioner import partitioner
from footfall.live.kafka.settings import Settings
from footfall.live.kafka.topics import Topics, prepare
from footfall.live.sinks import Sink, part_name
from footfall.live.tables import Tables

_TELL_SECONDS = _RELOAD_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 5.0


class Known(Protocol):
    """Tables, and whether there are newer ones: `footfall.live.tables.Watch`, or what has the same."""

    @property
    def tables(self) -> Tables:
        """Return the newest that were taken up."""
        ...

    def newer(self) -> Tables | None:
        """Return newer ones, once; None if there are none."""
        ...


class Loop:
    """The work of `run`, which has the parameters."""

    def __init__(
        self,
        topics: Topics,
        connections: Connections,
        known: Known,
        settings: Settings,
        kernel: Any,
        sinks: Sequence[Sink],
        stats: Callable[[Stats], None] | None,
        watch: Callable[[str, Any, Any, Any], None] | None,
        stop: threading.Event,
    ) -> None:
        self._topics, self._connections, self._settings = topics, connections, settings
        self._known, self._kernel = known, kernel
        self._tables = known.tables.native(kernel)
        self._sinks, self._stats, self._watch, self._stop = sinks, stats, watch, stop
        self._reader = Reader(settings.epoch_unit)
        self._meter = Meter()
        self._partitions = prepare(connections, topics)
        chosen, count = partitioner(settings.partitioner), self._partitions
        self._belongs = None if chosen is None else (lambda key: chosen(key, count))
        self._warned = ""
        self._told_at = self._asked_at = self._worked_at = time.monotonic()

    def run(self) -> Stats:
        """Work until it shall stop, and return the last that there is to tell."""
        pause = _FIRST_PAUSE_SECONDS
        last: Stats = {}
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                last = self._stay()
            except LeftBehind as error:
                self._meter.counts["rejoined"] += 1
                if time.monotonic() - self._worked_at > self._settings.patience_s:
                    raise ConnectionError(self._no_progress(error)) from error
                pause = _FIRST_PAUSE_SECONDS if self._worked_at > started else min(pause * 2, _LONGEST_PAUSE_SECONDS)
                self._stop.wait(pause)
                # A topic that was deleted meanwhile is made again, or is an error.
                self._prepare_again()
        return last

    def _prepare_again(self) -> None:
        from confluent_kafka import KafkaException

        # Where the broker is away, the next stay waits for it.
        with suppress(ConnectionError, KafkaException):
            self._partitions = prepare(self._connections, self._topics)

    def _no_progress(self, error: Exception) -> str:
        broker = self._connections.client["bootstrap.servers"]
        why = self._connections.trouble or str(error)
        return f"Kafka at {broker}: nothing could be committed for {self._settings.patience_s:g} s (--patience): {why}"

    def _stay(self) -> Stats:
        """Be a member of the group until it shall stop, or the group goes on without us."""
        from confluent_kafka import KafkaException

        member = None
        try:
            restore = Restore(self._connections, self._topics, self._settings, self._partitions)
            member = Membership(self._connections, self._topics, self._settings, restore, self._detector, self._meter)
            while not self._stop.is_set():
                self._turn(member)
            return self._tell(member)
        except KafkaException as error:
            # A new stay finds out what became of it: producer and consumer are made anew.
            raise LeftBehind(error.args[0].str()) from error
        finally:
            if member is not None:
                member.close()

    def _turn(self, member: Membership) -> None:
        """Poll, work, commit; then what is done between two batches."""
        found = member.poll()
        metadata = member.metadata()
        works = {number: self._work(member, number, messages) for number, messages in found.items()}
        for number in member.fresh - set(works):
            following = member.partitions[number].next
            works[number] = Work(following, following)
        if works:
            self._sink(works)
            self._commit(member, works, metadata)
            member.fresh.clear()
            self._connections.trouble = self._warned = ""
            self._meter.note(works, sum(map(len, found.values())))
        if works or member.partitions:
            self._worked_at = time.monotonic()
        self._show(works)
        self._between(member)

    def _work(self, member: Membership, number: int, messages: list[Raw]) -> Work:
        return member.partitions[number].process(messages, self._reader, self._belongs)

    def _commit(self, member: Membership, works: Mapping[int, Work], metadata: Any) -> None:
        try:
            member.writer.commit(works, metadata)
        except BaseException:
            member.writer.abort()
            raise

    def _sink(self, works: Mapping[int, Work]) -> None:
        for number, work in works.items():
            if work.suggestions is not None:
                for sink in self._sinks:
                    sink.write(work.suggestions, self._name(number, work))

    def _name(self, number: int, work: Work) -> str:
        return part_name(f"{self._topics.topic}-{number}", work.first, work.next - 1)

    def _show(self, works: Mapping[int, Work]) -> None:
        if self._watch is not None:
            for number, work in works.items():
                if work.fixes is not None:
                    self._watch(self._name(number, work), work.fixes, work.suggestions, work.approaches)

    def _between(self, member: Membership) -> None:
        now = time.monotonic()
        self._warn_of_trouble()
        if now - self._asked_at >= _RELOAD_SECONDS:
            self._asked_at = now
            self._reload(member)
        if self._stats is not None and now - self._told_at >= _TELL_SECONDS:
            self._tell(member)

    def _warn_of_trouble(self) -> None:
        """Say once that a broker is away: waiting for messages looks the same from outside."""
        trouble = self._connections.trouble
        if trouble and trouble != self._warned:
            self._warned = trouble
            warnings.warn(DataWarning(f"Kafka: {trouble}; it is waited for"), stacklevel=2)

    def _detector(self) -> Detector:
        made: Detector = self._kernel.Detector(self._tables)
        return made

    def _reload(self, member: Membership) -> None:
        """Go on with newer tables, if there are any; with those that there are, if the newer are broken."""
        try:
            newer = self._known.newer()
        except (FootfallError, OSError) as error:
            self._meter.counts["reloads_failed"] += 1
            warnings.warn(
                DataWarning(f"newer tables cannot be read, the work goes on with the old: {error}"), stacklevel=2
            )
            return
        if newer is not None:
            self._tables = newer.native(self._kernel)
            member.reload(self._tables)
            self._meter.counts["reloads"] += 1

    def _tell(self, member: Membership) -> Stats:
        self._told_at = time.monotonic()
        told = self._meter.tell(member.partitions, member.lag(), self._known.tables.version)
        if self._stats is not None:
            self._stats(told)
        return told


def run(
    topics: Topics,
    client: Mapping[str, str],
    known: Known,
    *,
    settings: Settings | None = None,
    kernel: Any = _native,
    sinks: Sequence[Sink] = (),
    stats: Callable[[Stats], None] | None = None,
    watch: Callable[[str, Any, Any, Any], None] | None = None,
    stop: threading.Event | None = None,
) -> Stats:
    """Read fixes from a topic and write suggestions to another, each exactly once, until stopped.

    Parameters
    ----------
    topics : Topics
        The topic of the fixes, the group, and the topics that are written, which are made where they are missing.
    client : mapping of str to str
        As `footfall.live.kafka.client.settings` gives it.
    known : footfall.live.tables.Watch or footfall.live.replaying.Fixed
        What the detectors know; whether there are newer tables is asked between two batches, at most once a second.
    settings : Settings, optional
        The name of this process, the size of batches, and how long to be patient.
    kernel : module
        Has the classes ``LiveTables`` and ``Detector``.
    sinks : sequence of Sink
        Given the suggestions, held-out ones too, before they are committed: after a crash again, with the same ids.
    stats : callable, optional
        Told once a second, and at the end, what was counted.
    watch : callable, optional
        Shown the name (topic, partition, offsets), the fixes, suggestions and approaches of each partition's batch once
        it is committed; not after a crash.
    stop : threading.Event, optional
        Ends the work after the batch that is under way; else an interrupt ends it.

    Returns
    -------
    dict
        The last that was counted.

    Raises
    ------
    DefinitionError
        If a setting or a topic does not fit, or another process has the same name.
    DataError
        If messages that were not read are no longer there, or states are of later messages than the group's offsets.
    TimeoutError
        If a transaction of somebody else does not end.
    ConnectionError
        If no broker answers.
    """
    chosen = Settings() if settings is None else settings
    ends = threading.Event() if stop is None else stop
    return Loop(topics, Connections(client), known, chosen, kernel, sinks, stats, watch, ends).run()
