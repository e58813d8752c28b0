"""A result: an Arrow table that knows how it was made."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from footfall import extras
from footfall.definitions import Definitions, Unit
from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.lang import ENGLISH, chosen, in_own_language, known, mark, speaking, tr, trn
from footfall.output import display, formats, tables
from footfall.output.s3.objects import Written, place
from footfall.output.s3.traffic import NOTHING, Asked
from footfall.output.text import printable, size
from footfall.output.writing import whole_file

if TYPE_CHECKING:
    import altair
    import pandas
    import polars
    import pyarrow

    from footfall.maps import Map
    from footfall.maps.questions import Data

_TERMINAL_ROWS = 10
_NOTEBOOK_ROWS = 20
# What a notebook saves of a result, 20 kB with quotes and line ends.
_TEXT_BYTES = 5_000
_HTML_BYTES = 13_500
_OF_SPREADSHEETS = (".xlsx", ".xls", ".ods")
# What the intervals of jobs mean, in plain words.
_INTERVALS = {
    "campaign_ctr": mark(
        "ctr_low to ctr_high: how far chance alone may have moved the rate (Wilson interval). Few views make it wide."
    ),
    "visit_attribution": mark(
        "ratio_low to ratio_high: how far chance alone may have moved the ratio (Wilson interval by visitor). Few "
        "visitors make it wide, however often each of them came."
    ),
}
_BY = {"day": mark("by day"), "week": mark("by week"), "month": mark("by month")}


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """What a job or a query returns. `Dataset` makes it; pyarrow, polars, pandas and DuckDB read it without a copy.

    Attributes
    ----------
    title : str
        What it is, in a few words.
    job : dict or None
        The job's entry in the registry (`Dataset.jobs`); None for a query or a check.
    by : str
        The calendar unit that it was asked by: ``day``, ``week``, ``month`` or ``period``.
    tz : str
        The time zone of its months, hours and weekdays.
    definitions : Definitions
        What counted.
    sql : str or None
        How it was computed.
    seconds : float
        How long that took.
    asked : Asked
        What was asked of S3 for it by this machine; what workers of a cluster ask comes on top.
    why_empty : str
        Why a job has no rows, if it is because all rows of a table are unusable.
    limit : int or None
        The most rows that a query was asked for; None if for all.
    lang : str
        The language that it is shown in.

    Examples
    --------
    >>> import footfall, pyarrow as pa
    >>> places = pa.table({"establishment_id": [1, 2], "category": ["food", "money"],
    ...                    "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770]})
    >>> result = footfall.open({"establishments": places}).sql("SELECT category FROM establishments ORDER BY 1")
    >>> len(result), result.columns
    (2, ['category'])
    >>> result.to_arrow().column("category").to_pylist()
    ['food', 'money']
    """

    _table: pyarrow.Table
    title: str
    definitions: Definitions
    tz: str
    seconds: float
    asked: Asked = NOTHING
    job: dict[str, Any] | None = None
    by: Unit = "period"
    sql: str | None = None
    why_empty: str = ""
    limit: int | None = None
    lang: str = ENGLISH
    _data: Data | None = None

    @property
    def may_be_cut(self) -> bool:
        """Whether there may be more rows than these, as many as were asked for."""
        return self.limit is not None and len(self) >= self.limit

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._table.num_rows)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._table.column_names)

    def __getstate__(self) -> dict[str, Any]:
        # A result in another process, or in a file, is its rows; the data set stays where it is.
        return {**vars(self), "_data": None}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the rows by the Arrow PyCapsule protocol."""
        return self._table.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pyarrow.Table:
        """Return the rows as a ``pyarrow.Table``."""
        return self._table

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a ``pandas.DataFrame``; dates become ``datetime64``."""
        extras.need("pandas", "pandas", by="to_pandas()")
        return self._table.to_pandas(date_as_object=False)

    def to_polars(self) -> polars.DataFrame:
        """Return the rows as a ``polars.DataFrame``; polars must be installed."""
        import polars

        return polars.DataFrame(self._table)

    def chart(
        self,
        *,
        top: int | None = None,
        users: Any = None,
        width: int | None = None,
        height: int | None = None,
        lang: str | None = None,
    ) -> altair.Chart | altair.LayerChart | altair.ConcatChart:
        """Draw the answer of a job.

        Parameters
        ----------
        top : int, optional
            How many campaigns, establishments or categories to show; by default as many as read well.
        users : id or iterable of ids, optional
            Jobs 5 and 6: these users; by default the few with the most interactions or visits.
        width, height : int, optional
            Pixels of the plot, of each panel if there are several; at least 40.
        lang : str, optional
            Its language, ``en`` or ``pt``; by default the data set's.

        Returns
        -------
        altair.Chart, altair.LayerChart or altair.ConcatChart
            As the job needs: ``.save("chart.svg")``, ``.png``, or ``.save("chart.html", inline=True)`` for a page that
            needs no network. It embeds only the rows that it shows.

        Raises
        ------
        DefinitionError
            If the result is not that of a job, or an option makes no sense.

        Notes
        -----
        By month there is a panel for each of the latest six months; by week or day, a line for each of the best six.
        In a notebook whose user has not chosen an Altair renderer, charts are drawn without a network: live by front
        ends that draw Vega-Lite, else as SVG. They have a look of their own unless the user has enabled an Altair
        theme, also side by side (``|``) and one above the other (``&``). A notebook shows what ``altair.hconcat`` makes
        of them so, too; ``altair.theme.enable("footfall")`` gives the look to it everywhere, and to your own charts.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> places = pa.table({"establishment_id": ["cafe", "bank"], "category": ["food", "money"],
        ...                    "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770]})
        >>> pings = pa.table({"user_id": ["ana"], "timestamp": [datetime(2024, 3, 1, 12, tzinfo=timezone.utc)],
        ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
        >>> data = footfall.open({"establishments": places, "pings": pings})
        >>> drawn = data.establishment_visits(by="period").chart(top=1)
        >>> drawn.to_dict()["title"]["text"]
        ['The most visited of 2 establishments']
        """
        extras.need("charts", *extras.CHARTS, by="a chart")
        from footfall.charts.drawing import draw
        from footfall.charts.shared.rows import Context

        context = Context(self.tz, self.definitions)
        with speaking(self.lang if lang is None else chosen(lang)):
            return draw(self._table, self.job, context, top=top, users=users, width=width, height=height)

    def map(self, value: str | None = None, *, lang: str | None = None) -> Map:
        """Draw the rows on a map: establishments, sized by a number of theirs, cells, polygons, or places.

        Parameters
        ----------
        value : str, optional
            The column of numbers; by default the first that the job counts.
        lang : str, optional
            Its language, ``en`` or ``pt``; by default the data set's.

        Returns
        -------
        footfall.maps.Map
            It takes further layers, such as ``.radius()``, and shows itself in a notebook.

        Raises
        ------
        DefinitionError
            If the rows have no places.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> places = pa.table({"establishment_id": ["cafe", "bank"], "category": ["food", "money"],
        ...                    "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770]})
        >>> pings = pa.table({"user_id": ["ana"], "timestamp": ["2024-03-01T12:00:00Z"],
        ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
        >>> footfall.open({"establishments": places, "pings": pings}).establishment_visits(by="period").map()
        <footfall map: Establishment performance, 1 layer, 2 shapes>
        """
        from footfall.maps import Map

        counted = "visits" if self.job and "visits" in self.columns else None
        language = self.lang if lang is None else chosen(lang)
        with speaking(language):
            title = known(self.title)
        return Map(self._data, title=title, lang=language).show(self, value=value or counted)

    @in_own_language
    def without_ids(self, order: Any = None) -> Result:
        """Return the rows with their users called "user 1", "user 2" and so on.

        Whoever is shown a profile need not know whose it is.

        Parameters
        ----------
        order : iterable of ids, optional
            Who is user 1, who user 2; by default as they come in the rows. Rows of others are left out.

        Returns
        -------
        Result
            Without the statement, which may name them.

        Raises
        ------
        DefinitionError
            If the rows are not about users.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> data = footfall.open({"ads": pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})})
        >>> named = data.sql("SELECT 'ana' AS user_id UNION ALL SELECT 'rui' ORDER BY 1")
        >>> named.without_ids().to_arrow()["user_id"].to_pylist()
        ['user 1', 'user 2']
        """
        import pyarrow.compute as pc

        from footfall.output import people

        if "user_id" not in self.columns:
            raise DefinitionError(f"{self.title}: is not about users; its columns are {', '.join(self.columns)}")
        ids = self._table["user_id"].unique().to_pylist() if order is None else options.ids("order", order)
        named = people.without_ids(self._table, ids)
        return replace(self, _table=named.filter(pc.is_valid(named["user_id"])), sql=None)

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        spreadsheet: bool = False,
        decimal: str = ".",
        overwrite: bool = False,
    ) -> Written:
        """Write the rows to a file; its ending says how. A file that is there is replaced once the new one is whole.

        In S3 (``s3://bucket/key``) an object that is there is not replaced, unless `overwrite` says so.

        Parameters
        ----------
        path : path
            Ends in ``.parquet``, ``.csv``, ``.json`` (one array) or ``.jsonl`` / ``.ndjson`` (an object per line).
        spreadsheet : bool
            Write CSV that spreadsheets open: with a byte order mark, by which they know UTF-8, and an apostrophe before
            text that they would take for a formula, such as ``=1+1``. Numbers stay numbers.
        decimal : {".", ","}
            The decimal mark of CSV; with a comma, cells are separated by semicolons, as spreadsheets in Portuguese,
            German or French expect.
        overwrite : bool
            Replace an object of S3 that is there now, but none that comes meanwhile.

        Returns
        -------
        pathlib.Path, or its like for an object
            `path`.

        Raises
        ------
        DefinitionError
            If the ending is another, or not ``.csv`` for a `spreadsheet` or a decimal comma; if `path` is a link, which
            is neither written through nor replaced; or lies in S3 beyond the workspace.
        DataError
            If an object of S3 is there already, or S3 refuses.
        OSError
            If the file cannot be written; one that was there stays as it was.
        """
        target = place(path)
        write = _writer(target, spreadsheet, options.decimal_mark("decimal", decimal))
        with whole_file(target, overwrite=overwrite) as file:
            write(self._table, file)
        return target

    @in_own_language
    def headline(self, shown: int) -> str:
        """Return the title, how many rows (of which `shown` are to be seen) and how long it took."""
        rows = trn("{count} row", "{count} rows", len(self))
        count = tr("the first {shown} of {rows}", shown=shown, rows=rows) if shown < len(self) else rows
        why = f": {self.why_empty}" if self.why_empty else ""
        if self.may_be_cut:
            why += tr(" (there may be more)")
        told = {"title": known(self.title), "rows": count + why, "duration": display.duration(self.seconds)}
        return printable(tr("{title}: {rows}, in {duration}", **told))

    @in_own_language
    def made_with(self) -> str:
        """Return the calendar unit, the definitions and the time zone in a line."""
        unit = "" if self.by == "period" else f"{tr(_BY[self.by])}; "
        asked = f"; {self.asked}" if self.asked else ""
        return unit + tr("{definitions}; time zone: {tz}", definitions=self.definitions, tz=self.tz) + asked

    @in_own_language
    def interval(self) -> str:
        """Return what the job's interval means, in plain words; nothing if it has none."""
        return tr(_INTERVALS[self.job["name"]]) if self.job and self.job["name"] in _INTERVALS else ""

    @in_own_language
    def __repr__(self) -> str:
        rows = min(len(self), _TERMINAL_ROWS)
        table = tables.text_table(self._table, rows, _TEXT_BYTES)
        return f"{self.headline(rows)}\n{table}\n{self.made_with()}"

    @in_own_language
    def _repr_html_(self) -> str:
        rows = min(len(self), _NOTEBOOK_ROWS)
        notes = "<br>".join(escape(note) for note in (self.interval(), self.made_with()) if note)
        above, below = f"<div><p><b>{escape(self.headline(rows))}</b></p>", f"<p><small>{notes}</small></p></div>"
        table = tables.html_table(self._table, rows, _HTML_BYTES - size(above + below))
        return above + table + below


def _writer(target: Written, spreadsheet: bool, decimal: str) -> Callable[..., None]:
    """Return what writes a table to a file that ends like `target`."""
    ending = target.suffix.lower()
    if ending not in formats.BY_ENDING:
        excel = "; spreadsheets open .csv that is written with spreadsheet=True" if ending in _OF_SPREADSHEETS else ""
        raise DefinitionError(f"path = {str(target)!r}: must end in {', '.join(formats.BY_ENDING)}{excel}")
    if ending == ".csv":
        return functools.partial(formats.write_csv, spreadsheet=spreadsheet, decimal=decimal)
    if spreadsheet or decimal != ".":
        option = "spreadsheet = True" if spreadsheet else f"decimal = {decimal!r}"
        raise DefinitionError(f"{option}: is for .csv files, and path = {str(target)!r}")
    return formats.BY_ENDING[ending]
