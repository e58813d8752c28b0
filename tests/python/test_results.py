"""Results: their schemas, the libraries that read them, the files that they write, what they remember."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet
import pytest
from layouts import ipc_bytes
from worlds import EMPTY, JOBS_BY, UNITS, questions, random_world

import footfall

WORLD = random_world(15, events=400)
TEXT, WHOLE, RATIO, DAY = pa.string(), pa.int64(), pa.float64(), pa.date32()
SCHEMAS = {
    "campaign_ctr": {"campaign_id": TEXT, "views": WHOLE, "clicks": WHOLE, "ctr": RATIO, "ctr_low": RATIO,
                     "ctr_high": RATIO, "rank": WHOLE},
    "establishment_visits": {"establishment_id": TEXT, "name": TEXT, "category": TEXT, "visits": WHOLE,
                             "visitors": WHOLE, "rank": WHOLE},
    "visit_attribution": {"establishment_id": TEXT, "name": TEXT, "visits": WHOLE, "visitors": WHOLE,
                          "attributed_visits": WHOLE, "ratio": RATIO, "ratio_low": RATIO, "ratio_high": RATIO,
                          "rank": WHOLE},
    "category_hours": {"category": TEXT, "hour": WHOLE, "interactions": WHOLE, "views": WHOLE, "clicks": WHOLE,
                       "share": RATIO},
    "interaction_profile": {"user_id": TEXT, "day_part": TEXT, "category": TEXT, "interactions": WHOLE, "share": RATIO},
    "preferred_ad_categories": {"user_id": TEXT, "day_part": TEXT, "category": TEXT, "interactions": WHOLE,
                                "share": RATIO, "tied": pa.bool_()},
    "visit_profile": {"user_id": TEXT, "weekday": WHOLE, "category": TEXT, "visits": WHOLE, "share": RATIO},
    "preferred_establishment_categories": {"user_id": TEXT, "weekday": WHOLE, "category": TEXT, "visits": WHOLE,
                                           "share": RATIO, "tied": pa.bool_()},
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return footfall.open(WORLD.tables(), tz=WORLD.tz, progress=False)


@pytest.fixture(scope="module")
def result(data):
    return data.visit_attribution(by="month")


@pytest.mark.parametrize(("job", "options"), questions(), ids=str)
def test_schema(data, ask, job, options):
    """The same columns and types from data and from nothing, so that a pipeline need not look."""
    by = options.get("by", "period")
    expected = SCHEMAS[job] if by == "period" else {by: DAY, **SCHEMAS[job]}
    for opened in (data, ask(EMPTY)):
        table = getattr(opened, job)(**options).to_arrow()
        assert dict(zip(table.column_names, table.schema.types)) == expected


def test_other_libraries_read_it(result):
    pandas, polars, duckdb = (pytest.importorskip(name) for name in ("pandas", "polars", "duckdb"))
    table = result.to_arrow()
    assert pa.table(result).equals(table)
    assert polars.DataFrame(result).to_arrow().num_rows == len(result)
    assert result.to_polars().equals(polars.DataFrame(result))
    assert isinstance(result.to_pandas(), pandas.DataFrame)
    assert pandas.api.types.is_datetime64_any_dtype(result.to_pandas()["month"])
    total = duckdb.from_arrow(table).sum("visits").fetchall()[0][0]
    assert total == sum(table.column("visits").to_pylist())


def test_a_result_goes_back_in(data, result):
    """A result speaks the protocol that `open` reads: visits out, a table in."""
    pings = data.sql("SELECT user_id, timestamp, latitude, longitude FROM pings")
    again = footfall.open({**WORLD.tables(), "pings": pings}, tz=WORLD.tz, progress=False)
    assert ipc_bytes(again.visit_attribution(by="month")) == ipc_bytes(result)


def test_it_remembers_how_it_was_made(data):
    definitions = footfall.Definitions(visit_radius_m=25, attribution_window=timedelta(hours=1))
    changed = footfall.open(WORLD.tables(), tz="Asia/Tokyo", definitions=definitions, progress=False)
    result = changed.visit_attribution(by="week")
    assert (result.definitions, result.tz, result.by) == (definitions, "Asia/Tokyo", "week")
    assert result.job["name"] == "visit_attribution" and result.job["number"] == 3
    assert 0 < result.seconds < 60 and "SELECT" in result.sql
    assert result.columns == result.to_arrow().column_names and len(result) == result.to_arrow().num_rows
    assert data.sql("SELECT 1 AS one").job is None
    assert str(definitions.visit_radius_m).split(".")[0] in repr(result) and "Asia/Tokyo" in repr(result)


@pytest.mark.parametrize("by", UNITS)
@pytest.mark.parametrize("job", JOBS_BY)
def test_views_in_terminal_and_notebook(data, job, by):
    result = getattr(data, job)(by=by)
    assert result.job["title"] in repr(result) and f"{len(result):,}" in repr(result)
    html = result._repr_html_()
    assert html.count("<table") == html.count("</table>") == 1
    for name in result.columns:
        assert name in html and name in repr(result)


def test_a_name_with_markup_is_text_in_a_notebook(ask):
    evil = "<script>alert('x')</script>"
    places = pa.table({"establishment_id": ["e"], "name": [evil], "category": [evil], "latitude": [0.0],
                       "longitude": [0.0]})  # fmt: skip
    html = ask({"establishments": places}).sql("SELECT * FROM establishments")._repr_html_()
    assert "<script" not in html and "&lt;script&gt;" in html


def test_views_of_nothing(ask):
    result = ask(EMPTY).campaign_ctr()
    assert "0 rows" in repr(result) and "0 rows" in result._repr_html_()


# Files


def plain(rows):
    return [{k: v.isoformat() if isinstance(v, date) else v for k, v in row.items()} for row in rows]


def test_write_parquet(result, tmp_path):
    path = result.write(tmp_path / "x.parquet")
    assert path == tmp_path / "x.parquet"
    assert ipc_bytes(pa.parquet.read_table(path)) == ipc_bytes(result)


def test_write_csv(result, tmp_path):
    with result.write(tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = plain(result.to_arrow().to_pylist())
    assert [row["establishment_id"] for row in rows] == [row["establishment_id"] for row in expected]
    assert [row["month"] for row in rows] == [row["month"] for row in expected]
    assert [row["name"] or None for row in rows] == [row["name"] for row in expected]
    # Shortest digits that read back as the same number.
    assert [row["ratio"] and float(row["ratio"]) for row in rows] == [
        "" if row["ratio"] is None else row["ratio"] for row in expected
    ]


def test_write_json(result, tmp_path):
    expected = plain(result.to_arrow().to_pylist())
    assert json.loads(result.write(tmp_path / "x.json").read_text(encoding="utf-8")) == expected
    for ending in ("jsonl", "ndjson"):
        lines = result.write(tmp_path / f"x.{ending}").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == expected


def test_write_nothing_and_elsewhere(ask, result, tmp_path):
    for ending in ("parquet", "csv", "json", "jsonl"):
        assert ask(EMPTY).campaign_ctr().write(tmp_path / f"empty.{ending}").exists()
    for name in ("x.xlsx", "x", ".csv"):
        with pytest.raises(footfall.DefinitionError, match="parquet"):
            result.write(tmp_path / name)
    with pytest.raises(OSError, match="nowhere"):
        result.write(tmp_path / "nowhere" / "x.csv")


def test_a_written_table_is_a_table_to_read(data, tmp_path):
    for ending in ("parquet", "csv", "jsonl"):
        (tmp_path / ending).mkdir()
        for table in ("pings", "interactions", "ads", "establishments"):
            data.sql(f"SELECT * FROM {table}").write(tmp_path / ending / f"{table}.{ending}")
        again = footfall.open(tmp_path / ending, tz=WORLD.tz, progress=False)
        for job, options in questions()[::4]:
            assert ipc_bytes(getattr(again, job)(**options)) == ipc_bytes(getattr(data, job)(**options)), (ending, job)


def test_errors_are_a_family():
    assert issubclass(footfall.DataError, ValueError) and issubclass(footfall.InternalError, RuntimeError)
    for error in (footfall.DataError, footfall.MissingTableError, footfall.DefinitionError, footfall.InternalError):
        assert issubclass(error, footfall.FootfallError)
    assert issubclass(footfall.MissingTableError, LookupError) and issubclass(footfall.DefinitionError, ValueError)


# Instants and days that Python's calendar does not have


FAR = [253_402_300_800_000_000, 9_000_000_000_000_000_000, -62_135_596_800_000_001, 1_709_251_200_000_000]
FAR_TEXT = ["+10000-01-01 00:00:00.000000Z", "+287168-08-24 16:00:00.000000Z", "0000-12-31 23:59:59.999999Z",
            "2024-03-01 00:00:00.000000Z"]  # fmt: skip


@pytest.fixture(scope="module")
def far():
    """Visits and views at instants of all ages: read in a wrong unit, they lie far from each other."""
    instants, four = pa.array(FAR, pa.timestamp("us", "UTC")), ["a", "b", "c", "d"]
    ads = pa.table({"ad_id": ["7"], "campaign_id": ["c"], "category": ["food"], "establishment_id": ["cafe"]})
    places = pa.table({"establishment_id": ["cafe"], "category": ["food"], "latitude": [0.0], "longitude": [0.0]})
    seen = pa.table({"user_id": four, "ad_id": ["7"] * 4, "action": ["view"] * 4, "timestamp": instants})
    pings = pa.table({"user_id": four, "timestamp": instants, "latitude": [0.0] * 4, "longitude": [0.0] * 4})
    tables = {"ads": ads, "establishments": places, "interactions": seen, "pings": pings}
    return footfall.open(tables, tz="UTC", progress=False)


@pytest.mark.parametrize("by", ["day", "week", "month"])
@pytest.mark.parametrize("job", JOBS_BY)
def test_far_days_are_shown_drawn_and_written(far, job, by, tmp_path):
    pytest.importorskip("altair")
    result = getattr(far, job)(by=by)
    assert ("+287168-08-" in repr(result)) == ("+287168-08-" in result._repr_html_()) == (len(result) < 10)
    note = " ".join(result.chart().to_dict()["title"]["subtitle"])
    assert f"Left out: 3 more {by}s, before 1 January 2 or after 9998." in note
    for ending in ("csv", "json", "jsonl"):
        text = result.write(tmp_path / f"x.{ending}").read_text(encoding="utf-8")
        assert "+287168-08-" in text and ("0000-12-" in text) and "2024-0" in text
    assert pa.parquet.read_table(result.write(tmp_path / "x.parquet")).equals(result.to_arrow())


def test_far_instants_are_shown_and_written(far, tmp_path):
    lists = (
        "SELECT max(timestamp) AS timestamp, array_agg(timestamp) AS list FROM pings GROUP BY user_id ORDER BY user_id"
    )
    result = far.sql(lists)
    plain = far.sql("SELECT timestamp FROM pings ORDER BY user_id")
    for text in (repr(result), result._repr_html_()):
        assert "+10000-01-01 00:00:00" in text and "2024-03-01 00:00:00" in text
    written = json.loads(result.write(tmp_path / "x.json").read_text(encoding="utf-8"))
    assert [row["timestamp"] for row in written][:3] == FAR_TEXT[:3]
    assert [row["list"] for row in written][:3] == [[text] for text in FAR_TEXT[:3]]
    with plain.write(tmp_path / "x.csv").open(encoding="utf-8") as file:
        assert [row["timestamp"] for row in csv.DictReader(file)] == FAR_TEXT


def test_a_report_and_a_period_of_far_instants(far, tmp_path):
    text = far.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "0000-12-31" in text and "+287168-08-24" in text
    data = footfall.open(WORLD.tables(), tz="Pacific/Kiritimati", progress=False)
    late = data.between("0001-01-01T00:00:00+00:00", "9999-12-31T23:00:00+00:00")
    assert late.period[0].startswith("0000-12-31T13:") and late.period[1] == "+10000-01-01T13:00:00+14:00"
    assert repr(late) and late.campaign_ctr() is not None
