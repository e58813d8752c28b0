"""What a notebook offers at the cursor of a statement, and what it tells of a name."""

from __future__ import annotations

import pyarrow as pa
import pytest
from shells import SCORES, answer, completions, kernel, new_shell
from worlds import random_world

import footfall

pytest.importorskip("IPython")


WORLD = random_world(15, events=400)


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    data = footfall.open(WORLD.tables(), tz=WORLD.tz, progress=False, max_unusable=1)
    names = {"data": data, "start": 3, "ids": ["a"], "scores": SCORES, "place": object()}
    return new_shell(tmp_path_factory.mktemp("shell"), **names)


def texts(shell, code):
    return [text for text, _, _ in completions(shell, code)]


def kinds(shell, code):
    """The first words of the types of what is offered, in order, each once."""
    return list(dict.fromkeys(kind.split()[0] for _, kind, _ in completions(shell, code)))


@pytest.mark.parametrize("code", ["SELECT * FROM |", "SELECT * FROM pings p JOIN |", "SELECT * FROM pings, |",
                                  "SELECT *\nFROM |\nWHERE user_id = 'a'"])  # fmt: skip
def test_tables_stand_after_from_and_join(shell, code):
    offered = texts(shell, f"%%sql\n{code}")
    assert {"ads", "establishments", "interactions", "pings", "visits", "attributed_visits", "scores"} <= set(offered)
    assert kinds(shell, f"%%sql\n{code}")[0] == "table" and "data" not in offered


@pytest.mark.parametrize(("code", "text", "kind"), [
    ("SELECT lat| FROM pings", "latitude", "column number"),
    ("SELECT * FROM pings p WHERE p.lon|", "longitude", "column number"),
    ("SELECT *\nFROM pings AS a JOIN ads AS b ON true\nWHERE b.camp|", "campaign_id", "column text"),
    ("SELECT sc| FROM scores", "score", "column int64"),
    ("SELECT s.sc| FROM scores s", "score", "column int64"),
    ("WITH w AS (SELECT user_id AS who FROM pings) SELECT wh| FROM w", "who", "column text"),
    ("SELECT distance| FROM visits", "distance_m", "column number"),
    ("SELECT local_d|", "local_day", "function local_day(timestamp)"),
    ("SELECT user_id FRO|", "FROM", "keyword"),
    ("SELECT * FROM pi|", "pings", "table user_id, timestamp, latitude"),
    ("SELECT * FROM scor|", "scores", "table variable of type Table"),
])  # fmt: skip
def test_what_fits_is_offered_with_its_type(shell, code, text, kind):
    for begin in ("%%sql\n", "%%sql --all\n", "\n\n%%sql\n") + (() if "\n" in code else ("%sql ", "x = 1\ny = %sql ")):
        offered = {found: (type_, replaced) for found, type_, replaced in completions(shell, begin + code)}
        assert text in offered, (begin, offered)
        type_, replaced = offered[text]
        assert type_.startswith(kind) and text.lower().startswith(replaced.lower()), (begin, offered[text])


def test_keywords_come_last(shell):
    assert kinds(shell, "%%sql\nSELECT | FROM pings")[0] == "column"
    assert kinds(shell, "%%sql\nSELECT | FROM pings")[-1] == "keyword"


@pytest.mark.parametrize("code", ["SELECT impor| FROM pings", "SELECT zzz|", "SELECT 'pin|", "SELECT 1 -- pin|",
                                  "SELECT * FROM pings p WHERE p.zzz|", "SELECT prin|", "|"])  # fmt: skip
def test_names_of_python_do_not_stand_in_sql(shell, code):
    for begin in ("%%sql\n", "%sql "):
        offered = completions(shell, begin + code)
        types = {type_.split()[0] for _, type_, _ in offered}
        assert types <= {"table", "column", "function", "keyword"}, offered
        assert not {"import", "print", "data", "ids"} & {text for text, _, _ in offered}


def test_hostile_names_are_quoted_and_printable(shell):
    hostile = pa.table({'a"; DROP TABLE pings --': [1], "b\x1b[2J": [2]})
    shell.push({"hostile": hostile})
    offered = completions(shell, "%%sql\nSELECT | FROM hostile")
    assert offered[0][0] == '"a""; DROP TABLE pings --"'
    assert all("\x1b" not in type_ for _, type_, _ in completions(shell, "%%sql\nSELECT * FROM hostile WHERE host|"))
    result = shell.run_cell(f"%sql SELECT {offered[0][0]} AS a FROM hostile").result
    assert result.to_arrow().to_pylist() == [{"a": 1}]


def test_variables_stand_after_a_dollar(shell):
    offered = completions(shell, "%%sql\nSELECT * FROM pings WHERE array_has($|, user_id)")
    assert ("ids", "variable list", "") in offered and ("start", "variable int", "") in offered
    assert not {"data", "scores", "place", "In", "exit"} & {text for text, _, _ in offered}
    assert completions(shell, "%%sql\nSELECT $st|") == [("start", "variable int", "st")]


