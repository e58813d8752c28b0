"""The command `footfall`: what the package does, without writing Python."""

import functools
import inspect
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Callable, Optional, Union, cast

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

import footfall
from footfall import _native
from footfall import verify as footfall_verify
from footfall.cli import cluster
from footfall.cli.command import Command
from footfall.definitions import ATTRIBUTION_WINDOW, CONFIDENCE, VISIT_RADIUS_M, Unit
from footfall.errors import DefinitionError
from footfall.output import display
from footfall.result import Result

app = typer.Typer(
    help="Did the ad bring somebody through the door? Ask tables of establishments, ads, interactions and pings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cluster.app, name="cluster")
_command = functools.partial(app.command, cls=Command)


DIFFERENT = 1


def _whole(given: object) -> int:
    """Read 1000000, 1_000_000 and 1e6, and a default, which is a number."""
    text = str(given)
    try:
        return int(text) if text.lstrip("+-").replace("_", "").isdecimal() else _exact(float(text))
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not a whole number") from None


def _exact(value: float) -> int:
    if not value.is_integer():
        raise ValueError
    return int(value)


def _window(given: Union[str, timedelta]) -> timedelta:
    """Read 6h, 90min, 45s and 2d, and a default, which is read already."""
    if isinstance(given, timedelta):
        return given
    text = given
    units = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    try:
        return timedelta(**{units[text[len(number) :].strip()]: float(number)})
    except (KeyError, ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r}: write it like 6h, 90min, 45s or 2d") from None


def _columns(pairs: Optional[list[str]]) -> dict[str, str]:
    for pair in pairs or []:
        if "=" not in pair:
            raise DefinitionError(f"--columns {pair}: write it like user_id=device or pings.latitude=lat, ours=yours")
    return dict(pair.split("=", 1) for pair in pairs or [])


def _open(
    data: Annotated[str, typer.Argument(help="Folder with the tables.", show_default=False)],
    tz: Annotated[str, typer.Option(help="Time zone of months, hours and weekdays.")] = "UTC",
    columns: Annotated[
        Optional[list[str]], typer.Option(metavar="OURS=YOURS", help="Your name of a column; give it once per column.")
    ] = None,
    radius: Annotated[float, typer.Option(help="A ping closer than this is a visit (metres).")] = VISIT_RADIUS_M,
    window: Annotated[
        timedelta,
        typer.Option(
            parser=_window,
            metavar="DURATION",
            help="How long an interaction earns visits.",
            show_default=f"{ATTRIBUTION_WINDOW / timedelta(hours=1):g}h",
        ),
    ] = ATTRIBUTION_WINDOW,
    confidence: Annotated[float, typer.Option(help="Coverage of the intervals.")] = CONFIDENCE,
    sample: Annotated[Optional[float], typer.Option(help="Fraction of the users to keep, such as 0.01.")] = None,
    start: Annotated[Optional[str], typer.Option(help="Count from this local day or time on.")] = None,
    end: Annotated[Optional[str], typer.Option(help="Count up to, and without, this local day or time.")] = None,
    engine: Annotated[
        str,
        typer.Option(help="local, dask, spark, or the address of a cluster: dask+tls://host:8786, spark://host:7077."),
    ] = "local",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Reach a cluster on other machines without a key or a secret.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")] = False,
    epoch_unit: Annotated[Optional[str], typer.Option(help="Unit of integer timestamps: s, ms, us or ns.")] = None,
    threads: Annotated[Optional[int], typer.Option(help="By default one per core.", show_default=False)] = None,
    memory_limit: Annotated[Optional[str], typer.Option(help="Spill to disk beyond this, such as 2GiB.")] = None,
    progress: Annotated[bool, typer.Option(help="Show a bar when it takes a while.")] = True,
) -> footfall.Dataset:
    opened = footfall.open(
        data,
        tz=tz,
        engine=engine,
        insecure=insecure,
        columns=_columns(columns),
        definitions=footfall.Definitions(radius, window, confidence),
        strict=strict,
        epoch_unit=epoch_unit,
        threads=threads,
        memory_limit=memory_limit,
        progress=progress,
    )
    if sample is not None:
        opened = opened.sample(users=sample)
    return opened if start is None and end is None else opened.between(start, end)


def _on_data(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, whose first parameter is a data set, the parameters of `_open` instead."""

    @functools.wraps(command)
    def opened(opening: Callable[[], footfall.Dataset], **given: Any) -> None:
        command(opening(), **given)

    return _opening(opened)


def _opening(command: Callable[..., None], without: tuple[str, ...] = ()) -> Callable[..., None]:
    """Give a command, whose first parameter opens a data set, the parameters of `_open`, save some, instead."""
    shared = [p for p in inspect.signature(_open).parameters.values() if p.name not in without]
    own = list(inspect.signature(command).parameters.values())[1:]
    # Arguments come before the data set, options after it: `footfall run JOB DATA --by month --tz UTC`.
    first = [parameter for parameter in own if parameter.default is parameter.empty]
    rest = [parameter for parameter in own if parameter.default is not parameter.empty]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        opening = functools.partial(_open, **{parameter.name: given.pop(parameter.name) for parameter in shared})
        command(opening, **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*first, shared[0], *rest, *shared[1:]]]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


_Out = Annotated[
    Optional[Path], typer.Option("--out", "-o", help="Write all rows to this .parquet, .csv, .json or .jsonl file.")
]
_Spreadsheet = Annotated[
    bool, typer.Option("--spreadsheet", help="In a .csv file, keep a spreadsheet from taking text for a formula.")
]
_Top = Annotated[int, typer.Option(min=0, help="Rows to show in the terminal.")]


def _show(result: Result, out: Optional[Path], top: int, spreadsheet: bool) -> None:
    if spreadsheet and out is None:
        raise DefinitionError("--spreadsheet: is for a .csv file; name one with --out")
    if out is not None:
        path = result.write(out, spreadsheet=spreadsheet)
        print(f"{result.headline(len(result))}; written to {path}")
        return
    shown = display.preview(result.to_arrow(), top)
    table = Table()
    for name, numeric in zip(shown.columns, shown.numeric):
        table.add_column(Text(name), justify="right" if numeric else "left")
    for row in shown.rows:
        table.add_row(*map(Text, row))
    _print(Text(result.headline(len(shown.rows)), style="bold"), table, Text(result.made_with(), style="dim"))


def _print(*lines: Union[Text, Table]) -> None:
    # A pipe has no width to fit into.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(*lines, sep="\n")


@_command()
def synth(
    root: Annotated[Path, typer.Argument(help="Folder to write; empty, or not there yet.", show_default=False)],
    pings: Annotated[int, typer.Option(parser=_whole, metavar="N", help="Location records.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    users: Annotated[Optional[int], typer.Option(parser=_whole, metavar="N", help="By default in proportion.")] = None,
    establishments: Annotated[
        Optional[int], typer.Option(parser=_whole, metavar="N", help="By default in proportion.")
    ] = None,
    start: Annotated[str, typer.Option(help="First local day.")] = "2024-03-01",
    days: Annotated[int, typer.Option(help="How many days.")] = 92,
    tz: Annotated[str, typer.Option(help="Time zone of the city.")] = "America/Recife",
    threads: Annotated[Optional[int], typer.Option(help="By default one per core.", show_default=False)] = None,
    progress: Annotated[bool, typer.Option(help="Show a bar when it takes a while.")] = True,
) -> None:
    """Write a made-up city, with planted answers, to a folder."""
    folder = footfall.synth.city(
        root,
        pings=pings,
        seed=seed,
        users=users,
        establishments=establishments,
        start=start,
        days=days,
        tz=tz,
        threads=threads,
        progress=progress,
    )
    print(f"a city of {pings:,} pings in {folder}; next: footfall report {folder} --tz {tz}")


@_command()
def ingest(
    src: Annotated[Path, typer.Argument(help="Folder with the tables; it is only read.", show_default=False)],
    dst: Annotated[Path, typer.Argument(help="Folder to write: new, empty or unfinished.", show_default=False)],
    tz: Annotated[str, typer.Option(help="Time zone of the months that name the folders.")] = "UTC",
    columns: Annotated[
        Optional[list[str]], typer.Option(metavar="OURS=YOURS", help="Your name of a column; give it once per column.")
    ] = None,
    epoch_unit: Annotated[Optional[str], typer.Option(help="Unit of integer timestamps: s, ms, us or ns.")] = None,
    progress: Annotated[bool, typer.Option(help="Show a bar when it takes a while.")] = True,
) -> None:
    """Rewrite a data set once, so that many reads of it are fast."""
    done = footfall.ingest(src, dst, tz=tz, columns=_columns(columns), epoch_unit=epoch_unit, progress=progress)
    table = Table("table", *(Column(name, justify="right") for name in ("read", "written", "left out", "files")))
    for name, counts in done.tables.items():
        numbers = (counts.read, counts.written, counts.left_out, counts.parts)
        table.add_row(name, *(f"{number:,}" for number in numbers))
    _print(table)
    print(f"next: footfall report {done.folder} --tz {tz}")


@_command()
@_on_data
def check(data: footfall.Dataset, out: _Out = None, top: _Top = 100, spreadsheet: _Spreadsheet = False) -> None:
    """Show what is wrong with the tables."""
    _show(data.check(), out, top, spreadsheet)


@_command()
@_on_data
def run(
    data: footfall.Dataset,
    job: Annotated[str, typer.Argument(help="Name of the job; `footfall jobs` lists them.", show_default=False)],
    by: Annotated[Optional[str], typer.Option(help="Calendar unit: day, week, month or period.")] = None,
    users: Annotated[Optional[list[str]], typer.Option(help="This user only; give it once per user.")] = None,
    rank_by: Annotated[Optional[str], typer.Option(help="Measure to rank by.")] = None,
    out: _Out = None,
    top: _Top = 20,
    spreadsheet: _Spreadsheet = False,
) -> None:
    """Answer a job: a table in the terminal, or a file."""
    unit = cast(Optional[Unit], by)  # One that is none is refused there.
    result = data.run(job.replace("-", "_"), by=unit, users=users or None, rank_by=rank_by)
    _show(result, out, top, spreadsheet)


@_command()
@_on_data
def sql(
    data: footfall.Dataset,
    query: Annotated[
        str, typer.Argument(help="SELECT over the tables, visits, attributed_visits.", show_default=False)
    ],
    out: _Out = None,
    top: _Top = 20,
    spreadsheet: _Spreadsheet = False,
) -> None:
    """Run a query over the tables."""
    _show(data.sql(query), out, top, spreadsheet)


@_command()
@_on_data
def report(
    data: footfall.Dataset,
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("footfall.html"),
    title: Annotated[Optional[str], typer.Option(help="Heading of the report.")] = None,
    show_users: Annotated[bool, typer.Option("--show-users", help="Tell the ids of the users in examples.")] = False,
    at_least: Annotated[int, typer.Option(help="Leave out rows about fewer users than that.")] = 10,
) -> None:
    """Write every answer that the tables allow to one HTML file that needs no network."""
    print(f"report: {data.report(out, title=title, show_users=show_users, at_least=at_least)}")


def _verify(
    opening: Callable[..., footfall.Dataset],
    engines: Annotated[str, typer.Option(help="Names or addresses, with commas between.")] = "local,dask,spark",
) -> None:
    """Run all jobs on several engines and compare the answers cell by cell."""
    verdicts = footfall_verify.verify(lambda engine: opening(engine=engine), engines.split(","))
    differ = False
    for verdict in verdicts:
        print(verdict, flush=True)
        differ |= verdict.difference is not None
    if differ:
        raise typer.Exit(DIFFERENT)


_command(name="verify")(_opening(_verify, without=("engine",)))


@_command()
def jobs() -> None:
    """List the jobs, and the tables that each needs."""
    table = Table(Column("job", no_wrap=True), "question", "tables")
    for job in _native.jobs():
        table.add_row(job["name"], job["question"], ", ".join(job["tables"]))
    _print(table)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"footfall {footfall.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it and go.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command."""
    app()
