"""Runs the works and writes the table.

Usage: python -m benches.run [--quick] [--works A,B] [--only polars,duckdb] [--rounds 3] [--out FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benches import data, report
from benches.answers import differences
from benches.measure import Score, Worker, compete
from benches.registry import Contestant, contestants
from benches.works import WORKS, Work

RESULTS = data.ROOT / "benches" / "RESULTS.md"
QUICK_RESULTS = data.ROOT / "build" / "bench" / "RESULTS-quick.md"
LITTLE_ROWS = 20_000


def main() -> int:
    """Return 1 if a contestant failed or an answer differs."""
    options = _options()
    part = options.part or (0.1 if options.quick else 1.0)
    started = time.perf_counter()
    outcomes = []
    for work in (WORKS[key] for key in options.works):
        outcome = _compete(work, part, options)
        print(report.terminal(outcome), flush=True)
        outcomes.append(outcome)
    minutes = (time.perf_counter() - started) / 60
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(report.page(outcomes, part, options.rounds, minutes), encoding="utf-8")
    print(f"{options.out}: written after {minutes:.1f} min")
    return int(any(score.trouble for outcome in outcomes for score in outcome.scores))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; not those who need minutes")
    parser.add_argument("--part", type=float, help="this part of the rows instead")
    parser.add_argument("--works", type=known_works, default=list(WORKS), help=f"of {','.join(WORKS)}")
    parser.add_argument("--only", type=lambda text: text.split(","), help="packages beside ours: polars,duckdb")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each, of which the median counts")
    parser.add_argument("--out", type=Path, help="where the table goes; by default benches/RESULTS.md, if all is run")
    options = parser.parse_args()
    if options.out is None:
        whole = not (options.quick or options.part or options.only or options.works != list(WORKS))
        options.out = RESULTS if whole else QUICK_RESULTS
    return options


def known_works(text: str) -> list[str]:
    """Return the keys of works in `text`, which has commas between them."""
    keys = text.split(",")
    unknown = [key for key in keys if key not in WORKS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no work {unknown[0]}; there are {', '.join(WORKS)}")
    return keys


def _compete(work: Work, part: float, options: argparse.Namespace) -> report.Outcome:
    rows = work.rows if work.data == "sf_taxis" else round(work.rows * part)
    try:
        root, little = data.folder(work.data, rows), data.folder(work.data, LITTLE_ROWS)
    except data.MissingData as error:
        return report.Outcome(work, rows, [], [], str(error))
    wanted = [each for each in contestants(work.key) if _wanted(each, options)]
    present = [each for each in wanted if each.version is not None]
    workers = [Worker(work.key, contestant, root, little) for contestant in present]
    scores = compete(workers, options.rounds)
    _check(scores)
    return report.Outcome(work, rows, scores, [each for each in wanted if each.version is None])


def _wanted(contestant: Contestant, options: argparse.Namespace) -> bool:
    if options.only and not contestant.ours and contestant.package not in options.only:
        return False
    return not (options.quick and contestant.slow)


def _check(scores: list[Score]) -> None:
    """Hold every answer against every other one: a contestant may know more than another, but nothing else."""
    known: dict[str, object] = {}
    for score in scores:
        if not score.trouble:
            found = differences(known, score.answer)
            score.trouble = f"another answer: {'; '.join(found)}" if found else ""
            known = {**score.answer, **known}


if __name__ == "__main__":
    sys.exit(main())
