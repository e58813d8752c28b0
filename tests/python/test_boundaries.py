"""Where a definition turns: each case is one or two events on either side of an edge."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone

import pytest
from layouts import write_parquet
from oracle import EARTH_RADIUS_M, Oracle, assert_same
from worlds import HOUR_US, World, us

NOON = us("2024-03-15T15:00:00+00:00")
HERE = (-8.0631, -34.8711)


def cafe(establishment_id="cafe", latitude=HERE[0], longitude=HERE[1], category="food"):
    return {
        "establishment_id": establishment_id,
        "name": None,
        "category": category,
        "latitude": latitude,
        "longitude": longitude,
    }


def ping(timestamp, user_id="ana", latitude=HERE[0], longitude=HERE[1]):
    return {"user_id": user_id, "timestamp": timestamp, "latitude": latitude, "longitude": longitude}


def ad(ad_id="a", establishment_id="cafe", campaign_id="lunch", category="food"):
    return {"ad_id": ad_id, "campaign_id": campaign_id, "category": category, "establishment_id": establishment_id}


def interaction(timestamp, ad_id="a", action="view", user_id="ana"):
    return {"user_id": user_id, "ad_id": ad_id, "action": action, "timestamp": timestamp}


def rows_of(result):
    return result.to_arrow().to_pylist()


def credits_of(data):
    query = "SELECT attributed, ad_id, arrow_cast(interaction_timestamp, 'Int64') AS t FROM attributed_visits"
    return [tuple(row.values()) for row in rows_of(data.sql(query))]


# 50 metres.


def north_of(latitude, metres):
    """A latitude so many metres up the meridian, where the haversine distance is radius times angle."""
    return latitude + math.degrees(metres / EARTH_RADIUS_M)


@pytest.mark.parametrize(
    ("metres", "visits"), [(49.999, 1), (50.000001, 0), (50.001, 0), (0.0, 1), (49.999999, 1)], ids=str
)
@pytest.mark.parametrize("latitude", [0.0, -8.0631, 60.0, 89.9])
def test_a_visit_is_strictly_nearer_than_50_metres(ask, metres, visits, latitude):
    world = World(establishments=[cafe(latitude=latitude)], pings=[ping(NOON, latitude=north_of(latitude, metres))])
    assert rows_of(ask(world).establishment_visits(by="period"))[0]["visits"] == visits


def test_at_exactly_the_radius_there_is_no_visit(ask):
    """The radius is taken from the computed distance itself, so that both sides of < are the same bits."""
    import footfall

    world = World(establishments=[cafe()], pings=[ping(NOON, latitude=-8.0635)])
    metres = float(footfall.haversine_m(-8.0635, HERE[1], *HERE))
    for radius_m, visits in [(metres, 0), (math.nextafter(metres, 99), 1), (math.nextafter(metres, 0), 0)]:
        data = ask(world, definitions=footfall.Definitions(visit_radius_m=radius_m))
        assert rows_of(data.establishment_visits(by="period"))[0]["visits"] == visits


def test_50_metres_east_across_the_antimeridian_and_over_the_pole(ask):
    degrees = math.degrees(49.9 / EARTH_RADIUS_M)
    over_pole = 90 - degrees / 2
    for place, there in [
        ((0.0, 180.0 - degrees / 2), (0.0, -180.0 + degrees / 2)),
        ((over_pole, 10.0), (over_pole, -170.0)),
        ((-90.0, 0.0), (-90 + degrees, 123.0)),
        ((0.0, 180.0), (0.0, -180.0)),
    ]:
        world = World(establishments=[cafe("cafe", *place)], pings=[ping(NOON, "ana", *there)])
        assert rows_of(ask(world).establishment_visits(by="period"))[0]["visits"] == 1, place


def test_a_ping_visits_each_establishment_that_is_near(ask):
    places = [cafe("a"), cafe("b"), cafe("c", latitude=north_of(HERE[0], 30)), cafe("d", latitude=HERE[0] + 1)]
    rows = rows_of(ask(World(establishments=places, pings=[ping(NOON)])).establishment_visits(by="period"))
    found = [(row["visits"], row["visitors"], row["rank"]) for row in rows]
    assert found == [(1, 1, 1), (1, 1, 2), (1, 1, 3), (0, 0, 4)]


# 6 hours.


@pytest.mark.parametrize(
    ("before_us", "attributed"),
    [(0, True), (1, True), (6 * HOUR_US - 1, True), (6 * HOUR_US, True), (6 * HOUR_US + 1, False), (-1, False)],
)
def test_both_ends_of_the_window_are_included(ask, before_us, attributed):
    world = World(establishments=[cafe()], ads=[ad()], interactions=[interaction(NOON - before_us)], pings=[ping(NOON)])
    expected = (True, "a", NOON - before_us) if attributed else (False, None, None)
    assert credits_of(ask(world)) == [expected]


@pytest.mark.parametrize(
    ("interactions", "winner"),
    [
        # The latest, however long ago the click was.
        ([(NOON - 2, "a", "click"), (NOON - 1, "b", "view")], ("b", NOON - 1)),
        # At one instant a click before a view, whatever the ids.
        ([(NOON - 1, "a", "view"), (NOON - 1, "b", "click")], ("b", NOON - 1)),
        # Then the smallest id, as text: "10" before "9".
        ([(NOON - 1, "9", "view"), (NOON - 1, "10", "view")], ("10", NOON - 1)),
        ([(NOON - 1, "b", "click"), (NOON - 1, "a", "click"), (NOON - 1, "9", "view")], ("a", NOON - 1)),
        # One after the visit, or of another's ad, or of no establishment, is no evidence.
        ([(NOON + 1, "a", "click"), (NOON - 9, "b", "view")], ("b", NOON - 9)),
        ([(NOON, "bank's", "click"), (NOON - 9, "b", "view")], ("b", NOON - 9)),
        ([(NOON, "nobody's", "click"), (NOON - 9, "b", "view")], ("b", NOON - 9)),
        ([(NOON, "unknown", "click"), (NOON - 9, "b", "view")], ("b", NOON - 9)),
    ],
)
def test_the_credit_goes_to_one_interaction(ask, interactions, winner):
    ads = [ad(i) for i in ("a", "b", "9", "10")] + [ad("bank's", "bank"), ad("nobody's", None)]
    world = World(
        establishments=[cafe(), cafe("bank", latitude=1.0)],
        ads=ads,
        interactions=[interaction(*row) for row in interactions],
        pings=[ping(NOON)],
    )
    assert credits_of(ask(world)) == [(True, *winner)]


def test_one_interaction_earns_every_visit_in_its_window_and_each_visit_counts_once(ask):
    world = World(
        establishments=[cafe()],
        ads=[ad("a"), ad("b")],
        interactions=[interaction(NOON, "a"), interaction(NOON, "b"), interaction(NOON, "a", user_id="rui")],
        pings=[ping(NOON + hours * HOUR_US) for hours in (0, 3, 6, 7)],
    )
    row = rows_of(ask(world).visit_attribution(by="period"))[0]
    assert (row["visits"], row["attributed_visits"], row["ratio"]) == (4, 3, 0.75)


def test_visit_and_interaction_in_different_months_and_files(ask, tmp_path):
    """The visit's month counts; that the view is in another file, even another folder, changes nothing."""
    midnight = us("2024-04-01T00:00:00-03:00")
    world = World(
        tz="America/Recife",
        establishments=[cafe()],
        ads=[ad()],
        interactions=[interaction(midnight - HOUR_US), interaction(midnight + 30 * 24 * HOUR_US)],
        pings=[ping(midnight - 1), ping(midnight), ping(midnight + 5 * HOUR_US), ping(midnight + 5 * HOUR_US + 1)],
    )
    root = tmp_path / "data"
    for name, table in world.tables().items():
        for month, rows in enumerate([table.slice(0, 1), table.slice(1)]):
            (root / name / f"month={month}").mkdir(parents=True)
            write_parquet(rows, root / name / f"month={month}" / "rows.parquet")
    import footfall

    for data in (ask(world), footfall.open(root, tz=world.tz, progress=False)):
        found = [(row["month"], row["visits"], row["attributed_visits"]) for row in rows_of(data.visit_attribution())]
        assert found == [(date(2024, 3, 1), 1, 1), (date(2024, 4, 1), 3, 2)]
        assert_same(data.visit_attribution(), Oracle(world).visit_attribution())


