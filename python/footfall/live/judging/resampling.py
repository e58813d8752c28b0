"""Intervals of ratios: users are drawn again and again, since what one of them does is not independent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from footfall.live.judging.tracks import Floats, Ints

Interval = tuple[Optional[float], Optional[float], Optional[float]]
#: How often users are drawn.
DRAWS = 1_000
_USERS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Users:
    """Draws of all users with replacement, the same for everything that is compared.

    Parameters
    ----------
    count : int
        How many users there are.
    seed : int
        The same seed draws the same users.
    confidence : float
        Coverage of the intervals.
    draws : int
        How often.

    References
    ----------
    Efron, B. (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7; of clusters: Davison and
    Hinkley (1997), Bootstrap methods and their application, section 3.8.
    """

    count: int
    seed: int
    confidence: float
    draws: int = DRAWS
    _times: list[Ints] = field(default_factory=list, compare=False, repr=False)

    def sums(self, by_user: Floats | Ints) -> Floats:
        """Return the sum over the users of each draw."""
        return np.concatenate([times @ by_user for times in self._drawn()])

    def ratio(self, hits: Floats | Ints, trials: Floats | Ints) -> Interval:
        """Return the ratio of sums over users, and its interval; None where there are no trials."""
        whole = trials.sum()
        if not whole:
            return None, None, None
        ratio = float(hits.sum() / whole)
        return (ratio, *self.interval(_divided(self.sums(hits), self.sums(trials))))

    def interval(self, drawn: Floats) -> tuple[float | None, float | None]:
        """Return the ends between which the middle of the draws lies; draws that are NaN or infinite count as such."""
        known = drawn[~np.isnan(drawn)]
        if not len(known):
            return None, None
        outside = (1 - self.confidence) / 2
        ends = np.quantile(known, [outside, 1 - outside], method="inverted_cdf")
        return float(ends[0]), float(ends[1])

    def _drawn(self) -> list[Ints]:
        if not self._times:
            draws = np.random.default_rng(self.seed)
            at_once = max(1, _USERS_AT_ONCE * self.draws // max(self.count, 1) // 10)
            even = np.full(self.count, 1 / max(self.count, 1))
            for start in range(0, self.draws, at_once):
                times = draws.multinomial(self.count, even, size=min(at_once, self.draws - start))
                self._times.append(times.astype(np.uint16))
        return self._times


def _divided(hits: Floats, trials: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(hits, dtype=float) / np.asarray(trials, dtype=float)
