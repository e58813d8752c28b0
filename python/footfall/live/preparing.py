"""The tables of the live process, from history, by the jobs."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any

from footfall import _native
from footfall.errors import DataError, DefinitionError, MissingTableError
from footfall.inputs import arrow, options
from footfall.live.judging import chances as packaged
from footfall.live.options import Approach
from footfall.live.tables import Tables, chance_table

if TYPE_CHECKING:
    import pyarrow

    from footfall.dataset import Dataset

#: Who is this near on so many of the last days lives or works there, or passes on the way.
FAMILIAR_RADIUS_M = 100.0
FAMILIAR_DAYS, FAMILIAR_OF_DAYS = 5, 30

_PLACES = "SELECT establishment_id, {name} AS name, category, latitude, longitude FROM establishments ORDER BY 1"
_ADS = "SELECT ad_id, campaign_id, category, {establishment} AS establishment_id FROM ads ORDER BY 1"
_FAMILIAR = """
SELECT user_id, establishment_id
FROM (SELECT DISTINCT user_id, establishment_id, local_day(timestamp) AS day FROM visits)
GROUP BY user_id, establishment_id HAVING count(*) >= {days} ORDER BY 1, 2
"""
# A user's share of the day part's interactions; where there are none, that of all the user's visits.
_TASTES = """
WITH known AS (SELECT DISTINCT user_id, day_part FROM interests),
     habits AS (SELECT user_id, category, sum(visits) AS visits FROM visited GROUP BY user_id, category),
     shares AS (SELECT user_id, category, CAST(visits AS DOUBLE) / sum(visits) OVER (PARTITION BY user_id) AS share
                FROM habits),
     spread AS (SELECT user_id, day_part, category, share FROM shares CROSS JOIN parts)
