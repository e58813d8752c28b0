"""What the data is, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from footfall.errors import FootfallError
from footfall.lang import date_text, mark, number, tr
from footfall.output.display import percent
from footfall.report.source import Source
from footfall.report.words import Table, local

_SEVERITIES = {"unusable": mark("left out"), "suspicious": mark("kept, flagged")}
_CHECKS = [
    mark("at (0, 0)"),
    mark("conflicting duplicate"),
    mark("duplicate"),
    mark("epoch unit"),
    mark("in the future"),
    mark("null"),
    mark("out of range"),
    mark("repeated local time"),
    mark("skipped local time"),
    mark("swapped"),
    mark("unknown action"),
    mark("unknown ad"),
    mark("unknown establishment"),
    mark("unreadable"),
    mark("user without pings"),
]
_TIMED = ("pings", "interactions")


@dataclass(frozen=True)
class Survey:
    """Facts as (name, value) pairs, and a table of the tables: rows, users, time span, columns."""

    facts: Sequence[tuple[str, str]]
    tables: Table


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a table, as text; `severity` is a class of the page's style."""

    table: str
    check: str
    column: str
    rows: str
    share: str
    severity: str
    consequence: str
    example: str


def survey(dataset: Source) -> Survey:
    """Return what the tables are."""
    rows = dataset.rows()
    spans = {name: _span(dataset, name) for name in _TIMED if name in dataset.tables}
    tables = Table(
        [tr("table"), tr("rows"), tr("users"), tr("from"), tr("to"), tr("columns")],
        [_table_row(dataset, name, columns, rows, spans.get(name, {})) for name, columns in dataset.tables.items()],
        [False, True, True, False, False, False],
    )
    return Survey(_facts(dataset, spans), tables)


def _table_row(
    dataset: Source, name: str, columns: Sequence[str], rows: dict[str, int], span: dict[str, Any]
) -> list[str]:
    users = number(span["users"]) if span.get("users") is not None else ""
    ends = [local(dataset.local_text(span[end])) if end in span else "" for end in ("first", "last")]
    count = number(rows[name]) if name in rows else ""
    return [name, count, users, *ends, ", ".join(columns)]


def _span(dataset: Source, table: str) -> dict[str, Any]:
    """Return first and last instant, in the data set's time zone, and users; nothing if they cannot be read."""
    query = f"""
        SELECT CAST(min(timestamp) AS BIGINT) AS first, CAST(max(timestamp) AS BIGINT) AS last,
            CAST(local_day(min(timestamp)) AS INT) AS first_day, CAST(local_day(max(timestamp)) AS INT) AS last_day,
            count(DISTINCT user_id) AS users
        FROM {table}"""
    try:
        row = dataset.sql(query).to_arrow().to_pylist()[0]
    except FootfallError:
        return {}
    return {name: value for name, value in row.items() if value is not None}


def _facts(dataset: Source, spans: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    facts = [(tr("source"), str(dataset.source)), (tr("time zone"), dataset.time_zone), *dataset.read_as]
    timed = [span for span in spans.values() if "first" in span]
    if timed:
        first, last = min(span["first"] for span in timed), max(span["last"] for span in timed)
        days = max(span["last_day"] for span in timed) - min(span["first_day"] for span in timed) + 1
        start, end = (date_text(dataset.local_text(each).partition("T")[0]) for each in (first, last))
        facts.append((tr("time span"), tr("{start} to {end}", start=start, end=end)))
        facts.append((tr("calendar days"), number(days)))
    if any(dataset.period):
        start, end = (each or tr("open") for each in dataset.period)
        facts.append((tr("counted period"), tr("{start} to {end}", start=start, end=end)))
    if dataset.selection.sample_text:
        facts.append((tr("sample"), dataset.selection.sample_text))
    return facts


def findings(dataset: Source, *, show_users: bool) -> list[Finding]:
    """Return what is wrong with the tables, worst first; an example that is a user's id only if `show_users`."""
    found = [row for row in dataset.check().to_arrow().to_pylist() if row["rows"]]
    found.sort(key=lambda row: (row["severity"] != "unusable", -row["rows"], row["table"], row["check"]))
    return [_finding(row, show_users) for row in found]


def _finding(row: dict[str, Any], show_users: bool) -> Finding:
    # A duplicate row is shown by the first of its ids.
    is_user = row["column"] == "user_id" or (row["column"] is None and row["table"] in _TIMED)
    return Finding(
        table=row["table"],
        check=tr(row["check"].replace("_", " ")),
        column=row["column"] or "",
        rows=number(row["rows"]),
        share="" if row["share"] is None else percent(row["share"]),
        severity=row["severity"],
        consequence=tr(_SEVERITIES[row["severity"]]),
        example=tr("a user") if is_user and not show_users else row["example"] or "",
    )
