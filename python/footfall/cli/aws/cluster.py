"""The commands `footfall cluster up`, `status`, `down`, `list` and `image`: a group's cluster on AWS."""

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Callable, Optional, Union

import typer
from rich.table import Table
from rich.text import Text

from footfall.aws.cluster import orders, waiting
from footfall.aws.cluster.orders import Order
from footfall.aws.cluster.records import hours, settling, standing
from footfall.aws.cluster.records.names import DASK, EMR
from footfall.aws.cluster.records.prices import price
from footfall.aws.cluster.records.standing import Standing
from footfall.aws.cluster.service import Aws
from footfall.aws.cluster.site import Site
from footfall.aws.cluster.verbs import down as ending
from footfall.aws.cluster.verbs import up as starting
from footfall.aws.cluster.verbs.image import HOURS as IMAGE_HOURS
from footfall.aws.cluster.verbs.image import image as make_image
from footfall.aws.cluster.verbs.listing import listed
from footfall.aws.cluster.verbs.status import status as told_status
from footfall.aws.cluster.wheelhouse import WHEELHOUSE
from footfall.aws.policies import MACHINE, SERVICE_ROLE
from footfall.aws.workspace import VARIABLE, Workspace, current
from footfall.cli.command import FAILED, INTERRUPTED, Command, complain, let_signals_interrupt
from footfall.cli.showing import print_lines
from footfall.errors import DefinitionError
from footfall.output.text import printable

_KEEP, _END = "keep", "end"


class Engine(str, Enum):
    """What a cluster is made of."""

    emr = EMR
    dask = DASK


Group = Annotated[str, typer.Argument(help=f"Name of the group; its workspace is {VARIABLE}.", show_default=False)]
Region = Annotated[Optional[str], typer.Option(help="Of AWS; by default that of the profile.", show_default=False)]
Limit = Annotated[float, typer.Option("--hours", min=0, help="Hours of machines that the group may use in a month.")]
Said = Annotated[
    Optional[float], typer.Option("--price", min=0, help="US dollars for an hour of a machine.", show_default=False)
]
Type = Annotated[str, typer.Option("--type", help="Kind of the machines.")]
Larger = Annotated[
    bool, typer.Option("--larger", help=f"Yes: more than {orders.USUAL_MACHINES} machines, or larger than {MACHINE}.")
]
Subnet = Annotated[Optional[str], typer.Option(help="By default AWS chooses.", show_default=False)]
Key = Annotated[Optional[str], typer.Option("--key", help="Name of a key pair, for ssh.", show_default=False)]
Role = Annotated[str, typer.Option("--role", help="Of the machines; by default footfall-GROUP.", show_default=False)]
From = Annotated[Path, typer.Option("--wheelhouse", help="Folder that `make wheelhouse` has made.")]


