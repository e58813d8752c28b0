"""Which of several approaches is suggested, which never, and what it is worth: worlds of a few fixes, told in prose."""

from __future__ import annotations

from datetime import date

import pytest
from live_paths import (
    CAFE,
    DAY,
    HERE,
    NOON,
    an_ad,
    seconds,
    see,
    towards,
)

# Which of several.


def test_two_shops_in_line_are_both_approached_and_one_suggested(live, every):
    """The farther one's ad is twice as good. Where both come into sight at one anchor, the better is suggested."""
    shops = [HERE.shop("near", 900, 0), HERE.shop("next", 960, 0)]
    ads = [an_ad("near", ctr_low=0.1), an_ad("next", ctr_low=0.2)]
    seen = see(live, shops, towards(every), ads=ads)
    assert sorted(seen.approached()) == ["near", "next"]
    assert len(seen.suggestions) == 1
    together = len({row["timestamp"] for row in seen.approaches}) == 1
    assert seen.suggested() == (["next"] if together else ["near"])
    lost = {row["establishment_id"]: row["outcome"] for row in seen.approaches}
    assert lost["near" if together else "next"] == ("outscored" if together else "pause")


def test_of_equal_shops_the_smallest_id_is_suggested(live):
    shops = [HERE.shop("b", 900, 20), HERE.shop("a", 900, -20)]
    seen = see(live, shops, HERE.walk([(500, 0), (900, 0)], 60))
    assert seen.suggested() == ["a"]
    assert seen.outcomes() == {"a": "suggested", "b": "outscored"}


def test_of_equal_ads_the_smallest_id_is_suggested(live):
    ads = [an_ad("cafe", ad_id="ad-2"), an_ad("cafe", ad_id="ad-1"), an_ad("cafe", ad_id="ad-0", ctr_low=0.05)]
    assert see(live, [CAFE], towards(30), ads=ads).suggestions[0]["ad_id"] == "ad-1"


def test_a_mall_counts_as_one(live, every):
    """Six shops in a row, 25 m from one to the next: one suggestion, and none of them again within the day."""
    shops = [HERE.shop(f"m{i}", 900 + 25 * i, 0) for i in range(6)]
    morning = towards(every)
    evening = towards(every, start=NOON + 3 * 3600)
    seen = see(live, shops, [*morning, *evening])
    assert len(seen.suggestions) == 1 and seen.suggestions[0]["timestamp"] < NOON + 3600
    later = [row["outcome"] for row in seen.approaches if row["timestamp"] > NOON + 3600]
    assert later and set(later) == {"cooldown"}


def test_shops_thirty_metres_apart_are_two(live):
    """Closer than 30 m counts as one; 31 m does not."""
    for apart, outcomes in [(29, {"cooldown"}), (31, {"suggested"})]:
        shops = [HERE.shop("a", 900, 0), HERE.shop("b", 900 + apart, 0)]
        seen = see(live, shops, [*towards(30), *towards(30, start=NOON + 7200)], ads=[an_ad("a"), an_ad("b")])
        later = {row["outcome"] for row in seen.approaches if row["timestamp"] >= NOON + 7200}
        assert outcomes <= later


# What is never suggested.


def test_a_shop_that_is_shut_on_arrival(live, every):
    """It is 12:00; the walk takes ten minutes. Open from 8 to 12:05, no; from 12:05 to 18, yes; over midnight, no."""
    for opens, closes, outcome in [(480, 725, "closed"), (725, 1080, "suggested"), (1200, 360, "closed"),
                                   (1200, 760, "suggested"), (0, 1440, "suggested"), (None, None, "suggested"),
                                   (600, 600, "suggested")]:  # fmt: skip
        shop = HERE.shop("cafe", 900, 0, opens=opens, closes=closes)
        assert see(live, [shop], towards(every)).outcomes() == {"cafe": outcome}, (opens, closes)


