"""What suggestions did: visits of users who got theirs beside those of users whose were held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall.definitions import CONFIDENCE
from footfall.errors import DataError, DefinitionError
from footfall.inputs import arrow
from footfall.inputs.options import microseconds, whole
from footfall.inputs.options import share as between_0_and_1
from footfall.kernels import visit_join
from footfall.lang import ENGLISH, chosen, in_own_language, known, mark, number, tr, trn
from footfall.live.judging.outcomes import WITHIN_S
from footfall.live.judging.resampling import Interval, Users
from footfall.live.judging.tracks import Bools, Floats, Ints, instants
from footfall.live.options import Approach
from footfall.output.display import percent

if TYPE_CHECKING:
    import pyarrow

_COLUMNS = ("user_id", "timestamp", "establishment_id", "held_out")
_GROUPS = (mark("suggested"), mark("held out"))


@dataclass(frozen=True, repr=False)
class Lift:
    """Visits after suggestions that were sent, and after those that were held out; `lift` makes it.

    Attributes
    ----------
    table : pyarrow.Table
        group, suggestions, users, visited, share with share_low and share_high.
    difference, difference_low, difference_high : float or None
        The share of visits that the suggestions themselves brought, and its interval; None without one of the groups.
    confidence : float
        Coverage of the intervals.
    lang : str
        The language that it is told in: that of the data set, else what ``FOOTFALL_LANG`` says.
    """

    table: pyarrow.Table
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    confidence: float
    lang: str = ENGLISH

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the table by the Arrow PyCapsule protocol."""
        return self.table.__arrow_c_stream__(requested_schema)

    @in_own_language
    def __repr__(self) -> str:
        told = "; ".join(_group(row) for row in self.table.to_pylist())
        if self.difference is None or self.difference_low is None or self.difference_high is None:
            return tr("Lift: {groups}; one of the groups is empty", groups=told)
        ends = (self.difference, self.difference_low, self.difference_high)
        points, low, high = (number(100 * end, "+.2f") for end in ends)
        return tr(
            "Lift: {points} points ({low} to {high}, {confidence}); {groups}",
            points=points, low=low, high=high, confidence=percent(self.confidence), groups=told,
        ).replace("\xa0", " ")  # fmt: skip


def _group(row: Mapping[str, Any]) -> str:
    return trn(
        "{group}: {visited} of {count} suggestion visited",
        "{group}: {visited} of {count} suggestions visited",
        row["suggestions"],
        group=known(row["group"]),
        visited=row["visited"],
    )


def lift(
    suggestions: Any,
    pings: Any,
    establishments: Any = None,
    *,
    within: timedelta = timedelta(seconds=WITHIN_S),
    seed: int = 1,
    confidence: float = CONFIDENCE,
) -> Lift:
    """Compare the visits of users who got suggestions with those of users whose suggestions were held out.

    Parameters
    ----------
    suggestions : Arrow table
        user_id, timestamp, establishment_id, held_out: of a replay, or of the files that a live process wrote.
    pings : Dataset or Arrow table
        What users did meanwhile: a data set, or a table with user_id, timestamp, latitude, longitude.
    establishments : Arrow table, optional
        establishment_id, latitude, longitude; a data set has its own.
    within : datetime.timedelta
        A visit counts that comes so soon after the suggestion.
    seed : int
        Of the users drawn for the intervals.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    Lift
        Shares of both groups and their difference, with intervals by user: a user's suggestions are all in one group.

    Raises
    ------
    DataError
        If a table or a column is missing, or a user is in both groups.
    DefinitionError
        If an option makes no sense.

    Examples
    --------
    >>> import footfall.live, pyarrow as pa
    >>> from datetime import datetime, timedelta, timezone
    >>> noon = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
    >>> told = pa.table({"user_id": ["ana", "bia"], "timestamp": [noon] * 2, "establishment_id": ["cafe"] * 2,
    ...                  "held_out": [False, True]})
    >>> pings = pa.table({"user_id": ["ana"], "timestamp": [noon + timedelta(minutes=5)], "latitude": [-8.0634],
    ...                   "longitude": [-34.8711]})
    >>> cafe = pa.table({"establishment_id": ["cafe"], "latitude": [-8.0634], "longitude": [-34.8711]})
    >>> footfall.live.lift(told, pings, cafe).table.select(["group", "suggestions", "visited"]).to_pylist()
    [{'group': 'suggested', 'suggestions': 1, 'visited': 1}, {'group': 'held out', 'suggestions': 1, 'visited': 0}]
    """
    made = _made(suggestions)
    soon = microseconds(within)
    if soon <= 0:
        raise DefinitionError(f"within = {within}: must be above 0")
    user, ids = _numbered(made["user_id"])
    held = np.asarray(made["held_out"].combine_chunks().cast("uint8"), dtype=bool)
    _refuse_both(user, held, ids)
    visited = _visited(made, _visits(pings, establishments), soon)
    users = Users(len(ids), whole("seed", seed, at_least=0), between_0_and_1("confidence", confidence))
    return replace(_compared(user, held, visited, users), lang=chosen(getattr(pings, "lang", None)))


