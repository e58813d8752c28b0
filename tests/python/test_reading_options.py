"""How files are written may be said: CSV, times, actions; several files are one table; losses are told."""

from __future__ import annotations

import pickle
import warnings

import pyarrow as pa
import pytest
from towns import COUNTED, ROWS, counted, csv_text, opened, write_town

import footfall
from footfall import _native
from footfall.engines import packets
from footfall.engines.local import EVERYTHING
from footfall.engines.work import Count, Opening
from footfall.inputs import options, paths, zones
from footfall.inputs.reading import Reading, reading

NOTHING = {"columns": None, "epoch_unit": None, "naive_tz": None, "csv": None, "actions": None}


def theirs(table, *, decimal=".", separator=",", actions=None, local_hours=0):
    """The table as somebody else writes it: text of CSV, with times on a clock without an offset."""
    actions = actions or {}

    def cell(name, value):
        if name == "timestamp":
            day, hour = value[:10], int(value[11:13]) - local_hours
            return f"{day[8:]}/{day[5:7]}/{day[:4]} {hour:02d}:{value[14:16]}"
        if name in ("latitude", "longitude"):
            return value.replace(".", decimal)
        return actions.get(value, value)

    rows = [{name: cell(name, value) for name, value in row.items()} for row in ROWS[table]]
    return "".join(separator.join(cells) + "\n" for cells in [list(rows[0]), *([*row.values()] for row in rows)])


@pytest.fixture
def brazilian(tmp_path):
    """A town in files with semicolons, decimal commas, Windows' letters, Brazilian times and Portuguese actions."""
    root = tmp_path / "cidade"
    root.mkdir()
    for table in ROWS:
        text = theirs(table, decimal=",", separator=";", actions={"view": "Impressão", "click": "Clique"})
        (root / f"{table}.csv").write_bytes(text.encode("windows-1252"))
    return root


BRAZILIAN = {
    "csv": footfall.Csv(separator=";", decimal=",", encoding="windows-1252", timestamp="%d/%m/%Y %H:%M"),
    "actions": {"Impressão": "view", "Clique": "click"},
    "naive_tz": "UTC",
}


# Options that make no sense.


@pytest.mark.parametrize(
    ("option", "value"),
    [("separator", ";;"), ("separator", ""), ("separator", "\n"), ("separator", "§"), ("separator", 7),
     ("decimal", ";"), ("quote", "''"), ("encoding", 8), ("timestamp", "soon")],
    ids=repr,
)  # fmt: skip
def test_csv_refuses_what_makes_no_sense_and_names_it(option, value):
    with pytest.raises(footfall.DefinitionError, match=option):
        footfall.Csv(**{option: value})


@pytest.mark.parametrize("alike", [("quote", "separator"), ("quote", "decimal")])
def test_csv_refuses_one_character_for_two_things(alike):
    with pytest.raises(footfall.DefinitionError, match=f"{alike[0]}.*differ from {alike[1]}"):
        footfall.Csv(**dict.fromkeys(alike, ","))


def test_csv_goes_by_name_and_does_not_change():
    csv = footfall.Csv(separator=";")
    assert pickle.loads(pickle.dumps(csv)) == csv != footfall.Csv()
    with pytest.raises(TypeError):
        footfall.Csv(";")
    with pytest.raises(AttributeError):
        csv.separator = ","


@pytest.mark.parametrize(
    ("given", "told"),
    [({"csv": ";"}, "csv"), ({"csv": {"pings": ";"}}, "pings"), ({"csv": {"ping": footfall.Csv()}}, "mean pings"),
     ({"csv": footfall.Csv(encoding="latin-99")}, "latin-99"), ({"actions": {"Clique": "clic"}}, "mean click"),
     ({"actions": ["view"]}, "actions"), ({"actions": {1: "view"}}, "actions"), ({"columns": "lat"}, "columns"),
     ({"naive_tz": "Mars/Olympus"}, "naive_tz"), ({"naive_tz": 3}, "naive_tz"), ({"epoch_unit": "h"}, "epoch_unit"),
     ({"max_unusable": 2}, "max_unusable"), ({"max_unusable": "all"}, "max_unusable"), ({"tables": 3}, "tables")],
    ids=str,
)  # fmt: skip
def test_an_option_that_makes_no_sense_is_named(tmp_path, given, told):
    with pytest.raises(footfall.DefinitionError, match=told):
        opened(write_town(tmp_path), **given)


# What is said goes before what was said before.


