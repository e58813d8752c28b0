"""What the data is, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footfall.errors import FootfallError
from footfall.report import html
from footfall.report.html import tag
from footfall.report.source import Source

_SEVERITIES = {"unusable": "left out", "suspicious": "kept, flagged"}
_TIMED = ("pings", "interactions")


def data_section(dataset: Source) -> str:
    """Return the section about the tables: rows, users, time span, columns."""
    rows = dataset.rows()
    spans = {name: _span(dataset, name) for name in _TIMED if name in dataset.tables}
    table = html.table(
        ["table", "rows", "users", "from", "to", "columns"],
        [_table_row(dataset, name, columns, rows, spans.get(name, {})) for name, columns in dataset.tables.items()],
        [False, True, True, False, False, False],
    )
    note = "Rows that can be used and that are in the chosen period and sample. Instants are local to the time zone."
    return tag(
        "section",
        tag("h2", "The data") + html.facts(_facts(dataset, spans)) + table + html.paragraph(note, "note"),
        id="data",
        class_="short",
    )


def _table_row(
    dataset: Source, name: str, columns: Sequence[str], rows: dict[str, int], span: dict[str, Any]
) -> list[str]:
    users = f"{span['users']:,}" if span.get("users") is not None else ""
    ends = [html.local(dataset.local_text(span[end])) if end in span else "" for end in ("first", "last")]
    count = f"{rows[name]:,}" if name in rows else ""
    return [html.text(cell) for cell in (name, count, users, *ends, ", ".join(columns))]


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
    facts = [("source", str(dataset.source)), ("time zone", dataset.time_zone)]
    timed = [span for span in spans.values() if "first" in span]
    if timed:
        first, last = min(span["first"] for span in timed), max(span["last"] for span in timed)
        days = max(span["last_day"] for span in timed) - min(span["first_day"] for span in timed) + 1
        dates = [dataset.local_text(end).partition("T")[0] for end in (first, last)]
        facts.append(("time span", " to ".join(dates)))
        facts.append(("calendar days", f"{days:,}"))
    if any(dataset.period):
        facts.append(("counted period", " to ".join(end or "open" for end in dataset.period)))
    if dataset.selection.users is not None:
        facts.append(("sample", f"{100 * dataset.selection.users:g} % of the users"))
    return facts


def quality_section(dataset: Source) -> str:
    """Return the section about what is wrong with the tables."""
    checks = dataset.check()
    found = [row for row in checks.to_arrow().to_pylist() if row["rows"]]
    found.sort(key=lambda row: (row["severity"] != "unusable", -row["rows"], row["table"], row["check"]))
    heading = tag("h2", "Its quality")
    content = _findings(found) if found else html.paragraph("No check found anything.", "answer")
    note = (
        "Left out: the row cannot be used; no job counts it. Kept, flagged: the row is counted, but deserves a look. "
        "A row can be in several findings."
    )
    return tag("section", heading + content + html.paragraph(note, "note"), id="quality", class_="short")


def _findings(found: Sequence[dict[str, Any]]) -> str:
    return html.table(
        ["table", "finding", "column", "rows", "share", "what happens", "example"],
        [_finding(row) for row in found],
        [False, False, False, True, True, False, False],
    )


def _finding(row: dict[str, Any]) -> list[str]:
    severity = tag(
        "span", html.text(_SEVERITIES.get(row["severity"], row["severity"])), class_=f"tag {row['severity']}"
    )
    share = "" if row["share"] is None else html.percent(row["share"])
    before = [html.text(cell) for cell in (row["table"], row["check"].replace("_", " "), row["column"] or "")]
    return [*before, f"{row['rows']:,}", share, severity, html.text(row["example"] or "")]
