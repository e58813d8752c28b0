"""A statement that does not run is told what is wrong with it, where, and what was probably meant."""

from __future__ import annotations

import pickle
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from worlds import random_world

import footfall
from footfall.engines import packets

WORLD = random_world(15, events=400)


@pytest.fixture(params=["memory", "files"])
def data(request, ask, tmp_path):
    if request.param == "memory":
        return ask(WORLD, threads=3)
    for name, table in WORLD.tables().items():
        (tmp_path / name).mkdir()
        half = table.num_rows // 2
        pq.write_table(table.slice(0, half), tmp_path / name / "a.parquet", row_group_size=50)
        pq.write_table(table.slice(half), tmp_path / name / "b.parquet", row_group_size=50)
    return footfall.open(tmp_path, tz=WORLD.tz, threads=3, progress=False)


def error_of(data, query):
    with pytest.raises(footfall.QueryError) as caught:
        data.sql(query)
    return caught.value


@pytest.mark.parametrize(("query", "message", "place"), [
    ("SELECT * FROM pingz", r"no table `pingz`; did you mean `pings`\? The tables are ads, .*visits", (1, 15)),
    ("SELECT *\nFROM pings\nJOIN establishment USING (user_id)", r"did you mean `establishments`\?", (3, 6)),
    ("SELECT * FROM xyz", r"no table `xyz`\. The tables are ads, attributed_visits, establishments", (1, 15)),
    ("SELECT month(timestamp) FROM pings", r"no function `month`; did you mean `local_month`\?", (1, 8)),
    ("SELECT user_id, FRM pings", r"names no table: FROM is missing; did you mean FROM, not `FRM`\?", (1, 17)),
    ("SELECT count(*)\nFROM pings\nWHERE latitude > 'abc'", r"Cannot cast string 'abc'", (3, 18)),
    ("SELECT usr_id FROM pings", r"no column `usr_id`; did you mean `user_id`\? The columns are .*latitude", (1, 8)),
    ("SELECT p.lat FROM pings p", r"no column `lat` of `p`; did you mean `latitude`\?", (1, 8)),
    ("SELECT user_id FROM pings\n\nWHERE latitud > 0", r"did you mean `latitude`\?", (3, 7)),
    ("SELECT \"User_ID\" FROM pings", r"did you mean `user_id`\?", (1, 8)),
    ("SELECT locl_day(timestamp) FROM pings", r"no function `locl_day`; did you mean `local_day`\?", (1, 8)),
    ("SELEC 1", r"SELEC", (1, 1)),
    ("SELECT user_id FORM pings x", r"Expected", (1, 21)),
    ("SELECT 'never ended", r"Unterminated string literal", (1, 8)),
    ("SELECT count(* FROM pings", r"Expected", (1, 16)),
    ("SELECT user_id, count(*) FROM pings", r"user_id", (1, 8)),
    ("SELECT user_id FROM pings JOIN interactions ON true", r"mbiguous", (1, 8)),
    ("SELECT NOT latitude FROM pings", r"(?i)not|boolean", None),
    ("SELECT 1 UNION SELECT 1, 2", r"UNION", None),
    ("SELECT sum(user_id, 2, 3) FROM pings", r"sum", None),
    ("SELECT local_day(user_id, 1) FROM pings", r"local_day", None),
])  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_was_meant(data, query, message, place):
    error = error_of(data, query)
    assert isinstance(error, footfall.DefinitionError) and re.search(message, str(error)), str(error)
    if place is not None:
        assert (error.line, error.column) == place, str(error)
        *_, line, marker = str(error).splitlines()
        assert line.strip() == query.splitlines()[place[0] - 1].strip()
        assert marker.index("^") - (len(line) - len(line.lstrip())) == place[1] - 1
    assert "bug" not in str(error) and "datafusion" not in str(error).lower()


