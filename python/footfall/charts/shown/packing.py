"""The rows of a Vega-Lite specification in fewer bytes."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import Any

# Text is what CSV holds; Vega reads no value as null of any type.
_PARSED = {(bool,): "boolean", (float,): "number", (int,): "number", (float, int): "number"}


def packed(spec: dict[str, Any]) -> dict[str, Any]:
    r"""Return the specification with its data sets as CSV, which names a column once and not in each row.

    Data sets that CSV would change stay as they are.

    Examples
    --------
    >>> rows = [{"name": "cafe", "visits": 3}, {"name": "bank", "visits": None}]
    >>> small = packed({"datasets": {"d": rows}, "data": {"name": "d"}})
    >>> small["datasets"]["d"]
    'name,visits\ncafe,3\nbank,\n'
    >>> small["data"]
    {'name': 'd', 'format': {'type': 'csv', 'parse': {'visits': 'number'}}}
    """
    types = {name: found for name, rows in spec.get("datasets", {}).items() if (found := _types(rows)) is not None}
    tables = {name: _csv(rows) if name in types else rows for name, rows in spec.get("datasets", {}).items()}
    return {**_told(spec, types), "datasets": tables} if types else spec


def _types(rows: Any) -> dict[str, str] | None:
    """Return what Vega makes of the columns that are no text; None if CSV would change the rows."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return None
    names = list(rows[0])
    if any(list(row) != names or any(map(_is_lost, row.values())) for row in rows):
        return None
    kinds = {name: _kinds(row[name] for row in rows) for name in names}
    if any(kind not in _PARSED and kind != (str,) for kind in kinds.values()):
        return None
    return {name: _PARSED[kind] for name, kind in kinds.items() if kind in _PARSED}


def _kinds(values: Iterable[Any]) -> tuple[type, ...]:
    found = {type(value) for value in values}
    # An empty cell of a column of text would stay text.
    return tuple(sorted(found if str in found else found - {type(None)}, key=lambda kind: kind.__name__))


def _is_lost(value: Any) -> bool:
    return value == "" or (isinstance(value, float) and not math.isfinite(value))


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(str(value).lower() if isinstance(value, bool) else value for value in row.values())
    return text.getvalue()


def _told(part: Any, types: dict[str, dict[str, str]]) -> Any:
    """Return a part of the specification in which each use of a data set says how it is written."""
    if isinstance(part, list):
        return [_told(each, types) for each in part]
    if not isinstance(part, dict):
        return part
    told = {name: value if name == "datasets" else _told(value, types) for name, value in part.items()}
    source = told.get("data")
    if isinstance(source, dict) and source.get("name") in types:
        told["data"] = {**source, "format": {"type": "csv", "parse": types[source["name"]]}}
    return told
