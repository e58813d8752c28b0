"""The back-test beside brute force on tiny worlds: who arrived, who stopped, which stops were foretold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from live_towns import NOON, ads_of, shops, together, walk, wanderers

import footfall
from footfall.errors import DataError, DefinitionError, MissingTableError
from footfall.live import Approach, backtest, history, prepare
from footfall.live.judging import chances
from footfall.live.judging.baselines import NAMES
from footfall.live.judging.resampling import Users
from footfall.live.options import read

OPTIONS = Approach(pause_s=60, cooldown_s=900, cap=20)
METHODS = ["footfall", *NAMES]


@pytest.fixture(scope="module")
def town():
    pings, places = wanderers(5, users=24, fixes=150)
    data = footfall.open({"establishments": places, "pings": pings}, tz="America/Recife")
    return data, pings, places, backtest(data, options=OPTIONS)


class ByHand:
    """Plain loops over a user's fixes, one after the other."""

    def __init__(self, pings, places):
        self.places = {row["establishment_id"]: row for row in places.to_pylist()}
        self.tracks = {}
        for row in pings.sort_by([("user_id", "ascending"), ("timestamp", "ascending")]).to_pylist():
            self.tracks.setdefault(row["user_id"], []).append(row)

    def metres(self, fix, place):
        there = self.places[place]
        return footfall.haversine_m(fix["latitude"], fix["longitude"], there["latitude"], there["longitude"])

    def runs(self, user, place):
        """Start, end and whether the user was seen outside before, of each stay."""
        found, before = [], None
        for number, fix in enumerate(self.tracks[user]):
            linked = before is not None and (fix["timestamp"] - before).total_seconds() <= 900
            if self.metres(fix, place) < 50:
                if found and found[-1][3] == number - 1 and linked:
                    found[-1][1], found[-1][3] = fix["timestamp"], number
                else:
                    found.append([fix["timestamp"], fix["timestamp"], linked, number])
            before = fix["timestamp"]
        return [(start, end, seen) for start, end, seen, _ in found]

    def came(self, user, place, time):
        runs = [(start, end) for start, end, _ in self.runs(user, place) if start > time]
        lead = (runs[0][0] - time).total_seconds() if runs else None
        arrived = lead is not None and 30 <= lead <= 900
        stays = [start for start, end in runs if (end - start).total_seconds() >= 120]
        stopped = arrived and any(30 <= (start - time).total_seconds() <= 900 for start in stays)
        return arrived, stopped, lead if arrived else None

    def stops(self):
        """Each stop of a user: the stays near each other in time as one."""
        for user in self.tracks:
            stays = sorted(
                (start, end, place)
                for place in self.places
                for start, end, seen in self.runs(user, place)
                if seen and (end - start).total_seconds() >= 120
            )
            merged = []
            for start, end, place in stays:
                if merged and start <= merged[-1][0]:
                    merged[-1][0] = max(merged[-1][0], end)
                    merged[-1][1].append((place, start))
                else:
                    merged.append([end, [(place, start)]])
            for _, stop in merged:
                yield user, stop


def test_what_came_of_each_suggestion_is_what_loops_find(town):
    _, pings, places, found = town
    by_hand = ByHand(pings, places)
    for row in found.suggestions.to_pylist():
        wanted = by_hand.came(row["user_id"], row["establishment_id"], row["timestamp"])
        assert (row["arrived"], row["stopped"], row["lead_s"]) == wanted, row
    counts = Counter((row["arrived"], row["stopped"]) for row in found.suggestions.to_pylist())
    assert min(counts[False, False], counts[True, False], counts[True, True]) > 10, "the world shows too little"


def test_counts_and_recall_are_those_of_the_suggestions(town):
    _, pings, places, found = town
    stops = list(ByHand(pings, places).stops())
    assert found.stops == len(stops) > 20
    for row in found.table.to_pylist():
        made = [each for each in found.suggestions.to_pylist() if each["method"] == row["method"]]
        arrivals, stopped = (sum(each[name] for each in made) for name in ("arrived", "stopped"))
        assert (row["suggestions"], row["arrivals"], row["stops"]) == (len(made), arrivals, stopped)
        assert row["arrive"] == arrivals / len(made) and row["stop"] == stopped / len(made)
        foretold = sum(any(foretells(each, user, stop) for each in made) for user, stop in stops)
        assert row["recall"] == pytest.approx(foretold / len(stops)), row["method"]
        for measure in ("arrive", "stop", "recall"):
            assert row[f"{measure}_low"] <= row[measure] <= row[f"{measure}_high"]


