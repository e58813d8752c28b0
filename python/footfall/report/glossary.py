"""The definitions that a report's numbers rest on, with their sources."""

from __future__ import annotations

from footfall import lang
from footfall._native import DAY_PARTS, EARTH_RADIUS_M
from footfall.charts.shared.rows import HOURS_PER_DAY_PART
from footfall.lang import tr
from footfall.report.source import Source


def terms(dataset: Source) -> list[tuple[str, str, str]]:
    """Return (term, what it means, source), with the values that this data set was counted with."""
    chosen = dataset.definitions
    return [
        (
            tr("Visit"),
            tr(
                "One ping strictly less than {radius} from an establishment: great-circle distance on a sphere of "
                "radius {earth} m. A ping near several establishments visits each of them.",
                radius=chosen.radius_text,
                earth=_grouped(EARTH_RADIUS_M),
            ),
            tr(
                "Moritz (2000), Geodetic Reference System 1980, Journal of Geodesy 74: the mean radius. Sinnott "
                "(1984), Virtues of the haversine, Sky and Telescope 68."
            ),
        ),
        (
            tr("Attributed visit"),
            tr(
                "The same user viewed or clicked an ad of the establishment at most {window} before the visit, both "
                "ends included. A visit counts once; the latest interaction gets the credit. The visit's own month "
                "counts.",
                window=chosen.window_text,
            ),
            tr("Footfall's convention; the window can be changed."),
        ),
        (
            tr("CTR"),
            tr("Clicks / views, as sums over the period; without views there is none."),
            tr("Usual in advertising."),
        ),
        (
            tr("Interval"),
            tr(
                "How far chance alone may have moved a ratio: of all such intervals, {confidence} hold the ratio that "
                "many more people would have. Wilson's interval; ranks order by its lower end, so that one click in "
                "one view is not the best campaign.",
                confidence=chosen.confidence_text,
            ),
            "Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.",
        ),
        (
            tr("Interval by visitor"),
            tr(
                "The visits of one person are not independent: a hundred pings of one visitor tell about one visitor. "
                "The ratio of attributed visits therefore gets the interval of as many independent visits as would "
                "tell as much, which are fewer the more each visitor's visits are alike and the more a few visitors "
                "dominate."
            ),
            "Kish (1965), Survey sampling. Korn and Graubard (1998), Confidence intervals for proportions with small "
            "expected number of positive counts estimated from survey data, Survey Methodology 24.",
        ),
        (
            tr("Calendar"),
            tr("Months, weekdays, hours and parts of the day are local to {tz}. Weeks start on Monday.", tz=dataset.tz),
            tr("IANA time zone database: {time_zone}; ISO 8601.", time_zone=dataset.time_zone),
        ),
        (
            tr("Part of the day"),
            tr("{parts} h; the end belongs to the next.", parts=_day_parts()),
            tr("Footfall's convention."),
        ),
        (
            tr("Preferred category"),
            tr("The one with the largest count; a tie goes to the first by name, and is flagged."),
            tr("Footfall's convention."),
        ),
    ]


def _grouped(number: float) -> str:
    """Return a number with narrow spaces between its groups of digits.

    Examples
    --------
    >>> _grouped(1234567.5).replace("\u202f", " ")
    '1 234 567.5'
    """
    here = lang.catalogue(lang.spoken())
    return lang.number(number).replace(here.thousands, "\u202f")


def _day_parts() -> str:
    """Return the parts of the day and their hours.

    Examples
    --------
    >>> _day_parts()
    'Night from 0 to 6, morning from 6 to 12, afternoon from 12 to 18, evening from 18 to 24'
    """
    starts = range(0, 24, HOURS_PER_DAY_PART)
    return ", ".join(
        tr("{part} from {start} to {end}", part=tr(name), start=start, end=start + HOURS_PER_DAY_PART)
        for name, start in zip(DAY_PARTS, starts)
    ).capitalize()
