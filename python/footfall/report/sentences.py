"""The answer of each job in a sentence or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from footfall.charts import profiles, rows
from footfall.output.display import all_of, percent, plural

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
        return "No campaign has a click-through rate: there are no views."
    if not clicks:
        return f"None of {plural(views, 'view')} led to a click."
    share = f" ({percent(clicks / views)})" if clicks <= views else ""
    counts = f"{plural(clicks, 'click')} in {plural(views, 'view')}{share}"
    together = f"{all_of(table.num_rows, 'campaign')} together: {counts}." if table.num_rows > 1 else ""
    best = rows.best(table, 1, "ctr_low")
    if not best:
        return f"No campaign has an interval: each has more clicks than views, or no view. {together}".rstrip()
    row = best[0]
    if not row["clicks"]:
        return f"The only clicks are in campaigns that have more clicks than views, which have no interval. {together}"
    lead = f"Campaign {row['campaign_id']} does best{_as_others(table, row, 'ctr_low', 'do')}"
    found = f"{plural(row['clicks'], 'click')} in {plural(row['views'], 'view')}"
    lead = lead if together else f"The only campaign is {row['campaign_id']}"
    return f"{lead}: {found}, {_interval(row, 'ctr', confidence)}. {together}".rstrip()


def _visits(table: pa.Table, _: str) -> str:
    visits = rows.total(table, "visits")
    if not visits:
        return f"No visit: {_nobody_came(table.num_rows)}."
    row = rows.best(table, 1, "visits")[0]
    found = f"{plural(row['visits'], 'visit')} by {_people(row['visitors'])}"
    if table.num_rows == 1:
        return f"The only establishment is {_name(table, row)}: {found}."
    without = pc.sum(pc.equal(table["visits"], 0)).as_py()
    rest = f"{without:,} {'has' if without == 1 else 'have'} none" if without else "each has some"
    return (
        f"{_name(table, row)} has the most visits{_as_others(table, row, 'visits', 'have')}: {found}. "
        f"{all_of(table.num_rows, 'establishment')} together: {plural(visits, 'visit')}; {rest}."
    )


def _attribution(table: pa.Table, confidence: str) -> str:
    visits, attributed = rows.total(table, "visits"), rows.total(table, "attributed_visits")
    if not visits:
        return f"No visit, and so no ratio: {_nobody_came(table.num_rows)}."
    if not attributed:
        return f"None of {plural(visits, 'visit')} followed an interaction with an ad of the establishment."
    row = rows.best(table, 1, "ratio_low")[0]
    lead = f"{_name(table, row)} leads{_as_others(table, row, 'ratio_low', 'do')}"
    together = (
        f" {all_of(table.num_rows, 'establishment')} together: {percent(attributed / visits)} of "
        f"{plural(visits, 'visit')}."
    )
    if table.num_rows == 1:
        lead, together = f"The only establishment is {_name(table, row)}", ""
    return (
        f"{lead}: {row['attributed_visits']:,} of its {plural(row['visits'], 'visit')} by "
        f"{_people(row['visitors'])} followed an interaction with its ads, {_interval(row, 'ratio', confidence)}."
        f"{together} This is a correlation; it does not show that the ad was the cause."
    )


def _hours(table: pa.Table, _: str) -> str:
    everything = rows.total(table, "interactions")
    if not everything:
        return "There are no interactions."
    top = _top(rows.summed(table, "category", ["interactions"]), "interactions")
    names, count = _several([rows.category(row["category"]) for row in top]), top[0]["interactions"]
    each = f"{count:,} of {everything:,} ({percent(count / everything)})"
    if count == everything:
        first = f"All {plural(everything, 'interaction')} are with ads of category {names}."
        first = first if everything > 1 else f"The only interaction is with an ad of category {names}."
    elif len(top) > 1:
        first = f"The categories whose ads have the most interactions are {names}: {each} each."
    else:
        part = "Most interactions are" if 2 * count > everything else "The largest part of the interactions is"
        first = f"{part} with ads of category {names}: {each}."
    return f"{first} {_busiest(table, everything)}"


def _busiest(table: pa.Table, everything: int) -> str:
    top = _top(rows.summed(table, "hour", ["interactions"]), "interactions")
    hours = _several([f"{row['hour']:02d}:00 to {row['hour'] + 1:02d}:00" for row in top])
    share = percent(top[0]["interactions"] / everything)
    if len(top) > 1:
        return f"The busiest hours of all are {hours}, with {share} of them each."
    return f"The busiest hour of all is {hours}, with {share} of them."


def _preferred(table: pa.Table, _: str) -> str:
    kind = profiles.kind_of(table)
    groups = table.group_by([kind.time, "category"]).aggregate([("user_id", "count")]).to_pylist()
    found = ((words, [group for group in groups if group[kind.time] == time]) for time, words in kind.times.items())
    words = "; ".join(f"{time}: {_favourite(some)}" for time, some in found if some)
    ties = pc.sum(table["tied"]).as_py() or 0
    note = f" {ties:,} of {table.num_rows:,} preferences are ties, given to the first category by name." if ties else ""
    return f"Preferred by the largest number of users: {words}.{note}"


def _favourite(groups: Sequence[Row]) -> str:
    """Return the category that the largest number of users prefers, and how many of how many do."""
    users = sum(group["user_id_count"] for group in groups)
    top = _top(groups, "user_id_count")
    names = sorted(rows.category(group["category"]) for group in top)
    counts = f"{top[0]['user_id_count']:,} of {plural(users, 'user')}"
    return f"{_several(names)} ({counts}{' each' if len(top) > 1 else ''})"


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
    if len(names) == 1:
        return names[0]
    if len(names) <= 3:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _as_others(table: pa.Table, row: Row, measure: str, verb: str) -> str:
    """Return that others have the same `measure` as the first by rank, if so."""
    others = pc.sum(pc.equal(table[measure], row[measure])).as_py() - 1
    if not others:
        return ""
    singular = {"do": "does", "have": "has"}[verb]
    return f" (as {singular} 1 other)" if others == 1 else f" (as {verb} {others:,} others)"


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _nobody_came(establishments: int) -> str:
    if establishments == 1:
        return "nobody came near the only establishment"
    return f"nobody came near any of {establishments:,} establishments"


def _interval(row: Row, ratio: str, confidence: str) -> str:
    low, high = percent(row[f"{ratio}_low"]), percent(row[f"{ratio}_high"])
    return f"{percent(row[ratio])} ({confidence} interval {low} to {high})"


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
