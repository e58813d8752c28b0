"""Charts of the answers, in Altair; drawing, showing and exporting them needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footfall.charts import hours, offline, profiles, rates, rows, style, visits
from footfall.charts.rows import Options
from footfall.errors import DefinitionError
from footfall.options import ids, whole

if TYPE_CHECKING:
    import altair

    from footfall.result import Result

__all__ = ["chart"]

_DRAWINGS = {
    "campaign_ctr": rates.campaign_ctr,
    "establishment_visits": visits.establishment_visits,
    "visit_attribution": rates.visit_attribution,
    "category_hours": hours.category_hours,
    "interaction_profile": profiles.profile,
    "preferred_ad_categories": profiles.preferred,
    "visit_profile": profiles.profile,
    "preferred_establishment_categories": profiles.preferred,
}
_OF_USERS = [job for job, drawing in _DRAWINGS.items() if drawing in (profiles.profile, profiles.preferred)]
_PIXELS = 40


def chart(
    result: Result,
    *,
    top: int | None = None,
    users: Any = None,
    width: int | None = None,
    height: int | None = None,
) -> altair.Chart:
    """Draw the answer of a job.

    Parameters
    ----------
    result : Result
        Of one of the jobs.
    top : int, optional
        How many campaigns, establishments or categories to show; by default as many as read well.
    users : id or iterable of ids, optional
        Jobs 5 and 6: these users; by default the few with the most interactions or visits.
    width, height : int, optional
        Pixels of the plot, of each panel if there are several; at least 40.

    Returns
    -------
    altair.Chart
        An Altair chart (a layered or concatenated one, as the job needs): ``.save("chart.svg")``, ``.png``, or
        ``.save("chart.html", inline=True)`` for a page that needs no network. It embeds only the rows that it shows.

    Raises
    ------
    DefinitionError
        If the result is not that of a job, or an option makes no sense.

    Notes
    -----
    By month there is a panel for each of the latest six months; by week or day, a line for each of the best six. In a
    notebook whose user has not chosen an Altair renderer, charts are drawn without a network: live where `anywidget`
    is installed, else as SVG. ``altair.renderers.enable("default")`` goes back to Altair's own.

    Examples
    --------
    >>> from datetime import datetime
    >>> import footfall, pyarrow as pa
    >>> places = pa.table({"establishment_id": ["cafe", "bank"], "category": ["food", "money"],
    ...                    "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770]})
    >>> pings = pa.table({"user_id": ["ana"], "timestamp": [datetime(2024, 3, 1, 12)],
    ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
    >>> data = footfall.open({"establishments": places, "pings": pings})
    >>> drawn = chart(data.establishment_visits(by="period"), top=1)
    >>> drawn.to_dict()["title"]["text"]
    ['The most visited of 2 establishments']
    """
    job = _job(result)
    if users is not None and job not in _OF_USERS:
        raise DefinitionError(f"users = {users!r}: {job} is not about users; those are {', '.join(_OF_USERS)}")
    options = Options(
        top=None if top is None else whole("top", top, at_least=1),
        users=None if users is None else ids("users", users),
        width=None if width is None else whole("width", width, at_least=_PIXELS),
        height=None if height is None else whole("height", height, at_least=_PIXELS),
    )
    offline.show_without_network()
    return _drawn(job, result, options)


def _job(result: Result) -> str:
    name = result.job["name"] if result.job else None
    if name not in _DRAWINGS:
        raise DefinitionError(
            f"{'a query' if name is None else name} has no chart of its own; charts exist for {', '.join(_DRAWINGS)}. "
            "Take .to_pandas() or .to_arrow() and draw it with Altair"
        )
    return str(name)


def _drawn(job: str, result: Result, options: Options) -> Any:
    table = result.to_arrow()
    if not table.num_rows:
        return style.nothing((result.job or {}).get("title") or job, "No rows: nothing to draw.", options.width or 520)
    within, beyond = rows.within_reach(table)
    if not within.num_rows:
        return style.nothing((result.job or {}).get("title") or job, beyond, options.width or 520)
    return style.noted(_DRAWINGS[job](result, within, options), beyond)
