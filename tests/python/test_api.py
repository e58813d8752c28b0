"""What callers hold: data sets that narrow, options that are refused by name, tables that go in and out."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from layouts import ipc_bytes
from oracle import Oracle, assert_same
from worlds import HOUR_US, JOBS_BY, JOBS_BY_USER, SCHEMAS, at, questions, random_world, us

import footfall

WORLD = random_world(15, events=400)
ALL_JOBS = JOBS_BY + JOBS_BY_USER


@pytest.fixture
def data(ask):
    return ask(WORLD)


def column(result, name):
    return result.to_arrow().column(name).to_pylist()


# sample and between


def many_users(count=3_000):
    """Each user has a ping at the cafe and a click an hour before."""
    ids = [f"user {number}" for number in range(count)]
    instants = pa.array([us("2024-03-15T15:00:00+00:00") + i for i in range(count)], pa.timestamp("us", "UTC"))
    earlier = pa.array([i.value - HOUR_US for i in instants], pa.timestamp("us", "UTC"))
    return {
        "establishments": pa.table({"establishment_id": ["e"], "category": ["food"], "latitude": [0.0],
                                    "longitude": [0.0]}),
        "ads": pa.table({"ad_id": [1], "campaign_id": ["c"], "category": ["food"], "establishment_id": ["e"]}),
        "interactions": pa.table({"user_id": ids, "ad_id": [1] * count, "action": ["click"] * count,
                                  "timestamp": earlier}),
        "pings": pa.table({"user_id": ids, "timestamp": instants, "latitude": [0.0] * count,
                           "longitude": [0.0] * count}),
    }  # fmt: skip


def users_of(data, table):
    return set(column(data.sql(f"SELECT DISTINCT user_id FROM {table}"), "user_id"))


def test_a_sample_keeps_whole_users_the_same_in_every_table(ask):
    sample = ask(many_users()).sample(users=0.2)
    kept = users_of(sample, "pings")
    # Five standard deviations of a binomial.
    assert abs(len(kept) - 600) < 5 * (3_000 * 0.2 * 0.8) ** 0.5
    for table in ("interactions", "visits", "attributed_visits"):
        assert users_of(sample, table) == kept
    visits = sample.visit_attribution(by="period").to_arrow().to_pylist()[0]
    assert visits["visits"] == visits["attributed_visits"] == len(kept)
    assert set(column(sample.visit_profile(), "user_id")) == kept


def test_a_smaller_sample_is_part_of_a_larger_one_and_samples_stack(ask):
    data = ask(many_users())
    halves = [users_of(data.sample(users=fraction), "pings") for fraction in (1, 0.5, 0.25, 0.01)]
    assert len(halves[0]) == 3_000
    assert all(small < large for large, small in zip(halves, halves[1:]))
    stacked = data.sample(users=0.5).sample(users=0.5)
    assert users_of(stacked, "pings") == halves[2]


def test_a_kept_user_looks_the_same_in_the_sample(ask):
    data = ask(WORLD)
    sample = data.sample(users=0.5)
    kept = users_of(sample, "pings") | users_of(sample, "interactions")
    assert 0 < len(kept) < 5
    for job in JOBS_BY_USER:
        assert ipc_bytes(getattr(sample, job)()) == ipc_bytes(getattr(data, job)(users=sorted(kept))), job


def test_a_sample_goes_by_the_id_and_not_by_its_type(ask):
    numbers = {name: table for name, table in many_users(500).items() if name == "pings"}
    integers = numbers["pings"].set_column(0, "user_id", pa.array(range(500)))
    text = integers.set_column(0, "user_id", integers.column("user_id").cast(pa.large_string()))
    found = [users_of(ask({"pings": table}).sample(users=0.3), "pings") for table in (integers, text)]
    assert found[0] == found[1] and found[0]


@pytest.mark.parametrize("users", [0, -0.1, 1.0001, float("nan"), "0.1", None, True])
def test_a_fraction_that_makes_no_sense(data, users):
    with pytest.raises(footfall.DefinitionError, match="users"):
        data.sample(users=users)


def test_periods_stack_and_commute_with_samples(data):
    early, late = at(us("2024-03-10T00:00:00+00:00")), at(us("2024-11-02T00:00:00+00:00"))
    both = data.between(early, None).between(None, late)
    for job in JOBS_BY:
        answer = ipc_bytes(getattr(both, job)(by="day"))
        assert answer == ipc_bytes(getattr(data.between(early, late), job)(by="day"))
    one = data.sample(users=0.6).between(early, late)
    other = data.between(early, late).sample(users=0.6)
    assert ipc_bytes(one.visit_profile()) == ipc_bytes(other.visit_profile())


def test_a_period_is_local_and_half_open(ask):
    midnight = us("2024-03-01T00:00:00-03:00")
    instants = [midnight - 1, midnight, midnight + 24 * HOUR_US - 1, midnight + 24 * HOUR_US]
    pings = pa.table({"user_id": ["ana"] * 4, "timestamp": pa.array(instants, pa.timestamp("us", "UTC")),
                      "latitude": [0.0] * 4, "longitude": [0.0] * 4})  # fmt: skip
    data = ask({"pings": pings}, tz="America/Recife")
    days = [
        ("2024-03-01", "2024-03-02"),
        (date(2024, 3, 1), date(2024, 3, 2)),
        (datetime(2024, 3, 1), datetime(2024, 3, 2)),
        ("2024-03-01T03:00:00Z", "2024-03-02T04:00:00+01:00"),
        (datetime(2024, 3, 1, 3, tzinfo=timezone.utc), "2024-03-02T00:00"),
    ]
    for start, end in days:
        assert data.between(start, end).rows() == {"pings": 2}, (start, end)
    assert data.between("2024-03-01", None).rows() == {"pings": 3}
    assert data.rows() == {"pings": 4}


def test_an_interaction_shortly_before_the_start_still_earns_a_visit(ask):
    tables = many_users(50)
    start = at(us("2024-03-15T14:59:59+00:00"))
    row = ask(tables).between(start, None).visit_attribution(by="period").to_arrow().to_pylist()[0]
    assert (row["visits"], row["attributed_visits"]) == (50, 50)
    assert len(ask(tables).between(start, None).campaign_ctr(by="period")) == 0


@pytest.mark.parametrize(("start", "end"), [("2024-03-02", "2024-03-01"), ("2024-03-01", "2024-03-01"), ("soon", None),
                                            (5, None), (None, "2024-13-01")])  # fmt: skip
def test_a_period_that_makes_no_sense(data, start, end):
    with pytest.raises(footfall.DefinitionError):
        data.between(start, end)
    with pytest.raises(footfall.DefinitionError):
        data.between("2024-03-01", "2024-03-09").between("2024-03-09", "2024-03-10")


# Options


@pytest.mark.parametrize("job", JOBS_BY)
def test_a_unit_that_is_none_is_refused_with_those_that_are(data, job):
    for by in ("year", "", "Month", 5):
        with pytest.raises((footfall.DefinitionError, TypeError), match=r"day|by"):
            getattr(data, job)(by=by)


def test_what_a_job_does_not_take_is_refused(data):
    with pytest.raises(footfall.DefinitionError, match="ctr_low"):
        data.campaign_ctr(rank_by="clicks")
    with pytest.raises(footfall.DefinitionError, match="visitors"):
        data.establishment_visits(rank_by="ctr")
    with pytest.raises(footfall.DefinitionError, match="by"):
        data.run("visit_profile", by="month")
    with pytest.raises(footfall.DefinitionError, match="users"):
        data.run("campaign_ctr", users=["1"])
    with pytest.raises(footfall.DefinitionError, match="campaign_ctr"):
        data.run("campaign_cpc")


@pytest.mark.parametrize("job", JOBS_BY_USER)
def test_users_as_text_integers_arrays_or_one_alone(data, job):
    np, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    wanted = ipc_bytes(getattr(data, job)(users=["1", "10"]))
    for users in ([1, 10], (1, "10"), {"1", "10"}, np.array([1, 10]), pandas.Series(["10", "1"]), pa.array([1, 10])):
        assert ipc_bytes(getattr(data, job)(users=users)) == wanted, type(users)
    assert ipc_bytes(getattr(data, job)(users=1)) == ipc_bytes(getattr(data, job)(users=["1"]))
    for users in ([1.5], [None], [True], 2.5):
        with pytest.raises(footfall.DefinitionError, match="users"):
            getattr(data, job)(users=users)


def test_ids_with_quotes_are_ids(ask):
    tables = many_users(3)
    quoted = tables["pings"].set_column(0, "user_id", pa.array(["o'neil", 'x"y', "a') OR ('1'='1"]))
    data = ask({**tables, "pings": quoted})
    for user in quoted.column("user_id").to_pylist():
        assert column(data.visit_profile(users=user), "user_id") == [user]


@pytest.mark.parametrize(
    ("option", "value"),
    [("tz", "Amerika/Recife"), ("tz", ""), ("engine", "abacus"), ("threads", 0), ("threads", 1.5), ("threads", "two"),
     ("memory_limit", 0), ("memory_limit", "lots"), ("epoch_unit", "h"), ("definitions", {"visit_radius_m": 3}),
     ("columns", {"latitud": "lat"}), ("columns", {"ads.latitude": "lat"}), ("columns", {"trips.user_id": "u"})],
    ids=str,
)  # fmt: skip
def test_an_option_of_open_that_makes_no_sense_is_named(ask, option, value):
    with pytest.raises(footfall.DefinitionError, match=option):
        ask(WORLD, **{option: value})


def test_tables_that_are_none(ask):
    with pytest.raises(footfall.DefinitionError, match="trips"):
        ask({"trips": WORLD.tables()["pings"]})
    with pytest.raises(footfall.DataError, match="pings"):
        ask({"pings": [1, 2, 3]})
    with pytest.raises(footfall.FootfallError):
        ask({})
    with pytest.raises(footfall.DefinitionError):
        ask(None)


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"visit_radius_m": 0}, "visit_radius_m"), ({"visit_radius_m": float("inf")}, "visit_radius_m"),
     ({"visit_radius_m": "50"}, "visit_radius_m"), ({"attribution_window": 6}, "attribution_window"),
     ({"attribution_window": -timedelta(hours=1)}, "attribution_window"), ({"confidence": 1}, "confidence"),
     ({"confidence": 95}, "confidence"), ({"confidence": 0}, "confidence")],
    ids=str,
)  # fmt: skip
def test_a_definition_that_makes_no_sense_is_named(changed, named):
    with pytest.raises(footfall.DefinitionError, match=named):
        footfall.Definitions(**changed)


# Tables and columns


@pytest.mark.parametrize("missing", SCHEMAS)
def test_a_missing_table_is_named_by_the_jobs_that_need_it(ask, missing):
    tables = WORLD.tables()
    del tables[missing]
    data = ask(tables)
    assert missing not in data.tables
    for job in data.jobs():
        assert job["missing"] == ([missing] if missing in job["tables"] else [])
        if job["missing"]:
            with pytest.raises(footfall.MissingTableError, match=missing):
                getattr(data, job["name"])()
        else:
            assert len(getattr(data, job["name"])()) > 0
    with pytest.raises(footfall.FootfallError, match=missing):
        data.sql(f"SELECT * FROM {missing}")


def test_own_names_for_columns(ask):
    theirs = {"user_id": "device", "timestamp": "t", "pings.latitude": "lat", "establishments.latitude": "breite",
              "ads.category": "Segment", "interactions.action": "what happened"}  # fmt: skip
    tables = {}
    for name, table in WORLD.tables().items():
        tables[name] = table.rename_columns([theirs.get(f"{name}.{c}", theirs.get(c, c)) for c in table.column_names])
    data = ask(tables, tz=WORLD.tz, columns=theirs)
    assert data.tables == ask(WORLD).tables
    for job, options in questions()[::3]:
        assert ipc_bytes(getattr(data, job)(**options)) == ipc_bytes(getattr(ask(WORLD), job)(**options))
    with pytest.raises(footfall.FootfallError, match="|".join(theirs.values())):
        ask(WORLD, columns=theirs)


def test_tables_tell_their_columns_by_our_names(data):
    assert data.tables == {name: schema.names for name, schema in SCHEMAS.items()}


# SQL


def test_a_result_tells_the_sql_that_computes_it(data):
    for job, options in questions():
        result = getattr(data, job)(**options)
        assert ipc_bytes(data.sql(result.sql)) == ipc_bytes(result), (job, options)


def test_sql_has_the_nouns_and_the_functions(data):
    row = (
        data.sql("""
        SELECT local_day(t) AS day, local_week(t) AS week, local_month(t) AS month, local_hour(t) AS hour,
               local_weekday(t) AS weekday, day_part(t) AS part
        FROM (SELECT TIMESTAMP '2024-03-10T12:30:00Z' AS t)""")
        .to_arrow()
        .to_pylist()
    )
    assert row == [{"day": date(2024, 3, 10), "week": date(2024, 3, 4), "month": date(2024, 3, 1), "hour": 8,
                    "weekday": 7, "part": "morning"}]  # fmt: skip


@pytest.mark.parametrize("query", ["SELEC 1", "SELECT nothing FROM pings", "", "SELECT 1; SELECT 2",
                                   "CREATE TABLE x AS SELECT 1", "DROP TABLE pings", "SET datafusion.x.y = 1",
                                   "COPY (SELECT 1) TO 'x.csv'", "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '.'",
                                   "INSERT INTO pings SELECT * FROM pings"])  # fmt: skip
def test_sql_that_does_not_run_or_would_change_something(data, query, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(footfall.FootfallError) as caught:
        data.sql(query)
    assert not isinstance(caught.value, footfall.InternalError)
    assert not list(tmp_path.iterdir())
    assert len(data.sql("SELECT 1")) == 1


def test_asking_again_after_an_error(data):
    with pytest.raises(footfall.DefinitionError):
        data.campaign_ctr(by="year")
    assert_same(data.campaign_ctr(), Oracle(WORLD).campaign_ctr())


def test_little_memory_spills_and_answers_the_same_and_none_is_named(ask):
    tables = many_users(200_000)
    roomy, tight = ask(tables), ask(tables, memory_limit="64MiB", threads=2)
    assert ipc_bytes(tight.interaction_profile()) == ipc_bytes(roomy.interaction_profile())
    with pytest.raises(footfall.DefinitionError, match="memory_limit"):
        ask(tables, memory_limit="1MiB", threads=2).visit_attribution()
