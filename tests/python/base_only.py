"""What the base of the wheel does, with no extra installed: run by any Python as a script, which prints JSON.

It knows nothing of pytest, so that an old system's Python runs it, too.
"""

from __future__ import annotations

import contextlib
import io
import json
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
        "errors": {name: error_of(lambda name=name: ask(name, data, folder)) for name in LACKING},
    }
    print(json.dumps(told))
    return 0


def answered(data, name):
    """The rows of a job; it is shown, too, as a notebook and a terminal do."""
    result = data.run(name)
    assert "<table" in result._repr_html_() and result.title in repr(result)
    return len(result)


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
        "live": command("live", str(city), *tz, "--tables", str(folder / "live"), "--out", str(folder / "found.csv")),
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
