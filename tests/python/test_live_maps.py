"""The live map and the map of a user's approaches: what they draw is what the detector said."""

from __future__ import annotations

import math
import threading

import live_oracle
import numpy as np
import pyarrow as pa
import pytest
from drawn_maps import HOSTILE, scene_of
from moving_pages import fixes

import footfall
import footfall.live
from footfall import DefinitionError
from footfall.live.showing.frames import Frames
from footfall.live.showing.pacing import Pace
from footfall.live.showing.positions import APPROACHING, HELD_OUT, MOVING, NOBODY, SUGGESTED, Positions
from footfall.maps.shapes import approaches, corridors


@pytest.fixture(scope="module")
def streets():
    """Walkers and drivers on streets, whose every shop has an ad."""
    made = footfall.synth.streets(interval_s=10, walkers=6, drivers=3, riders=1, residents=1, glitching=1, hours=1)
    places = made.establishments
    ads = {"ad_id": places["establishment_id"], "campaign_id": places["category"], "category": places["category"],
           "establishment_id": places["establishment_id"]}  # fmt: skip
    return footfall.open({"establishments": places, "ads": pa.table(ads), "pings": made.pings}, tz="America/Recife")


@pytest.fixture(scope="module")
def tables(streets):
    return footfall.live.prepare(streets, options=footfall.live.Approach(holdout=0.3))


# The corridor


@pytest.mark.parametrize("here", [(-8.06, -34.9), (0.0, 179.9999), (60.0, -179.9999)])
@pytest.mark.parametrize("ahead", np.linspace(-3, 3, 7))
def test_the_corridor_ends_where_the_definition_says(here, ahead):
    """At every distance, what the line misses by exactly the allowed metres is on its edge."""
    ring = corridors.corridor(here, ahead, 400.0, 30.0, 0.1)
    east, north = corridors.metres_from(here, ring[:, 1], ring[:, 0])
    distance = np.hypot(east, north)
    along = east * math.cos(ahead) + north * math.sin(ahead)
    miss = [corridors.miss_m(here, ahead, (latitude, longitude)) for longitude, latitude in ring]
    allowed = 30 + 0.1 * distance
    on_edge, at_end = np.isclose(miss, allowed, atol=1e-6), np.isclose(distance, 400, atol=1e-6)
    assert np.all(on_edge | at_end) and np.all(along > -1e-6) and np.all(np.array(miss) <= allowed + 1e-6)
    assert on_edge.sum() >= 16 and at_end.sum() >= 8


def test_where_a_leg_leads_is_said_of_both_its_ends():
    assert corridors.heading((0.0, 0.0), (0.001, 0.0)) == pytest.approx(math.pi / 2)
    assert corridors.heading((0.0, 179.9995), (0.0, -179.9995)) == pytest.approx(0.0)
    for ahead in (-2.5, -0.3, 1.0, 3.0):
        place = (-8.06 + 0.003 * math.sin(ahead + 0.1), -34.9 + 0.003 * math.cos(ahead + 0.1))
        missed = corridors.miss_m((-8.06, -34.9), ahead, place)
        assert corridors.towards((-8.06, -34.9), place, missed, ahead + 0.01) == pytest.approx(ahead, abs=1e-6)


# A user's day


@pytest.fixture(scope="module")
def days(streets, tables):
    users = streets.sql("SELECT DISTINCT user_id FROM pings ORDER BY 1").to_arrow()["user_id"].to_pylist()
    return {user: footfall.live.follow(streets, tables, user=user) for user in users}


def test_approaches_of_a_day_are_those_of_the_replay(streets, tables, days):
    """Fix by fix, and one user without the others, it is the same."""
    found = footfall.live.replay(streets, tables).approaches
    assert found.num_rows > 100
    followed = pa.concat_tables([day.approaches.select(found.column_names) for day in days.values()])
    order = [(name, "ascending") for name in ("user_id", "timestamp", "establishment_id")]
    assert followed.sort_by(order).to_pylist() == found.sort_by(order).to_pylist()


def test_anchors_are_those_that_the_detector_counts(streets, tables, days):
    for user, day in days.items():
        alone = streets.sql(f"SELECT * FROM pings WHERE user_id = '{user}'").to_arrow()
        assert day.anchors.num_rows == footfall.live.replay(alone, tables).counters["anchors"] > 0
        places = [day.anchors[name].to_numpy() for name in ("latitude", "longitude")]
        legs = footfall.haversine_m(places[0][:-1], places[1][:-1], places[0][1:], places[1][1:])
        begins = np.asarray(day.anchors["begins"])[1:]
        assert np.all((legs >= tables.options.leg_m) | begins)


def test_headings_and_corridors_have_the_numbers_of_the_detector(days):
    rows = [row for day in days.values() for row in day.approaches.to_pylist()]
    options = footfall.live.Approach()
    for row in rows:
        here, place = (row["from_latitude"], row["from_longitude"]), (row["latitude"], row["longitude"])
        assert corridors.miss_m(here, row["heading"], place) == pytest.approx(row["miss_m"], abs=1e-6)
        (apart,) = footfall.haversine_m([here[0]], [here[1]], [place[0]], [place[1]])
        assert apart == pytest.approx(row["distance_m"], abs=1e-6)
        ring = approaches.ring(row, options)
        reach = np.hypot(*corridors.metres_from(here, ring[:, 1], ring[:, 0])).max()
        assert reach == pytest.approx(row["distance_m"], rel=1e-6)
        assert row["miss_m"] <= options.miss_m + options.miss_share * row["distance_m"]


