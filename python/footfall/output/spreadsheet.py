"""Cells as a spreadsheet reads them: text that it does not work out, and numbers with a decimal comma.

References
----------
https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

#: What a formula may begin with; some spreadsheets take the wide forms, too.
_WIDE = "\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
_FORMULA = f"^[-=+@\t\r\n{_WIDE}]"
_TEXT = "'"


def harmless(table: pyarrow.Table) -> pyarrow.Table:
    """Return the table with an apostrophe before text, of cells and headers, that would be taken for a formula.

    Examples
    --------
    >>> import pyarrow as pa
    >>> harmless(pa.table({"name": ["=1+1", "bar"], "rest": [-1, -2]})).to_pylist()
    [{'name': "'=1+1", 'rest': -1}, {'name': 'bar', 'rest': -2}]
    """
    for place, field in enumerate(table.schema):
        table = table.set_column(place, _header(field.name), _column(table.column(place)))
    return table


def with_commas(table: pyarrow.Table) -> pyarrow.Table:
    """Return the table with its fractions as text with a decimal comma.

    Examples
    --------
    >>> import pyarrow as pa
    >>> with_commas(pa.table({"ctr": [0.25, None], "views": [4, 0], "name": ["1.5", "b"]})).to_pylist()
    [{'ctr': '0,25', 'views': 4, 'name': '1.5'}, {'ctr': None, 'views': 0, 'name': 'b'}]
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    for place, field in enumerate(table.schema):
        if types.is_floating(field.type) or types.is_decimal(field.type):
            text = pc.replace_substring(table.column(place).cast(pa.string()), ".", ",")
            table = table.set_column(place, field.name, text)
    return table


def _header(name: str) -> str:
    return _TEXT + name if re.match(_FORMULA, name) else name


def _column(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_string_view(column.type):
        column = column.cast(pa.string())
    if not (types.is_string(column.type) or types.is_large_string(column.type)):
        return column
    empty = pa.scalar("", column.type)
    marked = pc.binary_join_element_wise(pa.scalar(_TEXT, column.type), column, empty)
    return pc.if_else(pc.match_substring_regex(column, _FORMULA), marked, column)
