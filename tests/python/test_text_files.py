"""CSV and JSON lines as people and programs write them."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from towns import COUNTED, ROWS, WRITERS, counted, csv_text, json_text, opened, write_town

import footfall

ENDINGS = list(WRITERS)
MARK = "\ufeff"


def with_table(tmp_path, name, content, table=None, **options):
    """Opens a town of which the file `name` is one table."""
    root = write_town(tmp_path / "town", but=[table or name.split(".")[0]])
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return opened(root, **options)


# The beginning of a file.


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("name", "text"), [("pings.csv", csv_text("pings")), ("pings.jsonl", json_text("pings"))])
def test_a_byte_order_mark_is_no_text(tmp_path, name, text, end):
    assert counted(with_table(tmp_path, name, (MARK + text).replace("\n", end))) == COUNTED


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_each_of_many_files_may_begin_with_a_mark(tmp_path, ending):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings").mkdir()
    for number, row in enumerate(ROWS["pings"]):
        path = root / "pings" / f"{number}.{ending}"
        WRITERS[ending](path, "pings", [row])
        path.write_bytes(MARK.encode() + path.read_bytes())
    assert counted(opened(root)) == COUNTED


def test_a_mark_before_a_quoted_header(tmp_path):
    header = '"user_id",' + csv_text("pings").split(",", 1)[1]
    assert counted(with_table(tmp_path, "pings.csv", MARK + header)) == COUNTED


@pytest.mark.parametrize("extra", [",", ",,", ",,,,"])
def test_columns_without_a_name_are_nobodys(tmp_path, extra):
    lines = csv_text("pings").splitlines()
    assert counted(with_table(tmp_path, "pings.csv", "\n".join(line + extra for line in lines))) == COUNTED


def test_columns_without_a_name_may_stand_anywhere_and_hold_anything(tmp_path):
    header, *lines = csv_text("pings").splitlines()
    lines = [f",{header},,", *(f'{number},{line},"x, y",' for number, line in enumerate(lines))]
    data = with_table(tmp_path, "pings.csv", "\n".join(lines))
    assert counted(data) == COUNTED
    assert data.tables["pings"] == ["user_id", "timestamp", "latitude", "longitude"]


def test_a_column_that_is_there_twice_is_refused_if_it_is_needed(tmp_path):
    header, *lines = csv_text("pings").splitlines()
    twice = [f"{header}, latitude ", *(f"{line},0" for line in lines)]
    with pytest.raises(footfall.DataError, match=r"pings\.csv.*latitude.*twice"):
        with_table(tmp_path, "pings.csv", "\n".join(twice))
    notes = [f"{header},note,note", *(f"{line},0,1" for line in lines)]
    shutil.rmtree(tmp_path / "town")
    assert counted(with_table(tmp_path, "pings.csv", "\n".join(notes))) == COUNTED


def test_files_without_rows(tmp_path):
    root = write_town(tmp_path, but=["pings"])
    (root / "pings").mkdir()
    for name, content in {"a.csv": "", "b.jsonl": "", "c.jsonl": "\n \r\n\n", "d.csv": csv_text("pings", []),
                          "e.csv": MARK, "f.jsonl": MARK, "g.csv": "\n\n"}.items():  # fmt: skip
        (root / "pings" / name).write_text(content, encoding="utf-8")
    assert opened(root).rows()["pings"] == 0
    WRITERS["csv"](root / "pings" / "h.csv", "pings")
    assert counted(opened(root)) == COUNTED


@pytest.mark.parametrize("content", ["", "\n\n", MARK])
def test_a_table_of_no_rows(tmp_path, content):
    data = with_table(tmp_path, "interactions.jsonl", content)
    assert data.rows()["interactions"] == 0
    assert counted(data) == ([1, 1], [0, 0])
    shutil.rmtree(tmp_path / "town")
    with pytest.raises(footfall.DataError, match=r"interactions\.csv.*header"):
        with_table(tmp_path, "interactions.csv", content)


# Lines and cells.


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_nothing(tmp_path, end):
    lines = csv_text("pings").splitlines()
    assert counted(with_table(tmp_path, "pings.csv", (end * 2).join(["", *lines, "", ""]))) == COUNTED


def test_rows_without_values_are_counted(tmp_path):
    data = with_table(tmp_path, "pings.csv", csv_text("pings") + "\n,,,\n\n,,,\n\n")
    found = {(row["table"], row["check"], row["column"]): row["rows"] for row in data.check().to_arrow().to_pylist()}
    assert found["pings", "null", "user_id"] == 2


@pytest.mark.parametrize("row", ["7,2024-03-05T10:00:00Z,-8.05", "7,2024-03-05T10:00:00Z,-8.05,-34.9,x", "  "])
def test_rows_of_fewer_or_more_cells_are_told_with_file_and_line(tmp_path, row):
    text = csv_text("pings").replace("7,2024", '"7\n",2024', 1) + "\n" + row + "\n"
    with pytest.raises(footfall.DataError, match=r"pings\.csv: line 7: \d cells?, where the header has 4"):
        with_table(tmp_path, "pings.csv", text).rows()


def test_text_that_is_not_utf_8_is_told_with_file_and_line(tmp_path):
    utf_8 = footfall.Csv(encoding="utf-8")
    with pytest.raises(footfall.DataError, match=r"establishments\.csv: line 2: .*UTF-8"):
        with_table(tmp_path, "establishments.csv", csv_text("establishments").encode("latin-1"), csv=utf_8).rows()
    for half in (b"caf\xc3,\xa9", b'"caf\xc3",\xa9'):
        shutil.rmtree(tmp_path / "town")
        rows = csv_text("establishments").replace("Café,food", "@@", 1).encode().replace(b"@@", half)
        with pytest.raises(footfall.DataError, match=r"establishments\.csv: line 2: .*UTF-8"):
            with_table(tmp_path, "establishments.csv", rows, csv=utf_8).rows()


def test_letters_of_many_bytes_are_whole_wherever_they_stand(tmp_path):
    """More than is read at once, so that some letters stand across two readings."""
    header, first = csv_text("establishments").splitlines()[:2]
    rows = [first.replace("Café", "é€😀" * (1 + number % 7)).replace("1", str(number), 1) for number in range(12_000)]
    data = with_table(tmp_path, "establishments.csv", "\n".join([header, *rows]))
    names = data.sql("SELECT count(DISTINCT name) AS names, count(*) AS rows FROM establishments").to_arrow()
    assert names.to_pylist() == [{"names": 7, "rows": 12_000}]


@pytest.mark.parametrize("text", ['7,2024-03-05T10:00:00Z,-8.05,"-34.9\n', '"7,2024-03-05T10:00:00Z,-8.05,-34.9\n'])
@pytest.mark.parametrize("after", ["", csv_text("pings").split("\n", 1)[1]])
def test_a_quote_that_nothing_closes_swallows_no_rows_in_silence(tmp_path, text, after):
    with pytest.raises(footfall.DataError, match=r"pings\.csv: line 5: "):
        with_table(tmp_path, "pings.csv", csv_text("pings") + text + after).rows()


@pytest.mark.parametrize("comma", [", ", " ,", "\t,  "])
def test_spaces_around_numbers_and_instants_are_nothing(tmp_path, comma):
    header, *lines = csv_text("pings").splitlines()
    spaced = [header.replace(",", comma), *(f"{line.replace(',', comma)} ".replace(comma, ",", 1) for line in lines)]
    assert counted(with_table(tmp_path, "pings.csv", "\n".join(spaced))) == COUNTED


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "at",
    ["2024-03-01T00:30Z", "2024-03-01T00:30", "2024-03-01 00:30", "2024-03-01T00:30:00z", "2024-03-01 00:30:00 UTC",
     "2024-02-29T21:30-03:00", " 2024-03-01T00:30:00.000Z ", "2024-03-01T00:30:00,000+00"],
)  # fmt: skip
def test_instants_are_read_in_whichever_form_of_iso_8601(tmp_path, ending, at):
    root = write_town(tmp_path, but=["interactions"])
    text = f'"{at}"' if ending == "csv" else at
    WRITERS[ending](root / f"interactions.{ending}", "interactions", [{**ROWS["interactions"][0], "timestamp": text}])
    data = opened(root, naive_tz="UTC")
    rows = data.sql("SELECT CAST(timestamp AS VARCHAR) AS at FROM interactions").to_arrow()
    assert rows.column("at").to_pylist() == ["2024-03-01T00:30:00Z"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_seconds_since_1970_may_have_a_fraction(tmp_path, ending):
    root = write_town(tmp_path, but=["interactions"])
    texts = ["1709253000", "1709253000.0", "1709253000.25", "1.709253e9", "2024-03-01T00:30:00Z", "-0.0000001", "x"]
    rows = [{**ROWS["interactions"][0], "timestamp": text} for text in texts]
    WRITERS[ending](root / f"interactions.{ending}", "interactions", rows)
    data = opened(root, epoch_unit="s")
    instants = data.sql("SELECT arrow_cast(timestamp, 'Int64') AS at FROM interactions")
    half_past = 1_709_253_000_000_000
    wanted = [-1, half_past, half_past, half_past, half_past, half_past + 250_000]
    assert sorted(instants.to_arrow().column("at").to_pylist()) == wanted
    assert opened(root, max_unusable=1).rows()["interactions"] == 1


# Large files.

ROWS_IN_A_CELL = "\n".join(["99,10,click,2024-03-09T10:00:00Z,x"] * 60)


def large(path, cell, megabytes=12):
    """A CSV of interactions with one more cell; how many rows it has."""
    lines = [",".join([*row.values(), cell]) for row in ROWS["interactions"]]
    block = "\n".join(lines) + "\n"
    count = (megabytes << 20) // len(block.encode()) + 1
    path.write_text(",".join([*ROWS["interactions"][0], "note"]) + "\n" + block * count, encoding="utf-8")
    return count * len(lines)


@pytest.mark.parametrize(
    "cell",
    [f'"a\n{ROWS_IN_A_CELL}"', f'"{ROWS_IN_A_CELL}"', f'"say ""{ROWS_IN_A_CELL}"""', '5" pipe', '""', "plain",
     '"\r\n99,10,click,2024-03-09T10:00:00Z,x\r\n"', '"a"b"c'],
)  # fmt: skip
def test_a_large_file_gives_the_same_rows_to_any_number_of_threads(tmp_path, cell):
    root = write_town(tmp_path, but=["interactions"])
    rows = large(root / "interactions.csv", cell)
    for threads in (1, 2, 3, 8):
        data = opened(root, threads=threads)
        seen = data.sql("SELECT user_id, action, count(*) AS rows FROM interactions GROUP BY 1, 2 ORDER BY 1, 2")
        third = rows // 3
        assert [tuple(row.values()) for row in seen.to_arrow().to_pylist()] == [
            ("7", "click", third), ("7", "view", third), ("8", "view", third)]  # fmt: skip