@pytest.mark.parametrize("query", ["CREATE TABLE x AS SELECT 1", "DROP TABLE pings", "SET datafusion.x.y = 1",
                                   "INSERT INTO pings SELECT * FROM pings", "DELETE FROM pings", "SHOW TABLES",
                                   "UPDATE pings SET user_id = 'x'", "COPY (SELECT 1) TO 'x.csv'", "BEGIN",
                                   "CREATE VIEW v AS SELECT 1", "EXPLAIN DROP TABLE pings", "RESET x",
                                   "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '.'"])  # fmt: skip
def test_only_questions_run(data, query):
    assert "only SELECT runs here" in str(error_of(data, query))


@pytest.mark.parametrize("query", ["", " ", ";", "-- nothing", "SELECT 1; SELECT 2"])
def test_one_question_at_a_time(data, query):
    assert "one statement" in str(error_of(data, query))


@pytest.mark.parametrize("query", ["SELECT 1", "WITH a AS (SELECT 1 AS x) SELECT x FROM a;", "VALUES (1), (2)",
                                   "EXPLAIN SELECT * FROM pings", "(SELECT 1)", "/* a */ SELECT 1 -- b"])  # fmt: skip
def test_questions_of_all_forms_run(data, query):
    assert len(data.sql(query)) > 0


@pytest.mark.parametrize(("expression", "message"), [
    ("1 / (CAST(latitude AS BIGINT) - CAST(latitude AS BIGINT))", "(?i)zero"),
    ("CAST(latitude AS BIGINT) % 0", "(?i)zero"),
    ("CAST(user_id || 'x' AS BIGINT)", "(?i)cast"),
    ("CAST('noon' || user_id AS TIMESTAMP)", "(?i)timestamp"),
    ("CAST(latitude + 1e30 AS INT)", "(?i)cast"),
    ("substr(user_id, 1, CAST(-1 - abs(latitude) AS BIGINT))", "(?i)negative"),
    ("date_trunc('centuryy', timestamp)", "(?i)centuryy"),
])  # fmt: skip
@pytest.mark.parametrize("tail", ["", " GROUP BY 1", " ORDER BY 1"])
def test_what_fails_while_it_runs_is_the_querys_fault(data, expression, message, tail):
    for table in ("pings", "pings CROSS JOIN ads", "(SELECT DISTINCT * FROM pings)"):
        with pytest.raises(footfall.QueryError, match=message):
            data.sql(f"SELECT {expression} AS x FROM {table}{tail}")


def test_a_table_that_is_not_in_the_data_set_says_what_is(ask):
    tables = WORLD.tables()
    data = ask({name: tables[name] for name in ("ads", "establishments", "interactions")})
    missing = error_of(data, "SELECT * FROM pings")
    assert "no table `pings`" in str(missing) and "The tables are ads, establishments, interactions." in str(missing)
    for derived in ("visits", "attributed_visits"):
        missing = str(error_of(data, f"SELECT count(*) FROM {derived}"))
        assert f"no table `{derived}`" in missing and f"To make {derived} takes pings too" in missing


def test_errors_keep_their_class_on_their_way_through_workers():
    for error in (footfall.QueryError("no", line=1, column=8), footfall.DataError("no", table="pings", row=3)):
        again = packets.error_in([packets.of_error(error)])
        assert type(again) is type(error) and vars(again) == vars(error) and str(again) == "no"
        assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_an_error_of_the_data_stays_one_whichever_partition_sees_it(tmp_path):
    for number in range(4):
        (tmp_path / "pings").mkdir(exist_ok=True)
        lines = "user_id,timestamp,latitude,longitude\n" + "u,2024-01-01T00:00:00Z,1.0,2.0\n" * 200
        (tmp_path / "pings" / f"{number}.csv").write_text(lines + ('u,"2024-01-01T00:00:00Z,1,1,1,1,1,1\n' * 3))
    with pytest.raises(footfall.DataError):
        data = footfall.open(tmp_path, threads=4, progress=False)
        data.sql(
            "SELECT a.user_id, count(*) FROM pings a JOIN pings b USING (user_id, timestamp) GROUP BY 1 ORDER BY 1"
        )