def test_a_familiar_door_is_never_suggested(live, every):
    familiar = [{"user_id": "ana", "establishment_id": "cafe"}]
    fixes = sorted(towards(every) + towards(every, user="bia"), key=lambda fix: fix["timestamp"])
    seen = see(live, [CAFE], fixes, familiar=familiar)
    assert {row["user_id"]: row["outcome"] for row in seen.approaches} == {"ana": "familiar", "bia": "suggested"}


def test_a_shop_without_a_running_ad(live):
    day = date(2024, 3, 4)
    for starts, ends, outcome in [(day, day, "suggested"), (date(2024, 3, 5), None, "no_ad"),
                                  (None, date(2024, 3, 3), "no_ad"), (None, None, "suggested")]:  # fmt: skip
        ads = [an_ad("cafe", starts=starts, ends=ends), an_ad("another"), an_ad(None)]
        assert see(live, [CAFE], towards(30), ads=ads).outcomes() == {"cafe": outcome}
    assert see(live, [CAFE], towards(30), ads=[]).outcomes() == {"cafe": "no_ad"}


def test_cooldown_is_a_day_from_the_suggestion(live, every):
    """The same way at the same pace every day at noon and, on the second day, a quarter of an hour earlier."""
    early = see(live, [CAFE], [*towards(every), *towards(every, start=NOON + DAY - 900)])
    assert [row["outcome"] for row in early.approaches] == ["suggested", "cooldown"]
    daily = see(live, [CAFE], [*towards(every), *towards(every, start=NOON + DAY)])
    assert [row["outcome"] for row in daily.approaches] == ["suggested", "suggested"]


def row_of_shops(number, apart=3_000):
    return [HERE.shop(f"s{i}", 900 + apart * i, 0) for i in range(number)]


def test_a_pause_of_ten_minutes_between_suggestions(live):
    """Shops 400 m apart are reached every five minutes: after one suggestion, nothing for ten."""
    seen = see(live, row_of_shops(5, apart=400), HERE.walk([(0, 0), (2_600, 0)], 30))
    times = [row["timestamp"] for row in seen.suggestions]
    assert len(times) >= 2 and all(b - a >= 600 for a, b in zip(times, times[1:]))
    assert "pause" in {row["outcome"] for row in seen.approaches}


def test_at_most_five_a_local_day(live, every):
    """Eight shops in a long day's walk: five suggestions; an hour after midnight the next may come."""
    shops = row_of_shops(8, apart=1_500)
    fixes = HERE.walk([(0, 0), (12_000, 0)], every)
    seen = see(live, shops, fixes)
    assert [row["outcome"] for row in seen.approaches] == ["suggested"] * 5 + ["cap"] * 3
    tomorrow = HERE.walk([(0, 3_000), (900, 3_000)], every, start=seconds(2024, 3, 5, 1))
    after = see(live, [*shops, HERE.shop("z", 900, 3_000)], [*fixes, *tomorrow])
    assert after.suggested() == [*seen.suggested(), "z"]


@pytest.mark.parametrize(("tz", "outcome"), [("America/Recife", "suggested"), ("UTC", "cap")])
def test_the_day_of_the_cap_ends_at_local_midnight(live, tz, outcome):
    """A cap of one; a suggestion at 23:40 and an approach at 0:20 of Recife, which are 2:40 and 3:20 of UTC."""
    late = towards(30, start=seconds(2024, 3, 4, 23, 40))
    early = HERE.walk([(0, 3_000), (900, 3_000)], 30, start=seconds(2024, 3, 5, 0, 20))
    seen = see(live, [CAFE, HERE.shop("z", 900, 3_000)], [*late, *early], cap=1, tz=tz)
    assert [row["outcome"] for row in seen.approaches] == ["suggested", outcome]