def test_a_day_is_the_same_by_the_oracle(streets, tables, days):
    """The oracle shares no code with the detector."""
    user = max(days, key=lambda each: days[each].approaches.num_rows)
    theirs = footfall.live.follow(streets, tables, user=user, kernel=live_oracle)
    assert theirs.fixes.to_pylist() == days[user].fixes.to_pylist()
    ours = days[user].approaches
    assert ours.num_rows == theirs.approaches.num_rows > 0
    for name in ours.column_names:
        pairs = zip(ours[name].to_pylist(), theirs.approaches[name].to_pylist())
        assert all(a == b or a == pytest.approx(b, abs=1e-6) for a, b in pairs), name


def test_what_followed_is_what_the_fixes_say(days):
    rows = [(day, row) for day in days.values() for row in day.approaches.to_pylist()]
    came = [(day, row) for day, row in rows if row["arrived_s"] is not None]
    assert came and len(came) < len(rows) and any(row["is_stop"] for _, row in came)
    for day, row in rows:
        fixes = [fix for fix in day.fixes.to_pylist() if fix["timestamp"] > row["timestamp"]]
        lead = [(fix["timestamp"] - row["timestamp"]).total_seconds() for fix in fixes if is_there(fix, row)]
        lead = [each for each in lead if each <= 900]
        assert row["arrived_s"] == (pytest.approx(lead[0]) if lead else None)


def is_there(fix, row):
    (apart,) = footfall.haversine_m([fix["latitude"]], [fix["longitude"]], [row["latitude"]], [row["longitude"]])
    return apart < 50


def test_the_map_of_a_day_draws_all_of_it(days):
    day = max(days.values(), key=lambda each: each.approaches.num_rows)
    layers = {layer.id: layer for layer in scene_of(footfall.maps.approach(day)).layers}
    assert len(layers["anchors"].shapes) == day.anchors.num_rows
    assert len(layers["fixes"].shapes) == day.fixes.num_rows
    assert len(layers["corridors"].shapes) == len(layers["approaches"].shapes) == day.approaches.num_rows
    told = dict(zip(layers["approaches"].fields, layers["approaches"].tips))
    outcomes = [each.replace("_", " ") for each in day.approaches["outcome"].to_pylist()]
    assert sorted(told["Outcome"]) == sorted(outcomes)
    at = day.approaches["outcome"].to_pylist().index("suggested")
    near = {layer.id: layer for layer in scene_of(day.map(number=at)).layers}
    assert len(near["approaches"].shapes) == 1 and len(near["fixes"].shapes) < len(layers["fixes"].shapes)
    only = scene_of(footfall.maps.approach(day, outcomes=["suggested"]))
    assert [item.label for item in only.legends()[1].items] == [f"Suggested ({told['Outcome'].count('suggested')})"]


def test_a_map_of_a_day_is_a_page_and_a_picture(days, tmp_path):
    day = max(days.values(), key=lambda each: each.approaches.num_rows)
    drawn = day.map(title=HOSTILE[1], theme="dark")
    text = drawn.to_html()
    assert HOSTILE[1] not in text and "<script>alert" not in text and "http://" not in text.split("<script")[0]
    assert drawn.to_svg().startswith("<svg")


def test_what_cannot_be_drawn_is_said(streets, tables, days):
    day = next(iter(days.values()))
    with pytest.raises(DefinitionError, match=r"user = .nobody.: there is no ping"):
        footfall.live.follow(streets, tables, user="nobody")
    with pytest.raises(DefinitionError, match="day = '2024-03-99': must be a day"):
        footfall.live.follow(streets, tables, user=day.fixes["user_id"][0].as_py(), day="2024-03-99")
    with pytest.raises(DefinitionError, match=r"there is no ping of user .* on that day"):
        footfall.live.follow(streets, tables, user=day.fixes["user_id"][0].as_py(), day="1999-01-01")
    with pytest.raises(DefinitionError, match="number = 9999: the day has"):
        day.map(number=9999)
    with pytest.raises(DefinitionError, match=r"outcomes: 'sugested'.*suggested"):
        day.map(outcomes=["sugested"])
    with pytest.raises(DefinitionError, match="tables is of type str"):
        footfall.live.map("tables")


# Positions and frames


def place_of(positions, user):
    return positions.degrees[positions.slot(user)].tolist()


