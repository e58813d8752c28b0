"""The report's sentences say what is true: of ties, of one row, of nothing, of a majority and of a mere plurality."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
import pytest
from worlds import JOBS_BY, SCHEMAS, World, random_world

import footfall
from footfall.report.sentences import sentence


def said(job, rows):
    table = pa.Table.from_pylist(rows)
    words = sentence(job, SimpleNamespace(to_arrow=lambda: table, definitions=footfall.Definitions()))
    return words.replace("\xa0", " ")


def campaigns(*counts):
    """Rows of job 1: (clicks, views) of the campaigns a, b, c..., whose interval is their rate as it is."""
    rows = []
    for name, (clicks, views) in zip("abcdefgh", counts):
        ctr = clicks / views if views else None
        low = ctr if views and clicks <= views else None
        rows.append(
            {"campaign_id": name, "views": views, "clicks": clicks, "ctr": ctr, "ctr_low": low, "ctr_high": low}
        )
    return with_rank(rows, "ctr_low", "campaign_id")


def establishments(*counts):
    """Rows of jobs 2 and 3: (visits, visitors, attributed visits) of the establishments a, b, c..."""
    rows = []
    for name, (visits, visitors, attributed) in zip("abcdefgh", counts):
        ratio = attributed / visits if visits else None
        row = {"establishment_id": name, "name": None, "category": "food", "visits": visits, "visitors": visitors}
        rows.append({**row, "attributed_visits": attributed, "ratio": ratio, "ratio_low": ratio, "ratio_high": ratio})
    return rows


def with_rank(rows, measure, key):
    order = sorted(rows, key=lambda row: (row[measure] is None, -(row[measure] or 0), row[key]))
    ranks = {row[key]: rank for rank, row in enumerate(order, 1)}
    return [{**row, "rank": ranks[row[key]]} for row in rows]


def hours(**categories):
    """Rows of job 4: interactions of a category by hour."""
    return [
        {"category": category, "hour": hour, "interactions": counts.get(hour, 0)}
        for category, counts in categories.items()
        for hour in range(24)
    ]


def preferences(*rows):
    return [dict(zip(("user_id", "day_part", "category", "tied"), row)) for row in rows]


CAMPAIGNS = [
    ([(0, 0)], ["No campaign has a click-through rate: there are no views."]),
    ([(2, 0), (1, 0)], ["there are no views"]),
    ([(0, 1), (0, 0)], ["None of 1 view led to a click."]),
    ([(0, 9), (0, 9)], ["None of 18 views led to a click."]),
    ([(5, 2), (4, 2)], ["No campaign has an interval", "All 2 campaigns together: 9 clicks in 4 views."]),
    ([(5, 2), (0, 2)], ["The only clicks are in campaigns that have more clicks than views"]),
    ([(1, 4)], ["The only campaign is a: 1 click in 4 views, 25.0 %"]),
    ([(1, 4), (2, 4)], ["Campaign b does best: 2 clicks in 4 views", "together: 3 clicks in 8 views (37.5 %)."]),
    ([(1, 4), (1, 4), (0, 9)], ["Campaign a does best (as does 1 other): 1 click in 4 views"]),
    ([(1, 4), (2, 8), (1, 4)], ["Campaign a does best (as do 2 others)"]),
]


@pytest.mark.parametrize(("counts", "words"), CAMPAIGNS, ids=str)
def test_campaigns(counts, words):
    found = said("campaign_ctr", campaigns(*counts))
    assert all(part in found for part in words), found


VISITS = [
    ([(0, 0, 0)], ["No visit: nobody came near the only establishment."]),
    ([(0, 0, 0), (0, 0, 0)], ["No visit: nobody came near any of 2 establishments."]),
    ([(1, 1, 0)], ["The only establishment is a: 1 visit by 1 person."]),
    ([(3, 2, 0), (0, 0, 0)], ["a has the most visits: 3 visits by 2 people.", "together: 3 visits; 1 has none."]),
    ([(3, 2, 0), (4, 1, 0)], ["b has the most visits: 4 visits by 1 person.", "7 visits; each has some."]),
    ([(3, 2, 0), (3, 1, 0)], ["a has the most visits (as has 1 other)"]),
    ([(3, 2, 0), (3, 1, 0), (3, 3, 0), (0, 0, 0), (0, 0, 0)], ["(as have 2 others)", "2 have none"]),
]


@pytest.mark.parametrize(("counts", "words"), VISITS, ids=str)
def test_visits(counts, words):
    found = said("establishment_visits", with_rank(establishments(*counts), "visits", "establishment_id"))
    assert all(part in found for part in words), found


ATTRIBUTION = [
    ([(0, 0, 0)], ["No visit, and so no ratio: nobody came near the only establishment."]),
    ([(1, 1, 0)], ["None of 1 visit followed an interaction"]),
    ([(3, 2, 0), (1, 1, 0)], ["None of 4 visits followed an interaction"]),
    ([(4, 2, 1)], ["The only establishment is a: 1 of its 4 visits by 2 people followed"]),
    ([(4, 2, 1), (2, 1, 1)], ["b leads: 1 of its 2 visits by 1 person followed", "together: 33.3 % of 6 visits."]),
    ([(4, 2, 1), (4, 3, 1), (0, 0, 0)], ["a leads (as does 1 other): 1 of its 4 visits by 2 people"]),
]


@pytest.mark.parametrize(("counts", "words"), ATTRIBUTION, ids=str)
def test_attribution(counts, words):
    found = said("visit_attribution", with_rank(establishments(*counts), "ratio_low", "establishment_id"))
    assert all(part in found for part in words), found


HOURS = [
    (
        {"food": {9: 1}},
        ["The only interaction is with an ad of category food.", "hour of all is 09:00 to 10:00, with 100 %"],
    ),
    ({"food": {9: 2, 23: 1}}, ["All 3 interactions are with ads of category food.", "09:00 to 10:00, with 66.7 %"]),
    ({"food": {9: 3}, "bar": {8: 2}}, ["Most interactions are with ads of category food: 3 of 5 (60.0 %)."]),
    (
        {"food": {9: 15}, **{name: {hour: 5} for hour, name in enumerate("abcdefghijklmnopq")}},
        ["The largest part of the interactions is with ads of category food: 15 of 100 (15.0 %)."],
    ),
    ({"food": {9: 1}, "bar": {8: 1}}, ["have the most interactions are bar and food: 1 of 2 (50.0 %) each."]),
    ({"food": {9: 2}, "bar": {8: 1, 7: 1}}, ["are bar and food: 2 of 4 (50.0 %) each.", "hour of all is 09:00"]),
    (
        {name: {hour: 1} for hour, name in enumerate("abcde")},
        [
            "are a, b and 3 more: 1 of 5 (20.0 %) each.",
            "busiest hours of all are 00:00 to 01:00, 01:00 to 02:00 and 3 more",
        ],
    ),
    ({"food": {9: 0}}, ["There are no interactions."]),
]


@pytest.mark.parametrize(("counts", "words"), HOURS, ids=str)
def test_hours(counts, words):
    found = said("category_hours", hours(**counts))
    assert all(part in found for part in words), found


PREFERRED = [
    ([("u", "night", "food", False)], ["largest number of users: night: food (1 of 1 user)."]),
    (
        [("u", "night", "food", False), ("v", "night", "food", False), ("w", "night", "bar", False)],
        ["night: food (2 of 3 users)."],
    ),
    (
        [("u", "night", "food", True), ("v", "night", "bar", False), ("v", "morning", "bar", False)],
        ["night: bar and food (1 of 2 users each); morning: bar (1 of 1 user).", "1 of 3 preferences is a tie"],
    ),
]


@pytest.mark.parametrize(("rows", "words"), PREFERRED, ids=str)
def test_preferred(rows, words):
    found = said("preferred_ad_categories", preferences(*rows))
    assert all(part in found for part in words), found


@pytest.mark.parametrize("world", [*map(random_world, range(6)), World()], ids=str)
def test_a_majority_is_said_of_more_than_half_only(ask, world):
    """Whatever the rows, and none of the words fails."""
    data = ask({name: table for name, table in world.tables().items() if name in SCHEMAS})
    for job in JOBS_BY:
        result = data.run(job, by="period")
        if not len(result):
            continue
        words = sentence(job, result)
        assert "None" not in words.replace("None of", "") and "nan" not in words
        if job == "category_hours" and "Most interactions" in words:
            counts = result.to_arrow().group_by("category").aggregate([("interactions", "sum")])
            counts = counts["interactions_sum"].to_pylist()
            assert 2 * max(counts) > sum(counts)
