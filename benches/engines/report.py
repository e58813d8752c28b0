"""The page."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import date
from typing import Any

from benches.engines.jobs import Job
from benches.registry import package_version

HEADINGS = ("", "median s", "all turns s", "x Footfall there", "peak MB, all processes", "moved MB", "of the tables")
MEASURED = {"Footfall on Dask 1+2": "Dask", "Footfall on Spark 1+2": "Spark"}
PING_BYTES, INTERACTION_BYTES = 4 * 8, 3 * 8 + 1
BYTES_PER_ROW = {
    "interactions": INTERACTION_BYTES,
    "near_1000": PING_BYTES,
    "attribution": PING_BYTES + 4 * INTERACTION_BYTES,
}
LARGE = {"interactions": "interactions", "near_1000": "pings", "attribution": "pings"}


@dataclass(frozen=True)
class Outcome:
    """What came of a job, from files or from memory."""

    job: Job
    rows: int
    keep: bool
    scores: list[Any]

    @property
    def table_bytes(self) -> int:
        """The large tables' bytes in memory: 8 a column, and an action 1."""
        return self.rows * BYTES_PER_ROW[self.job.data]


def section(outcome: Outcome) -> str:
    """Lay a job out."""
    where = "tables in the cluster's memory" if outcome.keep else "from Parquet"
    lines = ["", f"## {outcome.job.title}: {outcome.rows:,} {LARGE[outcome.job.data]}, {where}", ""]
    lines += [_line(HEADINGS), _line(["---", *["---:"] * (len(HEADINGS) - 1)])]
    lines += [_line(_row(score, outcome)) for score in outcome.scores if score.turns]
    notes = [f"- {score.name}: {score.trouble}" for score in outcome.scores if score.trouble]
    if outcome.keep:
        kept = [f"{s.name} {s.persist_seconds:.1f} s" for s in outcome.scores if s.turns and "this" not in s.name]
        notes.append(f"- Opening and keeping: {', '.join(kept)}.")
    return "\n".join([*lines, "", *notes] if notes else lines)


def page(outcomes: list[Outcome], part: float, rounds: int, minutes: float) -> str:
    """Write all of it."""
    packages = ("footfall", "dask", "distributed", "pyspark", "pandas", "numpy", "pyarrow")
    versions = ", ".join(f"{name} {package_version(name) or 'from its folder'}" for name in packages)
    head = [
        "# Footfall on its engines, beside plain Dask and plain PySpark",
        "",
        f"Written by `make bench-engines` on {date.today()}, {part:g} of the full size, {rounds} turns each, "
        f"in {minutes:.0f} minutes.",
        "",
        f"- Machine: {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}; {versions}.",
        *HOW_TO_READ,
    ]
    return "\n".join([*head, *map(section, outcomes)]) + "\n"


HOW_TO_READ = """\
- Each contestant has a driver process and, but for the first, a cluster of its own: a scheduler or master and two
  workers of one thread and 2 GiB, on this machine. They take turns, after a run to warm up; the median counts.
- A turn ends with the counts as an Arrow table in the driver. Ours also makes names, ratios, intervals, ranks and rows
  for establishments without visits. All counts are compared; a difference is an error.
- **x Footfall there**: the time divided by that of Footfall on the same engine; above 1 is slower than Footfall.
- **Peak MB**: the largest sum of resident memory of driver, cluster and their children, sampled every 20 ms.
- **Moved**: on Spark, the bytes that its stages wrote for shuffles. On Dask, the bytes that workers sent when asked for
  results (by each other or the client) and those of its P2P shuffle. **Of the tables**: of the bytes of pings and
  interactions in memory, 32 and 25 a row; job 3 has four interactions a ping.""".splitlines()


def _row(score: Any, outcome: Outcome) -> list[str]:
    bases = {MEASURED[s.name]: s.seconds for s in outcome.scores if s.name in MEASURED and s.turns}
    base = next((seconds for engine, seconds in bases.items() if engine in score.name), None)
    moved = max(turn["moved"] for turn in score.turns)
    return [
        f"**{score.name}**" if score.name.startswith("Footfall") else score.name,
        f"{score.seconds:.2f}",
        " ".join(f"{turn['seconds']:.2f}" for turn in score.turns),
        f"{score.seconds / base:.2f}" if base else "",
        f"{max(turn['peak_mb'] for turn in score.turns):.0f}",
        f"{moved / 1e6:.2f}" if "this" not in score.name else "",
        f"{moved / outcome.table_bytes:.2%}" if "this" not in score.name else "",
    ]


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