# Depth


TERMS = 20_000
# Planning them takes a time that grows faster than they do.
FEWER_TERMS = 500


def deep_queries():
    either, both = " OR ".join(f"user_id = 'u{i}'" for i in range(TERMS)), " AND ".join(["latitude > -91"] * TERMS)
    yield "or", f"SELECT count(*) FROM pings WHERE {either}"
    yield "or in a list", f"SELECT {' OR '.join(either.split(' OR ')[:FEWER_TERMS])} FROM pings"
    yield "and", f"SELECT count(*) FROM pings WHERE {both}"
    yield "and of groups", f"SELECT count(*) FROM pings GROUP BY user_id HAVING {both.replace('latitude', 'count(*)')}"
    neither = " AND ".join(f"user_id <> 'u{i}'" for i in range(FEWER_TERMS))
    yield "not equal", f"SELECT count(*) FROM visits WHERE {neither}"
    yield "sum", "SELECT " + " + ".join(["latitude"] * TERMS) + " FROM pings"
    yield "constants", "SELECT " + "+".join(["1"] * TERMS)
    yield "text", "SELECT " + " || ".join(["user_id"] * TERMS) + " FROM pings"
    yield "casts", "SELECT latitude" + "::DOUBLE" * TERMS + " FROM pings"
    yield "is null", "SELECT latitude" + " IS NULL" * TERMS + " FROM pings"
    yield "parentheses", "SELECT " + "(" * TERMS + "1" + ")" * TERMS
    yield "minus", "SELECT " + "- " * TERMS + "1"
    yield "not", "SELECT " + "NOT " * TERMS + "true"
    yield "case", "SELECT " + "CASE WHEN latitude > 0 THEN 1 ELSE " * TERMS + "0" + " END" * TERMS + " FROM pings"
    yield "functions", "SELECT " + "abs(" * TERMS + "latitude" + ")" * TERMS + " FROM pings"
    yield "subqueries", "SELECT * FROM " + "(SELECT * FROM " * 500 + "pings" + ")" * 500
    yield "unions", " UNION ALL ".join(["SELECT 1"] * TERMS)
    yield "different unions", " UNION ".join(f"SELECT {i}" for i in range(TERMS))
    yield "joins", "SELECT 1 FROM ads a0 " + " ".join(f"CROSS JOIN ads a{i}" for i in range(1, 3_000))
    named = ", ".join(f"t{i} AS (SELECT x + 1 AS x FROM t{i - 1})" for i in range(1, 3_000))
    yield "names", f"WITH t0 AS (SELECT 1 AS x), {named} SELECT x FROM t2999"


@pytest.mark.parametrize("name", [name for name, _ in deep_queries()])
def test_depth_is_no_crash(ask, name):
    data, query = ask(WORLD), dict(deep_queries())[name]
    try:
        assert len(data.sql(query)) > 0
    except footfall.QueryError as error:
        assert any(word in str(error) for word in ("deep", "long", "nested")), str(error)[:500]


def test_lists_may_be_long(ask):
    data = ask(WORLD)
    users = data.sql("SELECT DISTINCT user_id FROM pings").to_arrow()["user_id"].to_pylist()
    given = [*users, *(f"nobody {i}" for i in range(200_000))]
    listed = ", ".join(f"'{user}'" for user in given)
    assert (
        data.sql(f"SELECT count(*) AS n FROM pings WHERE user_id IN ({listed})").to_arrow()
        == data.sql("SELECT count(*) AS n FROM pings").to_arrow()
    )
    values = data.sql("VALUES " + ", ".join(f"({i}, '{i}')" for i in range(20_000))).to_arrow()
    assert values.column(0).to_pylist() == list(range(20_000)) and pa.types.is_string(values.schema.field(1).type)