SELECT user_id, day_part, category, share FROM interests
UNION ALL
SELECT spread.user_id, spread.day_part, spread.category, spread.share
FROM spread LEFT ANTI JOIN known ON spread.user_id = known.user_id AND spread.day_part = known.day_part
ORDER BY 1, 2, 3
"""


def prepare(
    data: Dataset,
    out: str | os.PathLike[str] | None = None,
    *,
    options: Approach | None = None,
    chances: Any = None,
    hours: Any = None,
    campaigns: Any = None,
) -> Tables:
    """Make the tables that the live process needs, and write them to a folder.

    Parameters
    ----------
    data : Dataset
        Establishments and ads; interactions and pings where they are there.
    out : path, optional
        A folder: new, empty, or one that holds such tables, which a running process replaces between two batches.
    options : Approach, optional
        By default `Approach()`.
    chances : Arrow table or list of rows, optional
        What a back-test counted; by default what the sample city's counted.
    hours : Arrow table, optional
        establishment_id, opens, closes: local times (text such as ``08:30``, times, or minutes of the day). Who closes
        at or before the opening time closes on the next day.
    campaigns : Arrow table, optional
        campaign_id, starts, ends: local days, both included; null leaves that end open.

    Returns
    -------
    Tables
        What was written. Ads have the lower end of their campaign's click-through rate (that of all for a campaign
        without views; 1 without interactions). Users have their shares of categories by part of the day: of
        interactions, or else of all visits. Familiar are establishments that a user was within 100 m of on 5 of the
        last 30 days.

    Raises
    ------
    MissingTableError
        If there are no establishments or no ads.
    DataError, DefinitionError
        If hours or campaigns cannot be read, or the folder holds something else.

    Examples
    --------
    >>> import footfall.live, pyarrow as pa
    >>> places = pa.table({"establishment_id": ["cafe"], "category": ["food"],
    ...                    "latitude": [-8.0634], "longitude": [-34.8711]})
    >>> ads = pa.table({"ad_id": ["lunch"], "campaign_id": ["food"], "category": ["food"],
    ...                 "establishment_id": ["cafe"]})
    >>> tables = footfall.live.prepare(footfall.open({"establishments": places, "ads": ads}))
    >>> tables.ads.select(["ad_id", "ctr_low"]).to_pylist()
    [{'ad_id': 'lunch', 'ctr_low': 1.0}]
    """
    for name in ("establishments", "ads"):
        if name not in data.tables:
            raise MissingTableError(f"live suggestions need {name}; this data set has {', '.join(data.tables)}")
    tables = Tables(
        establishments=establishments(data, hours),
        ads=_with_days(_ads(data), campaigns),
        tastes=_tastes(data),
        familiar=_familiar(data),
        chances=packaged.of_the_city() if chances is None else chance_table(chances),
        options=options or Approach(),
        tz=data.tz,
    )
    if out is not None:
        tables.save(out)
    return tables


def establishments(data: Dataset, hours: Any = None) -> pyarrow.Table:
    """Return the establishments of a data set, with their hours."""
    if "establishments" not in data.tables:
        raise MissingTableError(f"live suggestions need establishments; this data set has {', '.join(data.tables)}")
    name = "name" if "name" in data.tables["establishments"] else "CAST(NULL AS VARCHAR)"
    places = data.sql(_PLACES.format(name=name)).to_arrow()
    if hours is None:
        return places
    return _joined(places, "establishment_id", "hours", hours, {"opens": _minute, "closes": _minute}, _int32(), "_min")


def _ads(data: Dataset) -> pyarrow.Table:
    import pyarrow as pa

    establishment = "establishment_id" if "establishment_id" in data.tables["ads"] else "CAST(NULL AS VARCHAR)"
    ads = data.sql(_ADS.format(establishment=establishment)).to_arrow()
    low, otherwise = _ctr_low(data)
    values = [low.get(campaign, otherwise) for campaign in ads["campaign_id"].to_pylist()]
    return ads.append_column("ctr_low", pa.array(values, pa.float64()))


def _ctr_low(data: Dataset) -> tuple[dict[str, float], float]:
    """Return the lower end of the click-through rate by campaign, and that of all together."""
    if "interactions" not in data.tables:
        return {}, 1.0
    rows = data.campaign_ctr(by="period").to_arrow().to_pylist()
    views, clicks = (sum(row[name] for row in rows) for name in ("views", "clicks"))
    if not views:
        return {}, 1.0
    of_all = _native.wilson_interval(clicks / views, views, data.definitions.z)[0]
    return {row["campaign_id"]: row["ctr_low"] for row in rows if row["ctr_low"] is not None}, of_all


def _tastes(data: Dataset) -> pyarrow.Table | None:
    """Return what users like by part of the day: by their interactions, or else by their visits."""
    import pyarrow as pa

    there = data.tables
    text, number = pa.string(), pa.float64()
    interests = pa.schema([("user_id", text), ("day_part", text), ("category", text), ("share", number)]).empty_table()
    visited = pa.schema([("user_id", text), ("category", text), ("visits", pa.int64())]).empty_table()
    if "interactions" in there:
        interests = data.interaction_profile().to_arrow().select(interests.column_names)
    if "pings" in there:
        visited = data.visit_profile().to_arrow().select(visited.column_names)
    if not interests.num_rows and not visited.num_rows:
        return None
    parts = pa.table({"day_part": pa.array(_native.DAY_PARTS, text)})
    return data._sql(_TASTES, {}, {"interests": interests, "visited": visited, "parts": parts}).to_arrow()


def _familiar(data: Dataset) -> pyarrow.Table | None:
    """Return who was near what on many of the last days."""
    if "pings" not in data.tables:
        return None
    last = data.sql("SELECT max(local_day(timestamp)) AS day FROM pings").to_arrow()["day"][0].as_py()
    if last is None:
        return None
    recent = data.between(last - timedelta(days=FAMILIAR_OF_DAYS - 1))
    wide = replace(data.definitions, visit_radius_m=FAMILIAR_RADIUS_M)
    with recent._on(definitions=wide) as near:
        return near.sql(_FAMILIAR.format(days=FAMILIAR_DAYS)).to_arrow()


def _with_days(ads: pyarrow.Table, campaigns: Any) -> pyarrow.Table:
    if campaigns is None:
        return ads
    return _joined(ads, "campaign_id", "campaigns", campaigns, {"starts": _day, "ends": _day}, _date32(), "")


def _joined(
    table: pyarrow.Table, key: str, name: str, given: Any, columns: dict[str, Any], kind: Any, suffix: str
) -> pyarrow.Table:
    """Return the table with further columns, found by its key in a table that the caller gave."""
    import pyarrow as pa

    rows = arrow.read(name, given)
    missing = [column for column in (key, *columns) if column not in rows.column_names]
    if missing:
        reason = f"has no column {missing[0]}; it needs {', '.join((key, *columns))}"
        raise DataError(f"table {name} {reason}", table=name, column=missing[0], reason=reason)
    keys = rows[key].cast(pa.string()).to_pylist()
    if len(set(keys)) < len(keys):
        twice = next(each for place, each in enumerate(keys) if each in keys[:place])
        raise DataError(f"table {name} has {key} {twice!r} twice", table=name, column=key, value=twice)
    for column, read in columns.items():
        values = [_told(name, column, row, value, read) for row, value in enumerate(rows[column].to_pylist())]
        found = dict(zip(keys, values))
        told = [found.get(each) for each in table[key].to_pylist()]
        table = table.append_column(f"{column}{suffix}", pa.array(told, kind))
    return table


def _told(name: str, column: str, row: int, value: Any, read: Any) -> Any:
    try:
        return None if value is None else read(value)
    except (ValueError, TypeError):
        reason = f"must be {'a day such as 2024-03-01' if read is _day else 'a time such as 08:30'}"
        message = f"table {name}, column {column}, row {row}: {value!r} {reason}"
        raise DataError(message, table=name, column=column, row=row, value=value, reason=reason) from None


def _minute(value: Any) -> int:
    """Return minutes of the day, from 0 to 1440 (``24:00``)."""
    if isinstance(value, str):
        hour, minute = value.strip().split(":")[:2]
        value = int(hour) * 60 + int(minute)
    elif isinstance(value, time):
        value = value.hour * 60 + value.minute
    minutes = options.whole("minutes", value, at_least=0)
    if minutes > 24 * 60:
        raise ValueError
    return minutes


def _day(value: Any) -> date:
    return date.fromisoformat(value.strip()) if isinstance(value, str) else date(value.year, value.month, value.day)


def _int32() -> Any:
    import pyarrow as pa

    return pa.int32()


def _date32() -> Any:
    import pyarrow as pa

    return pa.date32()


def one_ad_each(places: pyarrow.Table) -> pyarrow.Table:
    """Return an ad for every establishment, all alike, so that a back-test is about approaches alone."""
    import pyarrow as pa

    ids = places["establishment_id"]
    even = pa.array([1.0] * places.num_rows, pa.float64())
    columns = {"ad_id": ids, "campaign_id": ids, "category": places["category"], "establishment_id": ids}
    return pa.table({**columns, "ctr_low": even})


def refuse_empty(tables: Tables) -> None:
    """Refuse tables with which nothing can ever be suggested."""
    ids = {each for each in tables.ads["establishment_id"].to_pylist() if each is not None}
    if not ids & set(tables.establishments["establishment_id"].to_pylist()):
        raise DefinitionError("no ad is of an establishment that is there: nothing can be suggested")