# The calendar.


def views_at(*instants):
    return World(ads=[ad(establishment_id=None)], interactions=[interaction(us(instant)) for instant in instants])


def counts(result, key):
    return [(row[key], row["views"]) for row in rows_of(result) if row["views"]]


@pytest.mark.parametrize(
    ("tz", "last", "first"),
    [
        ("America/Recife", "2024-03-01T02:59:59.999999+00:00", "2024-03-01T03:00:00+00:00"),
        ("Asia/Tokyo", "2024-02-29T14:59:59.999999+00:00", "2024-02-29T15:00:00+00:00"),
        ("UTC", "2024-02-29T23:59:59.999999+00:00", "2024-03-01T00:00:00+00:00"),
        ("Asia/Kathmandu", "2024-02-29T18:14:59.999999+00:00", "2024-02-29T18:15:00+00:00"),
    ],
)
def test_months_weeks_and_days_end_on_the_local_clock(ask, tz, last, first):
    data = ask(views_at(last, first), tz=tz)
    assert counts(data.campaign_ctr(by="month"), "month") == [(date(2024, 2, 1), 1), (date(2024, 3, 1), 1)]
    assert counts(data.campaign_ctr(by="day"), "day") == [(date(2024, 2, 29), 1), (date(2024, 3, 1), 1)]
    assert counts(data.campaign_ctr(by="week"), "week") == [(date(2024, 2, 26), 2)]
    assert counts(data.category_hours(by="period"), "hour") == [(0, 1), (23, 1)]


