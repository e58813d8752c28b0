"""The tables of the live process beside brute force; a folder of them is always whole."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from datetime import date, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from live_towns import NOON, ads_of, shops, together, walk

import footfall
from footfall.errors import DataError, DefinitionError, MissingTableError
from footfall.live import Approach, Tables, load, prepare
from footfall.live.tables import NAMES, Watch

RECIFE = ZoneInfo("America/Recife")


@pytest.fixture(scope="module")
def made(city_data):
    return prepare(city_data)


def rows(data, table):
    return data.sql(f"SELECT * FROM {table}").to_arrow().to_pylist()


def test_ads_have_the_lower_end_of_their_campaigns_rate(city_data, made):
    counts = defaultdict(Counter)
    campaigns = {ad["ad_id"]: ad["campaign_id"] for ad in rows(city_data, "ads")}
    for each in rows(city_data, "interactions"):
        counts[campaigns[each["ad_id"]]][each["action"]] += 1
    assert made.ads.num_rows == len(campaigns)
    for ad in made.ads.to_pylist():
        count = counts[ad["campaign_id"]]
        assert ad["ctr_low"] == pytest.approx(wilson_low(count["click"], count["view"]), rel=1e-12)


def wilson_low(hits, trials, z=1.959963984540054):
    p, spread = hits / trials, z * z / trials
    return (p + spread / 2 - z * np.sqrt(p * (1 - p) / trials + spread / trials / 4)) / (1 + spread)


def test_an_ad_without_views_has_the_lower_end_of_all():
    places = shops(0, 500)
    seen = {"user_id": ["ana"] * 4, "ad_id": ["ad of shop0"] * 4, "action": ["view"] * 3 + ["click"],
            "timestamp": [NOON] * 4}  # fmt: skip
    data = footfall.open({"establishments": places, "ads": ads_of(places), "interactions": pa.table(seen)})
    low = dict(zip(*(prepare(data).ads[name].to_pylist() for name in ("ad_id", "ctr_low"))))
    assert low["ad of shop0"] == low["ad of shop1"] == pytest.approx(wilson_low(1, 3))


def test_tastes_are_of_interactions_or_else_of_visits(city_data, made):
    category = {ad["ad_id"]: ad["category"] for ad in rows(city_data, "ads")}
    interests, visited = defaultdict(Counter), defaultdict(Counter)
    for each in rows(city_data, "interactions"):
        hour = each["timestamp"].astimezone(RECIFE).hour
        interests[each["user_id"], ("night", "morning", "afternoon", "evening")[hour // 6]][
            category[each["ad_id"]]
        ] += 1
    kinds = {place["establishment_id"]: place["category"] for place in rows(city_data, "establishments")}
    for each in rows(city_data, "visits"):
        visited[each["user_id"]][kinds[each["establishment_id"]]] += 1
    wanted = dict(interests)
    for user, counts in visited.items():
        for part in ("night", "morning", "afternoon", "evening"):
            wanted.setdefault((user, part), counts)
    found = defaultdict(dict)
    for row in made.tastes.to_pylist():
        assert row["category"] not in found[row["user_id"], row["day_part"]]
        found[row["user_id"], row["day_part"]][row["category"]] = row["share"]
    assert set(found) == set(wanted)
    assert any(key not in interests for key in found), "the world has nobody without interactions in a day part"
    for key, counts in wanted.items():
        shares = {kind: count / sum(counts.values()) for kind, count in counts.items()}
        assert found[key] == pytest.approx(shares)


def test_familiar_are_pairs_within_100_m_on_5_of_the_last_30_days(city_data, made):
    pings, places = city_data.sql("SELECT * FROM pings").to_arrow(), rows(city_data, "establishments")
    days = [each.astimezone(RECIFE).date() for each in pings["timestamp"].to_pylist()]
    recent = np.array([day > max(days) - timedelta(days=30) for day in days])
    users, days = np.array(pings["user_id"].to_pylist())[recent], np.array(days)[recent]
    latitude, longitude = (pings[name].to_numpy()[recent] for name in ("latitude", "longitude"))
    wanted = set()
    for place in places:
        metres = footfall.haversine_m(latitude, longitude, place["latitude"], place["longitude"])
        near = defaultdict(set)
        for user, day in zip(users[metres < 100], days[metres < 100]):
            near[user].add(day)
        wanted |= {(user, place["establishment_id"]) for user, seen in near.items() if len(seen) >= 5}
    assert wanted, "the world has no familiar pair"
    assert {(row["user_id"], row["establishment_id"]) for row in made.familiar.to_pylist()} == wanted


def test_hours_and_days_of_campaigns_are_joined():
    places = shops(0, 500)
    data = footfall.open({"establishments": places, "ads": ads_of(places)})
    hours = pa.table({"establishment_id": ["shop1"], "opens": ["18:30"], "closes": ["02:00"]})
    days = pa.table({"campaign_id": ["campaign of shop0"], "starts": [date(2024, 3, 1)], "ends": [None]})
    tables = prepare(data, hours=hours, campaigns=days)
    assert tables.establishments.select(["establishment_id", "opens_min", "closes_min"]).to_pylist() == [
        {"establishment_id": "shop0", "opens_min": None, "closes_min": None},
        {"establishment_id": "shop1", "opens_min": 1110, "closes_min": 120},
    ]
    assert tables.ads["starts"].to_pylist() == [date(2024, 3, 1), None]
    assert tables.ads["ends"].to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        (
            {"establishment_id": ["shop0"], "opens": ["8h"], "closes": ["9:00"]},
            "column opens, row 0: '8h' must be a time",
        ),
        ({"establishment_id": ["shop0"], "opens": [8], "closes": [1441]}, "column closes, row 0: 1441 must be a time"),
        ({"establishment_id": ["shop0"], "opens": [8]}, "has no column closes"),
        ({"establishment_id": ["shop0"] * 2, "opens": [8, 9], "closes": [9, 9]}, "has establishment_id 'shop0' twice"),
    ],
)
def test_hours_that_make_no_sense_are_refused(hours, reason):
    places = shops(0)
    with pytest.raises((DataError, DefinitionError), match=reason):
        prepare(footfall.open({"establishments": places, "ads": ads_of(places)}), hours=pa.table(hours))


def test_without_ads_there_is_nothing_to_suggest():
    with pytest.raises(MissingTableError, match="need ads"):
        prepare(footfall.open({"establishments": shops(0)}))


def test_a_folder_holds_what_was_prepared(city_data, made, tmp_path):
    assert prepare(city_data, tmp_path / "live").version == made.version
    read = load(tmp_path / "live")
    assert read.version == made.version and read.options == made.options and read.tz == "America/Recife"
    for name in NAMES:
        assert getattr(read, name).equals(getattr(made, name)), name


def test_the_version_is_of_contents_and_options(made):
    assert made.told(Approach()).version == made.version
    assert made.told(Approach(cap=4)).version != made.version
    assert made.told(chances=made.chances.slice(1)).version != made.version
    others = made.ads.set_column(4, "ctr_low", pa.array(made.ads["ctr_low"].to_pylist()[::-1]))
    assert Tables(**{**vars(made), "ads": others}).version != made.version


def test_how_rows_lie_in_memory_changes_no_version(made):
    parts = pa.concat_tables([made.ads.slice(start, 7) for start in range(0, made.ads.num_rows, 7)])
    assert Tables(**{**vars(made), "ads": parts}).version == made.version


def test_a_running_process_finds_newer_tables_and_never_a_part(tmp_path, made):
    """One thread renews the folder over and over; whoever looks finds whole tables of one version."""
    made.save(tmp_path / "live")
    watch = Watch(tmp_path / "live")
    assert watch.newer() is None
    versions = [made.told(Approach(cap=cap)) for cap in range(1, 9)]

    def renew():
        for tables in versions:
            tables.save(tmp_path / "live")

    writer, seen = threading.Thread(target=renew), []
    writer.start()
    while writer.is_alive() or (newer := watch.newer()) is not None:
        newer = watch.newer()
        if newer is not None:
            seen.append(newer.options.cap)
    writer.join()
    assert seen == sorted(seen) and watch.tables.version == versions[-1].version
    kept = [path for path in (tmp_path / "live").iterdir() if path.is_dir()]
    assert len(kept) == 2, "old versions are not removed, or the one before is"


def test_options_of_the_command_stay_over_a_reload(tmp_path, made):
    made.save(tmp_path / "live")
    watch = Watch(tmp_path / "live", lambda read: read.told(Approach(cap=1)))
    made.told(chances=made.chances.slice(1)).save(tmp_path / "live")
    assert watch.newer().options.cap == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path, made):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DefinitionError, match="holds something else"):
        made.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_that_was_changed_is_refused(tmp_path, made):
    made.save(tmp_path / "live")
    folder = tmp_path / "live" / made.version
    pa.parquet.write_table(made.ads.slice(1), folder / "ads.parquet")
    with pytest.raises(DataError, match="is not as it was written"):
        load(tmp_path / "live")
    (tmp_path / "live" / "live.json").write_text('{"format": 1, "version": "../../../etc", "options": {}, "tz": "UTC"}')
    with pytest.raises(DataError, match="prepare the tables again"):
        load(tmp_path / "live")
    with pytest.raises(DefinitionError, match="footfall live prepare"):
        load(tmp_path / "nowhere")


def test_the_last_days_are_those_of_the_selection():
    """Five mornings at a shop in January make nobody familiar in March."""
    places = shops(0)
    days = [walk("ana", [60], NOON + timedelta(days=day)) for day in range(5)]
    data = footfall.open({"establishments": places, "ads": ads_of(places), "pings": together(*days)})
    assert prepare(data).familiar.to_pylist() == [{"user_id": "ana", "establishment_id": "shop0"}]
    later = together(*days, walk("ana", [60], NOON.replace(tzinfo=timezone.utc) + timedelta(days=31)))
    data = footfall.open({"establishments": places, "ads": ads_of(places), "pings": later})
    assert prepare(data).familiar.to_pylist() == []
