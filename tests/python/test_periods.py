"""A period of files: row groups that lie in it whole, in part or not at all, and what their statistics do not tell."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import footfall

START, DAYS, ROWS = datetime(2024, 1, 1, tzinfo=timezone.utc), 90, 6_000
DAY_US = 86_400_000_000
# Days from the start: of whole row groups and files, of parts, of all, of none, of one day.
PERIODS = {"month": (31, 60), "parts": (10, 45), "all": (0, 90), "after": (200, 210), "day": (59, 60)}
SHOP = (-8.05, -34.9)


def tables(*, is_sorted, has_nulls):
    """Interactions and pings, the first and the last instants of days among them."""
    rng = np.random.default_rng(7)
    day = rng.integers(0, DAYS, ROWS)
    second = rng.choice([0, 86_399, *rng.integers(0, 86_400, 50)], ROWS)
    instants = int(START.timestamp() * 1e6) + day * DAY_US + second * 1_000_000
    instants = np.sort(instants) if is_sorted else instants
    nulls = rng.random(ROWS) < 0.1 if has_nulls else None
    times = pa.array(instants, pa.timestamp("us", "UTC"), mask=nulls)
    users = pa.array([f"u{number}" for number in rng.integers(0, 40, ROWS)])
    actions = pa.array(["view", "click"]).take(pa.array((rng.random(ROWS) < 0.3).astype(int)))
    ads = pa.array(["a1", "a2"]).take(pa.array(rng.integers(0, 2, ROWS)))
    near = rng.random(ROWS) < 0.5
    latitudes = pa.array(np.where(near, SHOP[0], SHOP[0] + 1.0))
    return {
        "interactions": pa.table({"user_id": users, "timestamp": times, "ad_id": ads, "action": actions}),
        "pings": pa.table(
            {"user_id": users, "timestamp": times, "latitude": latitudes, "longitude": pa.array(np.full(ROWS, SHOP[1]))}
        ),
    }


def write(root, made, *, unit, parts, **options):
    for name, table in made.items():
        (root / name).mkdir(parents=True)
        column = table.schema.get_field_index("timestamp")
        table = table.set_column(column, "timestamp", table["timestamp"].cast(pa.timestamp(unit, "UTC")))
        for part in range(parts):
            rows = table.slice(part * ROWS // parts, ROWS // parts)
            pq.write_table(rows, root / name / f"{part}.parquet", **options)
    ads = {"ad_id": ["a1", "a2"], "campaign_id": ["c1", "c2"], "category": ["food", "toys"]}
    pq.write_table(pa.table({**ads, "establishment_id": ["s", "s"]}), root / "ads.parquet")
    places = {"establishment_id": ["s"], "category": ["food"], "latitude": [SHOP[0]], "longitude": [SHOP[1]]}
    pq.write_table(pa.table(places), root / "establishments.parquet")
    return root


def within(table, first, last):
    low, high = START + timedelta(days=first), START + timedelta(days=last)
    return [row for row in table.to_pylist() if row["timestamp"] is not None and low <= row["timestamp"] < high]


LAYOUTS = {
    "sorted, small row groups": ({"is_sorted": True}, {"unit": "us", "parts": 1, "row_group_size": 200}),
    "sorted, one row group": ({"is_sorted": True}, {"unit": "us", "parts": 1, "write_page_index": True}),
    "sorted, files": ({"is_sorted": True}, {"unit": "ms", "parts": 60}),
    "in no order": ({"is_sorted": False}, {"unit": "us", "parts": 3, "row_group_size": 500}),
    "nanoseconds": ({"is_sorted": True}, {"unit": "ns", "parts": 1, "row_group_size": 200}),
    "without statistics": (
        {"is_sorted": True},
        {"unit": "us", "parts": 2, "row_group_size": 300, "write_statistics": False},
    ),
    "plain encoding": ({"is_sorted": True}, {"unit": "us", "parts": 1, "row_group_size": 200, "use_dictionary": False}),
}


@pytest.mark.parametrize("has_nulls", [False, True], ids=["full", "nulls"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_period_counts_its_rows_however_files_are_laid_out(tmp_path, layout, has_nulls):
    made, written = LAYOUTS[layout]
    made = tables(has_nulls=has_nulls, **made)
    data = footfall.open(write(tmp_path / "set", made, **written), tz="UTC", max_unusable=1, progress=False)
    for first, last in PERIODS.values():
        part = data.between(date(2024, 1, 1) + timedelta(days=first), date(2024, 1, 1) + timedelta(days=last))
        rows = within(made["interactions"], first, last)
        views = Counter(row["ad_id"].replace("a", "c") for row in rows if row["action"] == "view")
        told = part.campaign_ctr(by="period").to_arrow().to_pylist()
        assert {row["campaign_id"]: row["views"] for row in told if row["views"]} == views
        months = Counter(row["timestamp"].strftime("%Y-%m") for row in rows if row["action"] == "click")
        by_month = (
            "SELECT local_month(timestamp) AS month, count(*) AS n FROM interactions WHERE action = 'click' GROUP BY 1"
        )
        told = part.sql(by_month).to_arrow().to_pylist()
        assert {str(row["month"])[:7]: row["n"] for row in told} == months
        near = [row for row in within(made["pings"], first, last) if row["latitude"] == SHOP[0]]
        visits = part.establishment_visits(by="period").to_arrow().to_pylist()
        assert sum(row["visits"] for row in visits) == len(near)
        users = Counter(row["user_id"] for row in rows)
        told = part.sql("SELECT user_id, count(*) AS n FROM interactions GROUP BY 1").to_arrow().to_pylist()
        assert {row["user_id"]: row["n"] for row in told} == users


def test_row_groups_out_of_a_period_are_not_read(tmp_path):
    made = tables(is_sorted=True, has_nulls=False)
    root = write(tmp_path / "set", made, unit="us", parts=1, row_group_size=200)
    data = footfall.open(root, tz="UTC", progress=False).between("2024-02-01", "2024-03-01")
    there = len(within(made["interactions"], *PERIODS["month"]))
    for job, operator in {"campaign_ctr": "CodedCountExec", "establishment_visits": "CodedVisitsExec"}.items():
        told = data.sql(f"EXPLAIN ANALYZE {data.run(job).sql}").to_arrow()["plan"].to_pylist()
        (thousands,) = {read for plan in told for read in re.findall(rf"{operator}:.*rows_read=([0-9.]+) K", plan)}
        assert there <= float(thousands) * 1_000 <= there + 2 * 200 + 10
