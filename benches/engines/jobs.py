"""What is asked: four jobs, their data, how our method is called and what of an answer is compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from benches import answers
from benches.answers import Answer


@dataclass(frozen=True)
class Job:
    """A method of `Dataset`, which is also a function of each peer, the data and the integer counts to compare."""

    name: str
    title: str
    data: str
    rows: int
    by: bool
    counts: tuple[str, ...]

    @property
    def options(self) -> dict[str, str]:
        """What our method is called with."""
        return {"by": "month"} if self.by else {}

    def answer(self, table: pa.Table) -> Answer:
        """Bring a table down to what is compared, whatever its order, types of ids and rows of zeros."""
        if not self.by:
            return answers.profiles(table)
        keys = [str(day)[:7] for day in table["month"].to_pylist()]
        ids = [str(value) for value in table[self._key(table)].to_pylist()]
        counts = list(zip(*(table[name].to_pylist() for name in self.counts)))
        lines = sorted(f"{month} {name} {row}" for month, name, row in zip(keys, ids, counts) if any(row))
        sums = {name: sum(column) for name, column in zip(self.counts, zip(*counts))}
        return {**sums, "rows": len(lines), "digest": hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]}

    @staticmethod
    def _key(table: pa.Table) -> str:
        return next(name for name in ("campaign_id", "establishment_id") if name in table.column_names)


JOBS = {
    job.name: job
    for job in (
        Job("campaign_ctr", "1. views and clicks by campaign and month",
            "interactions", 10_000_000, True, ("views", "clicks")),
        Job("establishment_visits", "2. visits and visitors by establishment and month",
            "near_1000", 10_000_000, True, ("visits", "visitors")),
        Job("visit_attribution", "3. visits within 6 h of an interaction, by establishment and month",
            "attribution", 2_500_000, True, ("visits", "attributed_visits")),
        Job("interaction_profile", "5. interactions by user, part of the day and category",
            "interactions", 10_000_000, False, ("interactions",)),
    )
}  # fmt: skip
