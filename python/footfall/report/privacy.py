"""What a report may say of people, since it is passed on: rows about groups large enough, and users without ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall.charts.shared import rows as tables
from footfall.inputs.values import to_python
from footfall.report.source import Source
from footfall.result import Result

# Of jobs whose rows do not say how many users they are about: the columns that name a group of interactions.
_GROUPS = {"campaign_ctr": ["campaign_id"], "category_hours": ["category", "local_hour(timestamp) AS hour"]}


@dataclass(frozen=True)
class Privacy:
    """Whether users are shown by their ids, and the fewest users that a row may be about."""

    show_users: bool
    at_least: int


@dataclass(frozen=True)
class Published:
    """A result without the rows about too few users, and how many of how many rows those are."""

    result: Result
    withheld: int
    rows: int


def published(dataset: Source, result: Result, privacy: Privacy) -> Published:
    """Return the rows of a job about nobody, or about at least so many users; ranks are those among the rest.

    If all others are left out, so are the rows about nobody: they would say that there was nobody at all.
    """
    table = result.to_arrow()
    users = _users(dataset, result) if privacy.at_least > 1 else None
    if users is None:
        return Published(result, 0, table.num_rows)
    enough = pc.greater_equal(users, privacy.at_least)
    kept = table.filter(pc.or_(pc.equal(users, 0), enough))
    withheld = table.num_rows - kept.num_rows
    if withheld and not pc.any(enough).as_py():
        kept = kept.slice(0, 0)
    if withheld and "rank" in kept.column_names:
        kept = _ranked_anew(kept)
    return Published(replace(result, _table=kept), withheld, table.num_rows)


def _users(dataset: Source, result: Result) -> pa.Array | pa.ChunkedArray:
    """Return how many users each row is about."""
    table, job = result.to_arrow(), (result.job or {})["name"]
    if "visitors" in table.column_names:
        return table["visitors"]
    if job in _GROUPS:
        return _users_who_interacted(dataset, result, _GROUPS[job])
    return _sizes_of_groups(table, [name for name in ("day_part", "weekday", "category") if name in table.column_names])


def _sizes_of_groups(table: pa.Table, keys: Sequence[str]) -> pa.Array:
    """Return how many rows, each about another user, have the same `keys` as each row."""
    numbered = table.select(keys).append_column("row", pa.array(np.arange(table.num_rows)))
    groups = numbered.group_by(keys).aggregate([("row", "list")])["row_list"].combine_chunks()
    sizes = pc.take(pc.list_value_length(groups), pc.list_parent_indices(groups))
    return pc.take(sizes, pc.sort_indices(pc.list_flatten(groups)))


def _users_who_interacted(dataset: Source, result: Result, groups: Sequence[str]) -> pa.Array:
    unit = [] if result.by == "period" else [f"local_{result.by}(timestamp) AS {result.by}"]
    selected = [*unit, *groups]
    keys = [expression.rpartition(" ")[2] for expression in selected]
    positions = ", ".join(str(position) for position in range(1, len(keys) + 1))
    query = f"""
        SELECT {", ".join(selected)}, count(DISTINCT user_id) AS users
        FROM interactions JOIN ads USING (ad_id)
        GROUP BY {positions}"""
    return _looked_up(dataset.sql(query).to_arrow(), result.to_arrow(), keys)


def _looked_up(sizes: pa.Table, table: pa.Table, keys: Sequence[str]) -> pa.Array:
    """Return the users of each row of `table`, by its `keys`; 0 of a group that is not in `sizes`."""
    users = dict(zip(_tuples(sizes, keys), sizes["users"].to_pylist()))
    return pa.array([users.get(key, 0) for key in _tuples(table, keys)], pa.int64())


def _tuples(table: pa.Table, keys: Sequence[str]) -> Iterable[tuple[object, ...]]:
    return zip(*(to_python(table[key]) for key in keys))


def _ranked_anew(table: pa.Table) -> pa.Table:
    """Return the table, the rank of each row being that among the rows that are left of its unit."""
    by = tables.unit(table)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in (by, "rank") if name]).to_numpy()
    units = pc.rank(table[by], tiebreaker="min").to_numpy()[order] if by else np.zeros(len(order))
    place = np.arange(len(order))
    begins = np.diff(units, prepend=-1) != 0
    ranks = np.empty_like(place)
    ranks[order] = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1
    return table.set_column(table.column_names.index("rank"), "rank", pa.array(ranks, pa.int64()))
