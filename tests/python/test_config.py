"""What footfall.toml beside the data says: what it may say, what goes before it, and what is refused."""

from __future__ import annotations

import os
import pickle

import pytest
from towns import COUNTED, ROWS, counted, csv_text, opened, write_town

import footfall
from footfall.inputs import config

EVERYTHING = """
tz = "America/Recife"
naive_tz = "America/Sao_Paulo"
epoch_unit = "s"

[columns]
"pings.user_id" = "device"

[actions]
"Impressão" = "view"

[csv]
separator = ";"

[csv.pings]
decimal = ","

[tables]
ads = ["campaigns/*.csv"]
"""


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


def with_clicks_called(root, name):
    (root / "interactions.csv").write_text(csv_text("interactions").replace("click", name), encoding="utf-8")
    return root


def said(root, text):
    (root / config.NAME).write_text(text, encoding="utf-8")
    return root


def test_all_that_it_may_say(town):
    (town / "campaigns").mkdir()
    (town / "campaigns" / "1.csv").write_text(csv_text("ads"))
    found = config.read(str(said(town, EVERYTHING)))
    assert (found.tz.name, found.reading.naive_tz.name) == ("America/Recife", "America/Sao_Paulo")
    assert found.reading.epoch_unit == "s" and found.reading.columns == {"pings.user_id": "device"}
    assert found.reading.actions == {"Impressão": "view"}
    assert found.reading.csv == {"": footfall.Csv(separator=";"), "pings": footfall.Csv(decimal=",")}
    assert found.tables == {"ads": [(str(town / "campaigns" / "1.csv"), str(town / "campaigns"))]}


def test_without_it_nothing_is_said(town):
    assert config.read(str(town)) == config.read(None) == config.Config()
    assert opened(town).tz == "UTC"


def test_it_is_read_and_told(town):
    said(with_clicks_called(town, "Clique"), 'tz = "America/Recife"\n[actions]\nClique = "click"\n')
    data = opened(town)
    assert data.tz == "America/Recife" and str(town / config.NAME) in repr(data)
    assert data.campaign_ctr(by="period").to_arrow()["clicks"].to_pylist() == [1, 0]
    assert repr(pickle.loads(pickle.dumps(data))) == repr(data)


def test_arguments_go_before_it_key_by_key(town):
    said(town, 'tz = "Asia/Tokyo"\n[columns]\n"ads.category" = "nothing"\n"pings.user_id" = "device"\n')
    rows = csv_text("pings").replace("user_id", "device")
    (town / "pings.csv").write_text(rows)
    data = opened(town, tz="America/Recife", columns={"ads.category": "category"})
    assert data.tz == "America/Recife" and counted(data) == COUNTED


def test_an_editor_may_have_put_a_byte_order_mark_before_it(town):
    said(town, '\ufefftz = "America/Recife"\n')
    assert opened(town).tz == "America/Recife"


def test_it_is_left_alone_if_asked(town):
    said(town, "nonsense")
    assert opened(town, config=False).tz == "UTC"
    with pytest.raises(footfall.DefinitionError, match="TOML"):
        opened(town)


