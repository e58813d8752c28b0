"""The chart of an answer: which job has which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from footfall.charts import hours, profiles, rates, visits
from footfall.charts.shared import rows, style
from footfall.charts.shared.rows import Context, Options
from footfall.charts.shared.theme import Drawing, unvalidated
from footfall.errors import DefinitionError
from footfall.inputs.options import ids, whole
from footfall.lang import tr

if TYPE_CHECKING:
    import pyarrow

_DRAWINGS: dict[str, Callable[[pyarrow.Table, Context, Options], Drawing]] = {
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


def draw(
    table: pyarrow.Table,
    job: Mapping[str, Any] | None,
    context: Context,
    *,
    top: int | None = None,
    users: Any = None,
    width: int | None = None,
    height: int | None = None,
) -> Drawing:
    """Draw the answer of a job; `footfall.Result.chart` says what the options are and what comes back.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    job : mapping or None
        Its entry in the registry; None for what is no job.
    context : Context
        What the rows were made with.
    top, users, width, height
        As in `footfall.Result.chart`.
    """
    name = _drawable(job)
    if users is not None and name not in _OF_USERS:
        raise DefinitionError(f"users = {users!r}: {name} is not about users; those are {', '.join(_OF_USERS)}")
    options = Options(
        top=None if top is None else whole("top", top, at_least=1),
        users=None if users is None else ids("users", users),
        width=None if width is None else whole("width", width, at_least=_PIXELS),
        height=None if height is None else whole("height", height, at_least=_PIXELS),
    )
    return _drawn(name, tr((job or {}).get("title") or name), table, context, options)


def _drawable(job: Mapping[str, Any] | None) -> str:
    """Return the job's name, if there is a chart for it."""
    name = job["name"] if job else None
    if name not in _DRAWINGS:
        raise DefinitionError(
            f"{'a query' if name is None else name} has no chart of its own; charts exist for {', '.join(_DRAWINGS)}. "
            "Take .to_pandas() or .to_arrow() and draw it with Altair"
        )
    return str(name)


def _drawn(name: str, title: str, table: pyarrow.Table, context: Context, options: Options) -> Drawing:
    within, beyond = rows.within_reach(table)
    if not within.num_rows:
        reason = beyond if table.num_rows else tr("No rows: nothing to draw.")
        return style.nothing(title, reason, options.width or 520)
    # The whole is validated where it becomes Vega-Lite, and not each part as it is made.
    with unvalidated:
        return style.noted(_DRAWINGS[name](within, context, options), beyond)
