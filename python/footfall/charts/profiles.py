"""What people like, by part of the day (job 5: ads) and by weekday (job 6: establishments)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.charts import rows, style
from footfall.charts.rows import Options, Row
from footfall.display import cell


@dataclass(frozen=True)
class Kind:
    """One of the two profiles: its time column, its count and the words for them."""

    time: str
    times: dict[Any, str]
    count: str
    of: str
    unit: str
    verb: str
    liked: str


_PARTS = ["night", "morning", "afternoon", "evening"]
_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_ADS = Kind(
    time="day_part",
    times={part: part for part in _PARTS},
    count="interactions",
    of="interactions",
    unit="part of the day",
    verb="interacts with the ads of each category",
    liked="ads people interact with most",
)
_PLACES = Kind(
    time="weekday",
    times=dict(enumerate(_DAYS, 1)),
    count="visits",
    of="visits",
    unit="weekday",
    verb="visits the establishments of each category",
    liked="establishments people visit most",
)
_FEW = 6


def profile(result: Any, table: pa.Table, options: Options) -> Any:
    """Draw how often a few users interact with, or visit, each category, and which they prefer."""
    kind = _kind(table)
    users = _users(table, kind, options, _FEW)
    if not users:
        return _nobody(kind, options)
    shown = _marked(rows.where(table, "user_id", users).to_pylist(), kind)
    return _people(result, shown, users, table, kind, options)


def preferred(result: Any, table: pa.Table, options: Options) -> Any:
    """Draw what a few users prefer, or how many users prefer each category."""
    kind = _kind(table)
    if options.users is None and rows.distinct(table, "user_id") > _FEW:
        return _counted(result, table, kind, options)
    users = _users(table, kind, options, len(options.users or []) or _FEW)
    if not users:
        return _nobody(kind, options)
    shown = [{**row, "preferred": True} for row in rows.where(table, "user_id", users).to_pylist()]
    return _people(result, shown, users, table, kind, options)


def _kind(table: pa.Table) -> Kind:
    return _ADS if _ADS.time in table.column_names else _PLACES


def _nobody(kind: Kind, options: Options) -> Any:
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
    result: Any, shown: Sequence[Row], users: Sequence[str], table: pa.Table, kind: Kind, options: Options
) -> Any:
    """A heatmap for each user."""
    names, others = _categories(shown, kind, options.top or 12)
    values = [_value(row, kind) for row in shown]
    values = [value for value in values if value["category"] in names]
    size = options.width or 40 * len(kind.times), options.height or 20 * len(names)
    per_row = min(len(users), 3)
    largest = max(value["count"] for value in values)
    panels = [
        _heatmap([value for value in values if value["user"] == user], kind, names, size, largest, i % per_row == 0).properties(
            title=style.panel_title(f"user {cell(user)}")
        )
        for i, user in enumerate(users)
    ]
    everyone = rows.distinct(table, "user_id")
    who = f"The {len(users)} of {everyone:,} users with the most {kind.of}. " if options.users is None and everyone > len(users) else ""
    notes = [
        f"{who}Number and colour: {kind.of}; {kind.unit}s are local to {result.tz}.",
        f"Outlined: the user's preferred category at that {kind.unit}. Dashed: a tie, given to the first by name.",
        rows.left_out(others, "categories"),
    ]
    drawing = style.side_by_side(panels, per_row).resolve_scale(color="shared")
    count = "one user" if len(users) == 1 else f"each of {len(users)} users"
    title = f"How often {count} {kind.verb}, by {kind.unit}"
    return style.finished(drawing, title, notes, max(560, per_row * (size[0] + 60)))


def _heatmap(
    values: Sequence[Row], kind: Kind, names: Sequence[str], size: tuple[int, int], largest: int, labelled: bool
) -> Any:
    tips = style.tooltips(
        ("user:N", "User", None),
        ("time:N", kind.unit.capitalize(), None),
        ("category:N", "Category", None),
        ("count:Q", kind.of.capitalize(), style.COUNT),
        ("share:Q", f"Share of the user's {kind.of} then", style.PERCENT),
    )
    base = _grid(values, kind, names, labelled)
    colour = alt.Color("count:Q", scale=alt.Scale(scheme="blues", domain=[0, largest]), legend=None)
    outline = base.mark_rect(filled=False, stroke=style.MARKED, strokeWidth=2.5)
    layers = [
        base.mark_rect().encode(color=colour, tooltip=tips),
        outline.transform_filter("datum.mark == 'preferred'").encode(tooltip=tips),
        base.mark_rect(filled=False, stroke=style.MARKED, strokeWidth=2.5, strokeDash=[3, 2])
        .transform_filter("datum.mark == 'tied'")
        .encode(tooltip=tips),
        _numbers(base, largest),
    ]
    return alt.layer(*layers).properties(width=size[0], height=size[1], view=alt.ViewBackground(fill="#F5F7FA"))


def _grid(values: Sequence[Row], kind: Kind, names: Sequence[str], labelled: bool) -> Any:
    """Rows of categories, columns of times."""
    times = list(kind.times.values())
    return alt.Chart(alt.InlineData(list(values))).encode(
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


def _numbers(base: Any, largest: float) -> Any:
    """The count in each cell, dark on light and light on dark."""
    ink = alt.condition(alt.datum["count"] > 0.55 * largest, alt.value("white"), alt.value(style.INK))
    return base.mark_text(fontSize=11).encode(text="label:N", color=ink)


def _value(row: Row, kind: Kind) -> Row:
    mark = ("tied" if row["tied"] else "preferred") if row["preferred"] else ""
    return {
        "user": row["user_id"],
        "time": kind.times[row[kind.time]],
        "category": rows.category(row["category"]),
        "count": row[kind.count],
        "label": f"{row[kind.count]:,}",
        "share": row["share"],
        "mark": mark,
    }


def _categories(shown: Sequence[Row], kind: Kind, top: int) -> tuple[list[str], int]:
    """Return the `top` categories by count, and how many are left out."""
    sums: dict[str, int] = {}
    for row in shown:
        name = rows.category(row["category"])
        sums[name] = sums.get(name, 0) + row[kind.count]
    order = sorted(sums, key=lambda name: (-sums[name], name))
    return order[:top], max(0, len(order) - top)


def _counted(result: Any, table: pa.Table, kind: Kind, options: Options) -> Any:
    """How many users prefer each category."""
    groups = table.group_by([kind.time, "category"]).aggregate([("user_id", "count"), ("tied", "sum")]).to_pylist()
    users = {time: sum(g["user_id_count"] for g in groups if g[kind.time] == time) for time in kind.times}
    values = [_count(group, kind, users[group[kind.time]]) for group in groups]
    names, others = _categories([{"category": v["category"], kind.count: v["count"]} for v in values], kind, options.top or 12)
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
        scale=alt.Scale(scheme="blues", domain=[0, largest]),
        legend=alt.Legend(title=f"Share of users with {kind.of} then", format="~%", orient="bottom", gradientLength=200),
    )
    ink = alt.condition(alt.datum["share"] > 0.55 * largest, alt.value("white"), alt.value(style.INK))
    drawing = alt.layer(
        base.mark_rect().encode(color=colour, tooltip=tips),
        base.mark_text(fontSize=11).encode(text="label:N", color=ink),
    ).properties(width=size[0], height=size[1], view=alt.ViewBackground(fill="#F5F7FA"))
    ties = pc.sum(table["tied"]).as_py() or 0
    notes = [
        f"Number: users whose largest count of {kind.of} is in the category, of {rows.distinct(table, 'user_id'):,} users; "
        f"colour: their share. {kind.unit.capitalize()}s are local to {result.tz}.",
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