def test_of_two_readings_the_first_is_right():
    said = reading(**{**NOTHING, "columns": {"user_id": "a"}, "actions": {"x": "view"}, "epoch_unit": "s"})
    other = reading(**{**NOTHING, "columns": {"user_id": "b", "ad_id": "c"}, "naive_tz": "America/Recife"})
    both = said.over(other)
    assert both.columns == {"user_id": "a", "ad_id": "c"} and both.actions == {"x": "view"}
    assert (both.epoch_unit, both.naive_tz) == ("s", zones.zone("America/Recife"))


def test_options_of_csv_are_merged_one_by_one():
    of_file = {"": footfall.Csv(separator=";", quote="'"), "pings": footfall.Csv(decimal=",")}
    said = Reading(csv={"": footfall.Csv(separator="\t")}).over(Reading(csv=of_file))
    assert said.csv == {"": footfall.Csv(separator="\t", quote="'"),
                        "pings": footfall.Csv(separator="\t", quote="'", decimal=",")}  # fmt: skip
    assert Reading(csv={"": footfall.Csv()}).over(Reading()).csv == {}


# Reading.


def test_brazilian_files_are_read_as_they_are_said_to_be(brazilian):
    data = opened(brazilian, **BRAZILIAN)
    assert counted(data) == COUNTED and len(data.check()) == 0
    assert data.sql("SELECT min(timestamp) AS first FROM pings").to_arrow()["first"][0].as_py().hour == 3


def test_what_is_not_said_is_found_out(brazilian):
    """All but whether 01/03 is in January or in March."""
    csv = footfall.Csv(timestamp="%d/%m/%Y %H:%M")
    data = opened(brazilian, **{**BRAZILIAN, "csv": csv})
    assert counted(data) == COUNTED
    assert data.sql("SELECT name FROM establishments ORDER BY 1").to_arrow()["name"].to_pylist() == ["Bank", "Café"]