def test_a_large_file_is_read_by_all_threads_and_faults_are_told_with_their_lines(tmp_path):
    root = write_town(tmp_path, but=["interactions"])
    path = root / "interactions.csv"
    rows = large(path, '"two\nlines"')
    plan = opened(root, threads=4).sql("EXPLAIN SELECT count(*) FROM interactions WHERE action > 'w'").to_arrow()
    assert "partition_sizes=4" in str(plan.to_pylist())
    with path.open("a") as file:
        file.write("7,10,view,2024-03-01T02:30:00Z\n")
    with pytest.raises(footfall.DataError, match=rf"interactions\.csv: line {2 * rows + 2}: 4 cells"):
        opened(root, threads=4).campaign_ctr()


def test_large_json_lines_give_the_same_rows_to_any_number_of_threads(tmp_path):
    root = write_town(tmp_path, but=["interactions"])
    rows = [{**row, "note": "é\n{}" * 40} for row in ROWS["interactions"]]
    (root / "interactions.jsonl").write_text(json_text("interactions", rows) * 20_000, encoding="utf-8")
    for threads in (1, 3):
        assert opened(root, threads=threads).rows()["interactions"] == 60_000
    with (root / "interactions.jsonl").open("a") as file:
        file.write('{"user_id": "7"\n')
    with pytest.raises(footfall.DataError, match=r"interactions\.jsonl: line 60001 "):
        opened(root, threads=3).rows()