def test_tables_lie_where_it_says(tmp_path):
    root = write_town(tmp_path / "a[1]", but=["pings"])
    (root / "exports").mkdir()
    for number, row in enumerate(ROWS["pings"]):
        (root / "exports" / f"p{number}.csv").write_text(csv_text("pings", [row]))
    assert counted(opened(said(root, '[tables]\npings = "exports/p*.csv"\n'))) == COUNTED
    given = opened(root, tables={"pings": root / "exports" / "p0.csv"})
    assert given.rows()["pings"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('timezone = "UTC"', "timezone.*naive_tz"),
        ('time_zone = "UTC"\ntz = "UTC"', "time_zone"),
        ('epoch_unt = "s"', "mean epoch_unit"),
        ("tz = 3", "tz = 3"),
        ('tz = "Mars/Olympus"', "Mars/Olympus"),
        ('naive_tz = ["UTC"]', "naive_tz"),
        ('epoch_unit = "h"', "epoch_unit.*ms"),
        ("columns = 3", r"columns.*\[columns\]"),
        ("[columns]\nuser_id = 3", "user_id = 3"),
        ('[actions]\nClique = "clic"', "Clique.*mean click"),
        ('csv = ";"', r"csv.*\[csv\]"),
        ('[csv]\nseperator = ";"', "seperator.*mean separator"),
        ('[csv]\nseparator = ";;"', r"\[csv\].*separator"),
        ('[csv.ping]\nseparator = ";"', "ping.*mean pings"),
        ('[csv.pings]\nseparator = 3', r"\[csv.pings\].*separator = 3"),
        ("[csv]\npings = 3", "csv.pings"),
        ('[tables]\nping = "x"', "mean pings"),
        ("[tables]\npings = 3", "pings = 3"),
        ("[tables]\npings = [3]", "pings"),
        ('[tables]\npings = "../pings.csv"', "leave"),
        ('[tables]\npings = "x/../../pings.csv"', "leave"),
        ('[tables]\npings = "/etc/*"', "leave"),
        ('[tables]\npings = "**/**/*.csv"', "one"),
        ("tz = ", "TOML"),
        ("a = " + "[" * 100_000, "TOML"),
        ("# " + "x" * 1_000_000, "1,000,002 bytes"),
    ],
)  # fmt: skip
def test_what_it_may_not_say_is_named_with_the_file(town, text, told):
    with pytest.raises(footfall.DefinitionError, match=rf"(?s)footfall\.toml(, line \d+)?: .*{told}"):
        opened(said(town, text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('tz = "UTC"\n\n[csv]\nseparator = ";;"', r", line 4: .*\[csv\]: separator = ';;'"),
        ('[csv]\nseparator = ";"\n[csv.pings]\nseparator = 3', ", line 4: .*separator = 3"),
        ("# names\n[columns]\nad_id = 'ad'\nuser_id = 3", ", line 4: .*user_id = 3: must be text"),
        ('[columns]\npings.user_id = "device"', ', line 2: .*pings.user_id: .*quotes, "pings.user_id"'),
        ('tz = "UTC"\ntimezone = "UTC"', ", line 2: timezone"),
        ('tz = "UTC"\n[tables]\npings = "gone/*.csv"', ", line 3: .*matches no file"),
        ("\ntz = America/Recife", ': line 2 is no TOML, `tz = America/Recife`: text stands in quotes: tz = "'),
        ('[actions]\nImpressão = "view"', ': line 2 .*; other letters need quotes: "Impressão" = "view"'),
        ('tz = "UTC"\ntz = "UTC"', ": line 2 .*it is said twice"),
        ('[tables]\npings = "C:\\data"', ": line 2 .*single quotes"),
        ("[csv", ": line 1 .*the name of a table stands in brackets"),
    ],
)
def test_the_line_is_named_and_what_mends_it(town, text, told):
    with pytest.raises(footfall.FootfallError, match=rf"(?s)footfall\.toml{told}"):
        opened(said(town, text))


def test_a_link_does_not_lead_out_of_the_folder(town, tmp_path):
    outside = write_town(tmp_path / "other")
    (town / "exports").symlink_to(outside)
    for pings in ("exports/pings.csv", "exports/p*.csv"):
        with pytest.raises(footfall.DefinitionError, match="leave"):
            opened(said(town, f'[tables]\npings = "{pings}"'))


def test_home_is_no_part_of_the_folder(town, monkeypatch):
    monkeypatch.setenv("HOME", "/etc")
    with pytest.raises(footfall.DataError, match="~"):
        opened(said(town, '[tables]\npings = "~/*"'))


@pytest.mark.parametrize("kind", ["folder", "pipe", "link out", "link to nothing"])
def test_what_is_no_file_is_refused(town, kind):
    place = town / config.NAME
    made = {
        "folder": place.mkdir,
        "pipe": lambda: os.mkfifo(place),
        "link out": lambda: place.symlink_to("/etc/passwd"),
        "link to nothing": lambda: place.symlink_to("nothing"),
    }
    made[kind]()
    with pytest.raises(footfall.DefinitionError, match=r"footfall\.toml: must be a file"):
        opened(town)


def test_text_that_is_not_utf_8_is_refused(town):
    (town / config.NAME).write_bytes(b'tz = "\xff"')
    with pytest.raises(footfall.DefinitionError, match=r"footfall\.toml: line 1 is no TOML.*UTF-8"):
        opened(town)


def test_ingest_reads_it_too(town, tmp_path):
    said(with_clicks_called(town, "Clique"), 'tz = "America/Recife"\n[actions]\nClique = "click"\n')
    done = footfall.ingest(town, tmp_path / "new", progress=False)
    assert done.tz == "America/Recife"
    assert done.tables["interactions"].written == 3
    assert opened(done.folder).campaign_ctr(by="period").to_arrow()["clicks"].to_pylist() == [1, 0]
    plain = footfall.ingest(town, tmp_path / "plain", tz="UTC", config=False, progress=False)
    assert plain.tables["interactions"].left_out == 1
    elsewhere = said(write_town(tmp_path / "elsewhere", but=["pings"]), '[tables]\npings = "exports/*.csv"')
    (elsewhere / "exports").mkdir()
    (elsewhere / "exports" / "1.csv").write_text(csv_text("pings"))
    done = footfall.ingest(elsewhere, tmp_path / "third", progress=False)
    assert counted(opened(done.folder)) == COUNTED
