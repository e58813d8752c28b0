"""A town of a few rows, and ways to write its tables as people and other programs do."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet

import footfall

ROWS = {
    "establishments": [
        {"establishment_id": "1", "name": "Café", "category": "food", "latitude": "-8.05", "longitude": "-34.9"},
        {"establishment_id": "2", "name": "Bank", "category": "money", "latitude": "-8.06", "longitude": "-34.9"},
    ],
    "ads": [
        {"ad_id": "10", "campaign_id": "c1", "category": "food", "establishment_id": "1"},
        {"ad_id": "20", "campaign_id": "c2", "category": "money", "establishment_id": "2"},
    ],
    "interactions": [
        {"user_id": "7", "ad_id": "10", "action": "view", "timestamp": "2024-03-01T02:30:00Z"},
        {"user_id": "7", "ad_id": "10", "action": "click", "timestamp": "2024-03-01T02:31:00Z"},
        {"user_id": "8", "ad_id": "20", "action": "view", "timestamp": "2024-03-02T09:00:00Z"},
    ],
    "pings": [
        {"user_id": "7", "timestamp": "2024-03-01T03:00:00Z", "latitude": "-8.05", "longitude": "-34.9"},
        {"user_id": "8", "timestamp": "2024-03-02T10:00:00Z", "latitude": "-8.06", "longitude": "-34.9"},
        {"user_id": "9", "timestamp": "2024-03-03T10:00:00Z", "latitude": "-8.20", "longitude": "-34.9"},
    ],
}


def csv_text(table, rows=None):
    """The table as CSV, its header first."""
    rows = ROWS[table] if rows is None else rows
    return "".join(",".join(cells) + "\n" for cells in [list(ROWS[table][0]), *([*row.values()] for row in rows)])


def json_text(table, rows=None):
    """The table as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in (ROWS[table] if rows is None else rows))


def arrow_table(table, rows=None):
    """The table in memory, all of it text."""
    return pa.Table.from_pylist(ROWS[table] if rows is None else rows)


WRITERS = {
    "csv": lambda path, table, rows=None: path.write_text(csv_text(table, rows), encoding="utf-8"),
    "jsonl": lambda path, table, rows=None: path.write_text(json_text(table, rows), encoding="utf-8"),
    "parquet": lambda path, table, rows=None: pa.parquet.write_table(arrow_table(table, rows), path),
}


def write_town(root, but=(), ending="csv"):
    """Writes all tables but those named."""
    root.mkdir(parents=True, exist_ok=True)
    for table in ROWS:
        if table not in but:
            WRITERS[ending](root / f"{table}.{ending}", table)
    return root


def opened(root, **options):
    return footfall.open(root, progress=False, **options)


def counted(data):
    """Visits and those that ads earned, which need all four tables."""
    rows = data.visit_attribution(by="period").to_arrow()
    return rows.column("visits").to_pylist(), rows.column("attributed_visits").to_pylist()


COUNTED = ([1, 1], [1, 1])
