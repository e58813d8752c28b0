"""What came of suggestions: who arrived, who stopped, and how long before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from footfall.live.judging.tracks import SECOND, Bools, Floats, Ints, Tracks, Visits, visits

#: A suggestion is of use that comes so long before the arrival.
AHEAD_S = 30.0
WITHIN_S = 900.0
STOP_S = 120.0


@dataclass(frozen=True)
class Suggested:
    """Suggestions of one method, as numbers.

    Attributes
    ----------
    user, place : array of int
        Numbers of the user and the establishment.
    time : array of int
        The instant, in microseconds.
    fix : array of int
        The row of the fix at which it was made.
    eta_s : array of float
        What was said of the time to arrival; NaN if nothing.
    """

    user: Ints
    place: Ints
    time: Ints
    fix: Ints
    eta_s: Floats


@dataclass(frozen=True)
class Came:
    """What came of each suggestion.

    Attributes
    ----------
    arrived, stopped : array of bool
        Whether the user came in time; whether for a stop.
    lead_s : array of float
        How long before the arrival; NaN if there was none in time.
    stop : array of int
        The number of the stop; -1 if there was none.
    """

    arrived: Bools
    stopped: Bools
    lead_s: Floats
    stop: Ints


class Truth:
    """What users did, which suggestions are held against.

    Parameters
    ----------
    tracks : Tracks
        The fixes.
    with_ads : array of bool
        Which establishments have an ad: a stop at another could not be foretold by any method.
    """

    def __init__(self, tracks: Tracks, with_ads: Bools):
        self.visits = visits(tracks)
        self.lasting = self.visits.lasting(STOP_S)
        # A run's stop; -1 where it may not be counted: elsewhere, or nobody saw where the user came from.
        counts = with_ads[self.lasting.pair % self.lasting.places] & self.lasting.is_observed
        self.stop_of_run, self.stop_users = _stops(self.lasting, counts)

    @property
    def stops(self) -> int:
        """How many stops there are."""
        return len(self.stop_users)

    def arrived(self, user: Ints, place: Ints, time: Ints) -> tuple[Bools, Floats]:
        """Return whether users came in time, and how long before that was said."""
        lead_s = _lead_s(self.visits, self.visits.next(user * self.visits.places + place, time), time)
        return (lead_s >= AHEAD_S) & (lead_s <= WITHIN_S), lead_s

    def came(self, made: Suggested) -> Came:
        """Return what came of suggestions."""
        pair = made.user * self.visits.places + made.place
        arrived, lead_s = self.arrived(made.user, made.place, made.time)
        # The first stop that begins in time.
        stay = self.lasting.next(pair, made.time + int(AHEAD_S * SECOND) - 1)
        stay_s = _lead_s(self.lasting, stay, made.time)
        stopped = arrived & (stay_s <= WITHIN_S)
        stop = np.where(stopped, np.append(self.stop_of_run, -1)[stay], -1)
        return Came(arrived, stopped, np.where(arrived, lead_s, np.nan), stop)


def stay_after(seen: Visits, pair: int, time: int) -> tuple[float | None, float | None]:
    """Return after how many seconds a pair came together, within 15 min, and for how long; None if it did not."""
    run = seen.next(np.array([pair]), np.array([time]))
    (lead_s,) = _lead_s(seen, run, np.array([time])).tolist()
    if lead_s > WITHIN_S:
        return None, None
    return lead_s, float(seen.end[run[0]] - seen.start[run[0]]) / SECOND


def _lead_s(of: Visits, run: Ints, time: Ints) -> Floats:
    begins = np.append(of.start, 0)[run]
    return np.where(run < len(of.start), (begins - time) / SECOND, np.inf)


def _stops(lasting: Visits, counts: Bools) -> tuple[Ints, Ints]:
    """Return the stop of each lasting run, and the user of each stop.

    A user who stays near several establishments at once makes one stop, which a suggestion of any of them foretells.
    """
    number = np.full(len(counts), -1)
    rows = np.flatnonzero(counts)
    user = lasting.pair[rows] // lasting.places
    order = np.lexsort((lasting.start[rows], user))
    rows, user = rows[order], user[order]
    begins = np.ones(len(rows), dtype=bool)
    until: Any = None
    for place, row in enumerate(rows):
        is_other = place == 0 or user[place] != user[place - 1] or lasting.start[row] > until
        begins[place] = is_other
        until = lasting.end[row] if is_other else max(until, lasting.end[row])
    number[rows] = np.cumsum(begins) - 1
    return number, user[begins]