def test_weeks_begin_on_monday_even_across_years(ask):
    data = ask(views_at("2024-12-30T00:00:00+00:00", "2025-01-05T23:59:59+00:00", "2025-01-06T00:00:00+00:00"))
    assert counts(data.campaign_ctr(by="week"), "week") == [(date(2024, 12, 30), 2), (date(2025, 1, 6), 1)]


def every_half_hour(start, end):
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    steps = (last - first) // timedelta(minutes=30)
    return [(first + i * timedelta(minutes=30)).astimezone(timezone.utc).isoformat() for i in range(steps)]


@pytest.mark.parametrize(
    ("tz", "start", "end", "hours", "odd"),
    [
        # No 2 o'clock; 1 o'clock twice; no midnight; 23 o'clock twice.
        ("America/New_York", "2024-03-10T00:00:00-05:00", "2024-03-11T00:00:00-04:00", 23, {2: 0}),
        ("America/New_York", "2024-11-03T00:00:00-04:00", "2024-11-04T00:00:00-05:00", 25, {1: 4}),
        ("America/Sao_Paulo", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00", 23, {0: 0}),
        ("America/Sao_Paulo", "2018-02-17T00:00:00-02:00", "2018-02-18T00:00:00-03:00", 25, {23: 4}),
        ("Australia/Lord_Howe", "2024-10-06T00:00:00+10:30", "2024-10-07T00:00:00+11:00", 23.5, {2: 1}),
    ],
)
def test_a_day_of_23_hours_and_one_of_25(ask, tz, start, end, hours, odd):
    """Hours of the clock: a skipped one stays empty, a repeated one has both; all 24 are rows."""
    instants = every_half_hour(start, end)
    assert len(instants) == 2 * hours
    data = ask(views_at(*instants), tz=tz)
    assert counts(data.campaign_ctr(by="day"), "day") == [(date.fromisoformat(start[:10]), 2 * hours)]
    found = {row["hour"]: row["views"] for row in rows_of(data.category_hours(by="day"))}
    assert found == {hour: odd.get(hour, 2) for hour in range(24)}


def test_a_day_that_the_clock_skipped(ask):
    """Samoa went from the 29th to the 31st of December 2011."""
    data = ask(views_at("2011-12-30T09:59:59+00:00", "2011-12-30T10:00:00+00:00"), tz="Pacific/Apia")
    assert counts(data.campaign_ctr(by="day"), "day") == [(date(2011, 12, 29), 1), (date(2011, 12, 31), 1)]


def test_parts_of_the_day_are_half_open(ask):
    hours = ["00:00:00", "05:59:59.999999", "06:00:00", "11:59:59.999999", "12:00:00", "17:59:59.999999",
             "18:00:00", "23:59:59.999999"]  # fmt: skip
    data = ask(views_at(*(f"2024-03-15T{hour}+00:00" for hour in hours)))
    found = [(row["day_part"], row["interactions"]) for row in rows_of(data.interaction_profile())]
    assert found == [("night", 2), ("morning", 2), ("afternoon", 2), ("evening", 2)]


def test_weekday_1_is_monday_on_the_local_clock(ask):
    monday = us("2024-03-04T00:00:00-03:00")
    world = World(establishments=[cafe()], pings=[ping(monday - 1), ping(monday), ping(monday + 24 * HOUR_US)])
    rows = rows_of(ask(world, tz="America/Recife").visit_profile())
    assert [row["weekday"] for row in rows] == [1, 2, 7]


@pytest.mark.parametrize("instant", ["1899-12-31T12:00:00+00:00", "1969-12-31T23:59:59.999999+00:00",
                                     "2101-07-01T00:00:00+00:00"])  # fmt: skip
def test_instants_before_1970_and_after_2100(ask, instant):
    world = views_at(instant)
    for tz in ("UTC", "America/Recife", "Asia/Tokyo"):
        data = ask(world, tz=tz)
        expected = Oracle(World(**{**vars(world), "tz": tz}))
        for by in ("day", "week", "month"):
            assert_same(data.campaign_ctr(by=by), expected.campaign_ctr(by), f"{tz} by {by}")


# Ratios and ranks.


def clicks_and_views(**campaigns):
    ads, interactions = [], []
    for number, (campaign_id, (clicks, views)) in enumerate(campaigns.items()):
        ads.append(ad(str(number), None, campaign_id))
        interactions += [interaction(NOON, str(number), "click")] * clicks
        interactions += [interaction(NOON, str(number), "view")] * views
    return World(ads=ads, interactions=interactions)


def test_no_views_is_null_and_not_zero(ask):
    row = rows_of(ask(clicks_and_views(blind=(2, 0))).campaign_ctr(by="period"))[0]
    assert (row["views"], row["clicks"], row["ctr"], row["ctr_low"], row["ctr_high"]) == (0, 2, None, None, None)
    assert row["rank"] == 1


def test_more_clicks_than_views_have_a_ratio_but_no_interval(ask):
    row = rows_of(ask(clicks_and_views(bots=(3, 2))).campaign_ctr(by="period"))[0]
    assert (row["ctr"], row["ctr_low"], row["ctr_high"]) == (1.5, None, None)


def test_interval_at_its_ends_is_exactly_0_and_1(ask):
    none, all_ = rows_of(ask(clicks_and_views(a=(0, 7), b=(7, 7))).campaign_ctr(by="period"))
    assert (none["ctr"], none["ctr_low"]) == (0.0, 0.0) and 0 < none["ctr_high"] < 1
    assert (all_["ctr"], all_["ctr_high"]) == (1.0, 1.0) and 0 < all_["ctr_low"] < 1


def test_one_click_in_one_view_is_not_the_best_campaign(ask):
    world = clicks_and_views(lucky=(1, 1), solid=(40, 100), bots=(3, 2), blind=(1, 0), twin_b=(0, 5), twin_a=(0, 9))
    data = ask(world)
    by_low = {row["campaign_id"]: row["rank"] for row in rows_of(data.campaign_ctr(by="period"))}
    # Both twins have the lower bound 0: their ids decide. Without a bound, too.
    assert by_low == {"solid": 1, "lucky": 2, "twin_a": 3, "twin_b": 4, "blind": 5, "bots": 6}
    by_ctr = {row["campaign_id"]: row["rank"] for row in rows_of(data.campaign_ctr(by="period", rank_by="ctr"))}
    assert by_ctr == {"bots": 1, "lucky": 2, "solid": 3, "twin_a": 4, "twin_b": 5, "blind": 6}


def test_ctr_of_the_period_is_of_the_sums_and_no_mean_of_months(ask):
    world = World(
        ads=[ad()],
        interactions=[interaction(us("2024-01-10T12:00:00+00:00"))] * 99
        + [interaction(NOON, action="click"), interaction(NOON)],
    )
    data = ask(world)
    assert [row["ctr"] for row in rows_of(data.campaign_ctr(by="month"))] == [0.0, 1.0]
    assert [row["ctr"] for row in rows_of(data.campaign_ctr(by="period"))] == [0.01]


def test_an_establishment_without_a_visit_has_a_row(ask):
    world = World(establishments=[cafe(), cafe("far", latitude=10.0)], ads=[ad()], interactions=[], pings=[ping(NOON)])
    far = rows_of(ask(world).visit_attribution(by="month"))[1]
    assert (far["visits"], far["attributed_visits"], far["ratio"], far["rank"]) == (0, 0, None, 2)


def test_a_tie_goes_to_the_smallest_name_and_says_so(ask):
    world = World(
        ads=[ad("1", None, category="b"), ad("2", None, category="a"), ad("3", None, category="B")],
        interactions=[interaction(NOON, str(1 + number % 3)) for number in range(6)],
    )
    rows = rows_of(ask(world).preferred_ad_categories())
    assert rows == [
        {"user_id": "ana", "day_part": "afternoon", "category": "B", "interactions": 2, "share": 2 / 6, "tied": True}
    ]
