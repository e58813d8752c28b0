"""SQL over the tables of a data set; `footfall.Dataset` has the method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footfall.inputs import options, statements
from footfall.inputs import parameters as values
from footfall.inputs.arrow import ArrowStream
from footfall.lang import mark
from footfall.methods.asking import Asking
from footfall.result import Result


class Queries(Asking):
    """The user's own statements, on all engines."""

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None, *, limit: int | None = None) -> Result:
        """Run a query over the tables.

        Parameters
        ----------
        query : str
            SELECT over establishments, ads, interactions, pings, and what is derived from them: visits (user_id,
            timestamp, establishment_id, distance_m) and attributed_visits (those, and attributed, ad_id,
            interaction_timestamp). The functions local_month, local_week, local_day, local_hour, local_weekday and
            day_part read a timestamp in `tz`.
        parameters : mapping, optional
            Values of the placeholders: ``{"day": date(2024, 3, 1)}`` for ``$day``. They are never read as SQL. Numbers,
            text, booleans, dates, datetimes (local to `tz` without an offset), timedeltas, None, and lists of such
            values of one kind, as in ``array_has($ids, user_id)``; of Python, NumPy, pandas and Arrow.
        limit : int, optional
            The most rows to return; no more is read than they take. By default all.

        Returns
        -------
        Result
            The rows.

        Raises
        ------
        QueryError
            If the query does not run: the message says why and where, and which name was probably meant.
        DefinitionError
            If a parameter is of another kind, or `limit` is no count.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> data = footfall.open({"ads": pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})})
        >>> data.sql("SELECT count(*) AS ads FROM ads WHERE category = $kind", {"kind": "food"}).to_arrow().to_pylist()
        [{'ads': 1}]
        """
        bound = values.arrays(parameters, self._zone)
        if "$" in query:
            statements.refuse_missing(query, self._session.planner.names_in(query)[0], bound, "parameter")
        return self._sql(query, bound, {}, limit)

    def _sql(
        self, query: str, bound: dict[str, Any], tables: dict[str, ArrowStream], limit: int | None = None
    ) -> Result:
        """Run a query with arrays as parameters, which may name further `tables`."""
        most = None if limit is None else options.whole("limit", limit, at_least=0)
        return self._timed(
            mark("Query"),
            lambda tick: self._session.sql(query, bound or None, tables or None, most, tick),
            sql=query,
            limit=most,
        )
