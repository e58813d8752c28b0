"""Live detection told in worlds of a few fixes: what must come out is said by the prose, not by running the code."""

from __future__ import annotations

import random

import live_knowledge
import pytest
from live_paths import (
    CAFE,
    DAY,
    FIXES,
    HERE,
    NOON,
    TO_THE_CAFE,
    WALKING,
    Map,
    an_ad,
    knowledge,
    see,
    table,
    towards,
    watch,
)

from footfall import _native
from footfall.errors import DefinitionError

# Who comes, and who does not.


def test_a_straight_approach_is_told_once_and_in_time(live, every):
    seen = see(live, [CAFE], towards(every))
    assert seen.approached() == seen.suggested() == ["cafe"]
    (approach,), (suggestion,) = seen.approaches, seen.suggestions
    arrival = NOON + (900 - 50) / WALKING
    assert approach["timestamp"] <= arrival - 15
    assert 50 <= approach["distance_m"] <= 5 * 60 * WALKING + 1
    assert approach["miss_m"] < 1
    assert approach["speed_mps"] == pytest.approx(WALKING, rel=1e-3)
    assert approach["eta_s"] == pytest.approx(approach["distance_m"] / WALKING, rel=1e-3)
    assert approach["outcome"] == "suggested"
    assert suggestion["timestamp"] == approach["timestamp"] and suggestion["distance_m"] == approach["distance_m"]
    assert (suggestion["ad_id"], suggestion["campaign_id"], suggestion["version"]) == ("ad-cafe", "campaign", "v1")
    assert not suggestion["held_out"] and suggestion["chance"] == 1


@pytest.mark.parametrize("every", [1, 30])  # seen every 2 min, a driver moves 1.2 km: farther than the horizon
def test_a_drive_straight_to_a_shop_is_told_in_time(live, every):
    seen = see(live, [HERE.shop("mill", 3_000, 0)], HERE.walk([(0, 0), (3_000, 0)], every, speed=10))
    assert seen.suggested() == ["mill"]
    assert seen.suggestions[0]["timestamp"] <= NOON + (3_000 - 50) / 10 - 15


def test_someone_on_a_parallel_road_is_not_coming(live, every):
    seen = see(live, [HERE.shop("cafe", 900, 200)], HERE.walk([(0, 0), (2_000, 0)], every))
    assert seen.approaches == []


def test_a_shop_beside_the_street_is_on_the_way(live, every):
    seen = see(live, [HERE.shop("cafe", 900, 15)], towards(every))
    assert seen.suggested() == ["cafe"]
    assert seen.approaches[0]["miss_m"] == pytest.approx(15, abs=1)


def test_someone_who_walks_away_is_not_coming(live, every):
    assert see(live, [HERE.shop("cafe", -100, 0)], towards(every)).approaches == []


def test_a_shop_that_was_passed_is_not_approached_from_behind(live, every):
    seen = see(live, [CAFE], HERE.walk([(0, 0), (2_500, 0)], every))
    assert seen.approached() == ["cafe"]
    assert seen.approaches[0]["timestamp"] < NOON + 900 / WALKING


def test_jitter_in_place_is_silence(live, every):
    """Four hours in a chair: the telephone wanders 10 m around it; shops are on all sides."""
    rng = random.Random(1)
    shops = [HERE.shop(f"s{i}", x, y) for i, (x, y) in enumerate([(80, 0), (-90, 0), (0, 70), (0, -100), (200, 200)])]
    fixes = [HERE.fix(NOON + t, rng.uniform(-10, 10), rng.uniform(-10, 10)) for t in range(0, 4 * 3600, every)]
    seen = see(live, shops, fixes)
    assert seen.approaches == []
    assert seen.counters["fixes"] == len(fixes) and seen.counters["anchors"] == 1


def test_bad_accuracy_asks_for_longer_legs(live):
    """Errors of 40 m say nothing about steps of 60 m: 1.5 sqrt(40^2 + 40^2) is 85 m."""
    rng = random.Random(2)
    fixes = [HERE.fix(NOON + t, rng.choice([-30, 30]), 0, accuracy=40.0) for t in range(0, 3600, 60)]
    assert see(live, [HERE.shop("cafe", 120, 0)], fixes).counters["anchors"] == 1