def foretells(suggestion, user, stop):
    """A suggestion foretells the first stay that begins in time at its establishment, if the user stopped."""
    if suggestion["user_id"] != user or not suggestion["stopped"]:
        return False
    leads = [(start - suggestion["timestamp"]).total_seconds() for place, start in stop
             if place == suggestion["establishment_id"]]  # fmt: skip
    return any(30 <= lead <= 900 for lead in leads)


def test_a_suggestion_is_one_that_a_replay_makes(town):
    data, *_, found = town
    tables = prepare(footfall.open({**in_memory(data), "ads": ads_of(town[2])}, tz="America/Recife"))
    even = replace(tables, tastes=None, familiar=None, options=replace(OPTIONS, holdout=0))
    wanted = footfall.live.replay(data, even).suggestions
    ours = [row for row in found.suggestions.to_pylist() if row["method"] == "footfall"]
    keys = ("user_id", "timestamp", "establishment_id")
    assert {tuple(row[key] for key in keys) for row in ours} == {
        tuple(row[key] for key in keys) for row in wanted.to_pylist()
    }


def in_memory(data):
    return {name: data.sql(f"SELECT * FROM {name}").to_arrow() for name in ("establishments", "pings")}


def test_simpler_rules_suggest_as_many_on_each_day_of_each_user(town):
    _data, *_, found = town
    per_day = {method: Counter() for method in METHODS}
    for row in found.suggestions.to_pylist():
        local = row["timestamp"].astimezone(ZoneInfo("America/Recife"))
        per_day[row["method"]][row["user_id"], local.date()] += 1
    ours = per_day["footfall"]
    for method in NAMES:
        assert set(per_day[method]) <= set(ours)
        assert all(count <= ours[day] for day, count in per_day[method].items()), method
    filled = per_day["nearest"].total() / ours.total()
    assert filled > 0.9, "the rule finds too few moments to be compared"


def test_simpler_rules_keep_the_policy(town):
    _, pings, places, found = town
    by_hand = ByHand(pings, places)
    fixes = {(row["user_id"], row["timestamp"]): row for row in pings.to_pylist()}
    for method in NAMES:
        made = [row for row in found.suggestions.to_pylist() if row["method"] == method]
        for row in made:
            metres = by_hand.metres(fixes[row["user_id"], row["timestamp"]], row["establishment_id"])
            assert OPTIONS.visit_radius_m <= metres <= (500 if method.startswith("entering") else 1_000)
            for other in made:
                apart = abs((row["timestamp"] - other["timestamp"]).total_seconds())
                same_user = row is not other and row["user_id"] == other["user_id"]
                assert not same_user or apart >= 60, "the pause"
                assert not (same_user and row["establishment_id"] == other["establishment_id"]) or apart >= 900
            assert not was_inside(by_hand, row["user_id"], row["establishment_id"], row["timestamp"])


def test_nearest_is_the_nearest(town):
    _, pings, places, found = town
    by_hand = ByHand(pings, places)
    fixes = {(row["user_id"], row["timestamp"]): row for row in pings.to_pylist()}
    made = [row for row in found.suggestions.to_pylist() if row["method"] == "nearest"]
    for row in made:
        user, time = row["user_id"], row["timestamp"]
        told = {other["establishment_id"] for other in made if other is not row and other["user_id"] == user
                and abs((other["timestamp"] - time).total_seconds()) < OPTIONS.cooldown_s}  # fmt: skip
        metres = {place: by_hand.metres(fixes[user, time], place) for place in by_hand.places}
        open_to = [each for place, each in metres.items() if each >= 50 and place not in told
                   and not was_inside(by_hand, user, place, time)]  # fmt: skip
        assert metres[row["establishment_id"]] == min(open_to)


def was_inside(by_hand, user, place, time):
    """Whether the user was there in the last half hour."""
    runs = [(start, min(end, time)) for start, end, _ in by_hand.runs(user, place) if start <= time]
    return any((time - end).total_seconds() < OPTIONS.inside_pause_s for _, end in runs)


def test_the_same_seed_gives_the_same_table(town):
    data, *_, found = town
    assert backtest(data, options=OPTIONS).table.equals(found.table)
    other = backtest(data, options=OPTIONS, seed=2).table
    assert other["arrivals"][0] == found.table["arrivals"][0] and not other.equals(found.table)


def test_ads_that_do_not_run_and_familiar_pairs_are_nobodys(town):
    data, _, places, found = town
    ads = ads_of(places).slice(0, 3)
    with_ads = footfall.open({**in_memory(data), "ads": ads}, tz="America/Recife")
    tables = replace(
        prepare(with_ads, options=OPTIONS), familiar=found.suggestions.select(["user_id", "establishment_id"])
    )
    none = backtest(data, tables)
    assert none.table["suggestions"].to_pylist() == [0] * 5 and none.table["arrive"].to_pylist() == [None] * 5
    some = backtest(data, replace(tables, familiar=None))
    assert set(some.suggestions["establishment_id"].to_pylist()) <= set(ads["establishment_id"].to_pylist())
    assert 0 < some.stops < found.stops