def test_campaign_dates_are_local_days(live):
    """At 23:40 of the 4th in Recife it is the 5th in UTC."""
    fixes = towards(30, start=seconds(2024, 3, 4, 23, 40))
    ads = [an_ad("cafe", ends=date(2024, 3, 4))]
    assert see(live, [CAFE], fixes, ads=ads).outcomes() == {"cafe": "suggested"}
    assert see(live, [CAFE], fixes, ads=ads, tz="UTC").outcomes() == {"cafe": "no_ad"}


# What it is worth.


def test_the_taste_of_the_day_part_decides(live):
    """Ana likes fashion in the afternoon and food in the evening; Bia has no row and takes each as even."""
    shops = [HERE.shop("bistro", 900, 20, "food"), HERE.shop("dress", 900, -20, "fashion")]
    tastes = [
        {"user_id": "ana", "day_part": part, "category": category, "share": share}
        for part, category, share in [("afternoon", "fashion", 0.9), ("afternoon", "food", 0.1), ("evening", "food", 1)]
    ]  # fmt: skip
    for user, hour, best, score in [
        ("ana", 12, "dress", 0.09),
        ("ana", 20, "bistro", 0.1),
        ("bia", 12, "bistro", 0.05),
    ]:
        fixes = HERE.walk([(500, 0), (900, 0)], 60, start=seconds(2024, 3, 4, hour), user=user)
        seen = see(live, shops, fixes, tastes=tastes)
        assert seen.suggested() == [best]
        assert seen.suggestions[0]["score"] == pytest.approx(score)


def cells(*rows):
    return [dict(zip(["miss_from_m", "eta_from_s", "speed_from_mps", "approaches", "arrivals"], row)) for row in rows]


def test_chance_is_counted_and_leans_on_all_where_little_is_known(live):
    """All: 30 of 200. The cell of this walk: 18 of 20, so (18 + 20 x 0.15) / (20 + 20) = 0.525."""
    chances = cells((0, 0, 0, 20, 18), (50, 0, 0, 180, 12))
    seen = see(live, [CAFE], towards(30), chances=chances)
    assert seen.approaches[0]["chance"] == pytest.approx(0.525)
    assert seen.suggestions[0]["score"] == pytest.approx(0.525 * 0.1)
    unknown = cells((0, 0, 3, 20, 18), (50, 0, 0, 180, 12))
    assert see(live, [CAFE], towards(30), chances=unknown).approaches[0]["chance"] == pytest.approx(0.15)


def test_a_small_chance_waits_for_a_better_one(live):
    """Far away 1 of 10 arrive, within three minutes nearly all: it fires when it is near enough."""
    chances = cells((0, 0, 0, 1_000, 900), (0, 180, 0, 1_000, 100))
    seen = see(live, [CAFE], towards(30), chances=chances, min_chance=0.5)
    assert seen.suggested() == ["cafe"] and seen.approaches[0]["eta_s"] < 180
    assert seen.counters["waiting"] >= 1
    assert see(live, [CAFE], towards(30), chances=chances).approaches[0]["eta_s"] > 180


def test_a_tenth_of_users_is_held_out_and_the_rest_is_as_without(live):
    users = [f"user-{i}" for i in range(400)]
    fixes = [fix for user in users for fix in towards(60, user=user)]
    seen = see(live, [CAFE], fixes, holdout=0.1)
    assert len(seen.suggestions) == 400 == seen.counters["suggested"] + seen.counters["held_out"]
    held_out = {row["user_id"] for row in seen.suggestions if row["held_out"]}
    assert 20 <= len(held_out) <= 60
    assert {row["user_id"] for row in seen.approaches if row["outcome"] == "held_out"} == held_out
    again = see(live, [CAFE], [*towards(60, user=min(held_out)), *towards(60, start=NOON + 7200, user=min(held_out))],
                holdout=0.1)  # fmt: skip
    assert [row["outcome"] for row in again.approaches] == ["held_out", "cooldown"]
    everybody = see(live, [CAFE], fixes[:50], holdout=1)
    assert all(row["held_out"] for row in everybody.suggestions) and everybody.suggestions
