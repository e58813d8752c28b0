"""Real data: the counts that others found with a k-d tree and exact distances. Only counts are ever shown.

The folder is given by FOOTFALL_REAL_DATA or lies at ../shared/data beside the project; its README holds the counts.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from oracle import EARTH_RADIUS_M

import footfall

DATA = Path(os.environ.get("FOOTFALL_REAL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()
ZONES = {"sf_taxis": "America/Los_Angeles", "nyc_checkins": "America/New_York", "zozo_ads": "Asia/Tokyo"}


def opened(name, **options):
    if not (DATA / name).is_dir():
        pytest.skip(f"the real data set {name} is not on this machine (FOOTFALL_REAL_DATA says where)")
    return footfall.open(DATA / name, tz=ZONES[name], progress=False, **options)


@pytest.fixture(scope="module")
def taxis():
    return opened("sf_taxis")


def total(result, column):
    return sum(result.to_arrow().column(column).to_pylist())


def test_taxis_visits(taxis):
    assert total(taxis.establishment_visits(by="period"), "visits") == 3_301_786, "counts differ"


def test_taxis_pings_with_a_visit():
    """With its row as its user_id, a ping's visits can be told from another's."""
    opened("sf_taxis")
    files = [DATA / "sf_taxis" / f"{table}.parquet" for table in ("pings", "establishments")]
    pings, places = map(pa.parquet.read_table, files)
    rows = pa.array(np.arange(pings.num_rows))
    visits = footfall.visit_join(pings.set_column(pings.column_names.index("user_id"), "user_id", rows), places)
    counts = np.unique(visits.column("user_id").to_numpy(), return_counts=True)[1]
    assert (visits.num_rows, len(counts), counts.max()) == (3_301_786, 1_247_199, 26), "counts differ"


def test_taxis_by_month_and_weekday(taxis):
    months = taxis.establishment_visits(by="month").to_arrow().group_by("month").aggregate([("visits", "sum")])
    found = dict(zip(months["month"].to_pylist(), months["visits_sum"].to_pylist()))
    assert found == {date(2008, 5, 1): 2_063_434, date(2008, 6, 1): 1_238_352}, "counts differ"
    weekdays = taxis.visit_profile().to_arrow().group_by("weekday").aggregate([("visits", "sum")]).sort_by("weekday")
    expected = [451_638, 405_504, 415_576, 418_310, 451_288, 603_027, 556_443]
    assert weekdays["visits_sum"].to_pylist() == expected, "counts differ"


def unit_vectors(table):
    phi, lam = (np.radians(table.column(name).to_numpy()) for name in ("latitude", "longitude"))
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def haversine(a, b):
    half_phi, half_lam = np.radians(b[:, 0] - a[:, 0]) / 2, np.radians(b[:, 1] - a[:, 1]) / 2
    h = np.sin(half_phi) ** 2 + np.cos(np.radians(a[:, 0])) * np.cos(np.radians(b[:, 0])) * np.sin(half_lam) ** 2
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(h))


def counts_by_tree(pings, places, radius_m=50.0):
    """Visits per establishment: candidates by chord in a k-d tree, then the exact distance."""
    scipy_spatial = pytest.importorskip("scipy.spatial")
    tree = scipy_spatial.cKDTree(unit_vectors(pings))
    chord = 2 * np.sin(radius_m * 1.001 / EARTH_RADIUS_M / 2)
    degrees = [np.column_stack([t.column(c).to_numpy() for c in ("latitude", "longitude")]) for t in (pings, places)]
    counts = {}
    for place, found in enumerate(tree.query_ball_point(unit_vectors(places), chord)):
        here = np.broadcast_to(degrees[1][place], (len(found), 2))
        near = haversine(degrees[0][found], here) < radius_m
        counts[str(places.column("establishment_id")[place].as_py())] = int(near.sum())
    return counts


@pytest.mark.parametrize("name", ["sf_taxis", "nyc_checkins"])
def test_visits_of_each_establishment_are_those_of_a_k_d_tree(name):
    data = opened(name)
    found = data.establishment_visits(by="period").to_arrow()
    tables = [pa.parquet.read_table(DATA / name / f"{table}.parquet") for table in ("pings", "establishments")]
    expected = counts_by_tree(*tables)
    same = dict(zip(found["establishment_id"].to_pylist(), found["visits"].to_pylist())) == expected
    assert same, "counts differ"


def test_checkins():
    data = opened("nyc_checkins")
    assert total(data.establishment_visits(by="period"), "visits") == 33_266, "counts differ"
    assert total(data.establishment_visits(by="day"), "visits") == 33_266, "counts differ"
    assert total(data.visit_profile(), "visits") == 33_266, "counts differ"


def test_ads():
    data = opened("zozo_ads")
    rows = data.campaign_ctr(by="period").to_arrow().to_pylist()
    found = {row["campaign_id"]: (row["views"], row["clicks"]) for row in rows}
    assert found == {"all": (10_000, 38), "men": (10_000, 46), "women": (10_000, 46)}, "counts differ"
    assert total(data.category_hours(by="period"), "interactions") == 30_130, "counts differ"
    assert total(data.interaction_profile(), "interactions") == 30_130, "counts differ"


@pytest.mark.parametrize("name", ZONES)
def test_the_door_lets_real_rows_in_and_the_jobs_that_can_run_do(name):
    data = opened(name, threads=2)
    rows = data.rows()
    assert all(rows.values()), "a table is empty"
    for job in data.jobs():
        if job["missing"]:
            with pytest.raises(footfall.MissingTableError):
                data.run(job["name"])
        else:
            assert len(data.run(job["name"])) > 0, job["name"]


def test_another_radius_of_the_earth_would_show(taxis):
    """3,301,791 with 6,371,000 m: a scaled visit radius tells that the constant is the IUGG's."""
    scaled = footfall.Definitions(visit_radius_m=50 * EARTH_RADIUS_M / 6_371_000)
    visits = total(opened("sf_taxis", definitions=scaled).establishment_visits(by="period"), "visits")
    assert visits == 3_301_791, "counts differ"