def _made(suggestions: Any) -> pyarrow.Table:
    import pyarrow as pa

    table = arrow.read("suggestions", suggestions)
    for name in _COLUMNS:
        if name not in table.column_names:
            reason = f"has no column {name}; it has {', '.join(table.column_names)}"
            raise DataError(f"table suggestions {reason}", table="suggestions", column=name, reason=reason)
    kinds = (pa.string(), pa.timestamp("us", "UTC"), pa.string(), pa.bool_())
    made = table.select(_COLUMNS).cast(pa.schema(list(zip(_COLUMNS, kinds))))
    for name in _COLUMNS:
        if made[name].null_count:
            reason = "has rows without a value"
            message = f"table suggestions, column {name} {reason}"
            raise DataError(message, table="suggestions", column=name, reason=reason)
    return made


def _numbered(column: Any) -> tuple[Ints, list[str]]:
    encoded = column.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices, dtype=np.int64), encoded.dictionary.to_pylist()


def _refuse_both(user: Ints, held: Bools, ids: list[str]) -> None:
    both = np.intersect1d(user[held], user[~held])
    if len(both):
        reason = "has suggestions that were sent and others that were held out; the share held out changed meanwhile"
        message = f"table suggestions: user {ids[both[0]]!r} {reason}: compare periods of one share"
        raise DataError(message, table="suggestions", column="held_out", value=ids[both[0]], reason=reason)


def _visits(pings: Any, establishments: Any) -> pyarrow.Table:
    """Return who visited what and when."""
    from footfall.dataset import Dataset

    if isinstance(pings, Dataset):
        return pings.sql("SELECT user_id, timestamp, establishment_id FROM visits").to_arrow()
    if establishments is None:
        raise DefinitionError("establishments: a table of pings needs one of establishments beside it")
    return visit_join(pings, establishments, radius_m=Approach().visit_radius_m)


def _visited(made: pyarrow.Table, visits: pyarrow.Table, soon: int) -> Bools:
    """Return for each suggestion whether a visit of the user followed soon."""
    import pyarrow as pa

    rows = made.append_column("number", pa.array(np.arange(made.num_rows))).append_column("told", made["timestamp"])
    keys = ["user_id", "establishment_id"]
    both = rows.drop_columns(["timestamp", "held_out"]).join(
        visits.select([*keys, "timestamp"]), keys, join_type="inner"
    )
    later = instants(both["timestamp"]) - instants(both["told"])
    visited = np.zeros(made.num_rows, dtype=bool)
    visited[both["number"].to_numpy()[(later > 0) & (later <= soon)]] = True
    return visited


def _compared(user: Ints, held: Bools, visited: Bools, users: Users) -> Lift:
    import pyarrow as pa

    rows, drawn, shares = [], [], []
    for name, group in zip(_GROUPS, (~held, held)):
        trials, hits = (np.bincount(user[of], minlength=users.count) for of in (group, group & visited))
        share: Interval = users.ratio(hits, trials)
        rows.append(
            {
                "group": name,
                "suggestions": int(group.sum()),
                "users": len(np.unique(user[group])),
                "visited": int(hits.sum()),
                **dict(zip(("share", "share_low", "share_high"), share)),
            }
        )
        drawn.append(_ratio(users.sums(hits), users.sums(trials)))
        shares.append(share[0])
    table = pa.Table.from_pylist(rows, schema=_schema())
    sent, kept_back = shares
    if sent is None or kept_back is None:
        return Lift(table, None, None, None, users.confidence)
    return Lift(table, sent - kept_back, *users.interval(drawn[0] - drawn[1]), users.confidence)


def _ratio(hits: Floats, trials: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(hits, dtype=float) / np.asarray(trials, dtype=float)


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    counts = [(name, pa.int64()) for name in ("suggestions", "users", "visited")]
    shares = [(name, pa.float64()) for name in ("share", "share_low", "share_high")]
    return pa.schema([("group", pa.string()), *counts, *shares])