def test_options_and_data_sets_stand_in_the_first_line(shell):
    assert completions(shell, "%%sql --in|") == [("--into", "option NAME", "--in")]
    assert texts(shell, "%%sql --data |\nSELECT 1") == ["data"]
    assert "--explain" in texts(shell, "%%sql --all |")
    assert texts(shell, "%sql --in|") == ["--into"] and "--into" not in texts(shell, "%sql --limit 3 |")
    assert texts(shell, "%%sql --limit |") == []


def test_a_magic_is_completed_by_ipython(shell):
    assert "%%sql" in texts(shell, "%%sq|") and "%sql" in texts(shell, "%sq|")


@pytest.mark.parametrize(("code", "expected"), [
    ("data.campaign_ctr(by=|)", ['"day"', '"week"', '"month"', '"period"']),
    ("data.campaign_ctr(by='m|')", ["month"]),
    ('data.between("2024-03-01").establishment_visits(by="week", rank_by="visit|', ["visits", "visitors"]),
    ("data.run('campaign_c|')", ["campaign_ctr"]),
    ("x = 1\ny = data.run('visit_attribution', rank_by='rat|", ["ratio_low", "ratio"]),
])  # fmt: skip
def test_calls_of_jobs_complete_their_values(shell, code, expected):
    assert texts(shell, code) == expected


@pytest.mark.parametrize(
    "code", ["frame.sort_values(by='mon|", "scores.run('campaign_c|", "data.interaction_profile(by='mon|"]
)
def test_other_calls_are_left_alone(shell, code):
    assert not {"month", "campaign_ctr"} & set(texts(shell, code))


def test_python_is_completed_as_ever(shell):
    assert "print" in texts(shell, "x = 1\npri|") and any(
        text.endswith("campaign_ctr") for text in texts(shell, "data.campa|")
    )


def test_before_a_data_set_is_there_the_usual_tables_are_known(shell, tmp_path, city_data):
    from footfall.notebook.sql.data_sets import _empty

    bare = new_shell(tmp_path)
    assert "pings" in texts(bare, "%%sql\nSELECT * FROM |") and "latitude" in texts(
        bare, "%%sql\nSELECT lat| FROM pings"
    )
    assert _empty().tables() == city_data._session.tables()
    for name in city_data.tables:
        query = f"SELECT * FROM {name}"
        assert _empty().describe(query, len(query)) == city_data._session.planner.describe(query, len(query))


def test_a_key_that_is_pressed_opens_nothing(tmp_path):
    namespace = pytest.importorskip("footfall.notebook.namespace")

    unopened = namespace.names({"FOOTFALL_DATA": str(tmp_path / "nowhere")})["data"]
    shell = new_shell(tmp_path, data=unopened)
    assert "latitude" in texts(shell, "%%sql\nSELECT lat| FROM pings")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    opened = ("import footfall, pyarrow as pa\n"
              "ads = {'ad_id': [7], 'campaign_id': ['lunch'], 'category': ['food']}\n"
              "data = footfall.open({'ads': pa.table(ads)}, progress=False)\n"
              "scores = pa.table({'score': [1]}); kind = 'food'")  # fmt: skip
    with kernel(tmp_path_factory.mktemp("kernel"), opened) as client:
        yield client


def test_a_kernel_offers_the_same(client):
    reply = answer(client, "complete", "%%sql\nSELECT camp| FROM ads")
    assert reply["matches"] == ["campaign_id"] and reply["cursor_start"] == 13 and reply["cursor_end"] == 17
    (typed,) = reply["metadata"]["_jupyter_types_experimental"]
    assert (typed["text"], typed["type"]) == ("campaign_id", "column text")
    assert answer(client, "complete", "%%sql\nSELECT * FROM scores WHERE pri|")["matches"] == []


@pytest.mark.parametrize(("code", "words"), [
    ("%%sql\nSELECT * FROM ad|s", ["table ads", "campaign_id text"]),
    ("%%sql\nSELECT camp|aign_id FROM ads", ["column ads.campaign_id", "text", "campaign"]),
    ("%%sql\nSELECT a.cate|gory\nFROM ads a", ["column a.category"]),
    ("%%sql --all\nSELECT local_day|(now())", ["function local_day", "local_day(timestamp)", "clock"]),
    ("y = %sql SELECT sc|ore FROM scores", ["column scores.score"]),
    ("%%sql\nSELECT $ki|nd", ["str", "food"]),
    ("x = da|ta", ["Dataset"]),
])  # fmt: skip
def test_a_kernel_tells_what_a_name_means(client, code, words):
    reply = answer(client, "inspect", code)
    assert reply["found"], reply
    assert all(word in reply["data"]["text/plain"] for word in words), reply["data"]["text/plain"]


def test_what_means_nothing_is_not_found(client):
    reply = answer(client, "inspect", "%%sql\nSELECT prin|t FROM ads")
    assert reply["status"] == "ok" and not reply["found"]
