"""Another build of Footfall beside this one, in turns: what has a change made faster, and what slower?

Usage: python -m benches.turns FOLDER [--works A,B] [--part 0.1] [--rounds 5]

FOLDER is another checkout with its extension built (`make build`).
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from benches import data
from benches.answers import differences
from benches.measure import Score, Worker, compete
from benches.registry import contestants
from benches.run import LITTLE_ROWS, known_works
from benches.works import WORKS


class BuildWorker(Worker):
    """A contestant's process that imports Footfall from a checkout of its own."""

    def __init__(self, checkout: Path, *of: object) -> None:
        super().__init__(*of)  # type: ignore[arg-type]
        self.environment = {**os.environ, "PYTHONPATH": str(checkout / "python")}


def main() -> int:
    """Return 1 if a build failed or the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("folder", type=Path)
    parser.add_argument("--works", type=known_works, default=list(WORKS))
    parser.add_argument("--part", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not list((options.folder / "python" / "footfall").glob("_native*")):
        parser.error(f"{options.folder}: no extension there; run `make build` in it")
    print(f"{'work':<5} {'before':>9} {'after':>9} {'ratio':>6}  contestant")
    # All of them are compared, also after one that failed.
    return int(sum(_compare(key, options) for key in options.works) > 0)


def _compare(key: str, options: argparse.Namespace) -> bool:
    work = WORKS[key]
    rows = work.rows if work.data == "sf_taxis" else round(work.rows * options.part)
    try:
        folders = data.folder(work.data, rows), data.folder(work.data, LITTLE_ROWS)
    except data.MissingData as error:
        print(f"{key:<5} {error}")
        return False
    builds = {"before": options.folder.resolve(), "after": data.ROOT}
    ours = [each for each in contestants(key) if each.ours]
    workers = [
        BuildWorker(checkout, key, replace(each, name=f"{each.name}, {build}"), *folders)
        for each in ours
        for build, checkout in builds.items()
    ]
    scores = compete(workers, options.rounds)
    pairs = list(zip(scores[::2], scores[1::2]))
    for contestant, (before, after) in zip(ours, pairs):
        print(_line(key, contestant.name, before, after), flush=True)
    return any(_trouble(*pair) for pair in pairs)


def _line(key: str, name: str, before: Score, after: Score) -> str:
    trouble = _trouble(before, after)
    if trouble:
        return f"{key:<5} {name}: {trouble}"
    return f"{key:<5} {before.seconds:9.4f} {after.seconds:9.4f} {after.seconds / before.seconds:6.2f}  {name}"


def _trouble(before: Score, after: Score) -> str:
    return before.trouble or after.trouble or "; ".join(differences(before.answer, after.answer))


if __name__ == "__main__":
    sys.exit(main())
