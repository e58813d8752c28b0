"""One user's day through the detector: every anchor, every approach, what became of it, and whether a stop followed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall import _native
from footfall.errors import DefinitionError, MissingTableError
from footfall.inputs import arrow, options
from footfall.lang import ENGLISH
from footfall.live import fixes as rows_of
from footfall.live.judging.outcomes import STOP_S, stay_after
from footfall.live.judging.tracks import SECOND, Visits, instants, of_fixes, visits
from footfall.live.options import Approach
from footfall.live.tables import Tables
from footfall.maps.shapes import corridors
from footfall.output.display import plural, several

if TYPE_CHECKING:
    import pyarrow

    from footfall.dataset import Dataset
    from footfall.maps import Map

# An anchor before the day is at most so old, or else the first legs of the day have no heading that is known.
_BEFORE_US = 24 * 3_600 * SECOND
_PINGS = (
    "SELECT *, CAST(local_day(timestamp) AS VARCHAR) AS day FROM pings "
    "WHERE CAST(user_id AS VARCHAR) = '{user}' AND CAST(local_day(timestamp) AS VARCHAR) <= '{day}'"
)
_BUSIEST = (
    "SELECT CAST(local_day(timestamp) AS VARCHAR) AS day FROM pings WHERE CAST(user_id AS VARCHAR) = '{user}' "
    "GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
)


@dataclass(frozen=True, repr=False)
class Followed:
    """A user's day as the detector saw it; `follow` makes it.

    Attributes
    ----------
    fixes : pyarrow.Table
        user_id, timestamp, latitude, longitude, accuracy_m; is_anchor, and begins: whether a track starts anew.
    approaches : pyarrow.Table
        As `Replayed.approaches`; then ad_id of what was suggested; name, and the establishment's latitude and
        longitude; the user's, from_latitude and from_longitude; heading (radians from the east, turning north); and
        arrived_s (seconds to the first fix within the visit radius, within 15 min) and stayed_s, null if there is none;
        is_stop: whether it was for 2 min or more.
    options : Approach
        What an approach is.
    day : str
        The local day.
    tz : str
        Of the day.
    lang : str
        The data set's language, which its map speaks.
    """

    fixes: pyarrow.Table
    approaches: pyarrow.Table
    options: Approach
    day: str
    tz: str
    lang: str = ENGLISH

    @property
    def anchors(self) -> pyarrow.Table:
        """The fixes that are anchors."""
        return self.fixes.filter(self.fixes["is_anchor"])

    def map(self, data: Dataset | None = None, **look: Any) -> Map:
        """Draw it; see `footfall.maps.approach`."""
        from footfall.maps.shapes.approaches import approach

        return approach(self, data, **look)

    def __repr__(self) -> str:
        outcomes = self.approaches["outcome"].to_pylist()
        counted = ", ".join(f"{outcomes.count(each)} {each.replace('_', ' ')}" for each in sorted(set(outcomes)))
        told = (
            several(self.fixes.num_rows, "fix"),
            plural(self.anchors.num_rows, "anchor"),
            several(len(outcomes), "approach") + (f" ({counted})" if counted else ""),
        )
        return f"<footfall day {self.day}: {', '.join(told)}>"


def follow(
    data: Dataset, tables: Tables, *, user: Any, day: str | date | None = None, kernel: Any = _native
) -> Followed:
    """Follow a user through a day: what the detector saw, fix by fix.

    Parameters
    ----------
    data : Dataset
        With pings; what happened before the day counts, as it does live.
    tables : Tables
        What the detector knows.
    user : id
        Whom.
    day : date or str, optional
        A local day, such as ``2024-03-05``; by default the one with the most fixes.
    kernel : module
        Has the classes ``LiveTables`` and ``Detector``.

    Returns
    -------
    Followed
        Fixes with their anchors, and approaches with what became of them.

    Raises
    ------
    DefinitionError
        If the user has no fix on that day.
    MissingTableError
        If there are no pings.

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
    >>> followed = footfall.live.follow(data, tables, user="ana")
    >>> followed
    <footfall day 2024-03-01: 11 fixes, 11 anchors, 1 approach (1 suggested)>
    >>> followed.approaches["arrived_s"].to_pylist()
    [245.0]
    """
    if "pings" not in data.tables:
        raise MissingTableError(f"following a user needs pings; this data set has {', '.join(data.tables)}")
    (name,) = options.ids("user", [user])
    told = _day(data, name, day)
    rows = data.sql(_PINGS.format(user=_quoted(name), day=_quoted(told))).to_arrow()
    days = rows["day"]
    fixes = rows_of.of_table(rows.drop_columns(["day"]))
    before = int(np.count_nonzero(np.asarray(days.to_pylist(), dtype=str) < told)) if rows.num_rows else 0
    if before == fixes.num_rows:
        raise DefinitionError(f"day = {told!r}: there is no ping of user {name!r} on that day")
    seen = _seen(fixes, before, tables.detector(kernel))
    return replace(_followed(seen, tables, told), lang=data.lang)


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _day(data: Dataset, user: str, day: str | date | None) -> str:
    if day is None:
        found = data.sql(_BUSIEST.format(user=_quoted(user))).to_arrow()["day"].to_pylist()
        if not found:
            raise DefinitionError(f"user = {user!r}: there is no ping of this user")
        return str(found[0])
    try:
        return (date.fromisoformat(day) if isinstance(day, str) else date(day.year, day.month, day.day)).isoformat()
    except (ValueError, AttributeError):
        raise DefinitionError(f"day = {day!r}: must be a day such as 2024-03-05") from None


@dataclass(frozen=True)
class _Seen:
    """What the detector told of each fix: all of them, the first of the day, and what was found."""

    fixes: pyarrow.Table
    first: int
    is_anchor: Any
    begins: Any
    found: list[tuple[int, Any, Any]]


def _seen(fixes: pyarrow.Table, first: int, detector: Any) -> _Seen:
    """Show the detector one fix after the other: its own counters tell which are anchors."""
    times = instants(fixes["timestamp"])
    start = int(np.searchsorted(times, times[first] - _BEFORE_US)) if fixes.num_rows else 0
    if start:
        detector.process(fixes.slice(0, start))
    is_anchor, begins = np.zeros((2, fixes.num_rows), dtype=bool)
    found, before = [], detector.counters()
    for row in range(start, fixes.num_rows):
        suggestions, approaches = detector.process(fixes.slice(row, 1))
        now = detector.counters()
        is_anchor[row] = now["anchors"] > before["anchors"]
        begins[row] = any(now.get(name, 0) > before.get(name, 0) for name in ("gap", "returned"))
        if row >= first and now["approaches"] > before["approaches"]:
            found.append((row, suggestions, approaches))
        before = now
    return _Seen(fixes, first, is_anchor, begins, found)


def _followed(seen: _Seen, tables: Tables, day: str) -> Followed:
    import pyarrow as pa

    fixes = seen.fixes.append_column("is_anchor", pa.array(seen.is_anchor))
    fixes = fixes.append_column("begins", pa.array(seen.begins)).slice(seen.first)
    rows = _approaches(seen, tables) if seen.found else []
    return Followed(fixes, pa.Table.from_pylist(rows, _schema()), tables.options, day, tables.tz)


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    kinds = {
        "user_id": text, "timestamp": pa.timestamp("us", "UTC"), "establishment_id": text, "distance_m": number,
        "miss_m": number, "closing_speed_mps": number, "speed_mps": number, "eta_s": number, "chance": number,
        "outcome": text, "ad_id": text, "name": text, "latitude": number, "longitude": number,
        "from_latitude": number, "from_longitude": number, "heading": number, "arrived_s": number, "stayed_s": number,
        "is_stop": pa.bool_(),
    }  # fmt: skip
    return pa.schema(list(kinds.items()))


def _approaches(seen: _Seen, tables: Tables) -> list[dict[str, Any]]:
    stays = visits(of_fixes(seen.fixes, tables.establishments, tables.options))
    return [told for found in seen.found for told in _told(seen, stays, tables, *found)]


def _told(
    seen: _Seen, stays: Visits, tables: Tables, row: int, suggestions: Any, approaches: Any
) -> list[dict[str, Any]]:
    """Return the approaches at a fix, with what the detector does not tell."""
    ads = {each["establishment_id"]: each["ad_id"] for each in arrow.to_pyarrow(suggestions).to_pylist()}
    here, now = _place(seen.fixes, row), int(instants(seen.fixes["timestamp"].slice(row, 1))[0])
    earlier = np.flatnonzero(seen.is_anchor[:row])
    ahead = corridors.heading(_place(seen.fixes, int(earlier[-1])), here) if len(earlier) else None
    told = []
    for each in arrow.to_pyarrow(approaches).to_pylist():
        number, name, place = _establishment(tables, each["establishment_id"])
        heading = corridors.towards(here, place, each["miss_m"], None) if ahead is None else ahead
        # There is one user, whose pairs are numbered as the establishments.
        arrived_s, stayed_s = stay_after(stays, number, now)
        told.append({
            **each, "ad_id": ads.get(each["establishment_id"]), "name": name, "latitude": place[0],
            "longitude": place[1], "from_latitude": here[0], "from_longitude": here[1], "heading": heading,
            "arrived_s": arrived_s, "stayed_s": stayed_s,
            "is_stop": stayed_s is not None and stayed_s >= STOP_S,
        })  # fmt: skip
    return told


def _place(fixes: pyarrow.Table, row: int) -> corridors.Place:
    return fixes["latitude"][row].as_py(), fixes["longitude"][row].as_py()


def _establishment(tables: Tables, id: str) -> tuple[int, str, corridors.Place]:
    """Return an establishment's number, name and place."""
    number = tables.establishments["establishment_id"].index(id).as_py()
    (found,) = tables.establishments.slice(number, 1).to_pylist()
    return number, found.get("name") or id, (found["latitude"], found["longitude"])
