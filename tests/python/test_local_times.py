"""Times without an offset: on whose clock they are, what the clock skips and what it shows twice; and in SQL."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pandas as pd
import pyarrow as pa
import pytest
from towns import opened

import footfall

BERLIN = "Europe/Berlin"
NAIVE = {"tz": BERLIN, "naive_tz": BERLIN}


def interactions(timestamps):
    count = len(timestamps)
    columns = {"user_id": range(count), "ad_id": ["1"] * count, "action": ["view"] * count}
    return pa.table({**columns, "timestamp": timestamps})


def instants(data):
    rows = data.sql("SELECT timestamp FROM interactions ORDER BY user_id").to_arrow().column("timestamp")
    return [f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M}" for moment in rows.to_pylist()]


def counted(data):
    checks = data.check().to_arrow().to_pylist()
    return {(row["check"], row["severity"]): row["rows"] for row in checks if row["column"] == "timestamp"}


WINTER = ["2024-01-01T12:00", "2024-07-01 12:00:00.5", "20240701T1200"]


@pytest.mark.parametrize(
    "naive",
    [
        pa.array(WINTER),
        pa.array(WINTER).dictionary_encode(),
        pa.array([datetime(2024, 1, 1, 12)]),
        pa.array([datetime(2024, 1, 1, 12)], pa.timestamp("ns")),
        pa.array([datetime(2024, 1, 1, 12)], pa.timestamp("s")),
        pa.array([date(2024, 1, 1)]),
        pa.array(pd.to_datetime(["2024-01-01 12:00"])),
    ],
    ids=["text", "dictionary", "us", "ns", "s", "date", "pandas"],
)
def test_a_time_without_an_offset_needs_a_clock(naive):
    table = interactions(naive)
    with pytest.raises(footfall.DataError, match=r"interactions\.timestamp: .*naive_tz=.*America/Recife.*\"UTC\""):
        opened({"interactions": table})
    utc, local = opened({"interactions": table}, naive_tz="UTC"), opened({"interactions": table}, **NAIVE)
    shifts = [
        datetime.fromisoformat(one) - datetime.fromisoformat(other)
        for one, other in zip(instants(utc), instants(local))
    ]
    summer = [2 if "07" in moment[5:7] else 1 for moment in instants(utc)]
    assert [shift.total_seconds() / 3600 for shift in shifts] == summer


def test_an_offset_is_taken_at_its_word():
    texts = ["2024-01-01T12:00Z", "2024-01-01T12:00-03:00", "2024-01-01 12:00 -0300", "20240101T120000Z"]
    wanted = ["2024-01-01 12:00", "2024-01-01 15:00", "2024-01-01 15:00", "2024-01-01 12:00"]
    assert instants(opened({"interactions": interactions(texts)}, **NAIVE)) == wanted
    assert instants(opened({"interactions": interactions(texts)})) == wanted


@pytest.mark.parametrize("typed", [False, True])
def test_what_the_clock_skips_is_unusable_and_what_it_shows_twice_is_suspicious(typed):
    texts = ["2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-10-27T12:00:00"]
    given = pa.array([datetime.fromisoformat(text) for text in texts]) if typed else pa.array(texts)
    data = opened({"interactions": interactions(given)}, **NAIVE, max_unusable=1)
    assert instants(data) == ["2024-10-27 00:30", "2024-10-27 11:00"], "the earlier of two"
    assert counted(data) == {("skipped local time", "unusable"): 1, ("repeated local time", "suspicious"): 1}
    (row,) = data.unusable("interactions").to_arrow().to_pylist()
    assert (row["row"], row["check"]) == (0, "skipped local time") and "02:30" in row["value"]


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("timestamp >= '2024-07-01 12:00'", 2),
        ("'2024-07-01 12:00' > timestamp", 1),
        ("timestamp = '2024-07-01T10:00Z'", 1),
        ("timestamp = TIMESTAMP '2024-07-01 12:00'", 1),
        ("timestamp >= DATE '2024-07-02'", 0),
        ("timestamp >= CAST('2024-07-01' AS DATE)", 3),
        ("timestamp > TIMESTAMP '2024-07-01 11:00:00' + INTERVAL '1 hour'", 1),
        ("timestamp BETWEEN '2024-07-01 12:00' AND '2024-07-01 12:59'", 1),
        ("timestamp IN ('2024-07-01 12:00', '2024-07-01T13:00')", 2),
        ("timestamp < '2024-07-02' AND timestamp >= '2024-07-01'", 3),
        ("user_id IN (SELECT user_id FROM interactions WHERE timestamp >= '2024-07-01T13:00')", 1),
    ],
)
def test_text_in_sql_is_on_the_clock_of_the_data_set(condition, count):
    rows = interactions(["2024-07-01T09:59:59Z", "2024-07-01T10:00:00Z", "2024-07-01T11:00:00Z"])
    ads = pa.table({"ad_id": ["1"], "campaign_id": ["a"], "category": ["b"]})
    data = opened({"interactions": rows, "ads": ads}, tz=BERLIN)
    assert data.sql(f"SELECT count(*) AS n FROM interactions WHERE {condition}").to_arrow().to_pylist() == [
        {"n": count}
    ]


def test_sql_and_between_read_the_same_texts():
    data = opened({"interactions": interactions(["2024-07-01T10:00:00Z"])}, tz=BERLIN)
    for text in ["2024-07-01", "20240701", "2024-07-01T12:00", "2024-07-01 12:00:00.000001", "2024-07-01T10:00Z",
                 "2024-07-01T1200+0200", "2024-07-01T12:00:00,5"]:  # fmt: skip
        by_sql = data.sql(f"SELECT count(*) AS n FROM interactions WHERE timestamp >= '{text}'").to_arrow()
        assert data.between(text).rows()["interactions"] == by_sql.column("n")[0].as_py(), text


def test_three_unreadable_values_are_no_duplicates():
    texts = ["x", "y", "z", "z"]
    rows = interactions(texts).set_column(0, "user_id", pa.array(["1"] * 4))
    found = opened({"interactions": rows}, max_unusable=1).check().to_arrow().to_pylist()
    by_check = {row["check"]: row["rows"] for row in found}
    assert by_check["unreadable"] == 4 and by_check["duplicate"] == 1
