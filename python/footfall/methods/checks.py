"""What is wrong with the rows of a data set; `footfall.Dataset` has both methods."""

from __future__ import annotations

from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.lang import mark, speaking, tr
from footfall.methods.asking import Asking
from footfall.result import Result


class Checks(Asking):
    """One method that counts, and one that shows. They look at all rows, whatever a data set was restricted to."""

    def check(self, *, all: bool = False) -> Result:
        """Count what is wrong with the tables.

        Parameters
        ----------
        all : bool
            Also give the checks that found nothing.

        Returns
        -------
        Result
            table, check, column (string, null), rows (int64), share (float64, of the table's rows), severity (string:
            ``unusable`` rows are left out of the jobs, ``suspicious`` ones are kept), example (string, null). Worst
            first.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": [7, 8, 9], "campaign_id": ["lunch", "lunch", None], "category": ["food"] * 3})
        >>> data = footfall.open({"ads": ads})
        >>> data.check().to_arrow().select(["table", "check", "column", "rows"]).to_pylist()
        [{'table': 'ads', 'check': 'null', 'column': 'campaign_id', 'rows': 1}]
        """
        return self._timed(mark("Data quality"), lambda tick: self._session.check(all, tick))

    def unusable(self, table: str, limit: int = 100) -> Result:
        """Show rows that are left out of the jobs, and why.

        Parameters
        ----------
        table : str
            The name of a table.
        limit : int
            How many findings to return at most.

        Returns
        -------
        Result
            file (string, null for a table in memory), row (int64: from 0 in its file), check (string), column, value
            (string, null).

        Raises
        ------
        DefinitionError
            If there is no such table, or `limit` is no whole number above 0.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": [7, 8, 9], "campaign_id": ["lunch", "lunch", None], "category": ["food"] * 3})
        >>> data = footfall.open({"ads": ads})
        >>> data.unusable("ads").to_arrow().select(["row", "check", "column"]).to_pylist()
        [{'row': 2, 'check': 'null', 'column': 'campaign_id'}]
        """
        there = self.tables
        if table not in there:
            raise DefinitionError(f"table = {table!r}: there is no such table{options.choices(table, there)}")
        most = options.whole("limit", limit, at_least=1)
        with speaking(self.lang):
            title = tr("Unusable rows of {table}", table=table)
        return self._timed(title, lambda tick: self._session.unusable(table, most, tick))
