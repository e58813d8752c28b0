"""The commands `footfall notebooks`: those that come with Footfall, copied, or run and written as one page."""

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.table import Column, Table
from rich.text import Text

from footfall.cli.command import FAILED, Command, complain
from footfall.cli.showing import print_lines
from footfall.cli.variables import variables
from footfall.errors import DefinitionError
from footfall.lang import ENGLISH, VARIABLE, chosen
from footfall.notebook import shipped
from footfall.notebook.namespace import DATA, TZ
from footfall.output.text import printable

app = typer.Typer(help="The notebooks that come with Footfall, one for each question.", no_args_is_help=True)

Lang = Annotated[
    Optional[str], typer.Option(help="Language, en or pt; else FOOTFALL_LANG's, else English.", show_default=False)
]


@app.callback()
def _common() -> None:
    """Copy the notebooks, or run one without writing code."""


@app.command("list", cls=Command)
def list_() -> None:
    """List the notebooks."""
    table = Table(Column("notebook", no_wrap=True), "what it asks")
    for name in shipped.names():
        table.add_row(name, Text(printable(shipped.question(name))))
    print_lines(table)


@app.command(cls=Command)
def copy(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.", show_default=False)],
    lang: Lang = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace notebooks that are there.")] = False,
) -> None:
    """Copy all notebooks to a folder, to run and change them there."""
    language = chosen(lang)
    written = shipped.copy(folder, language, overwrite=overwrite)
    for name, lacking, cells in shipped.untranslated(language):
        complain(f"warning: {name}: {lacking} of {cells} texts are not there in {language}, and stay English")
    variable = "" if language == ENGLISH else f"{VARIABLE}={language} "
    print(f"{len(written)} notebooks in {printable(str(folder))}; next: {variable}jupyter lab {printable(str(folder))}")


@app.command(cls=Command)
def run(
    notebook: Annotated[str, typer.Argument(help="Number or name, such as 02.", show_default=False)],
    out: Annotated[str, typer.Option("--out", "-o", help="HTML file to write.", show_default=False)],
    data: Annotated[
        Optional[str],
        typer.Option(metavar="ROOT", help="Folder with the tables; else FOOTFALL_DATA, else a city."),
    ] = None,
    tz: Annotated[Optional[str], typer.Option(help="Time zone of months, hours and weekdays of it.")] = None,
    engine: Annotated[
        Optional[str], typer.Option(help="local, dask, spark or an address; else what the notebook prefers.")
    ] = None,
    lang: Lang = None,
    progress: Annotated[bool, typer.Option(help="Show a bar of the cells.")] = True,
) -> None:
    """Run a notebook on your data and write one HTML file that needs no network; the exit code is 1 if a cell fails."""
    from footfall.notebook.shipped import running

    name, language = shipped.find(notebook), chosen(lang)
    try:
        written = running.write(name, out, _environment(data, tz, engine, language), lang=language, progress=progress)
    except running.NotebookError as error:
        # What a cell says is of Python: its options are not those of a command.
        print(printable(f"footfall: {error}", keep="\n\t"), file=sys.stderr)
        raise typer.Exit(FAILED) from error
    print(f"{name}: {printable(str(written))}")


def _environment(data: Optional[str], tz: Optional[str], engine: Optional[str], lang: str) -> dict[str, str]:
    """Return what the kernel is told; the time zone of other data is not that of `data`."""
    if data is None and tz is not None and not os.environ.get(DATA):
        raise DefinitionError(f"--tz {tz}: is of --data; give it, too")
    found = {**({} if data is None else {TZ: ""}), **variables(data, tz, engine, lang)}
    root = found.get(DATA, "")
    if root and "://" not in root and not os.path.exists(root):
        raise DefinitionError(f"--data {data}: there is nothing at {root}")
    return found
