"""What people like, by part of the day (job 5: ads) and by weekday (job 6: establishments)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from footfall._native import DAY_PARTS, WEEKDAYS
from footfall.charts import rows, style
from footfall.charts.rows import Context, Options, Row
from footfall.charts.theme import Chart, ConcatChart, Drawing, LayerChart
from footfall.output.colours import INK
from footfall.output.display import cell, compact


@dataclass(frozen=True)
class Kind:
    """One of the two profiles: its time column, its count and the words for them."""

    time: str
    times: dict[Any, str]
    count: str
    of: str
    unit: str
    units: str
    then: str
    verb: str
    what: str
    prefers: str
    liked: str


_ADS = Kind(
    time="day_part",
    times={part: part for part in DAY_PARTS},
    count="interactions",
    of="interactions",
    unit="part of the day",
    units="parts of the day",
    then="in that part of the day",
    verb="interacts with the ads of each category",
    what="ads",
    prefers="interacts with most",
    liked="ad categories users interact with most",
)
_PLACES = Kind(
    time="weekday",
    times={number: day[:3] for number, day in enumerate(WEEKDAYS, 1)},
    count="visits",
    of="visits",
    unit="weekday",
    units="weekdays",
    then="on that weekday",
    verb="visits the establishments of each category",
    what="establishments",
    prefers="visits most",
    liked="categories of establishments users visit most",
)
_FEW = 6
_EMPTY = alt.ViewBackground(fill="#F5F7FA")
_COLUMN = {"day_part": 62, "weekday": 38}


def profile(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw how often a few users interact with, or visit, each category, and which they prefer."""
    kind = kind_of(table)
    users = _users(table, kind, options, _FEW)
    if not users:
        return _nobody(kind, options)
    shown = _marked(rows.where(table, "user_id", users).to_pylist(), kind)
    count = "one user" if len(users) == 1 else f"each of {len(users)} users"
    title = f"How often {count} {kind.verb}, by {kind.unit}"
    return _people(shown, users, table, context, kind, options, title)


