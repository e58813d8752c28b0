"""How a table looks: in a terminal, and in a notebook, where what is saved stays small and safe to open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import product
from typing import TYPE_CHECKING, Any, Callable

from footfall.inputs.values import to_python
from footfall.lang import trn
from footfall.output.display import cell
from footfall.output.text import cut, printable, size

if TYPE_CHECKING:
    import pyarrow

_WIDEST = 40
_COLUMNS = 20
# Tried one after the other, until a table fits: how many columns, and how many characters of each value.
_SHAPES = [(_COLUMNS, _WIDEST), *product((_COLUMNS, 10, 5), (20, 10))]
# A notebook that is not trusted keeps inline styles, and of colours such as name a plain one to fall back to.
_LEFT = ' style="text-align:left"'
_RIGHT = ' style="text-align:right"'
_MUTED = ' style="color:var(--jp-ui-font-color2,gray);font-weight:normal"'
_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16", "date32[day]": "date", "date64[ms]": "date",
          "large_string": "string", "string_view": "string", "large_binary": "binary"}  # fmt: skip


@dataclass(frozen=True)
class Preview:
    """The first rows of a table as text, the types of its columns, and which of them are numbers."""

    columns: list[str]
    types: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    beyond: tuple[str, ...] = ()

    def narrowed(self, columns: int) -> Preview:
        """Return its first columns; the names of the others go to `beyond`."""
        rows = [row[:columns] for row in self.rows]
        beyond = (*self.columns[columns:], *self.beyond)
        return Preview(self.columns[:columns], self.types[:columns], self.numeric[:columns], rows, beyond)


def preview(table: pyarrow.Table, limit: int, columns: int | None = None) -> Preview:
    """Return the first `limit` rows of `table` as text, of all columns or the first `columns`."""
    import pyarrow.types as types

    names = [printable(name) for name in table.column_names]
    shown = range(len(names) if columns is None else min(columns, len(names)))
    kinds = [table.schema.field(place).type for place in shown]
    cells = [[cell(value) for value in to_python(table.column(place).slice(0, limit))] for place in shown]
    numeric = [types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) for kind in kinds]
    rows = [list(row) for row in zip(*cells)]
    return Preview(names[: len(shown)], [type_name(kind) for kind in kinds], numeric, rows, tuple(names[len(shown) :]))


def type_name(kind: Any) -> str:
    """Return what a type of Arrow is called, however its values are stored.

    Examples
    --------
    >>> import pyarrow as pa
    >>> types = pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.float64()), pa.timestamp("us", "UTC"), pa.date32()
    >>> [type_name(kind) for kind in types]
    ['string', 'list<float64>', 'timestamp[us, tz=UTC]', 'date']
    """
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return type_name(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    return _NAMES.get(str(kind)) or printable(str(kind))


def text_table(table: pyarrow.Table, rows: int, room: int) -> str:
    """Return the first rows as aligned lines, in at most `room` bytes."""
    return _fitting(preview(table, rows, _COLUMNS), room, _lines)[0]


def html_table(table: pyarrow.Table, rows: int, room: int) -> str:
    """Return the first rows as an HTML table in at most `room` bytes; every value is escaped.

    Values that are too long are cut; the whole of them, or as much as there is room for, is their ``title``, which
    browsers show under the pointer.
    """
    html, (shown, width) = _fitting(preview(table, rows, _COLUMNS), room, _html)
    cuts = sum(len(value) > width for row in (shown.columns, shown.types, *shown.rows) for value in row)
    each = (room - size(html)) // max(cuts, 1) - len(' title=""')
    return _html(shown, width, each) if cuts and each > width else html


def _fitting(shown: Preview, room: int, render: Callable[[Preview, int], str]) -> tuple[str, tuple[Preview, int]]:
    """Return the largest picture that fits, or else the smallest there is, and its shape."""
    for columns, width in _SHAPES:
        shape = shown.narrowed(columns), width
        picture = render(*shape)
        if size(picture) <= room:
            break
    return picture, shape


def _lines(shown: Preview, width: int) -> str:
    rows = [[cut(value, width) for value in row] for row in [shown.columns, *shown.rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(shown.columns))]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, shown.numeric)
        return "  ".join(f"{value:{'>' if number else '<'}{width}}" for value, width, number in cells).rstrip()

    return "\n".join([*map(line, rows), *_more(shown)])


def _more(shown: Preview) -> list[str]:
    """Return which columns are left out, if any are."""
    if not shown.beyond:
        return []
    more = trn("and {count} more column: {names}", "and {count} more columns: {names}", len(shown.beyond),
               names=", ".join(shown.beyond))  # fmt: skip
    return [cut(more, 120)]


def _html(shown: Preview, width: int, hover: int = 0) -> str:
    """Return an HTML table that shows `width` characters of each value, and `hover` bytes of it under the pointer."""

    def element(tag: str, value: str, style: str = "", below: str = "") -> str:
        title = f' title="{escape(_within(value, hover))}"' if hover and len(value) > width else ""
        return f"<{tag}{style}{title}>{escape(cut(value, width))}{below}</{tag}>"

    styles = ["" if number else _LEFT for number in shown.numeric]
    types = ["<br>" + element("small", kind, _MUTED) for kind in shown.types]
    head = "".join(element("th", *column) for column in zip(shown.columns, styles, types))
    rows = ["".join(element("td", *value) for value in zip(row, styles)) for row in shown.rows]
    body = "".join(f"<tr{_RIGHT}>{row}</tr>" for row in rows)
    more = "".join(f"<p><small{_MUTED}>{escape(line)}</small></p>" for line in _more(shown))
    return f"<table><thead><tr{_RIGHT}>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _within(text: str, room: int) -> str:
    """Return as much of the beginning of `text` as takes `room` bytes of HTML."""
    length = room
    while size(escape(cut(text, length))) > room:
        length = length * 3 // 4
    return cut(text, length)
