"""The command `footfall doctor`: what this machine lacks, and what to do."""

import json
from typing import Annotated, Optional

import typer

from footfall import doctor as checks
from footfall.doctor import Diagnosis, Patient, State
from footfall.output.text import printable

# Exit code.
WRONG = 1


def doctor(
    workspace: Annotated[
        Optional[str],
        typer.Option(metavar="s3://BUCKET/GROUP", help="Else FOOTFALL_WORKSPACE's; an empty object is created there."),
    ] = None,
    only: Annotated[
        Optional[list[str]], typer.Option(metavar="CHECK", help="This one; give it once per check.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write a list of objects, for other programs.")] = False,
) -> None:
    """Look at this machine, credentials, bucket, engines and open ports; the exit code is 1 if anything is wrong."""
    found = []
    for each in checks.examine(Patient.here(workspace), only or ()):
        found.append(each)
        if not as_json:
            print(_line(each), flush=True)
    if as_json:
        print(json.dumps([_object(each) for each in found], indent=1))
    if any(each.finding.state is State.WRONG for each in found):
        raise typer.Exit(WRONG)


def _line(each: Diagnosis) -> str:
    do = f"  ->  {each.finding.do}" if each.finding.do else ""
    return printable(f"{each.finding.state.value:<7} {each.check:<20} {each.finding.seen}{do}")


def _object(each: Diagnosis) -> dict[str, str]:
    told = each.finding
    return {"check": each.check, "state": told.state.value, "seen": printable(told.seen), "do": printable(told.do)}
