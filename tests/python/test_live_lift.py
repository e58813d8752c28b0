"""Lift finds the response that was planted, and none where there is none."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from live_towns import NOON, ads_of, together, walk, wanderers

import footfall
from footfall.errors import DataError, DefinitionError
from footfall.live import Approach, lift, prepare, replay


@pytest.fixture(scope="module")
def town():
    """Many walkers, half of them held out, and what was suggested to them."""
    pings, places = wanderers(11, users=300, fixes=90)
    data = footfall.open({"establishments": places, "ads": ads_of(places), "pings": pings}, tz="America/Recife")
    options = Approach(holdout=0.5, pause_s=60, cooldown_s=900, cap=20)
    suggestions = replay(pings, prepare(data, options=options)).suggestions
    assert suggestions.num_rows > 1_000
    return pings, places, suggestions


def visits_planted(places, suggestions, every):
    """A ping at the shop two minutes after one in so many of the suggestions that were sent."""
    at = {row["establishment_id"]: row["latitude"] for row in places.to_pylist()}
    sent = [row for row in suggestions.to_pylist() if not row["held_out"]]
    chosen = np.random.default_rng(4).random(len(sent)) < 1 / every
    parts = [
        walk(
            row["user_id"], [(at[row["establishment_id"]] + 8.0634) * 111_195], row["timestamp"] + timedelta(minutes=2)
        )
        for row, is_chosen in zip(sent, chosen)
        if is_chosen
    ]
    return together(*parts)


def test_nothing_planted_lies_within_the_interval(town):
    pings, places, suggestions = town
    found = lift(suggestions, pings, places)
    assert found.difference_low <= 0 <= found.difference_high
    assert found.difference_high - found.difference_low < 0.2, "so wide an interval tells nothing"
    assert "Lift:" in repr(found) and "points" in repr(found)


def test_one_in_ten_planted_lies_within_the_interval(town):
    pings, places, suggestions = town
    before = lift(suggestions, pings, places)
    planted = together(pings, visits_planted(places, suggestions, 10))
    found = lift(suggestions, planted, places)
    # Of those who would have come anyway, none comes twice.
    response = 0.1 * (1 - before.table["share"][0].as_py())
    assert found.difference_low <= response <= found.difference_high
    assert found.table["visited"][0].as_py() > before.table["visited"][0].as_py()
    assert found.table["visited"][1] == before.table["visited"][1]


def test_a_large_response_is_told_from_none(town):
    pings, places, suggestions = town
    planted = together(pings, visits_planted(places, suggestions, 2))
    assert lift(suggestions, planted, places).difference_low > 0


def test_shares_are_those_of_loops(town):
    pings, places, suggestions = town
    some = suggestions.slice(0, 60)
    visits = footfall.visit_join(pings, places).to_pylist()
    counts = {"suggested": [0, 0], "held out": [0, 0]}
    for row in some.to_pylist():
        count = counts["held out" if row["held_out"] else "suggested"]
        count[0] += 1
        count[1] += any(
            each["user_id"] == row["user_id"] and each["establishment_id"] == row["establishment_id"]
            and timedelta(0) < each["timestamp"] - row["timestamp"] <= timedelta(minutes=15)
            for each in visits
        )  # fmt: skip
    for row in lift(some, pings, places).table.to_pylist():
        assert [row["suggestions"], row["visited"]] == counts[row["group"]]
        assert row["share"] == row["visited"] / row["suggestions"]


def test_a_data_set_has_its_own_establishments(town):
    pings, places, suggestions = town
    data = footfall.open({"establishments": places, "pings": pings})
    assert lift(suggestions, data).table.equals(lift(suggestions, pings, places).table)


def test_without_a_group_there_is_no_difference(town):
    pings, places, suggestions = town
    sent = suggestions.filter(pa.compute.invert(suggestions["held_out"]))
    found = lift(sent, pings, places)
    assert found.difference is None and found.table["suggestions"].to_pylist() == [sent.num_rows, 0]
    assert "one of the groups is empty" in repr(found)


def test_what_cannot_be_compared_is_refused(town):
    pings, places, suggestions = town
    mixed = pa.table({"user_id": ["ana"] * 2, "timestamp": pa.array([NOON] * 2), "establishment_id": ["shop0"] * 2,
                      "held_out": [True, False]})  # fmt: skip
    with pytest.raises(DataError, match="user 'ana' has suggestions that were sent and others"):
        lift(mixed, pings, places)
    with pytest.raises(DataError, match="has no column held_out"):
        lift(suggestions.drop_columns(["held_out"]), pings, places)
    with pytest.raises(DefinitionError, match="needs one of establishments"):
        lift(suggestions, pings)
    with pytest.raises(DefinitionError, match="must be above 0"):
        lift(suggestions, pings, places, within=timedelta(0))
