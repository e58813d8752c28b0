"""Every job, by every unit, on seeded worlds: what Footfall says is what the slow, obvious oracle says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from oracle import Oracle, assert_same, close
from worlds import ALL_NULL, EMPTY, JOBS_BY_USER, ONE_ROW, UNITS, at, questions, random_world

import footfall

SEEDS = range(42)
SPECIAL = {"empty": EMPTY, "one row": ONE_ROW, "all null": ALL_NULL}


@pytest.fixture
def compare(engine):
    """Compares the answers of all jobs: on clusters by two units, since these are a matter of the statement only."""
    units = UNITS if engine == "local" else UNITS[2:]

    def compared(data, oracle, what):
        for job, options in questions():
            if options.get("by", UNITS[2]) in units:
                same(data, oracle, what, job, options)

    return compared


def same(data, oracle, what, job, options):
    assert_same(getattr(data, job)(**options), getattr(oracle, job)(**options), f"{what}, {job} {options}")


@pytest.mark.parametrize("seed", SEEDS)
def test_all_jobs_on_a_random_world(ask, compare, seed):
    world = random_world(seed)
    compare(ask(world), Oracle(world), f"seed {seed}")


@pytest.mark.parametrize("name", SPECIAL)
def test_all_jobs_on_a_special_world(ask, compare, name):
    compare(ask(SPECIAL[name]), Oracle(SPECIAL[name]), name)


@pytest.mark.parametrize("seed", range(3))
def test_all_jobs_on_a_larger_world(ask, compare, seed):
    # More events than a batch of small ones, so that ties of three and more and full categories occur.
    world = random_world(1000 + seed, events=900)
    compare(ask(world), Oracle(world), f"larger {seed}")


def test_the_worlds_are_worth_asking():
    """A law on worlds without visits, ties or attribution would hold for nothing."""
    oracles = [Oracle(random_world(seed)) for seed in SEEDS]
    assert sum(bool(oracle.visits) for oracle in oracles) > 30
    assert sum(any(visit[4] for visit in oracle.attributed_visits) for oracle in oracles) > 20
    assert any(row[-1] for oracle in oracles for row in oracle.preferred_ad_categories()[1])
    assert any(row[-1] for oracle in oracles for row in oracle.preferred_establishment_categories()[1])
    assert sum(len(oracle.campaign_ctr("month")[1]) > 4 for oracle in oracles) > 5


@pytest.mark.parametrize("seed", range(0, 20, 2))
def test_visits_and_attributed_visits(ask, seed):
    world = random_world(seed)
    columns = "user_id, arrow_cast(timestamp, 'Int64') AS timestamp, establishment_id, distance_m"
    query = f"SELECT {columns}, attributed, ad_id, arrow_cast(interaction_timestamp, 'Int64') AS earned"
    table = ask(world).sql(f"{query} FROM attributed_visits").to_arrow()
    found = list(zip(*(column.to_pylist() for column in table.columns)))
    expected = Oracle(world).attributed_visits
    assert len(found) == len(expected)
    for ours, theirs in zip(sorted(found, key=by_key), sorted(expected, key=by_key)):
        assert ours[:3] + ours[4:] == theirs[:3] + theirs[4:]
        # A nanometre: the distance of a point to itself is 0, and no relative error fits that.
        assert ours[3] == pytest.approx(theirs[3], rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("only", ["ad_id IS NOT NULL", "interaction_timestamp IS NOT NULL", "attributed"])
@pytest.mark.parametrize("seed", range(3))
def test_visits_that_something_earned_are_asked_for_alone(ask, seed, only):
    world = random_world(1000 + seed, events=900)
    attributed = [visit[4] for visit in Oracle(world).attributed_visits]
    query = "SELECT count(*) AS visits FROM attributed_visits WHERE"
    for condition, visits in [(only, sum(attributed)), (f"NOT ({only})", attributed.count(False))]:
        assert ask(world).sql(f"{query} {condition}").to_arrow()["visits"].to_pylist() == [visits]


def by_key(visit):
    # Rounded: two pings of one instant sort alike on both sides, whatever the last bit of the distance.
    return (*visit[:3], round(visit[3], 6))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("changed", "ours"),
    [
        ({"visit_radius_m": 25}, {"radius_m": 25}),
        ({"visit_radius_m": 400}, {"radius_m": 400}),
        ({"attribution_window": timedelta(0)}, {"window_us": 0}),
        ({"attribution_window": timedelta(days=9)}, {"window_us": 9 * 86_400_000_000}),
        ({"confidence": 0.5}, {"z": 0.6744897501960817}),
    ],
    ids=str,
)
def test_definitions_change_the_answers_as_they_say(ask, compare, seed, changed, ours):
    world = random_world(seed)
    data = ask(world, definitions=footfall.Definitions(**changed))
    compare(data, Oracle(world, **ours), f"seed {seed}, {changed}")


@pytest.mark.parametrize("seed", range(7))
def test_ranks_by_the_other_measure(ask, seed):
    world = random_world(seed)
    others = [("campaign_ctr", "ctr"), ("establishment_visits", "visitors"), ("visit_attribution", "ratio")]
    for job, measure in others:
        for by in ("month", "period"):
            result = getattr(ask(world), job)(by=by, rank_by=measure)
            assert_same(result, getattr(Oracle(world), job)(by, measure), f"seed {seed}, {job} by {by}")


@pytest.mark.parametrize("job", JOBS_BY_USER)
@pytest.mark.parametrize("users", [["3"], ["1", "10", "nobody"], []], ids=str)
def test_chosen_users_only(ask, job, users):
    for seed in range(5):
        world = random_world(seed)
        expected = getattr(Oracle(world), job)(users)
        assert_same(getattr(ask(world), job)(users=users), expected, f"seed {seed}, {job}, users {users}")


@pytest.mark.parametrize("seed", range(14))
def test_between_counts_what_is_in_the_period_and_keeps_earlier_evidence(ask, compare, seed):
    world = random_world(seed)
    instants = sorted(row["timestamp"] for row in world.pings + world.interactions if row["timestamp"] is not None)
    if len(instants) < 4:
        pytest.skip("this world has too few events to cut")
    start, end = instants[len(instants) // 3], instants[2 * len(instants) // 3] + 1
    data = ask(world).between(at(start), at(end))
    compare(data, Oracle(world, start_us=start, end_us=end), f"seed {seed}")


def test_close_tells_types_apart():
    """The comparison itself: a bool is no integer, a null is no zero."""
    assert close(1.0, 1.0 + 1e-15) and close(None, None) and close("a", "a")
    assert not close(True, 1) and not close(None, 0.0) and not close(1, 1.0) and not close(1.0, 1.0 + 1e-11)
