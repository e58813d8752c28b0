"""The command `footfall`: what the package does, without writing Python."""

import functools
from typing import Annotated, Any, Callable, Optional, cast

import typer
from rich.table import Column, Table

import footfall
from footfall import _native
from footfall import verify as footfall_verify
from footfall.cli import cluster, doctor, kernel, notebooks, order
from footfall.cli.aws import workspace as aws
from footfall.cli.command import Command
from footfall.cli.live import broker as kafka
from footfall.cli.live import history as live
from footfall.cli.opening import Tz, how_to_read, on_data, on_opening, with_reading
from footfall.cli.showing import AnyFormat, Out, OutDecimal, Spreadsheet, Top, print_lines, show
from footfall.definitions import Unit

app = typer.Typer(
    cls=order.Group,
    help="Did the ad bring somebody through the door? Ask tables of establishments, ads, interactions and pings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(aws.app, name="aws")
app.add_typer(cluster.app, name="cluster")
app.add_typer(kafka.app, name="kafka")
app.add_typer(kernel.app, name="kernel")
app.add_typer(live.app, name="live")
app.add_typer(notebooks.app, name="notebooks")
_command = functools.partial(app.command, cls=Command)


# Exit codes of `verify` and `check`.
DIFFERENT = UNUSABLE = 1


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


@_command()
def synth(
    root: Annotated[str, typer.Argument(help="Folder to write; empty, or not there yet.", show_default=False)],
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
@with_reading
def ingest(
    src: Annotated[str, typer.Argument(help="Folder with the tables; it is only read.", show_default=False)],
    dst: Annotated[str, typer.Argument(help="Folder to write: new, empty or unfinished.", show_default=False)],
    tz: Tz = None,
    progress: Annotated[bool, typer.Option(help="Show a bar when it takes a while.")] = True,
    **reading: Any,
) -> None:
    """Rewrite a data set once, so that many reads of it are fast."""
    done = footfall.ingest(src, dst, tz=tz, progress=progress, **how_to_read(**reading))
    table = Table("table", *(Column(name, justify="right") for name in ("read", "written", "left out", "files")))
    for name, counts in done.tables.items():
        numbers = (counts.read, counts.written, counts.left_out, counts.parts)
        table.add_row(name, *(f"{number:,}" for number in numbers))
    print_lines(table)
    print(f"next: footfall report {done.folder} --tz {done.tz}")


# Whoever asks what is lost is told, however much it is.
@_command()
@on_data(max_unusable=1.0)
def check(
    data: footfall.Dataset,
    all: Annotated[bool, typer.Option("--all", help="Also show the checks that found nothing.")] = False,
    out: Out = None,
    form: AnyFormat = None,
    top: Top = 100,
    spreadsheet: Spreadsheet = False,
    out_decimal: OutDecimal = ".",
) -> None:
    """Show what is wrong with the tables; the exit code is 1 if there are rows that cannot be used, else 0."""
    result = data.check(all=all)
    show(result, out=out, form=form, top=top, spreadsheet=spreadsheet, decimal=out_decimal)
    if any(row["rows"] and row["severity"] == "unusable" for row in result.to_arrow().to_pylist()):
        raise typer.Exit(UNUSABLE)


@_command()
@on_data(data_first=True, beside=("table", order.is_table), max_unusable=1.0)
def unusable(
    data: footfall.Dataset,
    table: Annotated[str, typer.Argument(help="Name of a table.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, help="How many findings to show at most.")] = 20,
    out: Out = None,
    form: AnyFormat = None,
    spreadsheet: Spreadsheet = False,
    out_decimal: OutDecimal = ".",
) -> None:
    """Show rows of a table that cannot be used: where they are, and why."""
    show(data.unusable(table, limit), out=out, form=form, top=limit, spreadsheet=spreadsheet, decimal=out_decimal)


@_command()
@on_data(beside=("job", order.is_job))
def run(
    data: footfall.Dataset,
    job: Annotated[str, typer.Argument(help="Name of the job; `footfall jobs` lists them.", show_default=False)],
    by: Annotated[Optional[str], typer.Option(help="Calendar unit: day, week, month or period.")] = None,
    users: Annotated[Optional[list[str]], typer.Option(help="This user only; give it once per user.")] = None,
    rank_by: Annotated[Optional[str], typer.Option(help="Measure to rank by.")] = None,
    out: Out = None,
    form: AnyFormat = None,
    top: Top = 20,
    spreadsheet: Spreadsheet = False,
    out_decimal: OutDecimal = ".",
) -> None:
    """Answer a job: a table in the terminal, a file, or rows for another command."""
    unit = cast(Optional[Unit], by)  # One that is none is refused there.
    result = data.run(job.replace("-", "_"), by=unit, users=users or None, rank_by=rank_by)
    show(result, out=out, form=form, top=top, spreadsheet=spreadsheet, decimal=out_decimal)


@_command()
@on_data(beside=("query", order.is_statement))
def sql(
    data: footfall.Dataset,
    query: Annotated[
        str, typer.Argument(help="SELECT over the tables, visits, attributed_visits.", show_default=False)
    ],
    out: Out = None,
    form: AnyFormat = None,
    top: Top = 20,
    spreadsheet: Spreadsheet = False,
    out_decimal: OutDecimal = ".",
) -> None:
    """Run a query over the tables."""
    show(data.sql(query), out=out, form=form, top=top, spreadsheet=spreadsheet, decimal=out_decimal)


@_command()
@on_opening()
def report(
    opening: Callable[..., footfall.Dataset],
    out: Annotated[str, typer.Option("--out", "-o", help="HTML file to write.")] = "footfall.html",
    title: Annotated[Optional[str], typer.Option(help="Heading of the report.")] = None,
    show_users: Annotated[bool, typer.Option("--show-users", help="Tell the ids of the users in examples.")] = False,
    at_least: Annotated[int, typer.Option(help="Leave out rows about fewer users than that.")] = 10,
) -> None:
    """Write every answer that the tables allow to one HTML file that needs no network."""
    from footfall.report import write_report
    from footfall.report.vega import Vega

    # What draws starts while files are opened.
    with Vega() as vega:
        told: Any = {"title": title, "show_users": show_users, "at_least": at_least}
        print(f"report: {write_report(opening(), out, **told, vega=vega)}")


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


_command(name="verify")(on_opening("engine")(_verify))
_command()(doctor.doctor)


@_command()
def jobs() -> None:
    """List the jobs, and the tables that each needs."""
    table = Table(Column("job", no_wrap=True), "question", "tables")
    for job in _native.jobs():
        table.add_row(job["name"], job["question"], ", ".join(job["tables"]))
    print_lines(table)


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
