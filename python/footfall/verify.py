"""The same jobs on several engines, compared cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from footfall.dataset import Dataset
from footfall.definitions import DEFAULT_UNIT, Unit
from footfall.output import display

if TYPE_CHECKING:
    import pyarrow

_UNITS: tuple[Unit, ...] = (DEFAULT_UNIT, "period")


@dataclass(frozen=True)
class Verdict:
    """What came of one job.

    Attributes
    ----------
    job : str
        Its name, and the calendar unit if it takes one.
    rows : int
        Rows of its answer on the first engine.
    seconds : dict of str to float
        How long it took, by engine.
    difference : str or None
        The first cell in which an engine differs from the first one.
    """

    job: str
    rows: int
    seconds: dict[str, float]
    difference: str | None = None

    def __str__(self) -> str:
        verdict = "same" if self.difference is None else f"DIFFERENT: {self.difference}"
        times = ", ".join(f"{engine} {display.duration(seconds)}" for engine, seconds in self.seconds.items())
        return f"{self.job}: {self.rows:,} rows, {verdict} ({times})"


def verify(opening: Callable[[str], Dataset], engines: Sequence[str]) -> Iterator[Verdict]:
    """Answer every job whose tables are there on each engine, and compare.

    Parameters
    ----------
    opening : callable
        Opens the data set on an engine.
    engines : sequence of str
        What `footfall.open` takes as ``engine``; the first one is what the others are compared with.

    Yields
    ------
    Verdict
        One for each job and unit.
    """
    opened = {engine: opening(engine) for engine in engines}
    for job in opened[engines[0]].jobs():
        if not job["missing"]:
            for by in _UNITS if job["by"] else (None,):
                yield _verdict(job["name"], by, opened)


def _verdict(job: str, by: Unit | None, opened: dict[str, Dataset]) -> Verdict:
    results = {engine: data.run(job, by=by) for engine, data in opened.items()}
    seconds = {engine: result.seconds for engine, result in results.items()}
    (first, expected), *others = ((engine, result.to_arrow()) for engine, result in results.items())
    named = job if by is None else f"{job} by {by}"
    for engine, found in others:
        difference = first_difference(expected, found)
        if difference is not None:
            where, ours, theirs = difference
            return Verdict(named, len(expected), seconds, f"{where}: {first} {ours!r}, {engine} {theirs!r}")
    return Verdict(named, len(expected), seconds)


def first_difference(expected: pyarrow.Table, found: pyarrow.Table) -> tuple[str, Any, Any] | None:
    """Return where two tables first differ, and both values there; None if they are the same, to the bit."""
    if expected.schema != found.schema:
        return "columns", expected.schema.to_string(), found.schema.to_string()
    if expected.num_rows != found.num_rows:
        return "number of rows", expected.num_rows, found.num_rows
    rows = {name: _first_row(expected.column(name), found.column(name)) for name in expected.column_names}
    different = [(row, name) for name, row in rows.items() if row is not None]
    if not different:
        return None
    row, name = min(different)
    return f"row {row}, {name}", expected.column(name)[row].as_py(), found.column(name)[row].as_py()


def _first_row(expected: pyarrow.ChunkedArray, found: pyarrow.ChunkedArray) -> int | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(expected.type):
        # A NaN is the same as a NaN, and 0.0 is not the same as -0.0.
        expected, found = (_bits(column) for column in (expected, found))
    same_value = pc.fill_null(pc.equal(expected, found), False)
    same = pc.or_(same_value, pc.and_(pc.is_null(expected), pc.is_null(found)))
    row = pc.index(same, pa.scalar(False)).as_py()
    return None if row < 0 else int(row)


def _bits(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks], pa.int64())
