"""The answer of each job in a sentence or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from footfall.charts.kinds import kind_of, ties_of
from footfall.charts.shared import rows
from footfall.lang import marks, tr, trn
from footfall.output.display import percent
from footfall.report.words import listed

Row = dict[str, Any]


def sentence(job: str, result: Any) -> str:
    """Return what the result says, in plain words.

    Parameters
    ----------
    job : str
        Name of the job.
    result : Result
        Its answer for the whole period, with at least one row.
    """
    return _SENTENCES[job](result.to_arrow(), result.definitions.confidence_text)


def answered() -> list[str]:
    """Return the names of the jobs that there is a sentence for."""
    return list(_SENTENCES)


def _campaigns(table: pa.Table, confidence: str) -> str:
    views, clicks = rows.total(table, "views"), rows.total(table, "clicks")
    if not views:
        return tr("No campaign has a click-through rate: there are no views.")
    if not clicks:
        return trn("None of {count} view led to a click.", "None of {count} views led to a click.", views)
    together = _campaigns_together(table, clicks, views) if table.num_rows > 1 else ""
    best = rows.best(table, 1, "ctr_low")
    if not best:
        none = tr("No campaign has an interval: each has more clicks than views, or no view.")
        return f"{none} {together}".rstrip()
    row = best[0]
    if not row["clicks"]:
        only = tr("The only clicks are in campaigns that have more clicks than views, which have no interval.")
        return f"{only} {together}"
    counts, interval = _clicks_in_views(row["clicks"], row["views"]), _interval(row, "ctr", confidence)
    said = {"campaign": row["campaign_id"], "counts": counts, "interval": interval}
    if not together:
        return tr("The only campaign is {campaign}: {counts}, {interval}.", **said)
    others = _others_with(table, row, "ctr_low")
    if others:
        forms = marks(
            "Campaign {campaign} does best (as does {count} other): {counts}, {interval}.",
            "Campaign {campaign} does best (as do {count} others): {counts}, {interval}.",
        )
        return f"{trn(*forms, others, **said)} {together}"
    return f"{tr('Campaign {campaign} does best: {counts}, {interval}.', **said)} {together}"


def _campaigns_together(table: pa.Table, clicks: int, views: int) -> str:
    counts = _clicks_in_views(clicks, views)
    if clicks <= views:
        counts = f"{counts} ({percent(clicks / views)})"
    return tr("All {count} campaigns together: {counts}.", count=table.num_rows, counts=counts)


def _clicks_in_views(clicks: int, views: int) -> str:
    told = {"clicks": trn("{count} click", "{count} clicks", clicks), "views": _views(views)}
    return tr("{clicks} in {views}", **told)


def _views(count: int) -> str:
    return trn("{count} view", "{count} views", count)


def _visits(table: pa.Table, _: str) -> str:
    visits = rows.total(table, "visits")
    if not visits:
        return _nobody_came(table.num_rows)
    row = rows.best(table, 1, "visits")[0]
    said = {"name": _name(table, row), "visits": _count(row["visits"]), "people": _people(row["visitors"])}
    if table.num_rows == 1:
        return tr("The only establishment is {name}: {visits} by {people}.", **said)
    without = pc.sum(pc.equal(table["visits"], 0)).as_py()
    rest = trn("{count} has none", "{count} have none", without) if without else tr("each has some")
    together = tr(
        "All {count} establishments together: {visits}; {rest}.", count=table.num_rows, visits=_count(visits), rest=rest
    )
    others = _others_with(table, row, "visits")
    if others:
        forms = marks(
            "{name} has the most visits (as has {count} other): {visits} by {people}.",
            "{name} has the most visits (as have {count} others): {visits} by {people}.",
        )
        return f"{trn(*forms, others, **said)} {together}"
    return f"{tr('{name} has the most visits: {visits} by {people}.', **said)} {together}"


def _attribution(table: pa.Table, confidence: str) -> str:
    visits, attributed = rows.total(table, "visits"), rows.total(table, "attributed_visits")
    if not visits:
        return _nobody_came_for_a_ratio(table.num_rows)
    if not attributed:
        return trn(
            "None of {count} visit followed an interaction with an ad of the establishment.",
            "None of {count} visits followed an interaction with an ad of the establishment.",
            visits,
        )
    row = rows.best(table, 1, "ratio_low")[0]
    followed = tr(
        "{attributed} of its {visits} by {people} followed an interaction with its ads, {interval}",
        attributed=row["attributed_visits"],
        visits=_count(row["visits"]),
        people=_people(row["visitors"]),
        interval=_interval(row, "ratio", confidence),
    )
    cause = tr("This is a correlation; it does not show that the ad was the cause.")
    return f"{_leads(table, row, followed)} {_together(table, attributed, visits)}{cause}"


def _leads(table: pa.Table, row: Row, followed: str) -> str:
    said = {"name": _name(table, row), "followed": followed}
    if table.num_rows == 1:
        return tr("The only establishment is {name}: {followed}.", **said)
    others = _others_with(table, row, "ratio_low")
    if not others:
        return tr("{name} leads: {followed}.", **said)
    forms = marks(
        "{name} leads (as does {count} other): {followed}.",
        "{name} leads (as do {count} others): {followed}.",
    )
    return trn(*forms, others, **said)


def _together(table: pa.Table, attributed: int, visits: int) -> str:
    if table.num_rows == 1:
        return ""
    shares = {"share": percent(attributed / visits), "visits": _count(visits)}
    return tr("All {count} establishments together: {share} of {visits}.", count=table.num_rows, **shares) + " "


def _hours(table: pa.Table, _: str) -> str:
    everything = rows.total(table, "interactions")
    if not everything:
        return tr("There are no interactions.")
    top = _top(rows.summed(table, "category", ["interactions"]), "interactions")
    names, count = _several([rows.category(row["category"]) for row in top]), top[0]["interactions"]
    return f"{_largest_part(names, count, len(top), everything)} {_busiest(table, everything)}"


def _largest_part(names: str, count: int, equals: int, everything: int) -> str:
    """Return which categories have the most interactions, and how many."""
    if count == everything:
        forms = marks(
            "The only interaction is with an ad of category {names}.",
            "All {count} interactions are with ads of category {names}.",
        )
        return trn(*forms, everything, names=names)
    share = percent(count / everything)
    said = {"names": names, "counts": tr("{count} of {all} ({share})", count=count, all=everything, share=share)}
    if equals > 1:
        return tr("The categories whose ads have the most interactions are {names}: {counts} each.", **said)
    if 2 * count > everything:
        return tr("Most interactions are with ads of category {names}: {counts}.", **said)
    return tr("The largest part of the interactions is with ads of category {names}: {counts}.", **said)


def _busiest(table: pa.Table, everything: int) -> str:
    top = _top(rows.summed(table, "hour", ["interactions"]), "interactions")
    hours = _several(
        [tr("{start}:00 to {end}:00", start=f"{row['hour']:02d}", end=f"{row['hour'] + 1:02d}") for row in top]
    )
    said = {"hours": hours, "share": percent(top[0]["interactions"] / everything)}
    if len(top) > 1:
        return tr("The busiest hours of all are {hours}, with {share} of them each.", **said)
    return tr("The busiest hour of all is {hours}, with {share} of them.", **said)


def _preferred(table: pa.Table, _: str) -> str:
    kind = kind_of(table)
    groups = table.group_by([kind.time, "category"]).aggregate([("user_id", "count")]).to_pylist()
    found = ((time, [group for group in groups if group[kind.time] == time]) for time in kind.times)
    words = "; ".join(f"{kind.called(time)}: {_favourite(some)}" for time, some in found if some)
    ties = pc.sum(table["tied"]).as_py() or 0
    note = f" {ties_of(ties, table.num_rows)}" if ties else ""
    return tr("Preferred by the largest number of users: {words}.", words=words) + note


def _favourite(groups: Sequence[Row]) -> str:
    """Return the category that the largest number of users prefers, and how many of how many do."""
    users = sum(group["user_id_count"] for group in groups)
    top = _top(groups, "user_id_count")
    names = _several(sorted(rows.category(group["category"]) for group in top))
    told = {"names": names, "some": top[0]["user_id_count"], "users": trn("{count} user", "{count} users", users)}
    return tr("{names} ({some} of {users} each)", **told) if len(top) > 1 else tr("{names} ({some} of {users})", **told)


def _top(found: Sequence[Row], count: str) -> list[Row]:
    """Return the rows with the largest count, of which there may be several."""
    largest = max(row[count] for row in found)
    return [row for row in found if row[count] == largest]


def _several(names: Sequence[str]) -> str:
    """Return names as a list in words.

    Examples
    --------
    >>> _several(["a"]), _several(["a", "b"]), _several(["a", "b", "c", "d", "e"])
    ('a', 'a and b', 'a, b and 3 more')
    """
    if len(names) <= 3:
        return listed(names)
    return tr("{first}, {second} and {count} more", first=names[0], second=names[1], count=len(names) - 2)


def _others_with(table: pa.Table, row: Row, measure: str) -> int:
    """Return how many others have the same `measure` as the first by rank."""
    return int(pc.sum(pc.equal(table[measure], row[measure])).as_py()) - 1


def _count(visits: int) -> str:
    return trn("{count} visit", "{count} visits", visits)


def _people(count: int) -> str:
    return trn("{count} person", "{count} people", count)


def _nobody_came(establishments: int) -> str:
    forms = marks(
        "No visit: nobody came near the only establishment.",
        "No visit: nobody came near any of {count} establishments.",
    )
    return trn(*forms, establishments)


def _nobody_came_for_a_ratio(establishments: int) -> str:
    forms = marks(
        "No visit, and so no ratio: nobody came near the only establishment.",
        "No visit, and so no ratio: nobody came near any of {count} establishments.",
    )
    return trn(*forms, establishments)


def _interval(row: Row, ratio: str, confidence: str) -> str:
    low, high = percent(row[f"{ratio}_low"]), percent(row[f"{ratio}_high"])
    said = {"share": percent(row[ratio]), "confidence": confidence, "low": low, "high": high}
    return tr("{share} ({confidence} interval {low} to {high})", **said)


def _name(table: pa.Table, row: Row) -> str:
    return rows.labels(table, [row])[row["establishment_id"]]


_SENTENCES: dict[str, Callable[[pa.Table, str], str]] = {
    "campaign_ctr": _campaigns,
    "establishment_visits": _visits,
    "visit_attribution": _attribution,
    "category_hours": _hours,
    "preferred_ad_categories": _preferred,
    "preferred_establishment_categories": _preferred,
}
