"""What the base of the wheel does, with no extra installed: run by any Python as a script, which prints JSON.

It knows nothing of pytest, so that an old system's Python runs it, too. Where ``FOOTFALL_WORKSPACE`` names one, the
city is created there, too, and asked.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

# What needs an extra, by its name, and what the error has to say.
LACKING = ("chart", "to_pandas", "report", "map", "dask", "spark", "kafka", "notebook", "kernel")


def main() -> int:
    import footfall

    folder = Path(tempfile.mkdtemp(prefix="footfall-base-"))
    city = footfall.synth.city(folder / "city", pings=20_000, progress=False)
    data = footfall.open(city, tz="America/Recife", progress=False)
    told = {
        "version": footfall.__version__,
        "imported": sorted({name.partition(".")[0] for name in sys.modules}),
        "jobs": {job["name"]: answered(data, job["name"]) for job in data.jobs() if job["number"] < 7},
        "visits": data.sql("SELECT count(*) AS n FROM visits").to_arrow()["n"].to_pylist()[0],
        "commands": commands(folder, city),
        "in S3": in_s3(data),
        "errors": {name: error_of(lambda name=name: ask(name, data, folder)) for name in LACKING},
    }
    print(json.dumps(told))
    wrong = faults(told)
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return bool(wrong)


def faults(told):
    """What is not as it should be where the base alone is installed."""
    wrong = [f"{name}: no rows" for name, rows in told["jobs"].items() if not rows]
    wrong += [f"{name}: exit code {code}" for name, code in told["commands"].items() if code]
    wrong += [] if len(told["jobs"]) == 8 else ["not all jobs were asked"]
    wrong += ["S3: another answer than on disk"] if told.get("in S3") is False else []
    for name, error in told["errors"].items():
        kind, message = error or ("nothing", "it needs no extra")
        if kind != "DefinitionError" or " not installed here; " not in message or "Footfall's extra `" not in message:
            wrong.append(f"{name}: {kind}: {message}")
    return wrong


def answered(data, name):
    """The rows of a job; it is shown, too, as a notebook and a terminal do."""
    result = data.run(name)
    assert "<table" in result._repr_html_() and result.title in repr(result)
    return len(result)


def in_s3(data):
    """Whether a city in S3 answers as on disk; None where no workspace is named."""
    import footfall

    space = os.environ.get("FOOTFALL_WORKSPACE")
    if not space:
        return None
    city = footfall.synth.city(f"{space}/city", pings=20_000, progress=False)
    there = footfall.open(city, tz="America/Recife", progress=False)
    return there.campaign_ctr(by="month").to_arrow().equals(data.campaign_ctr(by="month").to_arrow())


def commands(folder, city):
    """Exit codes of commands that need no extra."""
    tz = ("--tz", "America/Recife")
    return {
        "jobs": command("jobs"),
        "run": command("run", "campaign_ctr", str(city), *tz, "--out", str(folder / "ctr.csv")),
        "check": command("check", str(city)),
        "ingest": command("ingest", str(city), str(folder / "lake"), *tz),
        "notebooks": command("notebooks", "list"),
        "copy": command("notebooks", "copy", str(folder / "notebooks")),
        "prepare": command("live", "prepare", str(city), *tz, "--out", str(folder / "live")),
        "live": command("live", str(city), *tz, "--tables", str(folder / "live"), "--to", str(folder / "suggestions")),
        "verify": command("verify", str(city), *tz, "--engines", "local"),
    }


def command(*arguments):
    from footfall.cli import app

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            app(list(arguments))
        except SystemExit as end:
            if end.code not in (0, None):
                sys.stderr.write(said.getvalue())
            return end.code or 0
    return 0


def ask(name, data, folder):
    """Ask for what comes with an extra."""
    import footfall

    if name == "chart":
        data.establishment_visits(by="period").chart()
    elif name == "to_pandas":
        data.establishment_visits(by="period").to_pandas()
    elif name == "report":
        data.report(folder / "report.html")
    elif name == "map":
        data.establishment_visits(by="period").map().to_svg()
    elif name in ("dask", "spark"):
        footfall.open(folder / "city", tz="America/Recife", engine=name)
    elif name == "kafka":
        from footfall.live.kafka import client

        client.check_installed()
    elif name == "notebook":
        from footfall.notebook.shipped import running

        running.write("02_establishment_performance", folder / "page.html", {})
    else:
        from footfall.notebook import spec

        spec.install(folder, {})


def error_of(call):
    """The class of what a call raises, and what that says."""
    try:
        call()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return None


if __name__ == "__main__":
    sys.exit(main())
