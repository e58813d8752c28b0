"""The options of every command that reads data, and what opens it."""

import functools
import inspect
from datetime import timedelta
from typing import Annotated, Any, Callable, Optional, Union

import typer

import footfall
from footfall.cli.order import in_place
from footfall.definitions import ATTRIBUTION_WINDOW, CONFIDENCE, VISIT_RADIUS_M
from footfall.errors import DefinitionError
from footfall.quality import MAX_UNUSABLE

_TABS = ("\\t", "tab")
# The name of an argument, and whether a text is one.
Beside = tuple[str, Callable[[str], bool]]

Tz = Annotated[
    Optional[str],
    typer.Option(help="Time zone of months, hours and weekdays; else footfall.toml's, else UTC.", show_default=False),
]
Columns = Annotated[
    Optional[list[str]], typer.Option(metavar="OURS=YOURS", help="Your name of a column; give it once per column.")
]
Actions = Annotated[
    Optional[list[str]],
    typer.Option(metavar="YOURS=view|click", help="Your name of an action; give it once per action."),
]
EpochUnit = Annotated[Optional[str], typer.Option(help="Unit of integer timestamps: s, ms, us or ns.")]
NaiveTz = Annotated[Optional[str], typer.Option(help="Time zone of timestamps without an offset.")]
Separator = Annotated[
    Optional[str], typer.Option("--csv-separator", help="Between cells of CSV, such as ; or tab; else found out.")
]
Decimal = Annotated[Optional[str], typer.Option("--csv-decimal", help="Decimal mark of CSV: . or ,; else found out.")]
Encoding = Annotated[
    Optional[str], typer.Option("--csv-encoding", help="Encoding of CSV, such as windows-1252; else found out.")
]
Timestamp = Annotated[
    Optional[str], typer.Option("--csv-timestamp", help="How CSV writes times, such as %d/%m/%Y %H:%M.")
]
Quote = Annotated[Optional[str], typer.Option("--csv-quote", help="Around cells of CSV; else found out.")]

Config = Annotated[bool, typer.Option("--config/--no-config", help="Read footfall.toml beside the tables.")]


def how_to_read(
    columns: Columns = None,
    actions: Actions = None,
    epoch_unit: EpochUnit = None,
    naive_tz: NaiveTz = None,
    csv_separator: Separator = None,
    csv_decimal: Decimal = None,
    csv_encoding: Encoding = None,
    csv_timestamp: Timestamp = None,
    csv_quote: Quote = None,
    config: Config = True,
) -> dict[str, Any]:
    """Return the options of `footfall.open` and `footfall.ingest` that say how files are written."""
    return {
        "columns": dict(_pairs("--columns", columns, "user_id=device or pings.latitude=lat, ours=yours")),
        "actions": dict(_pairs("--actions", actions, "Impression=view or Tap=click, yours=ours", last=True)),
        "epoch_unit": epoch_unit,
        "naive_tz": naive_tz,
        "csv": footfall.Csv(
            separator="\t" if csv_separator in _TABS else csv_separator,
            decimal=csv_decimal,
            encoding=csv_encoding,
            timestamp=csv_timestamp,
            quote=csv_quote,
        ),
        "config": config,
    }


READING = tuple(inspect.signature(how_to_read).parameters.values())


def _pairs(option: str, given: Optional[list[str]], example: str, *, last: bool = False) -> list[tuple[str, str]]:
    """Return what stands before and after the first, or the last, = of each."""
    pairs = [(pair.rpartition if last else pair.partition)("=") for pair in given or []]
    for name, sign, value in pairs:
        if not sign:
            raise DefinitionError(f"{option} {name or value}: write it like {example}")
    return [(name, value) for name, _, value in pairs]


def _tables(given: Optional[list[str]]) -> dict[str, list[str]]:
    """Return the paths of each table; of one, they may be several."""
    tables: dict[str, list[str]] = {}
    for name, path in _pairs("--table", given, "pings=exports/pings-*.csv"):
        tables.setdefault(name, []).append(path)
    return tables


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


