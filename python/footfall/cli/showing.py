"""How commands show what they found: a table in the terminal, a file, or rows on standard output."""

import sys
from enum import Enum
from typing import IO, Annotated, Optional, Union

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.lang import speaking
from footfall.output import formats, tables
from footfall.result import Result

_STANDARD_OUTPUT = "-"


class Format(str, Enum):
    """How rows are written to standard output."""

    table = "table"
    csv = "csv"
    json = "json"


Out = Annotated[
    Optional[str],
    typer.Option(
        "--out", "-o", help="Write all rows to this .parquet, .csv, .json or .jsonl file; - writes to a pipe."
    ),
]
AnyFormat = Annotated[
    Optional[Format],
    typer.Option("--format", help="On standard output: a table of the first rows; or all, as CSV or JSON lines."),
]
Spreadsheet = Annotated[
    bool,
    typer.Option("--spreadsheet", help="Write CSV that spreadsheets open, in which no text is taken for a formula."),
]
OutDecimal = Annotated[
    str, typer.Option(metavar=".|,", help="Decimal mark of CSV that is written; with , cells are separated by ;.")
]
Top = Annotated[int, typer.Option(min=0, help="Rows to show in the terminal.")]


def show(
    result: Result, *, out: Optional[str], form: Optional[Format], top: int, spreadsheet: bool, decimal: str
) -> None:
    """Show `result` as the options say.

    Raises
    ------
    DefinitionError
        If they contradict each other.
    """
    streamed = _streamed(out, form)
    options.decimal_mark("--out-decimal", decimal)
    if (spreadsheet or decimal != ".") and streamed is not Format.csv and (streamed or out is None):
        option = "--spreadsheet" if spreadsheet else f"--out-decimal {decimal}"
        raise DefinitionError(f"{option}: is for CSV; name a .csv file with --out, or write --format csv")
    if streamed is not None:
        _stream(result, streamed, spreadsheet, decimal)
    elif out is not None:
        path = result.write(out, spreadsheet=spreadsheet, decimal=decimal)
        print(f"{result.headline(len(result))}; written to {path}")
    else:
        _show_table(result, top)


def _streamed(out: Optional[str], form: Optional[Format]) -> Optional[Format]:
    """Return how rows go to standard output; None if they go to a file, or as a table for people."""
    to_pipe = out is not None and str(out) == _STANDARD_OUTPUT
    if form is not None and out is not None and not to_pipe:
        raise DefinitionError(f"--format {form.value}: is for standard output; the ending of --out {out} says how")
    if form is Format.table and to_pipe:
        raise DefinitionError("--format table: is for people; --out - writes csv or json")
    return Format.json if to_pipe and form is None else None if form is Format.table else form


def _stream(result: Result, form: Format, spreadsheet: bool, decimal: str) -> None:
    """Write all rows, and nothing else, to standard output."""
    sys.stdout.flush()
    pipe: IO[bytes] = sys.stdout.buffer
    if form is Format.csv:
        formats.write_csv(result.to_arrow(), pipe, spreadsheet=spreadsheet, decimal=decimal)
    else:
        formats.write_json_lines(result.to_arrow(), pipe)
    pipe.flush()
    print(result.headline(len(result)), file=sys.stderr)


def _show_table(result: Result, top: int) -> None:
    with speaking(result.lang):
        shown = tables.preview(result.to_arrow(), top)
    table = Table()
    for name, numeric in zip(shown.columns, shown.numeric):
        table.add_column(Text(name), justify="right" if numeric else "left")
    for row in shown.rows:
        table.add_row(*map(Text, row))
    print_lines(Text(result.headline(len(shown.rows)), style="bold"), table, Text(result.made_with(), style="dim"))


def print_lines(*lines: Union[Text, Table]) -> None:
    """Print to standard output."""
    # A pipe has no width to fit into.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(*lines, sep="\n")
