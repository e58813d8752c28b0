"""The commands `footfall live --topic` and `footfall live feed`: from Kafka to Kafka, and history into Kafka."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

import footfall
from footfall.cli.command import let_signals_interrupt
from footfall.cli.opening import on_data
from footfall.errors import DefinitionError
from footfall.live import options, sinks, spark, stats, streaming, tables
from footfall.live.kafka import Fed, Settings, Topics, client, run
from footfall.live.kafka import feed as play
from footfall.live.spark import OnSpark
from footfall.live.streaming import DistanceRows

_TERMINAL = "terminal"
_DEFAULTS = Settings()
_FAST = "max"

Topic = Annotated[str, typer.Option("--topic", help="Topic of the fixes.", show_default=False)]
Bootstrap = Annotated[
    Optional[str],
    typer.Option(metavar="HOST:PORT", help="Kafka's brokers, with commas between; else what FOOTFALL_KAFKA names."),
]
Config = Annotated[
    Optional[list[Path]],
    typer.Option("--kafka-config", metavar="FILE", help="Settings of librdkafka, name=value; passwords belong there."),
]
Pairs = Annotated[
    Optional[list[str]], typer.Option("--kafka", metavar="NAME=VALUE", help="One more setting; give it once per one.")
]
Known = Annotated[
    Path,
    typer.Option("--tables", help="Folder of `footfall live prepare`; newer ones are taken up.", show_default=False),
]


def topic(
    topic: Topic,
    live: Known,
    bootstrap: Bootstrap = None,
    kafka_config: Config = None,
    kafka: Pairs = None,
    group: Annotated[str, typer.Option(help="Of the processes that share the partitions.")] = "footfall",
    instance: Annotated[
        str, typer.Option(help="Name of this process in its group: its own, and the same after a restart.")
    ] = _DEFAULTS.instance,
    suggestions: Annotated[str, typer.Option(help="Topic; by default TOPIC.GROUP.suggestions.")] = "",
    held_out: Annotated[str, typer.Option(help="Topic of suggestions that are not to be sent.")] = "",
    dead_letters: Annotated[str, typer.Option(help="Topic of messages that cannot be read.")] = "",
    states: Annotated[str, typer.Option(help="Topic of what is remembered of users; compacted.")] = "",
    start: Annotated[str, typer.Option(help="Where a new group begins: earliest or latest.")] = _DEFAULTS.start,
    epoch_unit: Annotated[
        Optional[str], typer.Option(help="Unit of JSON timestamps that are numbers: s, ms, us or ns.")
    ] = None,
    partitioner: Annotated[
        str, typer.Option(help="Of the producers: murmur2_random, consistent_random; none: warn of nobody.")
    ] = _DEFAULTS.partitioner,
    skip_lost: Annotated[
        bool, typer.Option("--skip-lost", help="Go on where unread messages are no longer retained.")
    ] = False,
    batch_ms: Annotated[float, typer.Option(help="How long messages are collected for a transaction.")] = 5.0,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for others' transactions, and for a broker that is away.")
    ] = _DEFAULTS.patience_s,
    options_file: Annotated[
        Optional[Path], typer.Option("--options", metavar="FILE", help="Options of approaches, .toml or .json.")
    ] = None,
    to: Annotated[
        Optional[str], typer.Option(help="Besides: terminal, or a folder of Parquet files; after a crash some again.")
    ] = None,
    stats_file: Annotated[
        Optional[Path], typer.Option("--stats", metavar="FILE", help="Append a JSON line of counts a second.")
    ] = None,
    distances: Annotated[
        Optional[str], typer.Option(metavar="terminal|FOLDER", help="Also write each fix's distances.")
    ] = None,
    users: Annotated[Optional[list[str]], typer.Option(help="Distances of this user only.")] = None,
    engine: Annotated[
        Optional[str],
        typer.Option(metavar="spark|spark://...", help="On a cluster: one that is started, or a master's."),
    ] = None,
    checkpoint: Annotated[
        Optional[str], typer.Option(metavar="FOLDER", help="With --engine: its states, where all workers reach them.")
    ] = None,
    buckets: Annotated[
        int, typer.Option(help="With --engine: parts of the users, each with one state; stays.")
    ] = OnSpark.buckets,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="With --engine: reach other machines without a secret.")
    ] = False,
) -> None:
    """Read fixes from a topic of Kafka and write suggestions to another, each once, until Ctrl-C."""
    let_signals_interrupt()
    if engine is None and checkpoint is not None:
        raise DefinitionError(f"--checkpoint {checkpoint}: is of --engine spark; without, states are in a topic")
    place = None if engine is None else OnSpark(checkpoint or "", engine, buckets, insecure=insecure)
    chosen, counted = (None, None) if options_file is None else options.read(options_file)
    known = tables.Watch(live, lambda read: read.told(chosen, counted))
    line = stats.Stats(stats_file)
    settings = Settings(
        instance, start, epoch_unit, partitioner, skip_lost, batch_ms / 1_000, patience_s=patience,
        forget_s=known.tables.options.forget_s,
    )  # fmt: skip
    topics = Topics(topic, group, suggestions, held_out, dead_letters, states)
    broker = client.settings(bootstrap, kafka_config or (), kafka or ())
    beside = [] if to is None else [sinks.Terminal(known.tables) if to == _TERMINAL else sinks.Files(to)]
    try:
        if place is None:
            watch = _distances(distances, users, known)
            run(topics, broker, known, settings=settings, sinks=beside, stats=line.write, watch=watch)
        else:
            on_spark = _distances_on_spark(distances, users, known)
            spark.run(topics, broker, known, place, settings=settings, sinks=beside, stats=line, **on_spark)
    finally:
        line.close()


def _distances_on_spark(to: Optional[str], users: Optional[list[str]], known: tables.Watch) -> dict[str, Any]:
    if to is None:
        return {}
    asked = DistanceRows(known.tables.establishments, users or None)
    return {"distances": asked, "distance_sinks": [_distance_sink(to)]}


def _distances(to: Optional[str], users: Optional[list[str]], known: tables.Watch) -> Any:
    if to is None:
        return None
    write = streaming.Distances(known.tables.establishments, [_distance_sink(to)], users or None)
    return lambda name, fixes, suggestions, approaches: write(fixes.drop_columns(["received"]), name)


def _distance_sink(to: str) -> sinks.Sink:
    return sinks.DistanceLines() if to == _TERMINAL else sinks.Files(to)


@on_data()
def feed(
    data: footfall.Dataset,
    topic: Topic,
    speed: Annotated[str, typer.Option(help="So many times as fast as it happened; max: as fast as it goes.")] = "60",
    now: Annotated[bool, typer.Option("--now", help="Shift the times so that history happens now.")] = False,
    partitions: Annotated[int, typer.Option(min=1, help="Of a new topic.")] = 4,
    bootstrap: Bootstrap = None,
    kafka_config: Config = None,
    kafka: Pairs = None,
) -> None:
    """Play the pings of a data set into a topic of Kafka, keyed by user."""
    let_signals_interrupt()
    done = play(
        data,
        topic,
        client.settings(bootstrap, kafka_config or (), kafka or ()),
        speed=None if speed == _FAST else _number(speed),
        now=now,
        partitions=partitions,
        tell=_tell if sys.stderr.isatty() else None,
    )
    print(f"{done.messages:,} messages in {topic}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--speed {text!r}: write a number, or {_FAST}") from None


def _tell(fed: Fed) -> None:
    print(f"\r{fed.messages:,} messages", end="", file=sys.stderr, flush=True)
