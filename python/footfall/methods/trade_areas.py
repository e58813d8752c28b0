"""Where an establishment's visitors live, as far as their nights tell; `footfall.Dataset` has the method."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from footfall import _native
from footfall.errors import DefinitionError, MissingTableError
from footfall.inputs import arrow, options
from footfall.inputs.arrow import ArrowStream
from footfall.lang import mark
from footfall.methods.asking import Asking
from footfall.result import Result

# Cells of about 0.7 km².
_RESOLUTION = 8

# A user lives in the cell of most nights; of equals, in that of the smallest number. Nights, not pings: a way to work
# before six leaves more pings than sleep.
_CELLS = """
WITH nights AS (
  SELECT user_id, h3_cell(latitude, longitude, {resolution}) AS cell, count(DISTINCT local_day(timestamp)) AS nights
  FROM pings WHERE day_part(timestamp) = 'night' GROUP BY 1, 2
), homes AS (
  SELECT user_id, cell FROM (
    SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY nights DESC, cell) AS place FROM nights
  ) WHERE place = 1
), visitors AS (
  SELECT DISTINCT establishment_id, user_id FROM visits {condition}
), cells AS (
  SELECT establishment_id, cell, count(*) AS visitors FROM visitors JOIN homes USING (user_id) GROUP BY 1, 2
), ranked AS (
  SELECT *,
    sum(visitors) OVER (PARTITION BY establishment_id) AS all_visitors,
    sum(visitors) OVER (
      PARTITION BY establishment_id ORDER BY visitors DESC, cell ROWS UNBOUNDED PRECEDING
    ) - visitors AS before
  FROM cells
)
SELECT establishment_id, all_visitors AS visitors, sum(visitors) AS shown, array_agg(cell ORDER BY cell) AS cells
FROM ranked WHERE before < {share} * all_visitors AND visitors >= {at_least}
GROUP BY 1, 2 ORDER BY 1
"""


class TradeAreas(Asking):
    """One method."""

    def trade_area(
        self, establishments: Any = None, *, share: float = 0.7, at_least: int = 10, resolution: int = _RESOLUTION
    ) -> Result:
        """Draw where most visitors of each establishment live.

        A user lives in the H3 cell where they were on most nights, between midnight and six. Of these cells, a trade
        area has as few as hold `share` of the establishment's visitors; cells with fewer than `at_least` of them are
        left out, since they would tell who lives there, and with them their part of the share.

        Parameters
        ----------
        establishments : id or iterable of ids, optional
            These establishments; by default all.
        share : float
            Of the visitors whose nights are known; above 0 and at most 1.
        at_least : int
            The fewest visitors of a cell.
        resolution : int
            Of H3, 0 to 15; cells of 8 have about 0.7 km², those of 7 about 5 km².

        Returns
        -------
        Result
            establishment_id (string), visitors (int64: those whose nights are known), share (float64: of these, in the
            cells shown), cells (int64), km2 (float64), geometry (binary: WKB, a multipolygon in degrees). An
            establishment without a cell of `at_least` visitors is left out.

        Raises
        ------
        DefinitionError
            If an option is out of range.
        MissingTableError
            If there are no pings or no establishments.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> places = pa.table({"establishment_id": ["cafe"], "category": ["food"],
        ...                    "latitude": [-8.0634], "longitude": [-34.8711]})
        >>> hours = [datetime(2024, 3, 1, hour, tzinfo=timezone.utc) for hour in (2, 12)]
        >>> pings = pa.table({"user_id": ["ana"] * 2, "timestamp": hours,
        ...                   "latitude": [-8.05, -8.0634], "longitude": [-34.9, -34.8711]})
        >>> data = footfall.open({"establishments": places, "pings": pings})
        >>> area = data.trade_area("cafe", at_least=1).to_arrow()
        >>> area.select(["establishment_id", "visitors", "share", "cells"]).to_pylist()
        [{'establishment_id': 'cafe', 'visitors': 1, 'share': 1.0, 'cells': 1}]
        """
        for table in ("pings", "establishments"):
            if table not in self.tables:
                raise MissingTableError(f"trade_area needs {table}; this data set has {', '.join(self.tables)}")
        chosen = None if establishments is None else options.ids("establishments", establishments)
        sql = _CELLS.format(
            share=options.fraction("share", share),
            at_least=options.whole("at_least", at_least, at_least=1),
            resolution=_resolution(resolution),
            condition="" if chosen is None else "WHERE array_has($establishments, establishment_id)",
        )
        values = None if chosen is None else {"establishments": pa.array([chosen], pa.list_(pa.string()))}
        return self._timed(
            mark("Trade areas"), lambda tick: _areas(self._session.sql(sql, values, None, None, tick)), sql=sql
        )


def _areas(cells: ArrowStream) -> pa.Table:
    rows = arrow.to_pyarrow(cells)
    dissolved = [_native.cells_dissolved(pa.array(each, pa.uint64())) for each in rows["cells"].to_pylist()]
    shown, visitors = (rows[name].to_numpy() for name in ("shown", "visitors"))
    return pa.table(
        {
            "establishment_id": rows["establishment_id"],
            "visitors": rows["visitors"].cast(pa.int64()),
            "share": pa.array(shown / visitors, pa.float64()),
            "cells": pa.array([len(each) for each in rows["cells"].to_pylist()], pa.int64()),
            "km2": pa.array([km2 for _, km2 in dissolved], pa.float64()),
            "geometry": pa.array([shape for shape, _ in dissolved], pa.binary()),
        }
    )


def _resolution(value: object) -> int:
    number = options.whole("resolution", value, at_least=0)
    if number > 15:
        raise DefinitionError(f"resolution = {value!r}: H3 has the resolutions 0 to 15")
    return number
