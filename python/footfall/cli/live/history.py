"""The commands `footfall live`: who is walking towards which shop, from history."""

import functools
import time
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

import footfall
from footfall.cli import order
from footfall.cli.command import Command
from footfall.cli.live import topics as live_kafka
from footfall.cli.opening import on_data
from footfall.errors import DefinitionError
from footfall.live import history, options, preparing, replaying, sinks, stats, streaming, tables
from footfall.live.judging import backtesting

_TERMINAL = "terminal"


class _OrReplay(order.Group):
    """Takes ``live ROOT`` for ``live replay ROOT``, and ``live --topic T`` for ``live topic --topic T``.

    A folder called like a command is ``./prepare``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in its place, where there is none."""
        args = self._with_command_first(args)
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            has_topic = any(each == "--topic" or each.startswith("--topic=") for each in args)
            args = ["topic" if has_topic else "replay", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_OrReplay, help="Who is walking towards which shop, and what to suggest.", no_args_is_help=True)
_command = functools.partial(app.command, cls=Command)
_command()(live_kafka.topic)
_command()(live_kafka.feed)

Options = Annotated[
    Optional[Path],
    typer.Option("--options", metavar="FILE", help="Options of approaches, .toml or .json, such as a tuning saved."),
]
Tables = Annotated[
    Optional[Path],
    typer.Option("--tables", help="Folder of `footfall live prepare`; else the tables are made of ROOT first."),
]


@app.callback()
def _common() -> None:
    """Who is walking towards which shop, and what to suggest: `footfall live ROOT` replays a data set."""


@_command()
@on_data()
def prepare(
    data: footfall.Dataset,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write, or to renew.", show_default=False)],
    options_file: Options = None,
    hours: Annotated[
        Optional[Path], typer.Option(help="Parquet or CSV: establishment_id, opens, closes, such as 08:30.")
    ] = None,
    campaigns: Annotated[
        Optional[Path], typer.Option(help="Parquet or CSV: campaign_id, starts, ends, such as 2024-03-01.")
    ] = None,
) -> None:
    """Make the tables that the live process needs, from history; a running one takes them between two batches."""
    chosen, counted = (None, None) if options_file is None else options.read(options_file)
    made = preparing.prepare(
        data, out, options=chosen, chances=counted, hours=_table(hours), campaigns=_table(campaigns)
    )
    sizes = ((name, getattr(made, name)) for name in tables.NAMES)
    print(", ".join(f"{0 if table is None else table.num_rows:,} {name}" for name, table in sizes))
    print(f"tables {made.version} in {out}")


@_command()
@on_data()
def replay(
    data: footfall.Dataset,
    live: Tables = None,
    to: Annotated[str, typer.Option(help="terminal, or a folder of Parquet files.")] = _TERMINAL,
    speed: Annotated[
        Optional[float], typer.Option(help="So many times as fast as it happened; else as fast as it goes.")
    ] = None,
    options_file: Options = None,
    stats_file: Annotated[
        Optional[Path], typer.Option("--stats", metavar="FILE", help="Append a JSON line of counts a second.")
    ] = None,
    distances: Annotated[
        Optional[str],
        typer.Option(metavar="terminal|FOLDER", help="Also write each fix's distance to every establishment."),
    ] = None,
    users: Annotated[
        Optional[list[str]], typer.Option(help="Distances of this user only; give it once per user.")
    ] = None,
) -> None:
    """Replay history as if it happened now (what `footfall live ROOT` does)."""
    known = _known(data, live, options_file)
    counted = stats.Stats(stats_file)
    pace = replaying.checked_speed(speed)
    run = replaying.Run(
        known, [_sink(to, known.tables)], counted, watch=_watch(distances, users, known, pace), keep=False
    )
    started = time.perf_counter()
    try:
        run.play(replaying.in_time(data, pace))
    finally:
        counted.close()
        typer.echo(replaying.summary(run.detector.counters(), time.perf_counter() - started), err=True)


@_command()
@on_data()
def backtest(
    data: footfall.Dataset,
    live: Annotated[
        Optional[Path],
        typer.Option("--tables", help="Folder of `footfall live prepare`; else an ad for every establishment."),
    ] = None,
    options_file: Options = None,
    tune: Annotated[
        Optional[int],
        typer.Option("--tune", metavar="BUDGET", help="Choose options for so many suggestions to a user a day."),
    ] = None,
    save: Annotated[
        Optional[Path], typer.Option("--save", metavar="FILE", help="Write what --tune chose; --options takes it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same users.")] = 1,
) -> None:
    """Replay history and see what came of it, beside simpler rules with as many suggestions."""
    if save is not None and tune is None:
        raise DefinitionError(f"--save {save}: writes what --tune chose; give it a budget, such as --tune 5")
    chosen, counted = (None, None) if options_file is None else options.read(options_file)
    known = history.bare(data) if live is None else tables.load(live)
    found = backtesting.backtest(data, known.told(chosen, counted), seed=seed)
    tuned = None if tune is None else found.tune(tune)
    print(found if tuned is None else tuned)
    if tuned is not None and save is not None:
        print(f"options: {tuned.save(save)}")


def _known(data: footfall.Dataset, live: Optional[Path], options_file: Optional[Path]) -> Any:
    """Return the tables, with the options and chances of a file instead of theirs."""
    chosen, counted = (None, None) if options_file is None else options.read(options_file)
    if live is None:
        return replaying.Fixed(preparing.prepare(data, options=chosen, chances=counted))
    return tables.Watch(live, lambda read: read.told(chosen, counted))


def _sink(to: str, known: tables.Tables) -> sinks.Sink:
    return sinks.Terminal(known) if to == _TERMINAL else sinks.Files(to)


def _watch(to: Optional[str], users: Optional[list[str]], known: Any, speed: Optional[float]) -> Any:
    if to is None:
        if users:
            raise DefinitionError(f"--users {users[0]}: chooses whose distances to write; name where with --distances")
        return None
    sink = sinks.DistanceLines() if to == _TERMINAL else sinks.Files(to)
    return streaming.Distances(known.tables.establishments, [sink], users or None, speed or 1.0)


def _table(file: Optional[Path]) -> Any:
    """Return a small table of a Parquet or CSV file, with the text of CSV as it stands."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if file is None:
        return None
    try:
        if file.suffix.lower() == ".parquet":
            return pyarrow.parquet.read_table(file)
        names = file.read_text("utf-8-sig").partition("\n")[0].strip().split(",")
        types = {name.strip('"'): pa.string() for name in names}
        told = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
        return pyarrow.csv.read_csv(file, convert_options=told)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file}: cannot be read as {file.suffix or 'CSV'}: {error}") from None
