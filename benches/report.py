"""The table, for a terminal and as Markdown."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benches.measure import Score
from benches.registry import CONTESTANTS, Contestant, package_version
from benches.works import Work

HEADINGS = ("", "median s", "all turns s", "M rows/s", "x first", "x method", "peak MB", "at start MB")


@dataclass(frozen=True)
class Outcome:
    """What came of a work."""

    work: Work
    rows: int
    scores: list[Score]
    missing: list[Contestant]
    trouble: str = ""

    @property
    def title(self) -> str:
        """The work in a line."""
        return f"{self.work.key}. {self.rows:,} {self.work.title}"

    @property
    def notes(self) -> list[str]:
        """What the table does not show."""
        notes = [f"left out: {self.trouble}"] if self.trouble else []
        notes += [f"{score.contestant.name}: {score.trouble}" for score in self.scores if score.trouble]
        names = [f"{contestant.name} ({contestant.package})" for contestant in self.missing]
        return notes + ([f"not installed: {', '.join(names)}"] if names else [])


def terminal(outcome: Outcome) -> str:
    """Lay a work out in columns."""
    rows = [list(HEADINGS), *_rows(outcome)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join(["", outcome.title, *(f"  {line}" for line in lines), *(f"  ! {note}" for note in outcome.notes)])


def page(outcomes: list[Outcome], part: float, rounds: int, minutes: float) -> str:
    """Write all of it as Markdown."""
    size = "full size" if part == 1 else f"{part:g} of the full size, where nothing but gross differences shows"
    head = [
        "# Footfall beside its peers",
        "",
        f"Written by `make bench` on {date.today()}, {size}, {rounds} turns each, in {minutes:.0f} minutes.",
        "",
        *_machine(),
        "",
        *HOW_TO_READ,
    ]
    return "\n".join([*head, *(line for outcome in outcomes for line in _section(outcome))]) + "\n"


def _section(outcome: Outcome) -> list[str]:
    lines = ["", f"## {outcome.title}", ""]
    if outcome.scores:
        lines += [_line(HEADINGS), _line(["---", *["---:"] * (len(HEADINGS) - 1)])]
        lines += [_line(row) for row in _rows(outcome)]
    return lines + (["", *(f"- {note}" for note in outcome.notes)] if outcome.notes else [])


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(outcome: Outcome) -> list[list[str]]:
    timed = [score for score in outcome.scores if score.turns]
    ours = [score for score in timed if score.contestant.ours and not score.contestant.cores]
    bases = [ours[0].seconds, ours[-1].seconds] if ours else []
    return [_row(score, outcome.rows, bases) for score in sorted(timed, key=lambda score: score.seconds)]


def _row(score: Score, rows: int, bases: list[float]) -> list[str]:
    name = f"**{score.contestant.name}**" if score.contestant.ours else score.contestant.name
    ratios = [f"{score.seconds / base:.2f}" for base in bases] or ["", ""]
    return [
        name + (" (see below)" if score.trouble else ""),
        _seconds(score.seconds),
        " ".join(_seconds(turn) for turn in score.turns),
        f"{rows / score.seconds / 1e6:.1f}",
        *ratios,
        f"{max(score.peak_mb):.0f}",
        f"{min(score.start_mb):.0f}",
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}"


def _machine() -> list[str]:
    packages = dict.fromkeys(contestant.package for contestant in CONTESTANTS)
    versions = [
        f"{package} {package_version(package) or 'not installed'}" for package in [*packages, "numpy", "pyarrow"]
    ]
    return [
        f"- Machine: {os.cpu_count()} cores, {_processor()}, {_memory_gb():.0f} GB, {platform.system()}.",
        f"- Python {platform.python_version()}; {', '.join(versions)}.",
    ]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


HOW_TO_READ = """\
## How to read it

- Contestants take turns, each in a process of its own, warmed up on little data. A turn is as many runs as fit half a
  second, at least one, and its median; the table has the **median** of the turns.
- **x first** is the time divided by that of the first Footfall line of the work (kernel or SQL), **x method** by that
  of the last (what a user types: a method of `Dataset`; for pairs, `Dataset.sql`). Above 1 is slower than Footfall.
- **Peak MB** is the largest resident memory of the process during a turn, all of it: interpreter, libraries, input in
  memory, mapped pages of files. **At start** is what of it was there before the run.
- All answers of a work are compared: counts, sums, and a digest of the counts by key. A difference is an error.
- What is timed ends with the whole result in memory, in the library's own form. In memory (A, A2, SF): each visit's
  user_id, timestamp, establishment_id and distance_m; tables are loaded before. From Parquet: from opening files on.
- What stands in brackets is more or less than the others do: the methods also make visitors, intervals, shares, ranks
  and an order; a semi-join counts attributed visits, but cannot name the interaction.
- Ids are integers, in BC text. Files are as pyarrow writes them by default, rows in the order of time.""".splitlines()
