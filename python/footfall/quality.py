"""What of the data is lost, said where the data set is opened and where an answer is empty."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footfall.errors import DataError, DataWarning
from footfall.inputs import arrow
from footfall.output.display import percent

if TYPE_CHECKING:
    from footfall.engines.protocol import Session

#: Of the rows of a sample: a loss of less is told by `Dataset.check` alone.
WORTH_A_WARNING = 0.01
#: Of the rows of a sample: beyond it nobody can have meant the data to be read like this.
MAX_UNUSABLE = 0.5


@dataclass(frozen=True)
class Finding:
    """What one check found in `rows` of `of` rows of a table, and the option that would mend it."""

    table: str
    check: str
    column: str | None
    severity: str
    rows: int
    of: int
    example: str | None
    hint: str | None

    @property
    def share(self) -> float:
        """Which part of the rows it is."""
        return self.rows / self.of if self.of else 0.0

    @property
    def is_loss(self) -> bool:
        """Whether the rows are left out."""
        return self.severity == "unusable"

    @property
    def is_worth_a_warning(self) -> bool:
        """Whether it is a loss that shows, or looks as if everything was read wrong."""
        return self.share > WORTH_A_WARNING if self.is_loss else bool(self.hint) and self.rows == self.of > 0

    @property
    def reason(self) -> str:
        """What was found, with an example."""
        return self.check if self.example is None else f'{self.check}, such as "{self.example}"'

    @property
    def told(self) -> str:
        """What was found and what would mend it, as one sentence and the beginning of another."""
        where = self.table if self.column is None else f"{self.table}.{self.column}"
        part = percent(self.share).replace("\N{NO-BREAK SPACE}", " ")
        what = "cannot be used" if self.is_loss else "are suspicious"
        mend = f"{self.hint}; " if self.hint else ""
        return f"{where}: {part} of {self.of:,} sampled rows {what}: {self.reason}. {mend}"

    def __str__(self) -> str:
        shows = f', data.unusable("{self.table}") shows them' if self.is_loss else ""
        return f"{self.told}data.check() counts{shows}"


def sampled(session: Session) -> list[Finding]:
    """Return what is wrong with a sample of each table, worst first."""
    rows = arrow.to_pyarrow(session.sample_findings()).to_pylist()
    return sorted((Finding(**row) for row in rows), key=lambda found: (not found.is_loss, -found.share))


def tell(session: Session, max_unusable: float) -> None:
    """Warn of each part of a sample that is lost or hardly meant so.

    Raises
    ------
    DataError
        If more than `max_unusable` of the sampled rows of a table are lost for one reason.
    """
    found = sampled(session)
    for each in found:
        if each.is_loss and each.share > max_unusable:
            refused = f"max_unusable={max_unusable:g} refuses that; max_unusable=1 opens it all the same"
            told = f"{each.told}{refused}, to look at what data.check() counts"
            raise DataError(told, table=each.table, column=each.column, value=each.example, reason=each.check)
    for each in found:
        if each.is_worth_a_warning:
            warn(str(each))


def tell_unlinked(session: Session, job: str) -> None:
    """Warn if no ad can have earned a visit, since the table of ads does not say whose they are."""
    if job == "visit_attribution" and "establishment_id" not in session.tables()["ads"]:
        says = 'columns={"ads.establishment_id": "..."} says what yours is called'
        warn(f"{job}: no visit follows an ad, as the table ads has no column establishment_id: {says}")


def tell_empty(session: Session, job: dict[str, Any]) -> str:
    """Warn if the answer of a job is empty because all rows of a table cannot be used; return that reason, or nothing.

    Parameters
    ----------
    session : Session
        On all rows.
    job : dict
        Its entry in the registry.
    """
    lost = [each for each in sampled(session) if each.is_loss and each.table in job["tables"]]
    why = _why_empty(session, lost)
    if why:
        warn(f"{job['name']} answers 0 rows: {why}; data.check() counts, data.unusable(...) shows them")
    return why


def _why_empty(session: Session, lost: Sequence[Finding]) -> str:
    """Return which table has no usable row: if a sample has none, all rows are counted."""
    suspects = [table for table, found in _by_table(lost).items() if sum(each.rows for each in found) >= found[0].of]
    usable = session.rows() if suspects else {}
    for table in suspects:
        if usable[table] == 0:
            return f"all rows of {table} are unusable ({_by_table(lost)[table][0].reason})"
    for each in lost:
        if each.rows == each.of:
            return f"all sampled rows of {each.table} are unusable ({each.reason})"
    return ""


def _by_table(found: Iterable[Finding]) -> dict[str, list[Finding]]:
    tables: dict[str, list[Finding]] = {}
    for each in found:
        tables.setdefault(each.table, []).append(each)
    return tables


def warn(message: str) -> None:
    """Warn whoever called this package."""
    warnings.warn(DataWarning(message), stacklevel=_levels_up() + 1)


def _levels_up() -> int:
    """Return how many calls above the one of this function the first one is that is not of this package."""
    levels, frame = 0, _above(sys._getframe())
    while frame is not None and is_ours(frame):
        levels, frame = levels + 1, _above(frame)
    return levels


def _above(frame: Any) -> Any:
    return frame.f_back


def is_ours(frame: Any) -> bool:
    """Return whether a frame of Python's runs this package's code."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] == "footfall"
