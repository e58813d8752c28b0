"""The commands `footfall kernel`: our kernel in Jupyter's launcher."""

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.table import Table
from rich.text import Text

from footfall.cli.command import Command, complain
from footfall.cli.showing import print_lines
from footfall.cli.variables import variables
from footfall.errors import DefinitionError
from footfall.notebook import spec
from footfall.notebook.namespace import DATA, ENGINE, TZ
from footfall.output.text import printable

app = typer.Typer(help="Put the kernel into Jupyter's launcher.", no_args_is_help=True)

User = Annotated[bool, typer.Option("--user", help="Where all Jupyter servers of this user look; the default.")]
SysPrefix = Annotated[bool, typer.Option("--sys-prefix", help="In this Python's environment.")]
Prefix = Annotated[Optional[Path], typer.Option(help="In the environment in this folder.", show_default=False)]


@app.callback()
def _common() -> None:
    """Put the kernel into Jupyter's launcher."""


@app.command(cls=Command)
def install(
    user: User = False,
    sys_prefix: SysPrefix = False,
    prefix: Prefix = None,
    data: Annotated[
        Optional[str], typer.Option(metavar="ROOT", help="Data set that notebooks start with, as `data`.")
    ] = None,
    tz: Annotated[Optional[str], typer.Option(help="Time zone of months, hours and weekdays of it.")] = None,
    engine: Annotated[Optional[str], typer.Option(help="local, dask, spark or an address.")] = None,
) -> None:
    """Let Jupyter offer the kernel of this Python, also to Jupyter in other environments."""
    place = _place(user, sys_prefix, prefix)
    folder = spec.install(place, _environment(data, tz, engine))
    print(f"the kernel Footfall, of {sys.executable}, is in {printable(str(folder))}")


@app.command("list", cls=Command)
def list_(user: User = False, sys_prefix: SysPrefix = False, prefix: Prefix = None) -> None:
    """List where the kernel is, by default in all places where this Python's Jupyter looks; it takes the first."""
    if user or sys_prefix or prefix:
        folder = spec.folder_in(_place(user, sys_prefix, prefix))
        found = [spec.read(folder)] if folder.is_dir() else []
    else:
        found = list(spec.installed())
    table = Table("folder", "python", "data", "tz", "engine")
    for each in found:
        row = [str(each.folder), each.python, *map(each.variable, (DATA, TZ, ENGINE))]
        table.add_row(*(Text(printable(cell)) for cell in row))
    print_lines(table if found else Text("no kernel; `footfall kernel install` writes one"))


@app.command(cls=Command)
def remove(user: User = False, sys_prefix: SysPrefix = False, prefix: Prefix = None) -> None:
    """Take the kernel out of the launcher."""
    print(f"removed {printable(str(spec.remove(_place(user, sys_prefix, prefix))))}")


def _place(user: bool, sys_prefix: bool, prefix: Optional[Path]) -> Path:
    """Return Jupyter's folder of data that the options name."""
    if sum((user, sys_prefix, prefix is not None)) > 1:
        raise DefinitionError("--user, --sys-prefix, --prefix: only one of them says where the kernel is")
    if prefix is not None or sys_prefix:
        return spec.of_prefix(prefix or Path(sys.prefix))
    return spec.of_user()


def _environment(data: Optional[str], tz: Optional[str], engine: Optional[str]) -> dict[str, str]:
    """Return the variables of a kernel; that there is nothing at the folder yet is told."""
    if data is None and (tz is not None or engine is not None):
        raise DefinitionError("--tz, --engine: say how --data is opened; give it, too")
    found = variables(data, tz, engine)
    root = found.get(DATA)
    if root and "://" not in root and not os.path.exists(root):
        complain(f"warning: there is nothing at {root} now; notebooks will say so when they use `data`")
    return found
