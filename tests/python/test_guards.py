"""Our operators take the place of DataFusion's only where they carry over all that its nodes say."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import footfall

START = datetime(2024, 2, 27, tzinfo=timezone.utc)
TIME = pa.timestamp("us", "UTC")
USERS, ADS, CAMPAIGNS = 40, 60, 12


def tables(rows=4_000, ads=ADS, campaigns=CAMPAIGNS, minutes=3):
    """Interactions of users with ads of a few places, and pings at them."""
    numbers = range(rows)
    instants = pa.array([START + timedelta(minutes=n * minutes) for n in numbers], TIME)
    return {
        "establishments": pa.table({
            "establishment_id": [f"e{n}" for n in range(6)],
            "name": [f"name {n}" for n in range(6)],
            "category": ["food", "money", "food", "fun", "fun", "food"],
            "latitude": [n / 100 for n in range(6)],
            "longitude": [0.0] * 6,
        }),
        "ads": pa.table({
            "ad_id": [str(n) if n else "zero" for n in range(ads)],
            "campaign_id": [f"c{n % campaigns}" for n in range(ads)],
            "category": [f"k{n % 5}" for n in range(ads)],
            "establishment_id": [f"e{n % 6}" if n % 7 else None for n in range(ads)],
        }),
        "interactions": pa.table({
            "user_id": [n * n % 31 % USERS for n in numbers],
            "ad_id": [str(n * 7 % ads) if n * 7 % ads else "zero" for n in numbers],
            "action": ["click" if n % 5 == 1 and n * 7 % ads else "view" for n in numbers],
            "timestamp": instants,
        }),
        "pings": pa.table({
            "user_id": [n * n % 31 % USERS for n in numbers],
            "timestamp": instants,
            "latitude": [n % 6 / 100 + (n % 3) / 1e4 for n in numbers],
            "longitude": [0.0 if n % 2 else 0.2 for n in numbers],
        }),
    }  # fmt: skip


def written(root, row_group_size=1_000, **shape):
    root.mkdir()
    for name, table in tables(**shape).items():
        pq.write_table(table, root / f"{name}.parquet", row_group_size=row_group_size)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return written(tmp_path_factory.mktemp("guards") / "data")


@pytest.fixture(scope="module", params=["Parquet", "memory"])
def data(request, root):
    """The same rows from files and from memory, by two threads."""
    given = root if request.param == "Parquet" else tables()
    return footfall.open(given, tz="America/Recife", threads=2, progress=False)


def ask(data, query):
    return data.sql(query).to_arrow().to_pylist()


def plan(data, query):
    return "\n".join(row["plan"] for row in ask(data, f"EXPLAIN {query}") if row["plan_type"] == "physical_plan")


JOIN = "ads JOIN establishments USING (establishment_id)"


@pytest.mark.parametrize("limit", [0, 1, 7])
@pytest.mark.parametrize(
    "query",
    [
        f"SELECT ad_id FROM {JOIN} LIMIT {{}}",
        "SELECT ad_id, campaign_id FROM interactions JOIN ads USING (ad_id) LIMIT {}",
        "SELECT action, category FROM interactions JOIN ads USING (ad_id) WHERE action = 'view' LIMIT {}",
        "SELECT a.ad_id FROM interactions JOIN (SELECT ad_id FROM ads LIMIT {0}) a USING (ad_id) LIMIT {0}",
        "SELECT user_id FROM visits LIMIT {}",
        "SELECT user_id FROM (SELECT user_id FROM pings WHERE latitude < 0.04) LIMIT {}",
        "SELECT user_id, count(*) FROM interactions GROUP BY 1 LIMIT {}",
        "SELECT user_id, count(*) FROM interactions GROUP BY 1 ORDER BY 1 LIMIT {}",
        "SELECT DISTINCT ad_id, timestamp FROM interactions LIMIT {}",
    ],
)
def test_no_more_rows_than_the_limit(data, query, limit):
    assert len(ask(data, query.format(limit))) == limit


@pytest.mark.parametrize("limit", [0, 1, 3])
@pytest.mark.parametrize("measure", ["count(*)", "sum(1)"])
def test_a_limit_below_holds_of_what_is_counted(data, measure, limit):
    few = f"(SELECT ad_id, campaign_id FROM ads LIMIT {limit})"
    query = f"SELECT campaign_id, {measure} AS n FROM interactions JOIN {few} USING (ad_id) GROUP BY 1"
    ads = ask(data, f"SELECT count(DISTINCT ad_id) AS n FROM interactions JOIN {few} USING (ad_id)")
    assert ads == [{"n": limit}]
    assert len(ask(data, query)) == limit
    rows = f"SELECT action, {measure} AS n FROM (SELECT action FROM interactions LIMIT {limit}) GROUP BY 1"
    assert sum(row["n"] for row in ask(data, rows)) == limit
    filtered = f"(SELECT user_id FROM interactions WHERE action = 'view' LIMIT {limit})"
    assert sum(row["n"] for row in ask(data, f"SELECT user_id, {measure} AS n FROM {filtered} GROUP BY 1")) == limit


RANDOM = "random() < CASE action WHEN 'click' THEN 0.5 ELSE 0.4 END"


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT action, count(*) AS n FROM interactions WHERE {RANDOM} GROUP BY 1",
        f"SELECT action, count(*) FILTER (WHERE {RANDOM}) AS n FROM interactions GROUP BY 1",
        f"SELECT user_id, count(*) AS n FROM interactions WHERE {RANDOM} GROUP BY 1",
        "SELECT count(*) AS n FROM visits WHERE random() < CASE user_id WHEN '1' THEN 0.5 ELSE 0.4 END"
        " GROUP BY user_id",
        "SELECT category, count(*) AS n FROM (SELECT CASE WHEN random() < length(action) / 10.0 THEN 'a' ELSE 'b' END"
        " AS category FROM interactions) GROUP BY 1",
    ],
)
def test_what_is_random_is_random_for_each_row(data, query):
    counts = [[row["n"] for row in ask(data, query)] for _ in range(3)]
    total = sum(counts[0])
    # Of 800 to 4,000 rows, or of users of 100: neither all of any kind nor none.
    assert all(sum(numbers) > 0.2 * 800 for numbers in counts) and total <= 4_000
    assert len({tuple(sorted(numbers)) for numbers in counts}) > 1


def test_users_in_random_order_are_not_in_the_order_of_their_keys(data):
    query = "SELECT user_id, ad_id, count(*) AS n FROM interactions GROUP BY 1, 2 ORDER BY user_id, random()"
    orders = {tuple(row["ad_id"] for row in ask(data, query)) for _ in range(3)}
    assert len(orders) == 3


def test_any_number_of_campaigns_is_counted_by_user(tmp_path):
    shape = {"rows": 80_000, "ads": 4_000, "campaigns": 4_000, "minutes": 30}
    # 40,000 hours and 4,000 campaigns in one row group: more cells than anybody has room for.
    given = tables(**shape)
    data = footfall.open(written(tmp_path / "data", row_group_size=80_000, **shape), tz="UTC", progress=False)
    keys = "user_id, local_day(timestamp), local_hour(timestamp), campaign_id"
    query = (
        f"SELECT {keys}, count(*) AS n FROM interactions JOIN ads USING (ad_id) WHERE action = 'view' GROUP BY {keys}"
    )
    assert "CodedCountExec" in plan(data, query)
    found = Counter()
    for row in ask(data, query):
        found[row["user_id"], row["campaign_id"]] += row["n"]
    campaigns = dict(zip(given["ads"]["ad_id"].to_pylist(), given["ads"]["campaign_id"].to_pylist()))
    rows = given["interactions"].to_pylist()
    assert found == Counter((str(r["user_id"]), campaigns[r["ad_id"]]) for r in rows if r["action"] == "view")


def test_rows_in_order_stay_so_where_ads_are_looked_up(data):
    latest = (
        "SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY timestamp DESC, ad_id) AS place FROM interactions"
    )
    joined = f"({latest}) i JOIN ads USING (ad_id)"
    query = f"SELECT user_id, max(place) AS n FROM {joined} GROUP BY user_id ORDER BY user_id"
    found = ask(data, query)
    assert [row["user_id"] for row in found] == sorted({row["user_id"] for row in found})
    counted = f"SELECT user_id, campaign_id, count(*) AS n FROM {joined} GROUP BY 1, 2 ORDER BY 1, 2"
    found = ask(data, counted)
    assert found == sorted(found, key=lambda row: (row["user_id"], row["campaign_id"]))
    assert sum(row["n"] for row in found) == 4_000
    rows = ask(data, f"SELECT user_id, place FROM {joined} ORDER BY user_id, place")
    assert rows == sorted(rows, key=lambda row: (row["user_id"], row["place"])) and len(rows) == 4_000


@pytest.mark.parametrize("offset", [0, 11])
def test_rows_are_left_out_in_order(data, offset):
    counts = "SELECT user_id, ad_id, count(*) AS n FROM interactions GROUP BY 1, 2"
    totals = f"SELECT *, sum(n) OVER (PARTITION BY user_id) AS total FROM ({counts}) ORDER BY user_id, ad_id"
    whole, rest = ask(data, totals), ask(data, f"{totals} OFFSET {offset}")
    assert rest == whole[offset:]


def test_rows_are_left_out_in_an_order_that_nobody_shows(data):
    """Rows of a union are sorted by what is the same in each half, and only other columns leave."""
    later = "SELECT ad_id, 2 AS half FROM interactions UNION ALL SELECT ad_id, 1 AS half FROM ads"
    rest = f"SELECT ad_id FROM ({later}) ORDER BY half, ad_id"
    ads = sorted(row["ad_id"] for row in ask(data, "SELECT ad_id FROM ads"))
    found = ask(data, f"SELECT ad_id, count(*) AS n FROM ({rest} OFFSET {len(ads)}) GROUP BY 1")
    assert sum(row["n"] for row in found) == 4_000
    first = ask(data, f"{rest} LIMIT 5")
    assert [row["ad_id"] for row in first] == ads[:5]
    skipped = ask(data, f"SELECT count(*) AS n FROM ({rest} OFFSET {len(ads) - 1}) WHERE ad_id = '{ads[-1]}'")
    assert skipped[0]["n"] == 1 + sum(row["n"] for row in found if row["ad_id"] == ads[-1])


def test_rows_are_in_order_of_all_keys(data):
    counts = "SELECT category, count(*) AS n FROM ads GROUP BY 1"
    again = f"SELECT c.category, user_id, count(*) AS n FROM interactions CROSS JOIN ({counts}) c GROUP BY 1, 2"
    found = [(row["category"], row["user_id"]) for row in ask(data, f"{again} ORDER BY 1, 2")]
    assert found == sorted(found) and len(found) > 50


def test_errors_are_those_of_rows_that_are_asked_about(data):
    """Ad "zero" is never clicked."""
    number = "SELECT CAST(ad_id AS BIGINT) AS number, user_id FROM interactions WHERE action = 'click'"
    clicks = sum(row["n"] for row in ask(data, f"SELECT number AS category, count(*) AS n FROM ({number}) GROUP BY 1"))
    assert clicks == ask(data, "SELECT count(*) AS n FROM interactions WHERE action = 'click'")[0]["n"]
    by_ad = f"SELECT category, count(*) AS n FROM (SELECT number AS category FROM ({number})) GROUP BY 1"
    assert sum(row["n"] for row in ask(data, by_ad)) == clicks


def test_a_sum_of_some_is_not_the_sum_of_all(data):
    counts = "SELECT user_id, ad_id, count(*) AS n FROM interactions GROUP BY 1, 2"
    query = (
        f"SELECT user_id, n, sum(n) FILTER (WHERE n > 3) OVER (PARTITION BY user_id) AS sum_of_some,"
        f" sum(n) OVER (PARTITION BY user_id) AS sum_of_all FROM ({counts})"
    )
    rows, some = ask(data, query), Counter()
    for row in rows:
        some[row["user_id"]] += row["n"] if row["n"] > 3 else 0
    assert all((row["sum_of_some"] or 0) == some[row["user_id"]] for row in rows)
    assert any(row["sum_of_some"] != row["sum_of_all"] for row in rows)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_plan_can_be_run_again_and_again(root, threads):
    """Each step of a recursion runs its plan anew."""
    data = footfall.open(root, tz="UTC", threads=threads, progress=False)
    counts = "SELECT user_id, count(*) AS n FROM interactions GROUP BY user_id"
    query = f"""WITH RECURSIVE steps AS (
        SELECT 0 AS step, user_id, CAST(0 AS BIGINT) AS n FROM interactions WHERE user_id IN ('1', '2') GROUP BY user_id
        UNION ALL
        SELECT step + 1, c.user_id, c.n FROM steps JOIN ({counts}) c USING (user_id) WHERE step < 3
    ) SELECT step, user_id, n FROM steps ORDER BY 1, 2"""
    counted = {row["user_id"]: row["n"] for row in ask(data, counts)}
    wanted = [(step, user, counted[user] if step else 0) for step in range(4) for user in ("1", "2")]
    assert [tuple(row.values()) for row in ask(data, query)] == wanted
    visits = query.replace("FROM interactions GROUP BY user_id)", "FROM attributed_visits GROUP BY user_id)")
    assert len(ask(data, visits)) == 8


def test_scalar_subqueries_limit_visits(data):
    later = "timestamp > (SELECT min(timestamp) + INTERVAL '3 days' FROM interactions)"
    found = ask(data, f"SELECT count(*) AS n FROM visits WHERE {later}")[0]["n"]
    every = ask(data, "SELECT timestamp FROM visits")
    assert found == sum(row["timestamp"] > START + timedelta(days=3) for row in every) > 0


# The operators of each job's plan: from Parquet, and from memory.
COUNTED = ["CodedCountExec"], ["AggregateExec", "HashJoinExec"]
VISITED = ["CodedVisitsExec", "UserCountExec"], ["VisitJoinExec", "UserCountExec"]
OF_USERS = ["CodedCountExec", "TotalsExec"], ["UserCountExec", "HashJoinExec", "TotalsExec"]
JOBS = {
    "campaign_ctr": COUNTED,
    "establishment_visits": (["CodedVisitsExec"], ["VisitJoinExec"]),
    "visit_attribution": (
        ["AttributionExec", "CodedVisitsExec", "CodedRowsExec"],
        ["AttributionExec", "VisitJoinExec"],
    ),
    "category_hours": COUNTED,
    "interaction_profile": OF_USERS,
    "preferred_ad_categories": OF_USERS,
    "visit_profile": ([*VISITED[0], "TotalsExec"], [*VISITED[1], "TotalsExec"]),
    "preferred_establishment_categories": ([*VISITED[0], "TotalsExec"], [*VISITED[1], "TotalsExec"]),
}


@pytest.mark.parametrize("where", [0, 1], ids=["from Parquet", "from memory"])
@pytest.mark.parametrize("job", JOBS)
def test_jobs_use_the_operators_that_make_them_fast(job, where, root):
    data = footfall.open([root, tables()][where], tz="UTC", threads=2, progress=False)
    found = plan(data, getattr(data, job)().sql)
    # What stands below "otherwise:" is for files that cannot be read as codes.
    used = "".join(re.findall(r"^.*$", found, re.MULTILINE))
    assert not [name for name in JOBS[job][where] if not re.search(rf"\b{name}\b", used)], found
