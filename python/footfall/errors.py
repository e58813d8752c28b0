"""The errors and the warning: which are the user's to mend, and which is ours.

The native module raises these same classes, so one ``except footfall.FootfallError`` catches everything.
"""

from __future__ import annotations

from footfall.output.text import printable


class FootfallError(Exception):
    """The base of every error that Footfall raises on purpose.

    Its message may quote data and names of files; what steers a terminal in them is shown as a replacement character.
    """

    def __init__(self, *message: object) -> None:
        super().__init__(*(printable(each, keep="\n\t") if isinstance(each, str) else each for each in message))


class DataError(FootfallError, ValueError):
    """A value in a table, or a whole file, that cannot be used.

    Parameters
    ----------
    message : str
        One sentence that names all of the below.
    table, column : str, optional
        Where the value was found.
    row : int, optional
        Its row, counted from 0.
    value : object, optional
        The value itself.
    reason : str, optional
        Why it cannot be used.

    Examples
    --------
    >>> import footfall
    >>> try:
    ...     footfall.haversine_m([0.0, 91.0], [0.0, 0.0], 0.0, 0.0)
    ... except footfall.DataError as error:
    ...     print(error.column, error.row, error.value)
    latitude_a 1 91.0
    """

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        column: str | None = None,
        row: int | None = None,
        value: object = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.table = table
        self.column = column
        self.row = row
        self.value = value
        self.reason = reason


class MissingTableError(FootfallError, LookupError):
    """A job was asked for whose table, or a needed column of it, is not in the data set."""


class DefinitionError(FootfallError, ValueError):
    """An option that makes no sense: a radius, a window, a time zone, ``by=``, a period."""


class QueryError(DefinitionError):
    """A statement given to `Dataset.sql` that does not run: what is wrong with it, where, and what was probably meant.

    Parameters
    ----------
    message : str
        The reason; below it the line of the statement, with its column marked.
    line, column : int, optional
        The place in the statement, both counted from 1, where it is known.

    Examples
    --------
    >>> import footfall, pyarrow as pa
    >>> data = footfall.open({"ads": pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})})
    >>> try:
    ...     data.sql("SELECT campaign_id FROM adds")
    ... except footfall.QueryError as error:
    ...     print(error)
    there is no table `adds`; did you mean `ads`? The tables are ads.
      line 1, column 25:
        SELECT campaign_id FROM adds
                                ^
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class InternalError(FootfallError, RuntimeError):
    """A bug in Footfall, not in your data; please report it with the message."""


class DataWarning(UserWarning):
    """A part of the data cannot be used, or is hardly meant as it is read: an answer without it may mislead.

    Like an error, it may quote data; what steers a terminal in it is shown as a replacement character.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))
