"""The synthetic city: the jobs find what truth.json says was planted, and the same seed writes the same bytes."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import footfall


@pytest.fixture(scope="module")
def truth(city):
    return json.loads((city / "truth.json").read_text())


def rows_of(result):
    return result.to_arrow().to_pylist()


# Counts are exact.


def test_rows_and_users(city_data, truth):
    assert truth["complete"] and city_data.rows() == truth["rows"]
    assert rows_of(city_data.sql("SELECT count(DISTINCT user_id) AS n FROM pings")) == [{"n": truth["users"]}]
    days = rows_of(city_data.sql("SELECT min(local_day(timestamp)) AS a, max(local_day(timestamp)) AS b FROM pings"))
    assert days[0]["a"].isoformat() >= truth["start"] and (days[0]["b"] - days[0]["a"]).days < truth["days"]


def test_campaigns(city_data, truth):
    rows = rows_of(city_data.campaign_ctr(by="period"))
    found, planted = (
        {row["campaign_id"]: (row["views"], row["clicks"]) for row in rows} for rows in (rows, truth["campaigns"])
    )
    assert found == planted
    assert sum(views for views, _ in found.values()) == truth["views"]


def check_hours(data, truth):
    found = {(row["category"], row["hour"]): (row["views"], row["clicks"])
             for row in rows_of(data.category_hours(by="period"))}  # fmt: skip
    for category in truth["categories"]:
        planted = list(zip(category["views_by_hour"], category["clicks_by_hour"]))
        if category["interactions"]:
            assert [found[category["category"], hour] for hour in range(24)] == planted
    assert sum(map(sum, found.values())) == truth["rows"]["interactions"]


def test_hours(city_data, truth):
    check_hours(city_data, truth)


@pytest.mark.parametrize(("start", "tz"), [("2024-03-08", "America/New_York"), ("2018-11-02", "America/Sao_Paulo")])
def test_hours_are_local_where_clocks_change(tmp_path, start, tz):
    root = footfall.synth.city(tmp_path / "city", pings=20_000, start=start, days=5, tz=tz, progress=False)
    truth = json.loads((root / "truth.json").read_text())
    check_hours(footfall.open(root, tz=tz, progress=False), truth)


# What is planted is a probability; counts come near.


def test_planted_click_rates_are_within_chance_of_the_found_ones(city_data, truth):
    rows = {row["campaign_id"]: row for row in rows_of(city_data.campaign_ctr(by="period"))}
    for campaign in truth["campaigns"]:
        row, p = rows[campaign["campaign_id"]], campaign["ctr"]
        assert abs(row["ctr"] - p) < 5 * (p * (1 - p) / row["views"]) ** 0.5


def test_the_best_campaign_by_plan_is_found_among_the_best(city_data, truth):
    best = max(truth["campaigns"], key=lambda campaign: campaign["ctr"])["campaign_id"]
    rank = next(row["rank"] for row in rows_of(city_data.campaign_ctr(by="period")) if row["campaign_id"] == best)
    assert rank <= 2


def test_planted_hours_show_in_the_shares(city_data, truth):
    found = {(row["category"], row["hour"]): row["views"] for row in rows_of(city_data.category_hours(by="period"))}
    for category in truth["categories"]:
        views = [found.get((category["category"], hour), 0) for hour in range(24)]
        distance = sum(abs(v / max(sum(views), 1) - share) for v, share in zip(views, category["hour_shares"])) / 2
        # Views cluster by user and favourite, so more than chance alone; another curve would be off by a half.
        assert distance < 0.15, category["category"]


def share_found(found, planted, enough):
    """Of the (user, part) with many events and no tie: how many prefer what was planted."""
    known = [row for row in found if row["of"] >= enough and not row["tied"] and row["user_id"] in planted]
    hits = sum(row["category"] == planted[row["user_id"]][row["part"]] for row in known)
    assert len(known) >= 30
    return hits / len(known)


def test_planted_tastes_by_part_of_the_day_are_found(city_data, truth):
    planted = {user["user_id"]: user["ad_category_by_day_part"] for user in truth["tastes"]}
    rows = [{**row, "part": row["day_part"], "of": row["interactions"] / row["share"]}
            for row in rows_of(city_data.preferred_ad_categories())]  # fmt: skip
    assert share_found(rows, planted, enough=15) > 0.9


def test_planted_tastes_by_weekday_are_found(city_data, truth):
    planted = {user["user_id"]: user["establishment_category_by_weekday"] for user in truth["tastes"]}
    rows = [{**row, "part": str(row["weekday"]), "of": row["visits"] / row["share"]}
            for row in rows_of(city_data.preferred_establishment_categories())]  # fmt: skip
    # Of ten categories, by chance one in ten; visits come in threes and some are by the way.
    assert share_found(rows, planted, enough=9) > 0.5


def test_visits_that_ads_caused_are_found_and_others_are_not(city, city_data, truth):
    """A placebo shows what chance earns: the same interactions, three days later."""
    found = sum(row["attributed_visits"] for row in rows_of(city_data.visit_attribution(by="period")))
    assert found >= truth["caused_trips"]
    interactions = city_data.sql("SELECT * FROM interactions").to_arrow()
    later = pc.add(interactions.column("timestamp"), pa.scalar(timedelta(days=3)))
    index = interactions.column_names.index("timestamp")
    tables = {name: city / name for name in ("pings", "establishments.parquet", "ads.parquet")}
    placebo = footfall.open(
        {**{name.split(".")[0]: path for name, path in tables.items()},
         "interactions": interactions.set_column(index, "timestamp", later)},
        tz="America/Recife", progress=False,
    )  # fmt: skip
    chance = sum(row["attributed_visits"] for row in rows_of(placebo.visit_attribution(by="period")))
    assert found > 3 * chance
    # Each caused trip has two to four pings there, nearly all of them within the radius.
    assert truth["caused_trips"] < found - chance < 5 * truth["caused_trips"]


def test_the_city_passes_its_own_door(city):
    data = footfall.open(city, tz="America/Recife", strict=True, progress=False)
    found = [row for row in rows_of(data.check()) if row["rows"]]
    assert {row["severity"] for row in found} <= {"suspicious"}
    assert {row["check"] for row in found} <= {"duplicate", "user without pings"}


# The same bytes.


def digest(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [(str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def test_the_same_seed_writes_the_same_bytes_with_any_number_of_threads(tmp_path):
    digests = []
    for number, threads in enumerate((1, 2, 5, None)):
        root = footfall.synth.city(tmp_path / str(number), pings=60_000, seed=3, threads=threads, progress=False)
        digests.append(digest(root))
    assert digests[1:] == digests[:-1]
    other = footfall.synth.city(tmp_path / "other", pings=60_000, seed=4, progress=False)
    assert digest(other) != digests[0]


@pytest.mark.parametrize("pings", [1, 2, 100, 10_000])
def test_exactly_as_many_pings_as_asked_for(tmp_path, pings):
    root = footfall.synth.city(tmp_path / "city", pings=pings, progress=False)
    data = footfall.open(root, tz="America/Recife", progress=False)
    assert data.rows()["pings"] == pings
    for job in data.jobs():
        data.run(job["name"])


def test_sizes_that_are_asked_for(tmp_path):
    root = footfall.synth.city(tmp_path / "city", pings=5_000, users=11, establishments=17, days=10, progress=False)
    truth = json.loads((root / "truth.json").read_text())
    assert (truth["users"], truth["rows"]["establishments"], truth["days"]) == (11, 17, 10)
    data = footfall.open(root, progress=False)
    assert rows_of(data.sql("SELECT count(DISTINCT user_id) AS n FROM pings")) == [{"n": 11}]


@pytest.mark.parametrize("option", [{"pings": 0}, {"pings": -5}, {"days": 0}, {"tz": "Atlantis"}, {"start": "soon"},
                                    {"users": 0}, {"establishments": 0}, {"threads": 0}], ids=str)  # fmt: skip
def test_a_city_that_makes_no_sense(tmp_path, option):
    with pytest.raises(footfall.DefinitionError, match=next(iter(option))):
        footfall.synth.city(tmp_path / "city", progress=False, **{"pings": 100, **option})


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(footfall.DefinitionError, match="empty"):
        footfall.synth.city(tmp_path, pings=100, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
