"""What people like, by part of the day (job 5: ads) and by weekday (job 6: establishments)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.charts.kinds import Kind, kind_of, ties_of
from footfall.charts.shared import rows, style
from footfall.charts.shared.rows import Context, Options, Row
from footfall.charts.shared.theme import Chart, ConcatChart, Drawing, LayerChart
from footfall.lang import number, tr, trn
from footfall.output.colours import INK
from footfall.output.display import cell, compact

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
    return _people(shown, users, table, context, kind, options, trn(*kind.often, len(users)))


def preferred(table: pa.Table, context: Context, options: Options) -> Drawing:
    """Draw what a few users prefer, or how many users prefer each category."""
    kind = kind_of(table)
    if options.users is None and rows.distinct(table, "user_id") > _FEW:
        return _counted(table, context, kind, options)
    users = _users(table, kind, options, len(options.users or []) or _FEW)
    if not users:
        return _nobody(kind, options)
    shown = [{**row, "preferred": True} for row in rows.where(table, "user_id", users).to_pylist()]
    return _people(shown, users, table, context, kind, options, trn(*kind.prefers, len(users)))


def _nobody(kind: Kind, options: Options) -> Chart:
    return style.nothing(tr(kind.counts), tr("No rows for these users."), options.width or 520)


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
    who = tr(kind.most, shown=len(users), users=everyone) if picked else ""
    notes = [
        f"{who} {tr(kind.number, tz=context.tz)}".lstrip(),
        tr(kind.outlined),
        rows.categories_left_out(others),
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
    prefix = tr("user {id}", id="")
    return cell(user) if user.startswith(prefix) else prefix + cell(user)


def _heatmap(
    values: Sequence[Row], kind: Kind, names: Sequence[str], size: tuple[int, int], *, labelled: bool, title: Any
) -> LayerChart:
    tips = style.tooltips(
        ("user:N", tr("User"), None),
        ("time:N", tr(kind.unit), None),
        ("category:N", tr("Category"), None),
        ("count:Q", tr(kind.counts), style.COUNT),
        ("share:Q", tr(kind.share_then), style.PERCENT),
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
    times = list(map(kind.called, kind.times))
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
        "time": kind.called(row[kind.time]),
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
        ("time:N", tr(kind.unit), None),
        ("category:N", tr("Category"), None),
        ("count:Q", tr("Users who prefer it"), style.COUNT),
        ("share:Q", tr("Share of users"), style.PERCENT),
        ("tied:Q", tr("of them by name, in a tie"), style.COUNT),
    )
    base = _grid(values, kind, names, labelled=True)
    colour = alt.Color(
        "share:Q",
        scale=style.shades(largest),
        legend=style.gradient(tr(kind.share_of_users)),
    )
    layers = [base.mark_rect().encode(color=colour, tooltip=tips), _numbers(base, largest)]
    drawing = style.layer(layers, size, view=_EMPTY)
    ties = pc.sum(table["tied"]).as_py() or 0
    notes = [
        tr(kind.number_of_users, users=rows.distinct(table, "user_id"), tz=context.tz),
        ties_of(ties, table.num_rows),
        rows.categories_left_out(others),
    ]
    return style.finished(drawing, tr(kind.liked), notes, size[0] + 160)


def _count(group: Row, kind: Kind, users: int) -> Row:
    return {
        "time": kind.called(group[kind.time]),
        "category": rows.category(group["category"]),
        "count": group["user_id_count"],
        "label": number(group["user_id_count"]),
        "share": group["user_id_count"] / users,
        "tied": group["tied_sum"],
    }
