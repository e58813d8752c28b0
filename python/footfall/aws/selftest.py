"""Whether a node can do its work: a small city, the first job, and reading and creating in the workspace."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import footfall
from footfall import synth
from footfall.aws.telling import NODES, host, moment, tell

_PINGS = 20_000
_TZ = "America/Recife"
_TOLD_OF = ("footfall", "dask", "pyspark", "pyarrow", "numpy")


def answer(root: str) -> Any:
    """Return the first job's answer over a data set, checked against the interactions themselves."""
    data = footfall.open(root, tz=_TZ)
    answered = data.campaign_ctr(by="period").to_arrow()
    counted = data.sql("SELECT count(*) AS counted FROM interactions").to_arrow()["counted"][0].as_py()
    found = sum(sum(answered[name].to_pylist()) for name in ("views", "clicks"))
    if found != counted or counted == 0:
        raise footfall.InternalError(f"self-test: {found} views and clicks of {counted} interactions in {root}")
    return answered


def of_disk() -> Any:
    """Make a small city, answer the first job over it, and return the answer."""
    with tempfile.TemporaryDirectory(prefix="footfall-") as folder:
        return answer(str(synth.city(Path(folder) / "city", pings=_PINGS, progress=False)))


def of_run(run: str, expected: Any) -> None:
    """Create the same city in the folder of the run and read it from there: the answer must be the same."""
    root = f"{run}/self-tests/{host()}-{moment()}"
    synth.city(root, pings=_PINGS, progress=False)
    if not answer(root).equals(expected):
        raise footfall.InternalError(f"self-test: {root} gives another answer than the same city on disk")


def versions() -> dict[str, str]:
    """Return the versions of what this node has; EMR's Spark is not there yet when a node tests itself."""
    found = {"python": platform.python_version()}
    for name in _TOLD_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Run the self-test, and say what was done, or what failed."""
    parser = argparse.ArgumentParser(prog="python -m footfall.aws.selftest", description=__doc__)
    parser.add_argument("--run", metavar="PLACE", help="folder of the cluster's run, in which to create and read")
    parser.add_argument("--role", default="image", help="of this node, to tell of it there")
    parser.add_argument("--address", help="of this node, to tell of it there")
    told = parser.parse_args()
    started = time.monotonic()
    try:
        answered = of_disk()
        if told.run:
            of_run(told.run, answered)
            known = {"host": host(), "role": told.role, "address": told.address, **versions()}
            tell(told.run, NODES, f"{host()}-{moment()}", known)
    except (footfall.FootfallError, OSError) as error:
        sys.exit(f"self-test: {type(error).__name__}: {error}")
    where = f", the same from {told.run}" if told.run else ""
    print(f"self-test: {answered.num_rows} campaigns from disk{where}; {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
