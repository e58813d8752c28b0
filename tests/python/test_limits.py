"""With a limit of memory, answers are the same or the limit is named; and what is held is held within it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from layouts import ipc_bytes

import footfall

MANY, PLACES = 500_000, 20_000
MIB = 1 << 20
LIMITS = ["1MB", "8MB", "64MB"]


def many(root):
    """A data set with half a million users, each with a ping and an interaction, and many ads and establishments."""
    numbers, few = np.arange(MANY), np.arange(PLACES)
    instants = pa.array(1_709_294_400_000_000 + numbers * 1_000_000, pa.timestamp("us", "UTC"))
    users = pa.array(np.char.add("user-", numbers[::-1].astype(str)))
    latitudes, longitudes = 120.0 * few / PLACES - 60.0, 360.0 * (few * 0.618 % 1.0) - 180.0
    category = np.array(["food", "bar"])[few % 2]
    tables = {
        "establishments": {"establishment_id": few, "category": category, "latitude": latitudes,
                           "longitude": longitudes},
        "ads": {"ad_id": few, "campaign_id": np.char.add("campaign-", few.astype(str)), "category": category,
                "establishment_id": few},
        "interactions": {"user_id": users, "ad_id": numbers % PLACES,
                         "action": np.array(["view", "click"])[numbers % 2],
                         "timestamp": instants},
        "pings": {"user_id": users, "timestamp": instants, "latitude": latitudes[numbers % PLACES],
                  "longitude": longitudes[numbers % PLACES]},
    }  # fmt: skip
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), root / f"{name}.parquet", row_group_size=MANY // 8)
    return root


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    return many(tmp_path_factory.mktemp("million"))


QUERIES = {
    "text": "SELECT user_id, count(*) AS n FROM interactions GROUP BY user_id",
    "integers": "SELECT CAST(substr(user_id, 6) AS BIGINT) AS id, count(*) AS n FROM interactions GROUP BY 1",
    "campaigns": "SELECT campaign_id, count(*) AS n FROM interactions JOIN ads USING (ad_id) GROUP BY campaign_id",
    "establishments": "SELECT establishment_id, count(*) AS n FROM visits GROUP BY establishment_id",
    "many of what has few": "SELECT category, count(*) AS n "
    "FROM (SELECT user_id AS category FROM interactions) GROUP BY category",
    "user and day": "SELECT user_id, local_day(timestamp) AS day, count(*) AS n FROM interactions GROUP BY 1, 2",
    "user and hour": "SELECT user_id, local_hour(timestamp) AS h, count(*) AS n FROM pings GROUP BY 1, 2 ORDER BY 1, 2",
    "shares": "SELECT user_id, n, sum(n) OVER (PARTITION BY user_id) AS all FROM "
    "(SELECT user_id, local_hour(timestamp) AS h, count(*) AS n FROM interactions GROUP BY 1, 2)",
    "distinct": "SELECT count(DISTINCT user_id) AS n FROM interactions",
    "sorted": "SELECT user_id, timestamp FROM interactions ORDER BY user_id DESC",
    "attributed": "SELECT user_id, attributed, ad_id FROM attributed_visits",
}
SUMMED = "SELECT count(*) AS groups, sum(n) AS n FROM ({})"


def summed(query):
    """What is left of an answer of a million rows, so that no test holds it."""
    return SUMMED.format(query) if " AS n FROM" in query else f"SELECT count(*) AS n FROM ({query})"


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_with_a_limit_answers_the_same_or_names_the_limit(million, name):
    roomy = footfall.open(million, threads=2, progress=False).sql(summed(QUERIES[name]))
    answered = []
    for limit in [*LIMITS, "4GB"]:
        tight = footfall.open(million, threads=2, progress=False, memory_limit=limit)
        try:
            assert ipc_bytes(tight.sql(summed(QUERIES[name]))) == ipc_bytes(roomy), limit
            answered.append(limit)
        except footfall.DefinitionError as error:
            assert "memory_limit" in str(error) and "B" in str(error) and not isinstance(error, footfall.QueryError)
    assert "4GB" in answered


@pytest.mark.parametrize("form", ["memory", "files"])
def test_jobs_with_a_limit_answer_the_same_or_name_it(city, form):
    given = city
    if form == "memory":
        names = ("establishments", "ads", "interactions", "pings")
        given = {name: footfall.open(city, progress=False).sql(f"SELECT * FROM {name}").to_arrow() for name in names}
    opened = {limit: footfall.open(given, threads=2, progress=False, memory_limit=limit) for limit in [None, *LIMITS]}
    roomy = opened.pop(None)
    for job in roomy.jobs():
        expected = ipc_bytes(getattr(roomy, job["name"])())
        for limit, tight in opened.items():
            try:
                assert ipc_bytes(getattr(tight, job["name"])()) == expected, (job["name"], limit)
            except footfall.DefinitionError as error:
                assert "memory_limit" in str(error) and limit != "64MB", (job["name"], limit)


CHILD = """
import json, resource, sys
import footfall

