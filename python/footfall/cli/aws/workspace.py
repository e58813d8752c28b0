"""The commands `footfall aws`: policies of a workspace, settings of its bucket."""

import json
from enum import Enum
from typing import Annotated, Optional

import typer
from rich.table import Column, Table
from rich.text import Text

from footfall.aws import bucket as buckets
from footfall.aws import policies
from footfall.aws.workspace import VARIABLE, Workspace, current
from footfall.cli.command import FAILED, Command
from footfall.cli.showing import print_lines
from footfall.errors import DefinitionError

app = typer.Typer(help="Policies of a workspace in S3, settings of its bucket.", no_args_is_help=True)


class Whose(str, Enum):
    """Whose policy it is."""

    bucket = "bucket"
    group = "group"
    instances = "instances"


Bucket = Annotated[
    Optional[str], typer.Option(help=f"Name of the bucket; by default that of {VARIABLE}.", show_default=False)
]


@app.callback()
def _common() -> None:
    """Policies of a workspace in S3, settings of its bucket."""


@app.command(cls=Command)
def policy(
    group: Annotated[
        Optional[str], typer.Option(help=f"Name of the group; by default that of {VARIABLE}.", show_default=False)
    ] = None,
    bucket: Bucket = None,
    only: Annotated[Optional[Whose], typer.Option(help="This policy alone, as AWS takes it.")] = None,
) -> None:
    """Print three policies: the bucket's, the group's and that of its instances. Nothing is asked of AWS."""
    found = policies.policies(_workspace(bucket, group))
    print(json.dumps(found if only is None else found[only.value], indent=2))


@app.command(cls=Command)
def bucket(
    bucket: Bucket = None,
    apply: Annotated[bool, typer.Option("--apply", help="Set what is not as it should be.")] = False,
) -> None:
    """Show the settings that a bucket of results needs; the exit code is 1 if one is not as it should be."""
    name = bucket or _named().bucket
    found = buckets.apply(name) if apply else buckets.settings(name)
    table = Table(Column("setting", no_wrap=True), "now", "wanted", "why")
    for each in found:
        table.add_row(*(Text(cell) for cell in (each.name, each.now, each.wanted, each.why)))
    print_lines(table)
    if not all(each.is_well for each in found):
        print(f"set it by: footfall aws bucket --bucket {name} --apply")
        raise typer.Exit(FAILED)


def _workspace(bucket: Optional[str], group: Optional[str]) -> Workspace:
    if bucket and group:
        return Workspace(bucket, group)
    named = _named()
    return Workspace(bucket or named.bucket, group or named.group)


def _named() -> Workspace:
    found = current()
    if found is None:
        raise DefinitionError(
            f"which bucket, which group? Give --bucket and --group, or set {VARIABLE}=s3://bucket/group"
        )
    return found