@pytest.mark.parametrize("every", [1, 30])
def test_one_lying_fix_is_silence(live, every):
    """Once in an hour at home the telephone says, with 2 m of accuracy, that it is 300 m nearer to the cafe."""
    fixes = [HERE.fix(NOON + t, 0, 0) for t in range(0, 3600, every)]
    fixes[len(fixes) // 2] = HERE.fix(NOON + len(fixes) // 2 * every, 300, 0, accuracy=2.0)
    seen = see(live, [HERE.shop("cafe", 600, 0), HERE.shop("home", -120, 0)], fixes)
    assert seen.approaches == [] and seen.counters["anchors"] == 1


def test_one_lying_fix_on_the_way_changes_nothing(live):
    fixes = towards(1)
    lie = HERE.fix(NOON + 200, 280, 400, accuracy=2.0)
    told = see(live, [CAFE, HERE.shop("far", 280, 900)], [*fixes[:200], lie, *fixes[201:]])
    assert told.suggested() == ["cafe"] and told.counters["jump"] >= 1


@pytest.mark.parametrize("every", [1, 30])
def test_a_wrong_first_fix_is_left_behind(live, every):
    """The first fix is in another town. The next is a jump from there; the one after agrees, and all goes on."""
    fixes = towards(every)
    fixes[0] = HERE.fix(NOON, 50_000, 50_000)
    seen = see(live, [CAFE], fixes)
    assert seen.suggested() == ["cafe"]
    assert seen.counters["jump"] == 1


def test_a_clock_a_day_ahead_does_not_mute_the_day(live, every):
    """One message says tomorrow. It was received today: it is put aside, and today's fixes are not late."""
    fixes = [{**fix, "received": fix["timestamp"] + 1_000_000} for fix in towards(every)]
    wrong = HERE.fix(NOON + DAY, 0, 0, received=NOON + every)
    seen = see(live, [CAFE], [fixes[0], wrong, *fixes[1:]])
    assert seen.suggested() == ["cafe"]
    assert (seen.counters["ahead"], seen.counters["late"]) == (1, 0)


def test_five_minutes_ahead_is_still_believed(live):
    fixes = [HERE.fix(NOON, 0, 0, received=NOON - 300), HERE.fix(NOON + 1, 0, 0, received=NOON - 299.000001)]
    counters = see(live, [CAFE], fixes).counters
    assert (counters["ahead"], counters["anchors"]) == (1, 1)


def test_fixes_out_of_order_and_doubled_are_counted_and_change_nothing(live, every):
    fixes = towards(every)
    plain = see(live, [CAFE], fixes)
    mixed = [fixes[0], fixes[1]]
    for before, fix in zip(fixes[1:], fixes[2:]):
        mixed += [fix, {**fix, "latitude": 0.0}, before]
    seen = see(live, [CAFE], mixed)
    assert (seen.suggestions, seen.approaches) == (plain.suggestions, plain.approaches)
    assert seen.counters["duplicate"] == seen.counters["late"] == len(fixes) - 2


def test_fixes_that_cannot_be_used_are_counted(live):
    fix = HERE.fix(NOON, 0, 0)
    broken = [
        {"user_id": None}, {"timestamp": None}, {"latitude": None}, {"longitude": None}, {"latitude": float("nan")},
        {"longitude": float("inf")}, {"latitude": 90.001}, {"longitude": -180.001}, {"accuracy_m": -1.0},
        {"accuracy_m": float("nan")},
    ]  # fmt: skip
    seen = see(live, [CAFE], [{**fix, **change} for change in broken])
    assert seen.counters["unusable"] == seen.counters["fixes"] == len(broken)
    assert see(live, [CAFE], [{**fix, "accuracy_m": 100.0}]).counters["inaccurate"] == 0
    assert see(live, [CAFE], [{**fix, "accuracy_m": 100.1}]).counters["inaccurate"] == 1


def test_after_a_gap_the_track_starts_again(live):
    """Before the tunnel somebody walked west; after 16 min two fixes are no two legs towards the cafe."""
    fixes = [*HERE.walk([(2_000, 0), (1_500, 0)], 60), HERE.fix(NOON + 1_400, 1_200, 0)]
    seen = see(live, [CAFE], fixes)
    assert seen.counters["gap"] == 1 and seen.approaches == []


def test_someone_who_lands_far_away_is_followed_at_once(live):
    """Five hours and 2,000 km later the track starts again, though the way there was faster than 70 m/s."""
    there = Map(-26.0, -36.0)
    fixes = [HERE.fix(NOON, 0, 0), *there.walk(TO_THE_CAFE, 30, start=NOON + 5 * 3600)]
    seen = see(live, [there.shop("cafe", 900, 0)], fixes)
    assert seen.suggested() == ["cafe"]


def test_someone_already_inside_is_not_approaching(live, every):
    """It is 40 m to the counter. Walking around in the shop, and out, calls nothing."""
    rng = random.Random(3)
    inside = [HERE.fix(NOON + t, 900 + rng.uniform(-30, 30), rng.uniform(-30, 30)) for t in range(0, 1800, every)]
    seen = see(live, [CAFE], [*inside, *HERE.walk([(900, 0), (1_800, 0)], every, start=NOON + 1800)])
    assert seen.approaches == []


def test_who_comes_back_within_half_an_hour_of_being_inside_gets_no_suggestion(live, every):
    """Out of the cafe, 500 m away and back: an approach, but the cafe is still muted; an hour later it is not."""
    trip = [(900, 0), (400, 0), (900, 0)]
    seen = see(live, [CAFE], HERE.walk(trip, every))
    assert seen.outcomes() == {"cafe": "cooldown"} and seen.suggestions == []
    slow = [(900, 0), (400, 0), ("wait", 3600), (900, 0)]
    assert see(live, [CAFE], HERE.walk(slow, every)).outcomes() == {"cafe": "suggested"}


def test_a_red_light_changes_nothing(live, every):
    """A wait of 90 s, with jitter, 500 m before the cafe."""
    rng = random.Random(4)
    fixes = HERE.walk([(0, 0), (400, 0), ("wait", 90), (900, 0)], every)
    jittered = [{**fix, "latitude": fix["latitude"] + rng.uniform(-3, 3) / 111_000} for fix in fixes]
    seen = see(live, [CAFE], jittered)
    assert seen.approached() == seen.suggested() == ["cafe"]


def test_round_the_corner_and_back_is_one_approach(live, every):
    """100 m before the cafe somebody turns into a side street for 120 m, comes back, and goes on."""
    fixes = HERE.walk([(0, 0), (800, 0), (800, 120), (800, 0), (900, 0)], every)
    seen = see(live, [CAFE], fixes)
    assert seen.approached() == ["cafe"]


def test_who_left_far_behind_and_comes_again_is_told_of_again(live):
    """Once per approach: armed again beyond 1.5 times the distance at which it fired."""
    there_and_back = [(0, 0), (700, 0), (0, 0), (850, 0)]
    seen = see(live, [CAFE], HERE.walk(there_and_back, 30))
    assert seen.approached() == ["cafe", "cafe"]
    assert [row["outcome"] for row in seen.approaches] == ["suggested", "cooldown"]


# Where the numbers are hard.


def test_the_antimeridian_is_no_border(live, every):
    fiji = Map(-16.8, 179.998)
    seen = see(live, [fiji.shop("cafe", 900, 0)], fiji.walk(TO_THE_CAFE, every), tz="Pacific/Fiji")
    plain = see(live, [CAFE], towards(every))
    assert seen.suggested() == ["cafe"]
    for name in ("timestamp", "distance_m", "miss_m", "eta_s"):
        assert seen.approaches[0][name] == pytest.approx(plain.approaches[0][name], rel=1e-3, abs=0.5)


def test_an_id_names_the_user_the_shop_and_the_instant(live):
    (first,) = see(live, [CAFE], towards(30)).suggestions
    (same,) = see(live, [CAFE], towards(30), ads=[an_ad("cafe", ad_id="other")], version="v2").suggestions
    (later,) = see(live, [CAFE], towards(30, start=NOON + 1)).suggestions
    (other,) = see(live, [CAFE], towards(30, user="bia")).suggestions
    assert first["suggestion_id"] == same["suggestion_id"] and same["version"] == "v2"
    assert len({row["suggestion_id"] for row in (first, later, other)}) == 3
    assert len(first["suggestion_id"]) == 32 and int(first["suggestion_id"], 16)


def test_fixes_without_the_optional_columns(live):
    plain = see(live, [CAFE], towards(30))
    bare = table(towards(30), FIXES).drop_columns(["accuracy_m", "received"])
    suggestions, approaches = live.Detector(knowledge(live, [CAFE])).process(bare)
    assert suggestions.num_rows == len(plain.suggestions) and approaches.num_rows == len(plain.approaches)


def test_the_options_that_are_not_given_are_those_of_the_definition():
    assert _native.live_options() == live_knowledge.DEFAULTS


def test_no_fixes_and_no_shops(live):
    assert see(live, [CAFE], []).counters["fixes"] == 0
    seen = see(live, [], towards(30))
    assert seen.approaches == [] and seen.counters["anchors"] > 1


def test_an_unknown_option_is_refused(live):
    with pytest.raises(DefinitionError, match="leg_metres"):
        knowledge(live, [CAFE], leg_metres=30)


def test_two_days_of_silence_leave_nothing_behind(live):
    """A cooldown of a week is forgotten with the user; one microsecond less, and it holds."""
    for later, outcome in [(48 * 3600, "cooldown"), (48 * 3600 + 1e-6, "suggested")]:
        first = towards(30)
        start = first[-1]["timestamp"] / 1e6 + later
        seen = see(live, [CAFE], [*first, *towards(30, start=start)], cooldown_s=7 * DAY)
        assert seen.approaches[-1]["outcome"] == outcome
        assert (seen.counters["returned"], seen.counters["gap"]) == ((0, 1) if outcome == "cooldown" else (1, 0))


def test_a_detector_goes_on_from_a_batch_to_the_next(live):
    detector = live.Detector(knowledge(live, [CAFE]))
    assert [e for fix in towards(30) for e in watch(detector, [fix]).suggested()] == ["cafe"]
    assert detector.users() == 1 and detector.state_bytes() > 0
