"""The two profiles, of ads (job 5) and of establishments (job 6): their columns, and the phrases about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from footfall._native import DAY_PARTS, WEEKDAYS
from footfall.lang import mark, marks, tr, trn


@dataclass(frozen=True)
class Kind:
    """One of the two profiles: its time column and its count, and the phrases about them."""

    time: str
    times: dict[Any, str]
    letters: int | None
    count: str
    counts: str
    unit: str
    often: tuple[str, str]
    prefers: tuple[str, str]
    liked: str
    most: str
    number: str
    outlined: str
    share_then: str
    share_of_users: str
    number_of_users: str

    def called(self, time: Any) -> str:
        """Return what a time is called, as short as it fits a column."""
        return tr(self.times[time])[: self.letters]


_ADS = Kind(
    time="day_part",
    times={part: part for part in DAY_PARTS},
    letters=None,
    count="interactions",
    counts=mark("Interactions"),
    unit=mark("Part of the day"),
    often=marks(
        "How often one user interacts with the ads of each category, by part of the day",
        "How often each of {count} users interacts with the ads of each category, by part of the day",
    ),
    prefers=marks(
        "Which category of ads one user interacts with most, by part of the day",
        "Which category of ads each of {count} users interacts with most, by part of the day",
    ),
    liked=mark("Which ad categories users interact with most, by part of the day"),
    most=mark("The {shown} of {users} users with the most interactions."),
    number=mark(
        "Number: interactions; colour: their share of the user's interactions in that part of the day. Parts of the "
        "day are local to {tz}."
    ),
    outlined=mark(
        "Outlined: the user's preferred category in that part of the day. Dashed: a tie, given to the first by name."
    ),
    share_then=mark("Share of the user's interactions then"),
    share_of_users=mark("Share of the users with interactions in that part of the day"),
    number_of_users=mark(
        "Number: users with more interactions in the category than in any other, of {users} users; colour: their "
        "share. Parts of the day are local to {tz}."
    ),
)
_PLACES = Kind(
    time="weekday",
    times=dict(enumerate(WEEKDAYS, 1)),
    letters=3,
    count="visits",
    counts=mark("Visits"),
    unit=mark("Weekday"),
    often=marks(
        "How often one user visits the establishments of each category, by weekday",
        "How often each of {count} users visits the establishments of each category, by weekday",
    ),
    prefers=marks(
        "Which category of establishments one user visits most, by weekday",
        "Which category of establishments each of {count} users visits most, by weekday",
    ),
    liked=mark("Which categories of establishments users visit most, by weekday"),
    most=mark("The {shown} of {users} users with the most visits."),
    number=mark(
        "Number: visits; colour: their share of the user's visits on that weekday. Weekdays are local to {tz}."
    ),
    outlined=mark(
        "Outlined: the user's preferred category on that weekday. Dashed: a tie, given to the first by name."
    ),
    share_then=mark("Share of the user's visits then"),
    share_of_users=mark("Share of the users with visits on that weekday"),
    number_of_users=mark(
        "Number: users with more visits in the category than in any other, of {users} users; colour: their share. "
        "Weekdays are local to {tz}."
    ),
)


def kind_of(table: pa.Table) -> Kind:
    """Return which of the two profiles a table is."""
    return _ADS if _ADS.time in table.column_names else _PLACES


def ties_of(ties: int, preferences: int) -> str:
    """Return how many preferences are ties."""
    forms = marks(
        "{count} of {preferences} preferences is a tie, given to the first category by name.",
        "{count} of {preferences} preferences are ties, given to the first category by name.",
    )
    return trn(*forms, ties, preferences=preferences)