def test_classes_add_up_to_the_whole(town):
    *_, found = town
    for kind, column in (("interval", "interval_s"), ("speed", "speed_mps")):
        rows = found.by(kind).to_pylist()
        for method in METHODS:
            known = sum(row["method"] == method and row[column] is not None for row in found.suggestions.to_pylist())
            assert sum(row["suggestions"] for row in rows if row["method"] == method) == known
    assert {row["interval_from_s"] for row in found.by("interval").to_pylist()} == {20.0}, "all fixes are 30 s apart"
    with pytest.raises(DefinitionError, match="did you mean speed"):
        found.by("speeds")


def test_walkers_beat_a_rule_that_knows_no_heading(town):
    *_, found = town
    shares = dict(zip(METHODS, found.table["arrive"].to_pylist()))
    assert shares["footfall"] > max(shares["any heading"], shares["random"])
    gain = found.gain()
    assert gain["low"] <= gain["ratio"] <= gain["high"] and gain["method"] in NAMES


def test_tuning_judges_on_the_other_half_alone(town, tmp_path):
    data, *_, found = town
    tuned = found.tune(budget=4)
    learn, judge = footfall.live.judging.tuning.halves(history.of_data(data, None, OPTIONS, 1, footfall._native))
    judged = set(tuned.report.suggestions["user_id"].to_pylist())
    assert judged <= set(judge.tracks.user_ids) and not judged & set(learn.tracks.user_ids)
    assert set(learn.tracks.user_ids) | set(judge.tracks.user_ids) == {f"u{user:02d}" for user in range(24)}
    assert tuned.options.cap == 4 and tuned.options.pause_s == OPTIONS.pause_s
    best = max(row["arrivals"] for row in tuned.tried.to_pylist())
    chosen = {name: getattr(tuned.options, name) for name in ("miss_m", "miss_share", "horizon_s", "min_chance")}
    assert [row["arrivals"] for row in tuned.tried.to_pylist() if chosen.items() <= row.items()] == [best]
    assert read(tuned.save(tmp_path / "options.toml")) == (tuned.options, tuned.chances.to_pylist())


def test_chances_are_counts_by_class_that_add_up(town):
    data, *_ = town
    of = history.of_data(data, None, OPTIONS, 1, footfall._native)
    counted = footfall.live.judging.tuning.counted(of, OPTIONS)
    halves = [footfall.live.judging.tuning.counted(half, OPTIONS) for half in footfall.live.judging.tuning.halves(of)]
    assert chances.added(*halves).equals(counted)
    for row in counted.to_pylist():
        assert 0 <= row["arrivals"] <= row["approaches"] > 0
        assert row["miss_from_m"] in chances.MISS_FROM_M and row["eta_from_s"] in chances.ETA_FROM_S


def test_the_package_carries_chances_of_many_approaches():
    carried = chances.of_the_city()
    assert sum(carried["approaches"].to_pylist()) > 10_000 and carried.num_rows > 50


@pytest.mark.parametrize(("tables", "error"), [({"pings": walk("a", [1])}, "need establishments"),
                                               ({"establishments": shops(0)}, "needs pings")])  # fmt: skip
def test_a_missing_table_is_named(tables, error):
    with pytest.raises(MissingTableError, match=error):
        backtest(footfall.open(tables))


def test_one_user_is_too_few_to_tune():
    data = footfall.open({"establishments": shops(0), "pings": together(walk("ana", range(-400, 0, 40), NOON))})
    with pytest.raises(DataError, match="has 1 users, all of one half"):
        backtest(data).tune()


def test_a_chart_shows_every_method_and_says_how_many(town):
    *_, found = town
    drawn = found.chart().to_dict()
    told = str(drawn)
    assert all(name in told for name in METHODS) and f"{len(drawn['concat'])}" == "3"
    assert f"of {found.table['suggestions'][0].as_py():,} suggestions" in str(drawn["title"]["text"])
    assert "<table>" in found._repr_html_() and "Back-test" in repr(found)


def test_intervals_hold_the_ratio_as_often_as_they_say():
    """Two hundred worlds of users who come in clusters; nine in ten intervals of 90 % hold the true share, about."""
    draws, inside = np.random.default_rng(9), 0
    for world in range(200):
        trials = draws.integers(1, 9, 60)
        own = draws.beta(2, 6, 60)  # Each user's own share; a quarter on average.
        hits = draws.binomial(trials, own)
        _, low, high = Users(60, world, 0.9, draws=300).ratio(hits, trials)
        inside += low <= 0.25 <= high
    assert 165 <= inside <= 192