# JSON lines.


def ads_late(*, lines, **changes):
    """Ads of which only those after many others tell their establishment."""
    early = [{"ad_id": f"x{n}", "campaign_id": "cx", "category": "food"} for n in range(lines)]
    return json_text("ads", [*early, *({**row, **changes} for row in ROWS["ads"])])


@pytest.mark.parametrize("lines", [999, 1000, 1001, 30_000])
def test_a_key_may_come_in_any_line(tmp_path, lines):
    assert counted(with_table(tmp_path, "ads.jsonl", ads_late(lines=lines))) == COUNTED


def test_a_needed_key_may_come_late_and_must_come(tmp_path):
    early = "".join(json.dumps({"ad_id": None, "campaign_id": "c"}) + "\n" for _ in range(2_000))
    assert counted(with_table(tmp_path, "ads.jsonl", early + json_text("ads"), max_unusable=1)) == COUNTED
    shutil.rmtree(tmp_path / "town")
    with pytest.raises(footfall.DataError, match=r"`ads` has no column `category`.*ads\.jsonl"):
        with_table(tmp_path, "ads.jsonl", early)


def test_keys_of_the_callers_that_come_late(tmp_path):
    root = write_town(tmp_path, but=["ads"])
    renamed = [{"ação" if key == "category" else key: value for key, value in row.items()} for row in ROWS["ads"]]
    early = [{"ad_id": None, "campaign_id": "c"}] * 2_000
    for ascii_only in (True, False):
        lines = [json.dumps(row, ensure_ascii=ascii_only) for row in [*early, *renamed]]
        (root / "ads.jsonl").write_text("\n".join(lines), encoding="utf-8")
        assert counted(opened(root, columns={"ads.category": "ação"}, max_unusable=1)) == COUNTED
    with pytest.raises(footfall.DataError, match="ators"):
        opened(root, columns={"ads.category": "ação", "ads.establishment_id": "ators"})