def test_the_newest_usable_fix_of_each_user_is_where_they_are():
    seen = Positions(footfall.live.Approach(), 10)
    seen.add(fixes([("a", 0, 1.0, 2.0, None), ("b", 0, 3.0, 4.0, 5.0), ("a", 1, 1.5, 2.5, None)]))
    assert place_of(seen, "a") == [2.5, 1.5] and place_of(seen, "b") == [4.0, 3.0]
    seen.add(fixes([("a", 0.5, 9.0, 9.0, None), ("b", 2, 99.0, 4.0, None), ("b", 2, math.nan, 4.0, None),
                    ("b", 2, 3.3, 4.0, 500.0), ("b", None, 3.3, 4.0, None), (None, 2, 3.3, 4.0, None),
                    ("b", 2, None, 4.0, None)]))  # fmt: skip
    assert place_of(seen, "a") == [2.5, 1.5] and place_of(seen, "b") == [4.0, 3.0] and len(seen) == 2
    seen.add(fixes([]))
    assert len(seen) == 2


def test_slots_of_users_who_are_gone_are_given_to_others():
    seen = Positions(footfall.live.Approach(), 2)
    seen.add(fixes([("a", 0, 1.0, 2.0, None), ("b", 0, 1.0, 2.0, None), ("c", 0, 1.0, 2.0, None)]))
    assert len(seen) == 2 and seen.slot("c") == -1
    seen.add(fixes([("b", 20, 1.0, 2.0, None)]))
    assert seen.drawn().sum() == 1
    seen.add(fixes([("d", 21, 5.0, 6.0, None)]))
    assert len(seen) == 2 and seen.slot("a") == -1 and place_of(seen, "d") == [6.0, 5.0]


def played(streets, tables, **options):
    """Frames that took a whole replay, batch by batch."""
    made = Frames(tables, **options)
    detector = tables.detector()
    pings = footfall.live.fixes.of_table(streets.sql("SELECT * FROM pings").to_arrow())
    for start in range(0, pings.num_rows, 200):
        batch = pings.slice(start, 200)
        made.watch("", batch, *map(pa.table, detector.process(batch)))
    return made, detector.counters()


def test_frames_count_what_the_detector_counts(streets, tables):
    made, counters = played(streets, tables)
    for name in ("fixes", "approaches", "suggested", "held_out"):
        assert made.counts[name] == counters[name], name
    assert made.counts["suggested"] > 0 and made.counts["held_out"] > 0
    told, (places, kinds) = made.frame()
    kinds = np.frombuffer(kinds, np.uint8)
    shown = dict(told["facts"])
    assert len(places) == 8 * len(kinds) and shown["Users"] == str(np.count_nonzero(kinds))
    degrees = np.frombuffer(places, "<i4").reshape(-1, 2) / 1e6
    for user, slot in made.positions.users().items():
        # Who was not seen for long is not drawn, and the last of them not sent.
        assert slot >= len(kinds) or np.abs(degrees[slot] - made.positions.degrees[slot]).max() < 1e-6, user
    assert set(kinds) <= {NOBODY, MOVING, APPROACHING, SUGGESTED, HELD_OUT} and len(told["rows"]) == 8


def test_an_approach_is_seen_as_long_as_it_lasts(streets, tables):
    now = [0.0]
    made, _ = played(streets, tables, clock=lambda: now[0])
    assert made.frame()[0]["approaches"]
    now[0] = 31.0
    told, (_, kinds) = made.frame()
    assert told["approaches"] == [] and set(kinds) <= {NOBODY, MOVING} and told["rows"]


def test_users_are_numbered_unless_their_ids_are_asked_for(streets, tables):
    numbered, named = (played(streets, tables, ids=ids)[0] for ids in (False, True))
    users = streets.sql("SELECT DISTINCT user_id FROM pings").to_arrow()["user_id"].to_pylist()
    assert not any(user in str(numbered.frame()[0]) for user in users)
    assert all(row["cells"][1] in users for row in named.frame()[0]["rows"])


def test_only_the_newest_frame_is_sent_while_the_page_is_busy(tables):
    """However many batches come, two frames are on their way, and the next one is what is there then."""
    pace, sent = Pace(), []
    for batch in range(1000):
        if pace.is_due(0.0009 * batch):
            sent.append((batch, pace.send(0.0009 * batch, 100)))
    assert [number for _, number in sent] == [1, 2]
    pace.heard(2)
    assert pace.is_due(0.9) and pace.send(0.9, 100) == 3 and not pace.is_due(0.9)
    silent, times = Pace(), []
    for tick in range(1000):
        if silent.is_due(0.01 * tick):
            times.append(0.01 * tick)
            silent.send(times[-1], 100)
    assert len(times) == 11, "a page that says nothing gets a frame a second"


def test_large_frames_are_sent_less_often():
    pace = Pace()
    pace.send(0.0, 400_000)
    pace.heard(1)
    assert not pace.is_due(0.9) and pace.is_due(1.0)


def test_an_interrupt_ends_a_replay_with_what_was_found(streets, tables):
    shown = footfall.live.map(tables)
    threading.Timer(1.0, shown._heard, ({"stop": True},)).start()
    shown._frames.speed = 1.0
    with shown:
        from footfall.live.replaying import in_time

        batches = list(shown._stop.until(in_time(streets.sql("SELECT * FROM pings").to_arrow(), 1.0)))
    assert shown.stopped.is_set() and sum(batch.num_rows for batch, _ in batches) < 500
