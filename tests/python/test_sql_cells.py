"""SQL in cells: names of the notebook in statements, what is collected, and errors that point at their place."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pytest
from notebooks import ENDS_WITHIN_S
from shells import SCORES, completions, failure, kernel, new_shell, plain, rows, run, told
from worlds import random_world

import footfall
from footfall.inputs import statements

pytest.importorskip("IPython")

WORLD = random_world(15, events=400)


@pytest.fixture(scope="module")
def data():
    return footfall.open(WORLD.tables(), tz=WORLD.tz, progress=False, max_unusable=1)


@pytest.fixture
def shell(data, tmp_path):
    return new_shell(tmp_path, data=data)


# Errors


@pytest.mark.parametrize(("cell", "place", "words"), [
    ("SELECT *\nFROM pings\nWHERE user_id = $usr", (3, 17), "there is no variable usr for $usr; did you mean user?"),
    ("SELECT '$no', -- $no\n  $no2", (2, 3), "there is no variable no2"),
    ("SELECT usr_id\nFROM pings", (1, 8), "no column `usr_id`; did you mean `user_id`?"),
    ("SELECT 1 AS a,\n2 AS b\nFROM\n  pingz", (4, 3), "did you mean `pings`?"),
    ("SELECT 1,\n2,\n3,\n4 FORM pings x", (4, 8), "Expected"),
    ("SELECT\n\n\n'never ended", (4, 1), "Unterminated"),
    ("SELECT *\nFROM pings\nWHERE timestamp > 'noon'", (3, 19), "noon"),
    ("SELECT *\nFROM pings\nWHERE latitude > $user", (3, 18), "Cannot cast string 'ana'"),
    ("SELECT *\nFROM user", (2, 6), "the variable user is no table but of type str"),
])  # fmt: skip
def test_an_error_points_at_its_place(shell, cell, place, words, capsys):
    shell.push({"user": "ana"})
    error = failure(shell, f"%%sql\n{cell}", capsys)
    assert isinstance(error, footfall.QueryError) and words in str(error), str(error)
    assert (error.line, error.column) == place, str(error)
    *_, line, marker = str(error).splitlines()
    assert line.strip() == cell.splitlines()[place[0] - 1].strip()
    assert marker.index("^") - (len(line) - len(line.lstrip())) == place[1] - 1 - (len(cell.splitlines()[place[0] - 1])
        - len(cell.splitlines()[place[0] - 1].lstrip()))  # fmt: skip


def test_a_line_fails_alike(shell, capsys):
    error = failure(shell, "x = 1\ny = %sql --all SELECT usr_id FROM pings", capsys)
    assert (error.line, error.column) == (1, 8) and "did you mean `user_id`" in str(error)
    assert "y" not in shell.user_ns


def test_in_python_an_error_has_its_traceback(shell, capsys):
    done = shell.run_cell('data.sql("SELECT usr_id FROM pings")')
    assert not done.success and "Traceback" in plain("".join(capsys.readouterr()))


def test_a_missing_parameter_is_named(data):
    with pytest.raises(footfall.QueryError, match=r"no parameter day for \$day; did you mean days\?") as caught:
        data.sql("SELECT 1,\n $day", {"days": 1})
    assert (caught.value.line, caught.value.column) == (2, 2)


@pytest.mark.parametrize(("line", "words"), [
    ("--limt 3", "--limt: %%sql has no such option; did you mean --limit?"),
    ("--limit", "--limit: needs a value, --limit N"),
    ("--limit x", "--limit = 'x': must be a whole number"),
    ("--limit -1", "--limit = '-1': must be a whole number"),
    ("--into 1a", "--into 1a: must be a name that a variable can have"),
    ("--into class", "--into class: must be a name"),
    ("--into data", "--into data: is the data set that is asked"),
    ("--all=yes", "--all=yes: takes no value"),
    ("--all --limit 3", "--all and --limit contradict each other"),
    ("--explain --into x", "--explain and --into contradict each other"),
    ("--data dta", "--data dta: is no variable, no data set; did you mean data?"),
    ("--data number", "--data number: is of type int, no data set"),
    ("SELECT 1", "the statement begins in the line below"),
])  # fmt: skip
def test_an_option_that_makes_no_sense_is_named(shell, line, words, capsys):
    shell.push({"number": 3})
    assert words in str(failure(shell, f"%%sql {line}\nSELECT 1", capsys))


def test_which_data_set_is_asked(shell, data, capsys):
    shell.push({"other": data.sample(users=0.5)})
    everybody = rows(run(shell, "%sql SELECT count(DISTINCT user_id) AS n FROM pings"))
    some = rows(run(shell, "%sql --data other SELECT count(DISTINCT user_id) AS n FROM pings"))
    assert some[0]["n"] < everybody[0]["n"]
    shell.push({"again": data})
    shell.run_cell("del data")
    assert "which data set: other, again? Say --data NAME" in str(failure(shell, "%sql SELECT 1", capsys))
    shell.run_cell("del other")
    assert rows(run(shell, "%sql SELECT count(DISTINCT user_id) AS n FROM pings")) == everybody
    shell.run_cell("del again")
    assert "footfall.open(" in str(failure(shell, "%sql SELECT 1", capsys))


def test_a_closed_data_set_says_so(shell, capsys):
    shell.push({"data": footfall.open({"ads": WORLD.tables()["ads"]}, progress=False)})
    shell.run_cell("data.close()")
    assert "is closed" in str(failure(shell, "%sql SELECT 1", capsys))


# What is collected


MANY = pa.table({"n": range(2_500)})


def test_a_cell_that_shows_collects_a_thousand_rows_and_says_so(shell, capsys):
    shell.push({"many": MANY})
    result = run(shell, "%%sql\nSELECT n FROM many")
    assert len(result) == 1_000 and "1,000 rows" in capsys.readouterr().out and "there may be more" in repr(result)
    few = run(shell, "%sql SELECT n FROM many WHERE n < 999")
    assert len(few) == 999 and "more" not in repr(few) + capsys.readouterr().out
    assert len(run(shell, "%sql --limit 3 SELECT n FROM many")) == 3
    assert len(run(shell, "%sql --limit 0 SELECT n FROM many")) == 0
    everything = run(shell, "%%sql --all\nSELECT n FROM many")
    assert len(everything) == 2_500 and "more" not in repr(everything)


def test_into_collects_everything_and_shows_nothing(shell, capsys):
    shell.push({"many": MANY})
    assert run(shell, "%%sql --into all_of_it\nSELECT n FROM many") is None
    assert len(shell.user_ns["all_of_it"]) == 2_500
    assert "all_of_it = Query: 2,500 rows" in capsys.readouterr().out
    run(shell, "%%sql --into some --limit 5\nSELECT n FROM many")
    assert len(shell.user_ns["some"]) == 5
    run(shell, "three = %sql --limit 3 SELECT n FROM some")
    assert rows(shell.user_ns["three"]) == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_limit_is_one_of_the_plan_in_python_too(data):
    assert len(data.sql("SELECT * FROM pings", limit=2)) == 2
    assert len(data.sql("SELECT * FROM pings LIMIT 1", limit=2)) == 1
    assert len(data.sql("EXPLAIN SELECT 1", limit=1)) >= 1
    for limit in (-1, 1.5, "x", True):
        with pytest.raises(footfall.DefinitionError, match="limit"):
            data.sql("SELECT 1", limit=limit)


def test_explain_shows_the_plan(shell, capsys):
    shell.push({"x": "ana", "tab": SCORES})
    for cell in ("SELECT * FROM tab WHERE user_id = $x", "explain SELECT * FROM tab WHERE user_id = $x"):
        assert run(shell, f"%%sql --explain\n{cell}") is None
        out = capsys.readouterr().out
        assert "physical_plan" in out and "Filter" in out
    error = failure(shell, "%%sql --explain\nSELECT 1,\n  usr_id FROM pings", capsys)
    assert (error.line, error.column) == (2, 3) and "line 2, column 3" in str(error)


# Tables from variables


def frames():
    import polars

    yield from (SCORES, SCORES.to_batches()[0], SCORES.to_pandas(), polars.DataFrame(SCORES),
                pa.RecordBatchReader.from_batches(SCORES.schema, SCORES.to_batches()))  # fmt: skip


def test_tables_of_any_kind_are_read(shell):
    for frame in frames():
        shell.push({"scores": frame})
        assert rows(run(shell, "%sql SELECT user_id, score + 1 AS s FROM scores ORDER BY 1")) == [
            {"user_id": "ana", "s": 2}, {"user_id": "rui", "s": 3}], type(frame)  # fmt: skip


class Stream:
    """Hands out rows, and tells nothing else."""

    def __arrow_c_stream__(self, requested_schema=None):
        return SCORES.__arrow_c_stream__(requested_schema)


class Broken:
    def __arrow_c_stream__(self, requested_schema=None):
        raise ValueError("gone")


def test_whatever_exports_a_stream_is_read_or_fails_at_its_place(shell, capsys):
    shell.push({"stream": Stream(), "broken": Broken(), "column": SCORES.column("score")})
    assert len(run(shell, "%sql SELECT * FROM stream")) == 2
    error = failure(shell, "%%sql\nSELECT *\nFROM broken", capsys)
    assert "gone" in str(error) and (error.line, error.column) == (2, 6)
    assert "is no table but of type ChunkedArray" in str(failure(shell, "%sql SELECT * FROM column", capsys))


def test_a_result_is_read_in_the_next_cell_beside_the_tables(shell, data):
    run(shell, "%%sql --into Top\nSELECT user_id, count(*) AS n FROM pings GROUP BY 1 ORDER BY n DESC, 1 LIMIT 3")
    expected = {row["user_id"]: row["n"] for row in rows(shell.user_ns["Top"])}
    for name in ("Top", "top", '"Top"'):
        found = run(shell, f"%sql SELECT user_id, count(*) AS n FROM pings JOIN {name} USING (user_id) GROUP BY 1")
        assert {row["user_id"]: row["n"] for row in rows(found)} == expected


def test_the_data_sets_own_tables_win_and_the_cell_says_so(shell, capsys):
    shell.push({"ads": SCORES})
    found = run(shell, "%sql SELECT * FROM ads LIMIT 1")
    assert "ad_id" in found.columns and "the variable ads is not read" in capsys.readouterr().out
    run(shell, "%sql WITH ads AS (SELECT 1 AS a) SELECT * FROM ads")
    run(shell, "%sql SELECT 'ads' AS a FROM pings LIMIT 1")
    assert "not read" not in capsys.readouterr().out


def test_python_code_reads_no_variables(data):
    scores = SCORES
    assert scores is not None
    with pytest.raises(footfall.QueryError, match="no table `scores`"):
        data.sql("SELECT * FROM scores")


def test_what_is_no_table_is_said(shell, capsys):
    import polars

    shell.push({"lazy": polars.DataFrame(SCORES).lazy(), "number": 3})
    assert "of type LazyFrame; collect it first" in str(failure(shell, "%sql SELECT * FROM lazy", capsys))
    assert "the variable number is no table but of type int" in str(failure(shell, "%sql SELECT * FROM number", capsys))


# Line magics


def test_tables_are_shown(shell):
    shell.push({"scores": SCORES})
    shown = repr(run(shell, "%tables"))
    for words in ("pings", "user_id", "attributed_visits", "distance_m", "scores", "variable of type Table"):
        assert words in shown


def test_a_table_and_a_function_are_described(shell, capsys):
    shell.push({"scores": SCORES})
    shown = repr(run(shell, "%describe pings"))
    assert "latitude" in shown and "number: Degrees north" in shown
    assert "distance_m" in repr(run(shell, "%describe visits --data data"))
    assert "score" in repr(run(shell, "%describe scores")) and "int64" in repr(run(shell, "%describe scores"))
    assert "local_day(timestamp)" in repr(run(shell, "%describe local_day"))
    assert "did you mean pings?" in str(failure(shell, "%describe pigns", capsys))
    assert "needs the name of a table" in str(failure(shell, "%describe", capsys))


def test_the_engine_is_shown_and_changed(shell, data, capsys):
    assert "local" in repr(run(shell, "%engine"))
    shell.push({"march": data.between("2024-03-01")})
    run(shell, "%engine local --data march")
    assert shell.user_ns["march"].period == data.between("2024-03-01").period
    assert shell.user_ns["march"]._session is not data._session
    assert "expected local, dask, spark" in str(failure(shell, "%engine moon", capsys))


def test_to_load_again_changes_nothing(shell):
    from footfall.notebook import load

    load(shell)
    matchers = [matcher.matcher_identifier for matcher in shell.Completer.custom_matchers]
    assert sorted(matchers) == ["footfall.sql", "footfall.values"]
    assert completions(shell, "%%sql\nSELECT * FROM pin|") == completions(shell, "%%sql\nSELECT * FROM pin|") != []


# Statements as text


@pytest.mark.parametrize(("statement", "names"), [
    ("SELECT $a, '$b', \"$c\", $$ $d $$, $t$ $e $t$ -- $f\n, $g /* $h */", ["a", "g"]),
    ("SELECT 'it''s $a', $b 'open $c", ["b"]),
    ("SELECT /* $a", []),
    ("$á_1", ["á_1"]),
])  # fmt: skip
def test_placeholders_are_told_from_text_and_comments(data, statement, names):
    assert [token.text for token in statements.tokens(statement) if token.kind == "placeholder"] == names


def test_the_caret_stands_right_in_long_lines_and_after_tabs():
    error = statements.error_at("no", f"SELECT\n{'x' * 500}\t$a{'y' * 500}", 508)
    line, marker = str(error).splitlines()[-2:]
    assert len(line) < 140 and line[marker.index("^")] == "$" and (error.line, error.column) == (2, 502)


# A real kernel


def test_cells_in_a_kernel(tmp_path):
    opened = ("import footfall, pyarrow as pa\n"
              "data = footfall.open({'ads': pa.table({'ad_id': [7], 'campaign_id': ['lunch'], 'category': ['food']})},"
              " progress=False)\nkind = 'food'")  # fmt: skip
    with kernel(tmp_path, opened) as client:
        said = told(client, "%%sql\nSELECT campaign_id FROM ads WHERE category = $kind")
        assert said["status"] == "ok" and "lunch" in said["shown"]
        said = told(client, "%%sql\nSELECT campaign_id,\n  categry FROM ads")
        assert said["status"] == "error" and "did you mean `category`?" in said["traceback"][0]
        assert "line 2, column 3" in "\n".join(said["traceback"]) and "Traceback" not in str(said["traceback"])
        assert said["traceback"][-1].strip() == "^"
        said = told(client, "data.sql('SELECT categry FROM ads')")
        assert any("Traceback" in line for line in said["traceback"])


def test_an_interrupt_ends_a_statement_and_the_next_answers(tmp_path):
    opened = ("import footfall, pyarrow as pa\n"
              "many = pa.table({'n': range(100_000)})\n"
              "data = footfall.open({'ads': pa.table({'ad_id': [7], 'campaign_id': ['lunch'], 'category': ['food']})},"
              " progress=False)")  # fmt: skip
    with kernel(tmp_path, opened) as client:
        interrupted = []

        def interrupt():
            interrupted.append(time.monotonic())
            client.interrupt()

        threading.Timer(2, interrupt).start()
        said = told(client, "%%sql\nSELECT sum(a.n + b.n) FROM many a CROSS JOIN many b")
        assert said["status"] == "error" and [line.split(":")[0] for line in said["traceback"]] == ["KeyboardInterrupt"]
        assert time.monotonic() - interrupted[0] < ENDS_WITHIN_S
        assert "100,000" in told(client, "%sql SELECT count(*) AS rows FROM many")["shown"]