def test_a_file_of_json_may_lack_what_another_has(tmp_path):
    root = write_town(tmp_path, but=["ads"])
    (root / "ads").mkdir()
    without = {name: value for name, value in ROWS["ads"][0].items() if name != "establishment_id"}
    WRITERS["jsonl"](root / "ads" / "a.jsonl", "ads", [{**without, "ad_id": "x"}])
    WRITERS["jsonl"](root / "ads" / "b.jsonl", "ads")
    assert counted(opened(root)) == COUNTED


@pytest.mark.parametrize(
    ("line", "reason"),
    [('{"user_id": "7"', "object"), ("[1]", "object"), ("null", "object"), ("7", "object"), ('"x"', "object"),
     ('{"user_id": 7} {"user_id": 8}', "object"), ('{"user_id": {"id": 8}}', "user_id"),
     ('{"user_id": [8]}', "user_id"),
     ('{"user_id": "\\ud800"}', ""), ("{'user_id': 7}", "object"), ('{"user_id": NaN}', "object"),
     ('{"user_id": "7" "ad_id": "10"}', "object"), ('{"user_id": "7",}', "object"), ('{"user_id": "\t"}', "object")],
)  # fmt: skip
@pytest.mark.parametrize("before", [0, 1_500])
def test_a_line_that_is_no_object_is_told_with_its_file_and_number(tmp_path, line, reason, before):
    text = json_text("interactions") + "\n" + json_text("interactions", ROWS["interactions"][:1] * before) + line + "\n"
    with pytest.raises(footfall.DataError, match=rf"interactions\.jsonl: line {before + 5}\b.*{reason}"):
        with_table(tmp_path, "interactions.jsonl", text + json_text("interactions")).campaign_ctr()


def test_numbers_and_texts_of_json_are_read_as_they_are_written(tmp_path):
    ids = ["12345678901234567890123", "1.50", "1e3", "-0", '"\\u00e9"', '"\\ud83d\\ude00"', "true", '" "', '""']
    rest = '"ad_id": "10", "action": "view", "timestamp": "2024-03-01T00:00Z"'
    lines = [f'{{"user_id": {text}, {rest}}}' for text in ids]
    data = with_table(tmp_path, "interactions.jsonl", "\n".join(lines))
    seen = data.sql("SELECT user_id FROM interactions").to_arrow().column("user_id").to_pylist()
    assert seen == ["12345678901234567890123", "1.50", "1e3", "-0", "é", "😀", "true", " ", ""]


def test_letters_of_every_plane_may_be_written_as_numbers(tmp_path):
    """Two of 16 bits make one beyond U+FFFF, and not another one with a bit less."""
    ids = ["\U00010000", "\U0001f600", "\U00020000", "\U000fffff", "\U0010ffff"]
    text = json_text("interactions", [{**ROWS["interactions"][0], "user_id": name} for name in ids])
    assert "\\ud840" in text
    data = with_table(tmp_path, "interactions.jsonl", text)
    assert data.sql("SELECT user_id FROM interactions").to_arrow().column("user_id").to_pylist() == ids


# By an independent reader.


def test_cells_are_those_of_pythons_reader(tmp_path):
    cells = [
        "a",
        "",
        "a,b",
        'a"b',
        '"',
        "a\nb",
        "a\r\nb",
        " a ",
        "é😀",
        "\x00",
        "\t",
        "'",
        "\\",
        ",",
        '""',
        "x" * 70_000,
    ]
    path = tmp_path / "establishments.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["establishment_id", "name", "category", "latitude", "longitude"])
        writer.writerows([[number, cell, "c", "1", "2"] for number, cell in enumerate(cells)])
    rows = opened(tmp_path).sql("SELECT name FROM establishments ORDER BY CAST(establishment_id AS INT)").to_arrow()
    assert rows.column("name").to_pylist() == [cell or None for cell in cells]
