"""Laws of live detection: what comes out depends on a user's own fixes in their order, the tables and the options.

Not on batches, other users, the number of detectors, a restart between two fixes or a reload of the same tables.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from functools import cache, lru_cache
from types import SimpleNamespace

import live_oracle
import pyarrow as pa
import pytest
from live_crowds import DAY_S, crowd, fixes_table
from live_paths import NOON, Map, knowledge

from footfall import _native

NATIVE = SimpleNamespace(LiveTables=_native.LiveTables, Detector=_native.Detector)
SEEDS = range(12)
REFUSED = ["unusable", "ahead", "inaccurate", "late", "duplicate", "jump"]
OUTCOMES = ["no_ad", "familiar", "closed", "cooldown", "cap", "pause", "outscored", "suggested", "held_out"]

world = lru_cache(maxsize=None)(crowd)


def rows(detector, fixes):
    """Suggestions and approaches of a batch."""
    return [pa.table(part).to_pylist() for part in detector.process(fixes_table(fixes))]


def together(parts):
    """Suggestions and approaches of several batches."""
    parts = list(parts)
    return [[row for part in parts for row in part[which]] for which in (0, 1)]


def by_user(told):
    """The same, where users are not in a common order."""
    return [sorted(part, key=lambda row: (row["user_id"], row["timestamp"], row["establishment_id"])) for part in told]


def batches(fixes, rng, sizes=(1, 2, 7, 60, 400)):
    while fixes:
        size = rng.choice(sizes)
        yield fixes[:size]
        fixes = fixes[size:]


@cache
def uninterrupted(seed):
    """What one detector says of all fixes at once, and its counters."""
    detector = NATIVE.Detector(world(seed).tables(NATIVE))
    return by_user(rows(detector, world(seed).stream())), detector.counters()


def same(ours, theirs):
    """Text and instants equal, numbers but for rounding."""
    assert [row["timestamp"] for row in ours] == [row["timestamp"] for row in theirs]
    for our, their in zip(ours, theirs):
        assert our.keys() == their.keys()
        for name, value in their.items():
            if isinstance(value, float):
                # A miss of a millimetre is as good as none.
                assert math.isclose(our[name], value, rel_tol=1e-6, abs_tol=1e-3 if name == "miss_m" else 0), (
                    name,
                    our,
                )
            else:
                assert our[name] == value, (name, our, their)


def test_the_worlds_have_something_to_say():
    counted = sum((Counter(uninterrupted(seed)[1]) for seed in SEEDS), Counter())
    assert [name for name in [*REFUSED, *OUTCOMES, "waiting", "gap", "returned"] if counted[name] < 5] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_extension_and_the_oracle_say_the_same(seed):
    agree(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_the_extension_and_the_oracle_say_the_same_of_many_worlds(seed):
    agree(seed)


def agree(seed):
    told = []
    for live in (NATIVE, live_oracle):
        detector = live.Detector(world(seed).tables(live))
        told.append((rows(detector, world(seed).stream()), detector))
    (ours, our), (theirs, their) = told
    assert our.counters() == their.counters()
    assert our.users() == their.users()
    for which in (0, 1):
        same(ours[which], theirs[which])


@pytest.mark.parametrize("seed", SEEDS)
def test_another_knowledge_in_the_middle_means_the_same_to_both(seed):
    """Half of the shops are gone, the names of the others are kept: what was fired at them holds."""
    told = []
    for live in (NATIVE, live_oracle):
        detector, fixes = live.Detector(world(seed).tables(live)), world(seed).stream()
        first = rows(detector, fixes[: len(fixes) // 2])
        detector.reload(world(seed).tables(live, version="v2", shops=sorted_shops(seed)[::2]))
        told.append((together([first, rows(detector, fixes[len(fixes) // 2 :])]), detector.counters()))
    assert told[0][1] == told[1][1]
    for which in (0, 1):
        same(told[0][0][which], told[1][0][which])


def sorted_shops(seed):
    return sorted(world(seed).shops, key=lambda shop: shop["establishment_id"])


@pytest.mark.parametrize("seed", SEEDS)
def test_any_batches(seed):
    detector, rng = NATIVE.Detector(world(seed).tables(NATIVE)), random.Random(seed)
    told = together(rows(detector, batch) for batch in batches(world(seed).stream(), rng))
    assert (by_user(told), detector.counters()) == uninterrupted(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_interleaving_of_users(seed):
    detector = NATIVE.Detector(world(seed).tables(NATIVE))
    told = rows(detector, world(seed).stream(seed + 1))
    assert (by_user(told), detector.counters()) == uninterrupted(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_number_of_detectors(seed):
    """Users are split among detectors that share their tables."""
    tables, number = world(seed).tables(NATIVE), 2 + seed % 3
    shares = [[] for _ in range(number)]
    for fix in world(seed).stream():
        shares[len(fix["user_id"] or "") % number].append(fix)
    detectors = [NATIVE.Detector(tables) for _ in shares]
    told = together(rows(detector, share) for detector, share in zip(detectors, shares))
    counted = sum((Counter(detector.counters()) for detector in detectors), Counter())
    assert by_user(told) == uninterrupted(seed)[0] and counted == Counter(uninterrupted(seed)[1])


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_restart_after_every_fix(seed):
    """Each fix meets a new detector that has the user's saved state, and nothing else."""
    tables, states, counted, told = world(seed).tables(NATIVE), {}, Counter(), []
    for fix in world(seed).stream():
        user, detector = fix["user_id"], NATIVE.Detector(tables)
        if user in states:
            detector.restore(states[user])
        told.append(rows(detector, [fix]))
        counted.update(detector.counters())
        if user is not None:
            states[user] = pa.table(detector.states(pa.array([user], pa.string())))
    assert by_user(together(told)) == uninterrupted(seed)[0]
    assert {name: counted[name] for name in uninterrupted(seed)[1]} == uninterrupted(seed)[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_all_states_saved_and_restored_between_batches(seed):
    tables, rng = world(seed).tables(NATIVE), random.Random(seed)
    detector, told = NATIVE.Detector(tables), []
    for batch in batches(world(seed).stream(), rng):
        told.append(rows(detector, batch))
        states, old, detector = pa.table(detector.states(None)), detector, NATIVE.Detector(tables)
        detector.restore(states)
        assert detector.users() == old.users() == states.num_rows
        assert sorted(pa.table(detector.states(None)).to_pylist(), key=str) == sorted(states.to_pylist(), key=str)
    assert by_user(together(told)) == uninterrupted(seed)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reload_of_the_same_tables_changes_the_version_only(seed):
    detector, rng = NATIVE.Detector(world(seed).tables(NATIVE, version="1")), random.Random(seed)
    told = []
    for number, batch in enumerate(batches(world(seed).stream(), rng), 1):
        detector.reload(world(seed).tables(NATIVE, version=str(number)))
        told.append(rows(detector, batch))
        assert {row["version"] for row in told[-1][0]} <= {str(number)}
    plain = [{**row, "version": "v1"} for part in told for row in part[0]]
    assert by_user([plain, together(told)[1]]) == uninterrupted(seed)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_state_that_is_null_forgets_the_user(seed):
    """Then the rest is as of a new user."""
    fixes = world(seed).lives[0]
    first, rest = fixes[: len(fixes) // 2], fixes[len(fixes) // 2 :]
    tables = world(seed).tables(NATIVE)
    detector = NATIVE.Detector(tables)
    rows(detector, first)
    detector.restore(pa.table({"user_id": pa.array(["ana"]), "state": pa.array([None], pa.binary())}))
    assert detector.users() == 0
    assert pa.table(detector.states(pa.array(["ana"]))).to_pylist() == [{"user_id": "ana", "state": None}]
    assert rows(detector, rest) == rows(NATIVE.Detector(tables), rest)


@pytest.mark.parametrize("seed", SEEDS)
def test_forgetting_who_was_silent_for_two_days_changes_nothing(seed):
    fixes = sorted(world(seed).stream(), key=lambda fix: fix["timestamp"] or 0)
    whole = rows(NATIVE.Detector(world(seed).tables(NATIVE, version="v1")), fixes)
    detector, told = NATIVE.Detector(world(seed).tables(NATIVE)), []
    for batch in batches(fixes, random.Random(seed)):
        told.append(rows(detector, batch))
        detector.forget_before(max(fix["timestamp"] or 0 for fix in batch) - 2 * DAY_S * 1_000_000)
    assert together(told) == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_two_days_of_silence_make_a_new_user(seed):
    fixes = world(seed).lives[0]
    later = 3 * DAY_S + (max(f["timestamp"] or 0 for f in fixes) - min(f["timestamp"] or 9e18 for f in fixes)) // 10**6
    shifted = [moved(fix, int(later) * 1_000_000) for fix in fixes]
    tables = world(seed).tables(NATIVE)
    detector = NATIVE.Detector(tables)
    rows(detector, fixes)
    assert rows(detector, shifted) == rows(NATIVE.Detector(tables), shifted)


def moved(fix, by_us):
    return {**fix, **{name: fix[name] and fix[name] + by_us for name in ("timestamp", "received")}}


@pytest.mark.parametrize("seed", SEEDS)
def test_counters_add_up(seed):
    """Each fix is refused for one reason or accepted; each approach has one outcome."""
    (suggestions, approaches), counted = uninterrupted(seed)
    accepted = counted["fixes"] - sum(counted[name] for name in REFUSED)
    assert counted["fixes"] == len(world(seed).stream()) and 0 < counted["anchors"] <= accepted
    assert counted["approaches"] == len(approaches) == sum(counted[name] for name in OUTCOMES)
    assert Counter(row["outcome"] for row in approaches) == Counter({n: counted[n] for n in OUTCOMES if counted[n]})
    assert counted["suggested"] + counted["held_out"] == len(suggestions)
    assert len({row["suggestion_id"] for row in suggestions}) == len(suggestions)


def test_each_fix_is_counted_once_one_by_one():
    """Of each fix alone: fixes rises by one, and at most one of the refusals."""
    detector, before = NATIVE.Detector(world(0).tables(NATIVE)), Counter()
    for fix in world(0).stream()[:800]:
        detector.process(fixes_table([fix]))
        now = Counter(detector.counters())
        assert now["fixes"] == before["fixes"] + 1
        assert sum(now[name] - before[name] for name in REFUSED) in (0, 1)
        before = now


def test_the_policy_holds():
    """Within a day: at most the cap, pauses between suggestions, nothing twice within the cooldown."""
    for seed in SEEDS:
        options = world(seed).options
        last, seen = {}, {}
        for row in uninterrupted(seed)[0][0]:
            now, user = row["timestamp"].timestamp(), row["user_id"]
            assert now - last.get(user, -math.inf) >= options.get("pause_s", 600)
            shop = (user, row["establishment_id"])
            assert now - seen.get(shop, -math.inf) >= min(options.get("cooldown_s", DAY_S), 2 * DAY_S)
            last[user] = seen[shop] = now


def test_approaches_need_not_be_told():
    """Without their table, suggestions and counters are the same."""
    detector = NATIVE.Detector(world(1).tables(NATIVE))
    suggestions, approaches = map(pa.table, detector.process(fixes_table(world(1).stream()), approaches=False))
    assert approaches.num_rows == 0 and approaches.schema.names[0] == "user_id"
    assert by_user([suggestions.to_pylist(), []])[0] == uninterrupted(1)[0][0]
    assert detector.counters() == uninterrupted(1)[1]


def test_a_state_of_another_kind_is_refused():
    here = Map()
    detector = NATIVE.Detector(knowledge(NATIVE, [here.shop("cafe", 900, 0)]))
    rows(detector, here.walk([(0, 0), (300, 0)], 30, start=NOON))
    (state,) = pa.table(detector.states(None))["state"].to_pylist()
    for broken in (b"", b"\x00", b"{}", state[:-1], state + b"\x00", bytes([state[0] ^ 0xFF]) + state[1:]):
        with pytest.raises((ValueError, RuntimeError, TypeError)):
            detector.restore(pa.table({"user_id": ["ana"], "state": pa.array([broken], pa.binary())}))
