"""The answer of each job in a sentence or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from footfall.charts import profiles, rows
from footfall.report.html import percent

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
    return _SENTENCES[job](result.to_arrow(), f"{100 * result.definitions.confidence:g}\u00a0%")


def _campaigns(table: pa.Table, confidence: str) -> str:
    best = rows.best(table, 1, "ctr_low")
    if not best:
        return "No campaign has a click-through rate: there are no views."
    row = best[0]
    views, clicks = rows.total(table, "views"), rows.total(table, "clicks")
    return (
        f"Campaign {row['campaign_id']} does best: {row['clicks']:,} clicks in {row['views']:,} views, "
        f"{_interval(row, 'ctr', confidence)}. All {table.num_rows:,} campaigns together: {percent(clicks / views)} "
        f"of {views:,} views."
    )


def _visits(table: pa.Table, _: str) -> str:
    row = rows.best(table, 1, "visits")[0]
    without = pc.sum(pc.equal(table["visits"], 0)).as_py()
    return (
        f"{_name(table, row)} has the most visits: {row['visits']:,} by {row['visitors']:,} people. All "
        f"{table.num_rows:,} establishments together: {rows.total(table, 'visits'):,} visits; {without:,} have none."
    )


def _attribution(table: pa.Table, confidence: str) -> str:
    visits, attributed = rows.total(table, "visits"), rows.total(table, "attributed_visits")
    best = rows.best(table, 1, "ratio_low")
    if not best:
        return "No establishment has a visit, so there is no ratio."
    if not attributed:
        return f"None of {visits:,} visits followed an interaction with an ad of the establishment."
    row = best[0]
    return (
        f"{_name(table, row)} leads: {row['attributed_visits']:,} of its {row['visits']:,} visits followed an "
        f"interaction with its ads, {_interval(row, 'ratio', confidence)}. All establishments together: "
        f"{percent(attributed / visits)} of {visits:,} visits. This is a correlation; it does not show that the ad was "
        "the cause."
    )


def _hours(table: pa.Table, _: str) -> str:
    top = rows.summed(table, "category", ["interactions"])[0]
    hour = rows.summed(table, "hour", ["interactions"])[0]
    everything = rows.total(table, "interactions")
    start = hour["hour"]
    return (
        f"Most interactions are with ads of category {rows.category(top['category'])}: {top['interactions']:,} of "
        f"{everything:,}. The busiest hour of all is {start:02d}:00 to {start + 1:02d}:00, with "
        f"{percent(hour['interactions'] / everything)} of them."
    )


def _preferred(table: pa.Table, _: str) -> str:
    kind = profiles.kind_of(table)
    groups = table.group_by([kind.time, "category"]).aggregate([("user_id", "count")]).to_pylist()
    found = ((words, [group for group in groups if group[kind.time] == time]) for time, words in kind.times.items())
    words = "; ".join(f"{time}: {_favourite(some)}" for time, some in found if some)
    return f"Preferred by the most of {rows.distinct(table, 'user_id'):,} users: {words}."


def _favourite(groups: Sequence[Row]) -> str:
    return min((-group["user_id_count"], rows.category(group["category"])) for group in groups)[1]


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
