"""The works: what is asked, of which data, and how big."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benches import answers


@dataclass(frozen=True)
class Work:
    """A question that all contestants answer from the same data."""

    key: str
    title: str
    data: str
    rows: int
    unit: str
    answer: Callable[[Any], answers.Answer]


WORKS = {
    work.key: work
    for work in (
        Work("A", "pings x 1,000 establishments in memory: every pair under 50 m",
             "near_1000", 10_000_000, "pings", answers.pairs),
        Work("A2", "pings x 50,000 establishments in memory: every pair under 50 m",
             "near_50000", 10_000_000, "pings", answers.pairs),
        Work("SF", "pings of real taxis x 2,424 establishments in memory: every pair under 50 m",
             "sf_taxis", 3_192_227, "pings", answers.pairs),
        Work("B", "pings x 1,000 establishments, Parquet: visits by establishment and local month",
             "near_1000", 10_000_000, "pings", answers.visits_by_month),
        Work("BC", "pings of a synthetic city, ids as text, Parquet: visits by establishment and local month",
             "city", 10_000_000, "pings", answers.visits_by_month),
        Work("C", "visits and four times as many interactions, Parquet: visits attributed within 6 h",
             "attribution", 5_000_000, "visits", answers.attributed),
        Work("D", "interactions, Parquet: views and clicks by campaign and local month",
             "interactions", 100_000_000, "interactions", answers.clicks_by_month),
        Work("E", "interactions, Parquet: interactions by category and local hour",
             "interactions", 100_000_000, "interactions", answers.by_hour),
        Work("F", "interactions, Parquet: interactions by user, day part and category",
             "interactions", 100_000_000, "interactions", answers.profiles),
        Work("H", "pairs of places in memory: their distances",
             "near_1000", 10_000_000, "pairs", answers.distances),
    )
}  # fmt: skip
