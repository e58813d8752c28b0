"""A day of approaches: the track with its anchors, where each approach was seen, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import DefinitionError
from footfall.inputs import options as given_options
from footfall.lang import chosen, date_text, speaking, spoken, tr
from footfall.maps import tables
from footfall.maps.map import Map
from footfall.maps.shapes import outcomes as became
from footfall.maps.shapes import places, tracks
from footfall.maps.shapes.classes import TRACK, Colours
from footfall.maps.shapes.corridors import corridor, metres_from
from footfall.maps.shapes.layers import Item, Layer, Legend, legend
from footfall.output.text import printable

if TYPE_CHECKING:
    from footfall.maps.questions import Data

_GROUND: Colours = (["#FFFFFF"], ["#18212A"])
# Degrees: a name stands beyond the radius of a visit.
_BESIDE = 0.0007
#: What is seen of the track around one approach: so long before and after, and so many distances away.
_AROUND, _AWAY = timedelta(minutes=20), 1.5
#: Radii of dots: of what led to something, and of the rest.
_LARGE, _SMALL = 6.0, 3.4


class Day(Protocol):
    """What a map of approaches asks; `footfall.live.Followed` is one."""

    @property
    def fixes(self) -> Any: ...  # noqa: D102

    @property
    def approaches(self) -> Any: ...  # noqa: D102

    @property
    def options(self) -> Any: ...  # noqa: D102

    @property
    def day(self) -> str: ...  # noqa: D102

    @property
    def lang(self) -> str: ...  # noqa: D102


def approach(
    followed: Day,
    data: Data | None = None,
    *,
    number: int | None = None,
    outcomes: Sequence[str] | None = None,
    title: str | None = None,
    lang: str | None = None,
    **look: Any,
) -> Map:
    """Draw a user's day: the track with its anchors, the corridor of each approach, and what came of it.

    Parameters
    ----------
    followed : Followed
        Of `footfall.live.follow`.
    data : Dataset, optional
        Brings its city's base map along.
    number : int, optional
        A row of `followed.approaches`: it alone is drawn, with the track near it 20 minutes before and after.
    outcomes : sequence of str, optional
        Approaches that led to these alone, such as ``["suggested", "held_out"]``; by default all.
    title : str, optional
        By default the day.
    lang : str, optional
        Its language, ``en`` or ``pt``; by default that of the data set that was followed.
    **look
        basemap, theme, width, height and tiles_mb of `Map`.

    Returns
    -------
    Map
        Shown in a cell; ``to_html``, ``to_png`` and ``to_svg`` write it.

    Raises
    ------
    DefinitionError
        If there is no such approach or outcome.

    Examples
    --------
    >>> import footfall.live, pyarrow as pa
    >>> from datetime import datetime, timedelta, timezone
    >>> cafe = {"establishment_id": ["cafe"], "category": ["food"], "latitude": [-8.0634], "longitude": [-34.8711]}
    >>> ads = {"ad_id": ["lunch"], "campaign_id": ["food"], "category": ["food"], "establishment_id": ["cafe"]}
    >>> start = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
    >>> walk = pa.table({"user_id": ["ana"] * 11, "timestamp": [start + timedelta(seconds=35 * i) for i in range(11)],
    ...                  "latitude": [-8.0674 + 0.0004 * i for i in range(11)], "longitude": [-34.8711] * 11})
    >>> world = {"establishments": pa.table(cafe), "ads": pa.table(ads), "pings": walk}
    >>> data = footfall.open(world, tz="America/Recife")
    >>> tables = footfall.live.prepare(data, options=footfall.live.Approach(holdout=0))
    >>> footfall.maps.approach(footfall.live.follow(data, tables, user="ana"))
    <footfall map: 2024-03-01, 8 layers, 28 shapes>
    """
    fixes, approaches = (followed.fixes, followed.approaches) if number is None else _near(followed, number)
    shown = _chosen(approaches, outcomes)
    with speaking(chosen(lang or getattr(data, "lang", None) or followed.lang)):
        begun = Map(data, title=date_text(followed.day) if title is None else title, lang=spoken(), **look)
        layers = [
            *_corridors(shown, followed.options),
            *_radii(shown, followed.options),
            *_track(fixes),
            *_ways(shown),
            *_places(shown),
            *(_names(shown) if number is not None else []),
        ]
    return replace(begun, _layers=tuple(layers))


def _near(followed: Day, number: int) -> tuple[pa.Table, pa.Table]:
    """Return one approach, and the fixes around it."""
    fixes, approaches = followed.fixes, followed.approaches
    at = given_options.whole("number", number, at_least=0)
    if at >= approaches.num_rows:
        raise DefinitionError(f"number = {at}: the day has {approaches.num_rows:,} approaches, the first is 0")
    (row,) = approaches.slice(at, 1).to_pylist()
    instants = fixes["timestamp"]
    is_then = pc.and_(
        pc.greater_equal(instants, pa.scalar(row["timestamp"] - _AROUND, instants.type)),
        pc.less_equal(instants, pa.scalar(row["timestamp"] + _AROUND, instants.type)),
    )
    east, north = metres_from((row["latitude"], row["longitude"]), fixes["latitude"], fixes["longitude"])
    is_near = np.hypot(east, north) <= (1 + _AWAY) * row["distance_m"]
    return fixes.filter(pc.and_(is_then, pa.array(is_near))), approaches.slice(at, 1)


def _chosen(approaches: pa.Table, outcomes: Sequence[str] | None) -> pa.Table:
    if outcomes is not None:
        for each in outcomes:
            if each not in became.OUTCOMES:
                raise DefinitionError(f"outcomes: {each!r}{given_options.choices(each, became.OUTCOMES)}")
        approaches = approaches.filter(pc.is_in(approaches["outcome"], pa.array(outcomes, pa.string())))
    # Those that led to something are drawn above the others.
    rank = pa.array([-list(became.OUTCOMES).index(each) for each in approaches["outcome"].to_pylist()], pa.int64())
    return approaches.take(pc.array_sort_indices(rank))


def _corridors(approaches: pa.Table, options: Any) -> list[Layer]:
    made = became.classed(approaches)
    shapes = [[[ring(row, options).tolist()]] for row in approaches.to_pylist()]
    if not shapes:
        return []
    return [Layer("corridors", "fill", shapes, made.colours, made.classes, opacity=0.16, outline=None, width=0.8)]


def ring(row: Any, options: Any) -> Any:
    """Return the corridor of an approach, as far as its establishment."""
    here = row["from_latitude"], row["from_longitude"]
    return corridor(here, row["heading"], row["distance_m"], options.miss_m, options.miss_share)


def _radii(approaches: pa.Table, options: Any) -> list[Layer]:
    """Return the visit radius of establishments that were suggested, or that the user came to."""
    counts = pc.or_(_is_made(approaches), approaches["arrived_s"].is_valid())
    shown = _once(approaches.filter(counts))
    if not len(shown):
        return []
    return [replace(places.circles("radius", shown, radius_m=options.visit_radius_m), opacity=0.08)]


def _is_made(approaches: pa.Table) -> Any:
    return pc.is_in(approaches["outcome"], pa.array(["suggested", "held_out"]))


def _once(approaches: pa.Table) -> pa.Table:
    """Return the approaches of each establishment that matter most: the last drawn."""
    last = {id: row for row, id in enumerate(approaches["establishment_id"].to_pylist())}
    return approaches.take(pa.array(sorted(last.values()), pa.int64()))


def _track(fixes: pa.Table) -> list[Layer]:
    """Return the way, its fixes, and rings for its anchors; a way that starts anew is not joined to the one before."""
    number = np.cumsum(np.asarray(fixes["begins"]))
    points = _points(fixes)
    parts = [points[number == each] for each in np.unique(number)]
    lines = [tracks.unbroken(part) for part in parts if len(part) > 1]
    line = Layer("track", "line", [lines], TRACK, opacity=0.8, width=2.0)
    small = _dots("fixes", fixes, 1.8)
    anchors = _dots("anchors", fixes.filter(fixes["is_anchor"]), _SMALL)
    purple = TRACK[0][0], TRACK[1][0]
    items = [
        Item("line", purple, tr("Track")),
        Item("circle", purple, tr("Fix"), 1.8),
        Item("ring", purple, tr("Anchor")),
    ]
    ringed = replace(anchors, colours=_GROUND, outline=purple, width=1.5, opacity=1.0, legend=[Legend("", items)])
    return [*([line] if lines else []), small, ringed]


def _points(table: pa.Table) -> Any:
    return np.column_stack([table[name].to_numpy() for name in ("longitude", "latitude")])


def _dots(id: str, fixes: pa.Table, radius: float) -> Layer:
    points = _points(fixes).tolist()
    fields, tips = tables.facts(fixes.select(["timestamp", "accuracy_m"]), ["timestamp", "accuracy_m"])
    zeros = [0] * len(points)
    return Layer(id, "circle", points, TRACK, zeros, [radius] * len(points), None, None, fields, tips, width=0.8)


def _ways(approaches: pa.Table) -> list[Layer]:
    """Return a line from where each approach was seen to its establishment, and a dot where it was."""
    rows, made = approaches.to_pylist(), became.classed(approaches)
    if not rows:
        return []
    ends = [[(row["from_longitude"], row["from_latitude"]), (row["longitude"], row["latitude"])] for row in rows]
    lines = Layer("ways", "line", [[each] for each in ends], made.colours, made.classes, width=1.6)
    fields, tips = tables.facts(became.facts(approaches), became.TOLD)
    radii = [_LARGE if each else _SMALL for each in _is_made(approaches).to_pylist()]
    seen = Layer(
        "approaches", "circle", [each[0] for each in ends], made.colours, made.classes, radii, None, None, fields, tips,
        opacity=1.0, width=1.2, legend=[legend(tr("Approaches"), made, "circle")],
    )  # fmt: skip
    return [lines, seen]


def _places(approaches: pa.Table) -> list[Layer]:
    """Return the establishments, by what followed."""
    if not approaches.num_rows:
        return []
    once = _once(approaches)
    names = list(became.CAME)
    classes = [2 if row["arrived_s"] is None else 0 if row["is_stop"] else 1 for row in once.to_pylist()]
    marks = ["circle", "circle", "ring"]
    items = [
        Item(marks[each], became.MARKS[names[each]], tr(names[each]), 5.0)  # type: ignore[arg-type]
        for each in sorted(set(classes))
    ]
    matters = pc.or_(_is_made(once), once["arrived_s"].is_valid()).to_pylist()
    fields, tips = tables.facts(became.facts(once), ["name", "came", "outcome"])
    return [Layer(
        "establishments", "circle", _points(once).tolist(), became.two(list(became.CAME.values())), classes,
        [_LARGE if each else _SMALL for each in matters], None, None, fields, tips, opacity=1.0, outline=became.EDGE,
        width=1.4, legend=[Legend(tr("What followed"), items)],
    )]  # fmt: skip


def _names(approaches: pa.Table) -> list[Layer]:
    """Return the names of establishments, beside them."""
    rows = approaches.to_pylist()
    points = [[row["longitude"], row["latitude"] + _BESIDE] for row in rows]
    colours: Colours = ([became.EDGE[0]], [became.EDGE[1]])
    words = [printable(str(row["name"])) for row in rows]
    return [Layer("names", "label", points, colours, names=words, outline=("#FFFFFF", "#10161C"))] if rows else []