root, limit, queries = json.loads(sys.argv[1])
data = footfall.open(root, threads=2, progress=False, memory_limit=limit)
data.sql("SELECT count(*) FROM interactions")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ends = {}
for name, query in queries.items():
    try:
        data.sql(query)
        ends[name] = "answered"
    except footfall.DefinitionError as error:
        ends[name] = str(error)
    ends[name + " KiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps(ends))
"""


def measured(root, limit, names):
    queries = {name: summed(QUERIES[name]) for name in names}
    argument = json.dumps([str(root), limit, queries])
    run = subprocess.run([sys.executable, "-c", CHILD, argument], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.parametrize(("name", "most"), [("text", 18), ("integers", 20), ("many of what has few", 34),
                                            ("user and day", 18)])  # fmt: skip
def test_what_a_limit_allows_is_what_is_held(million, name, most):
    """Beside the limit, there are batches under way; without one, the groups take 25 MB, or 45 of what has few."""
    assert measured(million, "8MB", [name])[f"{name} KiB"] * 1024 < most * MIB


SPILLING = {
    "AttributionExec": "SELECT count(*) FROM attributed_visits WHERE attributed",
    "UserCountExec": "SELECT max(n) FROM (SELECT user_id, establishment_id, count(*) AS n FROM visits GROUP BY 1, 2)",
    "CodedCountExec": "SELECT max(n) FROM "
    "(SELECT user_id, local_hour(timestamp), count(*) AS n FROM pings GROUP BY 1, 2)",
}


@pytest.mark.parametrize("operator", SPILLING)
def test_an_operator_spills_shards_within_a_small_limit_only(million, operator):
    """The plan is the same; how often its operator has written to disk is not."""
    plans = {}
    for limit in ("16MB", "4GB"):
        data = footfall.open(million, threads=2, progress=False, memory_limit=limit)
        plan = "\n".join(data.sql(f"EXPLAIN ANALYZE {SPILLING[operator]}").to_arrow().column("plan").to_pylist())
        line = next((line for line in plan.splitlines() if operator in line), None)
        assert line, plan
        plans[limit] = sum(int(count) for count in re.findall(r"spill_count=(\d+)", line))
    assert plans["16MB"] > 0 and plans["4GB"] == 0


def test_rows_that_were_spilled_come_back_whole(million):
    """All columns of all rows, by establishment, so that no sort of half a million rows needs the memory."""
    columns = "min(user_id), max(user_id), min(timestamp), max(interaction_timestamp), max(distance_m), count(ad_id)"
    query = f"SELECT establishment_id, ad_id, {columns} FROM attributed_visits GROUP BY 1, 2 ORDER BY 1, 2"
    roomy = footfall.open(million, threads=1, progress=False).sql(query)
    tight = footfall.open(million, threads=1, progress=False, memory_limit="16MB").sql(query)
    assert ipc_bytes(tight) == ipc_bytes(roomy)