def up(
    group: Group,
    engine: Annotated[Engine, typer.Option(help="emr has Spark and Dask; dask is machines of an image.")] = Engine.emr,
    image: Annotated[
        Optional[str], typer.Option(help="Of `footfall cluster image`, for --engine dask.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(help="Machines beside the primary.")] = 2,
    kind: Type = MACHINE,
    larger: Larger = False,
    release: Annotated[str, typer.Option(help="Of EMR.")] = orders.RELEASE,
    idle: Annotated[int, typer.Option(help="It ends after so many minutes without work,")] = orders.IDLE_MINUTES,
    max_hours: Annotated[int, typer.Option(help="and after so many hours in any case.")] = orders.MAX_HOURS,
    limit: Limit = hours.LIMIT,
    said: Said = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the requests and their price; send none.")] = False,
    wheelhouse: From = WHEELHOUSE,
    region: Region = None,
    subnet: Subnet = None,
    key: Key = None,
    role: Role = "",
    service_role: Annotated[str, typer.Option(help="Of EMR itself.")] = SERVICE_ROLE,
) -> None:
    """Start the group's cluster on AWS, or go on with the one that is there, and wait until it is ready."""
    let_signals_interrupt()
    order = Order(
        group, engine.value, workers, kind, larger, release, image, idle, max_hours, subnet, key, service_role, role
    )
    site = _site(group, region, _complaining if dry_run else _saying)
    hourly = price(site.aws.region, kind, order.engine, said=said)
    if dry_run:
        requests = starting.dry_run(site, order, wheelhouse, limit)
        told = {"requests": requests, "machines": order.machines, "price_an_hour": hourly.of_hours(order.machines)}
        print(json.dumps(told, indent=2))
        return
    site.tell(f"{order.machines} machines for an hour: {hourly.of_hours(order.machines)}")
    _watched(site, lambda: starting.up(site, order, wheelhouse, limit))
    _tell_all(told_status(site, limit, said))


def _watched(site: Site, start: Callable[[], Standing]) -> None:
    """Start a cluster and wait for it; whoever interrupts is asked what is to become of it."""
    there = None
    try:
        there = start()
        waiting.until_ready(site.aws, site.objects, there, site.tell)
    except KeyboardInterrupt:
        _keep_or_end(site, there)
        raise typer.Exit(INTERRUPTED) from None
    except ChildProcessError as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error


def _keep_or_end(site: Site, there: Optional[Standing]) -> None:
    found = [there] if there else [each for each in standing.of_group(site.aws, site.group) if each.launch]
    if not found:
        site.tell(f"interrupted, and nothing runs; footfall cluster status {site.group} tells if that changes")
    elif _asked(f"\n{found[0].id} of {site.group} goes on and costs. {_KEEP} it, or {_END} it? ") == _END:
        settling.end([each for each in found if each.is_active], site.aws, site.tell)
        site.tell(f"footfall cluster down {site.group} waits until it is gone")
    else:
        site.tell(f"kept; footfall cluster up {site.group} goes on with it, footfall cluster down {site.group} ends it")


def _asked(question: str) -> str:
    """Return `end` if somebody says so; whoever is not there, or interrupts again, keeps it."""
    if not sys.stdin.isatty():
        return _KEEP
    try:
        while (answer := input(question).strip().lower()) not in (_KEEP, _END):
            pass
        return answer
    except (EOFError, KeyboardInterrupt):
        return _KEEP


def status(group: Group, limit: Limit = hours.LIMIT, said: Said = None, region: Region = None) -> None:
    """Show the group's cluster, how to reach it, when it ends, and the hours of this month."""
    _tell_all(told_status(_site(group, region, _complaining), limit, said))


def down(
    group: Group,
    patience: Annotated[float, typer.Option(help="Seconds to wait until all is gone.")] = ending.PATIENCE_S,
    region: Region = None,
) -> None:
    """End the group's cluster; done when no instance, volume or address is left, else the exit code is 1."""
    let_signals_interrupt()
    site = _site(group, region, _saying)
    left = ending.down(site, patience)
    if left:
        complain(f"after {patience:g} s, of {group} there is left:\n" + "\n".join(f"  {each}" for each in left))
        raise typer.Exit(FAILED)
    print(f"nothing of {group} is left in {site.aws.region}")


def list_all(
    all_regions: Annotated[bool, typer.Option("--all-regions", help="Ask all regions of the account.")] = False,
    region: Region = None,
) -> None:
    """List every group's clusters and images, and what nobody holds a lock for."""
    rows = listed(Aws(region), all_regions)
    table = Table("region", "group", "what", "id", "state", "since", "lock")
    for row in rows:
        cells = (row.region, row.group, row.what, row.id, row.state, _when(row.since), row.lock)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    print_lines(table)


def image(
    group: Group,
    kind: Type = MACHINE,
    larger: Larger = False,
    limit: Limit = hours.LIMIT,
    wheelhouse: From = WHEELHOUSE,
    region: Region = None,
    subnet: Subnet = None,
    role: Role = "",
) -> None:
    """Make an image of a machine with Footfall, for `up --engine dask --image`; the machine is ended."""
    let_signals_interrupt()
    site = _site(group, region, _saying)
    order = Order(group, DASK, 0, kind, larger, subnet=subnet, instance_role=role, max_hours=IMAGE_HOURS)
    starting.check_type(site.aws, order)
    try:
        made = make_image(site, order, wheelhouse, limit)
    except ChildProcessError as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    print(f"image {made}; next: footfall cluster up {group} --engine dask --image {made}")


def register(app: typer.Typer) -> None:
    """Add them to the group of commands."""
    commands: dict[str, Callable[..., None]] = {
        "up": up,
        "status": status,
        "down": down,
        "list": list_all,
        "image": image,
    }
    for name, command in commands.items():
        app.command(name=name, cls=Command)(command)


def _site(group: str, region: Optional[str], tell: Callable[[str], None]) -> Site:
    return Site(Aws(region), _workspace(group), tell)


def _workspace(group: str) -> Workspace:
    space = current()
    if space is None or space.group != group:
        found = "is not set" if space is None else f"= {str(space)!r}: is of {space.group}"
        raise DefinitionError(f"{VARIABLE} {found}; the workspace of {group} is s3://BUCKET/{group}")
    return space


def _saying(line: str) -> None:
    print(printable(line, keep="\n"), flush=True)


def _complaining(line: str) -> None:
    print(printable(line, keep="\n"), file=sys.stderr, flush=True)


def _tell_all(lines: Iterable[str]) -> None:
    for line in lines:
        _saying(line)


def _when(at: Union[datetime, str]) -> str:
    return at if isinstance(at, str) else f"{at:%Y-%m-%d %H:%M}"