def _open(
    data: Annotated[str, typer.Argument(help="Folder with the tables.", show_default=False)],
    tz: Tz = None,
    tables: Annotated[
        Optional[list[str]],
        typer.Option("--table", metavar="NAME=PATH", help="Where a table is: a path or a pattern such as pings-*.csv."),
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
    max_unusable: Annotated[
        float, typer.Option(help="Stop if more than this share of some rows of a table cannot be used.")
    ] = MAX_UNUSABLE,
    threads: Annotated[Optional[int], typer.Option(help="By default one per core.", show_default=False)] = None,
    memory_limit: Annotated[Optional[str], typer.Option(help="Spill to disk beyond this, such as 2GiB.")] = None,
    progress: Annotated[bool, typer.Option(help="Show a bar when it takes a while.")] = True,
    lang: Annotated[
        Optional[str], typer.Option(help="Language of what is shown, en or pt; else FOOTFALL_LANG's, else English.")
    ] = None,
    **reading: Any,
) -> footfall.Dataset:
    opened = footfall.open(
        data,
        tz=tz,
        engine=engine,
        insecure=insecure,
        tables=_tables(tables),
        definitions=footfall.Definitions(radius, window, confidence),
        strict=strict,
        max_unusable=max_unusable,
        threads=threads,
        memory_limit=memory_limit,
        progress=progress,
        lang=lang,
        **how_to_read(**reading),
    )
    if sample is not None:
        opened = opened.sample(users=sample)
    return opened if start is None and end is None else opened.between(start, end)


_SHARED = (*list(inspect.signature(_open).parameters.values())[:-1], *READING)


def on_data(
    *, data_first: bool = False, beside: Optional[Beside] = None, **fixed: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, whose first parameter is a data set, the options of every command that reads data instead.

    Parameters
    ----------
    data_first : bool
        The folder stands before the command's own arguments, and not after them.
    beside : (str, callable), optional
        The command's own argument, and what tells it from a folder: then either may stand first.
    **fixed
        Options that are not to be chosen, and their values.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def opened(opening: Callable[..., footfall.Dataset], **given: Any) -> None:
            command(opening(**fixed), **given)

        return on_opening(*fixed, data_first=data_first, beside=beside)(opened)

    return decorated


def on_opening(
    *without: str, data_first: bool = False, beside: Optional[Beside] = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, whose first parameter opens a data set, these options, save some, instead."""

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        shared = [parameter for parameter in _SHARED if parameter.name not in without]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            given = in_place(given, *beside) if beside else given
            opening = functools.partial(_open, **{parameter.name: given.pop(parameter.name) for parameter in shared})
            command(opening, **given)

        return _with_parameters(run, _in_order(command, shared, data_first))

    return decorated


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, whose last parameters are ``**reading``, the options that say how files are written."""
    own = list(inspect.signature(command).parameters.values())[:-1]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(**given)

    return _with_parameters(run, [*own, *READING])


def _in_order(
    command: Callable[..., None], shared: list[inspect.Parameter], data_first: bool
) -> list[inspect.Parameter]:
    """Return all parameters: arguments, then the command's own options, then those of the data set."""
    own = list(inspect.signature(command).parameters.values())[1:]
    first = [parameter for parameter in own if parameter.default is parameter.empty]
    rest = [parameter for parameter in own if parameter.default is not parameter.empty]
    # `footfall run JOB DATA --by month --tz UTC`
    arguments = [shared[0], *first] if data_first else [*first, shared[0]]
    return [*arguments, *rest, *shared[1:]]


def _with_parameters(run: Callable[..., None], parameters: list[inspect.Parameter]) -> Callable[..., None]:
    by_name = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    run.__signature__ = inspect.Signature(by_name)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in by_name}
    return run
