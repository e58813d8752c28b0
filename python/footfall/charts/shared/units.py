"""What charts say of days, weeks and months."""

from __future__ import annotations

from dataclasses import dataclass

from footfall.lang import mark, marks, tr, trn


@dataclass(frozen=True)
class Words:
    """The phrases about one unit of the calendar; `by` says which is meant where it is used."""

    name: str
    beyond: tuple[str, str]
    latest: str
    local: str
    each: str
    visits: str
    best: str
    visited: str


_WORDS = {
    "day": Words(
        name=mark("Day"),
        beyond=marks(
            "Left out: {count} more day, before 1 January 2 or after 9998.",
            "Left out: {count} more days, before 1 January 2 or after 9998.",
        ),
        latest=mark("The latest {shown} of {units} days."),
        local=mark("Days are local to {tz}."),
        each=mark("{title}, day by day"),
        visits=mark("Visits per day"),
        best=mark("Best: by all days together, by the interval's lower end."),
        visited=mark("Most visited: in all days together."),
    ),
    "week": Words(
        name=mark("Week"),
        beyond=marks(
            "Left out: {count} more week, before 1 January 2 or after 9998.",
            "Left out: {count} more weeks, before 1 January 2 or after 9998.",
        ),
        latest=mark("The latest {shown} of {units} weeks."),
        local=mark("Weeks are local to {tz}."),
        each=mark("{title}, week by week"),
        visits=mark("Visits per week"),
        best=mark("Best: by all weeks together, by the interval's lower end."),
        visited=mark("Most visited: in all weeks together."),
    ),
    "month": Words(
        name=mark("Month"),
        beyond=marks(
            "Left out: {count} more month, before 1 January 2 or after 9998.",
            "Left out: {count} more months, before 1 January 2 or after 9998.",
        ),
        latest=mark("The latest {shown} of {units} months."),
        local=mark("Months are local to {tz}."),
        each=mark("{title}, month by month"),
        visits=mark("Visits per month"),
        best=mark("Best: by all months together, by the interval's lower end."),
        visited=mark("Most visited: in all months together."),
    ),
}


def name(by: str) -> str:
    """Return the unit as a heading."""
    return tr(_WORDS[by].name)


def beyond(by: str, count: int) -> str:
    """Return the note that so many units are out of any axis's reach; nothing for none."""
    return trn(*_WORDS[by].beyond, count) if count else ""


def latest_of(by: str, shown: int, units: int) -> str:
    """Return the note that only the latest units are shown, if so.

    Examples
    --------
    >>> latest_of("month", 6, 12), latest_of("month", 6, 6)
    ('The latest 6 of 12 months.', '')
    """
    return tr(_WORDS[by].latest, shown=shown, units=units) if units > shown else ""


def are_local(by: str, tz: str) -> str:
    """Return the note whose clock the units are of."""
    return tr(_WORDS[by].local, tz=tz)


def one_by_one(by: str, title: str) -> str:
    """Return the title of a chart that shows something unit by unit.

    Examples
    --------
    >>> one_by_one("month", "The only campaign")
    'The only campaign, month by month'
    """
    return tr(_WORDS[by].each, title=title)


def visits_per(by: str) -> str:
    """Return what visits are called that are counted by the unit."""
    return tr(_WORDS[by].visits)


def best_in_all(by: str) -> str:
    """Return the note how the best by a ratio were chosen."""
    return tr(_WORDS[by].best)


def most_visited_in_all(by: str) -> str:
    """Return the note how the most visited were chosen."""
    return tr(_WORDS[by].visited)