def test_csv_of_one_table_differs(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings.csv").write_text(theirs("pings", separator="\t", decimal=","))
    csv = footfall.Csv(separator="\t", decimal=",", timestamp="%d/%m/%Y %H:%M")
    assert counted(opened(root, csv={"pings": csv}, naive_tz="UTC")) == COUNTED


def test_times_without_an_offset_are_local_to_naive_tz(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings.csv").write_text(
        csv_text("pings").replace("Z,", ",").replace("T03:", "T00:").replace("T10:", "T07:")
    )
    query = "SELECT * FROM pings ORDER BY user_id"
    local = opened(root, naive_tz="America/Recife")
    assert local.sql(query).to_arrow() == opened(write_town(tmp_path / "utc")).sql(query).to_arrow()
    assert counted(local) == COUNTED


def test_a_pickled_data_set_is_read_the_same_again(brazilian):
    data = opened(brazilian, **{**BRAZILIAN, "naive_tz": "America/Recife"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pickle.loads(pickle.dumps(data))
    assert counted(again) == counted(data)
    assert repr(again) == repr(data)


@pytest.mark.parametrize("small", [False, True])
def test_a_worker_reads_as_the_driver_does(brazilian, small):
    said = reading(**{**NOTHING, **BRAZILIAN})
    session_options = {"tz": zones.zone("UTC"), "threads": 1, "memory_limit": None,
                       "definitions": footfall.Definitions().native()}  # fmt: skip
    driver = _native.Session(str(brazilian), {}, reading=said.native(), **session_options)
    ads = pa.table(driver.sql("SELECT * FROM ads"))
    opening = Opening((packets.of_table("ads", ads),) if small else (), session_options, EVERYTHING, said)
    (slices,) = driver.pieces("interactions", 1)
    work = Count(opening, "interactions", "n", "SELECT action, count(*) AS n FROM interactions GROUP BY 1 ORDER BY 1")
    (made,) = pickle.loads(pickle.dumps(work))([packets.of_files("interactions", 0, slices)])
    packets.raise_error_in([made])
    assert packets.table(made).to_pylist() == [{"action": "click", "n": 1}, {"action": "view", "n": 2}]


def test_what_is_kept_is_not_read_twice(brazilian):
    data = opened(brazilian, **BRAZILIAN)
    assert counted(data.persist()) == COUNTED
    data.unpersist()


def test_ingest_reads_the_same(brazilian, tmp_path):
    done = footfall.ingest(brazilian, tmp_path / "new", progress=False, **BRAZILIAN)
    assert counted(opened(done.folder)) == COUNTED and done.tz == "UTC"


def test_how_it_is_read_is_told(brazilian, tmp_path):
    data = opened(brazilian, **{**BRAZILIAN, "naive_tz": "America/Recife"})
    told = dict(data.read_as)
    assert "semicolon" in told["csv pings"] and told["naive times"] == "local to America/Recife"
    assert told["actions"] == "Impressão is view, Clique is click"
    page = data.report(tmp_path / "report.html").read_text(encoding="utf-8")
    for value in told.values():
        assert value in repr(data) and value in data._repr_html_() and value in page


def test_text_of_instants_is_read_as_it_is_in_the_data():
    recife = zones.zone("America/Recife")
    assert options.instant_us("start", "1970-01-01 00:00 UTC", recife) == 0
    with pytest.raises(footfall.DefinitionError, match="start = 'soon'"):
        options.instant_us("start", "soon", recife)


# Several files.


@pytest.fixture
def exports(tmp_path):
    """Pings in a file per day, with a folder that is a column, and what is no data."""
    root = write_town(tmp_path / "town", but=["pings"])
    for number, row in enumerate(ROWS["pings"]):
        folder = tmp_path / "exports" / f"user_id={row['user_id']}"
        folder.mkdir(parents=True)
        rest = {name: value for name, value in row.items() if name != "user_id"}
        (folder / f"pings-{number}.csv").write_text(",".join(rest) + "\n" + ",".join(rest.values()) + "\n")
    (tmp_path / "exports" / "_old.csv").write_text("nothing\n1\n")
    return root


@pytest.mark.parametrize("pattern", ["exports/*/pings-*.csv", "exports/**/*.csv", "exports/user_id=[789]", "exports/*"])
def test_a_pattern_is_a_table(exports, tmp_path, pattern):
    data = opened(exports, tables={"pings": tmp_path / pattern})
    assert counted(data) == COUNTED and data.rows()["pings"] == 3


def test_a_list_is_a_table_and_no_file_is_there_twice(exports, tmp_path):
    several = [str(tmp_path / "exports"), tmp_path / "exports" / "*" / "pings-1.csv", str(tmp_path / "exports" / "*")]
    data = opened(exports, tables={"pings": several})
    assert data.rows()["pings"] == 3
    assert pickle.loads(pickle.dumps(data)).rows() == data.rows()


def test_all_tables_of_a_mapping_may_be_patterns(exports, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {name: f"town/{name}.c?v" for name in ("ads", "establishments", "interactions")}
    assert counted(opened({**given, "pings": ["exports/*/*.csv"]})) == COUNTED
    monkeypatch.setenv("HOME", str(tmp_path))
    assert counted(opened({**given, "pings": ["~/exports/*/*.csv"]})) == COUNTED


def test_a_name_with_wildcards_is_a_name_where_it_is_there(tmp_path):
    (tmp_path / "pings[1].csv").write_text(csv_text("pings"))
    (tmp_path / "pings1.csv").write_text("other\n1\n")
    assert opened({"pings": tmp_path / "pings[1].csv"}).rows() == {"pings": 3}


@pytest.mark.parametrize(("given", "error"), [("no-*.csv", footfall.DataError), ([], footfall.DefinitionError),
                                              ([{"user_id": "ana"}], footfall.DataError)])  # fmt: skip
def test_tables_that_name_nothing(given, error):
    with pytest.raises(error, match="pings") as raised:
        opened({"pings": given})
    assert "ana" not in str(raised.value)


def test_links_and_folders_give_a_file_once(tmp_path):
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "a.csv").write_text("x")
    (tmp_path / "b.csv").symlink_to("day=1/a.csv")
    found = paths.find("pings", [tmp_path / "**", tmp_path / "*.csv", tmp_path / "day=1" / "a.csv"])
    assert found == [(str(tmp_path), str(tmp_path))]
    assert len(paths.find("pings", [tmp_path / "*.csv", tmp_path / "day=1" / "*"])) == 1


# Losses.


def some_ads(nulls, of):
    campaigns = pa.array([None] * nulls + ["c"] * (of - nulls), pa.string())
    return pa.table({"ad_id": list(range(of)), "campaign_id": campaigns, "category": ["k"] * of})


def test_a_loss_is_told_where_the_data_set_is_opened():
    with pytest.warns(footfall.DataWarning, match=r"ads\.campaign_id: 20\.0 % of 10 sampled rows.*null") as told:
        footfall.open({"ads": some_ads(2, of=10)}, progress=False)
    assert [each.filename for each in told] == [__file__]
    assert "data.check()" in str(told[0].message) and 'data.unusable("ads")' in str(told[0].message)


def test_a_small_loss_is_not_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = opened({"ads": some_ads(1, of=100)})
    assert data.check().to_arrow()["rows"].to_pylist() == [1]


def test_a_large_loss_is_refused_unless_it_is_allowed():
    with pytest.raises(footfall.DataError, match=r"60\.0 % .* max_unusable=1 opens") as raised:
        opened({"ads": some_ads(6, of=10)})
    assert (raised.value.table, raised.value.column, raised.value.reason) == ("ads", "campaign_id", "null")
    with pytest.warns(footfall.DataWarning, match=r"60\.0 %"):
        assert opened({"ads": some_ads(6, of=10)}, max_unusable=0.6).rows() == {"ads": 4}
    with pytest.raises(footfall.DataError, match=r"10\.0 %"):
        opened({"ads": some_ads(1, of=10)}, max_unusable=0)
    with pytest.raises(footfall.DataError, match=r"0\.5\d* %"):
        opened({"ads": some_ads(1, of=200)}, max_unusable=0)


def test_strict_stops_at_the_row_instead():
    with pytest.raises(footfall.DataError, match="row"):
        opened({"ads": some_ads(6, of=10)}, strict=True)


def unknown_actions(**options):
    acts = pa.table(
        {"user_id": ["u"] * 4, "ad_id": [0] * 4, "action": ["Clique"] * 4, "timestamp": ["2024-03-01T00:00Z"] * 4}
    )
    return opened({"ads": some_ads(0, of=3), "interactions": acts}, **options)


def test_a_loss_names_the_option_that_mends_it():
    with pytest.raises(footfall.DataError, match=r'unknown action, such as "Clique"\. .*actions=.*Clique'):
        unknown_actions()
    assert unknown_actions(actions={"Clique": "click"}).campaign_ctr(by="period").to_arrow()["clicks"].to_pylist() == [
        4
    ]


def test_an_empty_answer_says_why():
    data = unknown_actions(max_unusable=1)
    with pytest.warns(footfall.DataWarning, match="category_hours answers 0 rows: all rows of interactions") as told:
        result = data.category_hours(by="period")
    assert [each.filename for each in told] == [__file__]
    assert "0 rows: all rows of interactions are unusable" in result.headline(0) and "unknown action" in repr(result)


def test_an_empty_answer_of_good_rows_is_no_loss(tmp_path):
    data = opened(write_town(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = data.interaction_profile(users="nobody")
        empty = data.between("1999-01-01", "1999-01-02").category_hours()
    assert result.why_empty == ""
    lie = data.sql("SELECT min(timestamp) AS first, max(timestamp) AS last FROM interactions").to_arrow()
    ends = [data.local_text(column[0].value) for column in lie.columns]
    assert empty.why_empty == f"no row of interactions is in the period; they lie between {ends[0]} and {ends[1]}"


# Quality.


def test_check_gives_what_it_found_worst_first_and_all_that_it_looked_for_if_asked():
    data = opened({"ads": some_ads(2, of=10)})
    found, everything = data.check().to_arrow().to_pylist(), data.check(all=True).to_arrow().to_pylist()
    assert [(row["check"], row["column"], row["rows"]) for row in found] == [("null", "campaign_id", 2)]
    assert everything[: len(found)] == found and all(row["rows"] == 0 for row in everything[len(found) :])


def test_unusable_rows_are_shown_where_they_are(tmp_path):
    rows = [dict(row) for row in ROWS["pings"]]
    rows[1]["latitude"], rows[2]["timestamp"] = "95", "soon"
    (tmp_path / "pings.csv").write_text(csv_text("pings", rows))
    data = opened(tmp_path, max_unusable=1)
    shown = data.unusable("pings").to_arrow().to_pylist()
    assert sorted((row["row"], row["check"], row["column"], row["value"]) for row in shown) == [
        (1, "out of range", "latitude", "95"), (2, "unreadable", "timestamp", "soon")]  # fmt: skip
    assert all(row["file"].endswith("pings.csv") for row in shown)
    assert len(data.unusable("pings", limit=1)) == 1


@pytest.mark.parametrize(("arguments", "told"), [(("pingz",), "mean pings"), ((3,), "pings"), (("pings", 0), "limit")])
def test_unusable_of_what_is_not_there(tmp_path, arguments, told):
    with pytest.raises(footfall.DefinitionError, match=told):
        opened(write_town(tmp_path)).unusable(*arguments)