def preferred(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw what a few users prefer, or how many users prefer each category."""
    kind = kind_of(table)
    if options.users is None and rows.distinct(table, "user_id") > _FEW:
        return _counted(table, context, kind, options)
    users = _users(table, kind, options, len(options.users or []) or _FEW)
    if not users:
        return _nobody(kind, options)
    shown = [{**row, "preferred": True} for row in rows.where(table, "user_id", users).to_pylist()]
    count = "one user" if len(users) == 1 else f"each of {len(users)} users"
    title = f"Which category of {kind.what} {count} {kind.prefers}, by {kind.unit}"
    return _people(shown, users, table, context, kind, options, title)


def kind_of(table: pa.Table) -> Kind:
    """Return which of the two profiles a table is."""
    return _ADS if _ADS.time in table.column_names else _PLACES


def _nobody(kind: Kind, options: Options) -> Chart:
    return style.nothing(kind.of.capitalize(), "No rows for these users.", options.width or 520)


def _users(table: pa.Table, kind: Kind, options: Options, limit: int) -> list[str]:
    """Return the chosen users that have rows, in the caller's order, or those with the largest counts."""
    if options.users is None:
        return [row["user_id"] for row in rows.summed(table, "user_id", [kind.count])[:limit]]
    there = set(pc.unique(rows.where(table, "user_id", options.users)["user_id"]).to_pylist())
    return [user for user in dict.fromkeys(options.users) if user in there]


def _marked(shown: Sequence[Row], kind: Kind) -> list[Row]:
    """Mark each user's preferred category at each time: the largest count, the first name of several."""
    groups: dict[tuple[str, Any], list[Row]] = {}
    for row in shown:
        groups.setdefault((row["user_id"], row[kind.time]), []).append(row)
    return [marked for group in groups.values() for marked in _marked_group(group, kind)]


def _marked_group(group: Sequence[Row], kind: Kind) -> list[Row]:
    largest = max(row[kind.count] for row in group)
    winners = [row for row in group if row[kind.count] == largest]
    first = min(winners, key=lambda row: row["category"] or "")
    return [{**row, "preferred": row is first, "tied": len(winners) > 1} for row in group]


def _people(
    shown: Sequence[Row],
    users: Sequence[str],
    table: pa.Table,
    context: Context,
    kind: Kind,
    options: Options,
    title: str,
) -> ConcatChart:
    """A heatmap for each user."""
    values = [_value(row, kind) for row in shown]
    names, others = _categories([(value["category"], value["count"]) for value in values], options.top or 12)
    values = [value for value in values if value["category"] in names]
    size = options.width or _COLUMN[kind.time] * len(kind.times), options.height or 20 * len(names)
    per_row = min(len(users), 3)
    panels = [
        _heatmap(
            [value for value in values if value["user"] == user],
            kind,
            names,
            size,
            labelled=i % per_row == 0,
            title=style.panel_title(_called(user)),
        )
        for i, user in enumerate(users)
    ]
    everyone = rows.distinct(table, "user_id")
    picked = options.users is None and everyone > len(users)
    who = f"The {len(users)} of {everyone:,} users with the most {kind.of}. " if picked else ""
    notes = [
        f"{who}Number: {kind.of}; colour: their share of the user's {kind.of} {kind.then}. "
        f"{kind.units.capitalize()} are local to {context.tz}.",
        f"Outlined: the user's preferred category {kind.then}. Dashed: a tie, given to the first by name.",
        rows.left_out(others, "categories"),
    ]
    drawing = style.side_by_side(panels, per_row)
    return style.finished(drawing, title, notes, max(640, per_row * (size[0] + 60)))


def _called(user: str) -> str:
    """Return the heading of a user's panel.

    Examples
    --------
    >>> _called("u0001"), _called("user 1")
    ('user u0001', 'user 1')
    """
    return cell(user) if user.startswith("user ") else f"user {cell(user)}"


def _heatmap(
    values: Sequence[Row], kind: Kind, names: Sequence[str], size: tuple[int, int], *, labelled: bool, title: Any
) -> LayerChart:
    tips = style.tooltips(
        ("user:N", "User", None),
        ("time:N", kind.unit.capitalize(), None),
        ("category:N", "Category", None),
        ("count:Q", kind.of.capitalize(), style.COUNT),
        ("share:Q", f"Share of the user's {kind.of} then", style.PERCENT),
    )
    base = _grid(values, kind, names, labelled)
    colour = alt.Color("share:Q", scale=style.shades(1), legend=None)
    outline = base.mark_rect(filled=False, stroke=style.MARKED, strokeWidth=2.5)
    layers = [
        base.mark_rect().encode(color=colour, tooltip=tips),
        outline.transform_filter("datum.mark == 'preferred'").encode(tooltip=tips),
        base.mark_rect(filled=False, stroke=style.MARKED, strokeWidth=2.5, strokeDash=[3, 2])
        .transform_filter("datum.mark == 'tied'")
        .encode(tooltip=tips),
        _numbers(base, 1.0),
    ]
    return style.layer(layers, size, view=_EMPTY, title=title)


def _grid(values: Sequence[Row], kind: Kind, names: Sequence[str], labelled: bool) -> Chart:
    """Rows of categories, columns of times."""
    times = list(kind.times.values())
    return style.chart(values).encode(
        x=alt.X(
            "time:N",
            sort=times,
            scale=alt.Scale(domain=times, paddingInner=0.06),
            title=None,
            axis=alt.Axis(orient="top", labelAngle=0, ticks=False, domain=False, labelFontSize=11),
        ),
        y=alt.Y(
            "category:N",
            sort=list(names),
            scale=alt.Scale(domain=list(names), paddingInner=0.1),
            title=None,
            axis=alt.Axis(labels=labelled, ticks=False, domain=False),
        ),
    )


def _numbers(base: Chart, darkest: float) -> Chart:
    """The count in each cell, dark on light and light on dark."""
    ink = alt.condition(alt.datum["share"] > 0.55 * darkest, alt.value("white"), alt.value(INK))
    return base.mark_text(fontSize=11).encode(text="label:N", color=ink)


def _value(row: Row, kind: Kind) -> Row:
    mark = ("tied" if row["tied"] else "preferred") if row["preferred"] else ""
    return {
        "user": row["user_id"],
        "time": kind.times[row[kind.time]],
        "category": rows.category(row["category"]),
        "count": row[kind.count],
        "label": compact(row[kind.count]),
        "share": row["share"],
        "mark": mark,
    }


def _categories(counts: Sequence[tuple[str, int]], top: int) -> tuple[list[str], int]:
    """Return the `top` categories by count, and how many are left out."""
    sums: dict[str, int] = {}
    for name, count in counts:
        sums[name] = sums.get(name, 0) + count
    order = sorted(sums, key=lambda name: (-sums[name], name))
    return order[:top], max(0, len(order) - top)


def _counted(table: pa.Table, context: Context, kind: Kind, options: Options) -> LayerChart:
    """How many users prefer each category."""
    groups = table.group_by([kind.time, "category"]).aggregate([("user_id", "count"), ("tied", "sum")]).to_pylist()
    users = {time: sum(g["user_id_count"] for g in groups if g[kind.time] == time) for time in kind.times}
    values = [_count(group, kind, users[group[kind.time]]) for group in groups]
    names, others = _categories([(value["category"], value["count"]) for value in values], options.top or 12)
    values = [value for value in values if value["category"] in names]
    size = options.width or 86 * len(kind.times), options.height or 26 * len(names)
    largest = max(value["share"] for value in values)
    tips = style.tooltips(
        ("time:N", kind.unit.capitalize(), None),
        ("category:N", "Category", None),
        ("count:Q", "Users who prefer it", style.COUNT),
        ("share:Q", "Share of users", style.PERCENT),
        ("tied:Q", "of them by name, in a tie", style.COUNT),
    )
    base = _grid(values, kind, names, labelled=True)
    colour = alt.Color(
        "share:Q",
        scale=style.shades(largest),
        legend=style.gradient(f"Share of the users with {kind.of} {kind.then}"),
    )
    layers = [base.mark_rect().encode(color=colour, tooltip=tips), _numbers(base, largest)]
    drawing = style.layer(layers, size, view=_EMPTY)
    ties = pc.sum(table["tied"]).as_py() or 0
    notes = [
        f"Number: users with more {kind.of} in the category than in any other, of {rows.distinct(table, 'user_id'):,} "
        f"users; colour: their share. {kind.units.capitalize()} are local to {context.tz}.",
        f"{ties:,} of {table.num_rows:,} preferences are ties, given to the first category by name.",
        rows.left_out(others, "categories"),
    ]
    return style.finished(drawing, f"Which {kind.liked}, by {kind.unit}", notes, size[0] + 160)


def _count(group: Row, kind: Kind, users: int) -> Row:
    return {
        "time": kind.times[group[kind.time]],
        "category": rows.category(group["category"]),
        "count": group["user_id_count"],
        "label": f"{group['user_id_count']:,}",
        "share": group["user_id_count"] / users,
        "tied": group["tied_sum"],
    }
