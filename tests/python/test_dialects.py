"""Text files as programs write them: what is found out of a sample, what is asked for, and packed files."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pytest
from layouts import ipc_bytes
from towns import opened

import footfall

HEADER = "ad_id,campaign_id,category"
ROWS = ["1,verão,café", "2,b,pão"]
WANTED = [
    {"ad_id": "1", "campaign_id": "verão", "category": "café"},
    {"ad_id": "2", "campaign_id": "b", "category": "pão"},
]


def ads(root, **options):
    data = opened(root, **options)
    return data.sql("SELECT ad_id, campaign_id, category FROM ads ORDER BY ad_id").to_arrow().to_pylist()


def text(separator=","):
    return "\n".join([HEADER, *ROWS, ""]).replace(",", separator)


def zst(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


OBJECTS = [json.dumps(row, ensure_ascii=False) for row in WANTED]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ads.csv", text(";").encode()),
        ("ads.csv", text("|").encode()),
        ("ads.tsv", text("\t").encode()),
        ("ads.csv", text(" , ").replace("\n", "\r\n").replace(" , ", ",").replace("ad_id", " ad_id ").encode()),
        ("ads.csv", text(";").encode("latin-1")),
        ("ads.csv", text(";").encode("utf-8-sig")),
        ("ads.csv", text(";").encode("utf-16")),
        ("ads.csv.gz", gzip.compress(text(";").encode("latin-1"), mtime=0)),
        ("ads.csv.gz", gzip.compress(text().encode()[:30], mtime=0) + gzip.compress(text().encode()[30:], mtime=0)),
        ("ADS.CSV.ZST", zst(text().encode())),
        ("ads.jsonl.gz", gzip.compress("\n".join(OBJECTS).encode(), mtime=0)),
        ("ads.jsonl.zst", zst("\n".join(OBJECTS).encode())),
        ("ads.json", f"[{', '.join(OBJECTS)}]".encode()),
        ("ads.json", json.dumps(WANTED, indent=2).encode()),
    ],
)
def test_files_are_read_however_they_are_written(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert ads(tmp_path) == WANTED


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv", ".parquet"])
def test_what_we_wrote_is_read(tmp_path, ending):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "ads.csv").write_text(text())
    rows = opened(tmp_path / "given").sql("SELECT * FROM ads ORDER BY ad_id")
    (tmp_path / "again").mkdir()
    rows.write(tmp_path / "again" / f"ads{ending}")
    assert ads(tmp_path / "again") == WANTED


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (f"{HEADER}\n1,Лето,Кафе и рестораны\n2,Зима,Продукты\n".encode("cp1251"), 'encoding="windows-1251"'),
        (text().encode("utf-16-le"), 'encoding="utf-16le"'),
        (text().replace("café", '"café').encode(), "none ends it"),
        (gzip.compress(text().encode(), mtime=0)[:-9], "incomplete|corrupt"),
        (b"sep=;\n" + text(";").encode(), "first line, `sep=;`, is for Excel alone: remove it"),
        (f"\ufeffSEP=;\r\n{text(';')}".encode(), "first line, `SEP=;`"),
    ],
)
def test_what_is_not_certain_is_asked_for(tmp_path, data, why):
    (tmp_path / "ads.csv").write_bytes(data)
    with pytest.raises(footfall.DataError, match=why):
        ads(tmp_path)


def test_a_packed_array_does_not_fill_the_memory(tmp_path):
    (tmp_path / "ads.json.gz").write_bytes(gzip.compress(b"[" + b" " * (257 << 20), compresslevel=1))
    with pytest.raises(footfall.DataError, match="256 MiB"):
        ads(tmp_path)


def test_an_encoding_that_is_not_the_file_s_is_an_error(tmp_path):
    (tmp_path / "ads.csv").write_bytes(text().encode("latin-1"))
    assert ads(tmp_path, csv=footfall.Csv(encoding="latin-1")) == WANTED
    with pytest.raises(footfall.DataError, match="UTF-8"):
        ads(tmp_path, csv=footfall.Csv(encoding="utf-8"))
    with pytest.raises(footfall.DefinitionError, match="encoding"):
        ads(tmp_path, csv=footfall.Csv(encoding="latin-99"))


@pytest.mark.parametrize(("threads", "mark"), [(1, ";"), (2, ";"), (3, "\t")])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_line_ends_in_quotes_are_in_one_row_on_any_number_of_threads(tmp_path, threads, mark, encoding):
    note = '"' + f"linha 1{mark}\nlinha 2 de ação\n".replace('"', "") * 40 + '"'
    header = mark.join(["ad_id", "note", "campaign_id", "category"])
    rows = [mark.join([str(n), note, f"c{n % 3}", "café"]) for n in range(10_000)]
    (tmp_path / "ads.csv").write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    data = opened(tmp_path, threads=threads)
    found = data.sql("SELECT campaign_id, category, count(*) AS n FROM ads GROUP BY ALL ORDER BY 1").to_arrow()
    wanted = [{"campaign_id": f"c{n}", "category": "café", "n": 3_334 - (n > 0)} for n in range(3)]
    assert found.to_pylist() == wanted


PINGS = "user_id;timestamp;latitude;longitude\n"


def pings(root, lines, **options):
    (root / "pings.csv").write_text(PINGS + "\n".join(lines) + "\n")
    data = opened(root, **options)
    rows = data.sql("SELECT user_id, CAST(timestamp AS VARCHAR) AS at, latitude FROM pings ORDER BY user_id")
    return [(row["user_id"], row["at"][:16], row["latitude"]) for row in rows.to_arrow().to_pylist()]


def test_days_above_twelve_tell_the_order_wherever_they_are(tmp_path):
    first = [f"a{n:05d};0{1 + n % 9}/03/2024 05:49;-8,05;-34,9" for n in range(20_000)]
    rows = pings(tmp_path, [*first, "b;14/03/2024 05:49;-8,05;-34,9"], naive_tz="UTC")
    assert rows[0] == ("a00000", "2024-03-01T05:49", -8.05) and rows[-1] == ("b", "2024-03-14T05:49", -8.05)
    with pytest.raises(footfall.DataError, match=r'day or the month first.*timestamp="%d/%m/%Y %H:%M"'):
        pings(tmp_path, first, naive_tz="UTC")
    how = footfall.Csv(timestamp="%m/%d/%Y %H:%M")
    assert pings(tmp_path, first[:1], naive_tz="UTC", csv=how) == [("a00000", "2024-01-03T05:49", -8.05)]


def test_other_files_of_a_table_tell_the_order_too(tmp_path):
    (tmp_path / "pings").mkdir()
    for day in ("01", "14"):
        (tmp_path / "pings" / f"{day}.csv").write_text(f"{PINGS}{day};{day}/03/2024 05:49;-8.05;-34.9\n")
    rows = opened(tmp_path, naive_tz="UTC").sql("SELECT CAST(timestamp AS VARCHAR) AS at FROM pings ORDER BY at")
    assert [row["at"][:10] for row in rows.to_arrow().to_pylist()] == ["2024-03-01", "2024-03-14"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["a;14/03/2024 05:49;1;1", "b;03/14/2024 05:49;1;1"], "not of one format"),
        (["a;2024-03-14T05:49Z;1,5;1.5"], "decimal"),
    ],
)
def test_contradictions_are_errors_that_name_the_option(tmp_path, lines, why):
    with pytest.raises(footfall.DataError, match=rf"pings\.csv.*{why}.*csv=footfall\.Csv"):
        pings(tmp_path, lines, naive_tz="UTC")


def test_times_beside_iso_ones_are_unreadable_and_told(tmp_path):
    lines = ["a;2024-03-01T00:00Z;1;1", "b;2024-03-02T00:00Z;1;1", "c;14/03/2024 05:49;1;1"]
    with pytest.warns(footfall.DataWarning, match=r"33\.3 % of 3 sampled rows.*unreadable.*timestamp="):
        assert [row[0] for row in pings(tmp_path, lines, naive_tz="UTC")] == ["a", "b"]


def test_words_of_actions_in_any_case(tmp_path):
    words = ["View", "impression", "CLICK", "tap"]
    lines = [f"{n},1,{word},2024-03-01T00:00Z" for n, word in enumerate(words)]
    (tmp_path / "interactions.csv").write_text("\n".join(["user_id,ad_id,action,timestamp", *lines]))
    data = opened(tmp_path, max_unusable=1)
    rows = data.sql("SELECT action, count(*) AS n FROM interactions GROUP BY action ORDER BY action").to_arrow()
    assert rows.to_pylist() == [{"action": "click", "n": 1}, {"action": "view", "n": 2}]
    told = opened(tmp_path, actions={"tap": "click", "View": "click"})
    assert told.rows()["interactions"] == 4
    counts = told.sql("SELECT count(*) AS n FROM interactions WHERE action = 'click'").to_arrow().to_pylist()
    assert counts == [{"n": 3}], "their own words come first"


@pytest.mark.parametrize("cut", [False, True])
def test_a_sample_shows_losses_at_the_end_of_a_large_file(tmp_path, cut, recwarn):
    line = "{},1,view,2024-03-01T00:00Z\n"
    good = "".join(line.format(n) for n in range(100_000))
    bad = line.format("z").replace("view", "seen") * (0 if cut else 40_000)
    (tmp_path / "interactions.csv").write_text(f"user_id,ad_id,action,timestamp\n{good}{bad}")
    opened(tmp_path)
    told = [str(each.message) for each in recwarn if issubclass(each.category, footfall.DataWarning)]
    assert len(told) == (0 if cut else 1) and all("seen" in each for each in told)


def test_ids_written_otherwise_are_told(tmp_path):
    with pytest.warns(footfall.DataWarning, match=r'the pings have "7".*alike'):
        (tmp_path / "interactions.csv").write_text("user_id,ad_id,action,timestamp\n007,1,view,2024-03-01T00:00Z\n")
        (tmp_path / "pings.csv").write_text("user_id,timestamp,latitude,longitude\n7,2024-03-01T00:00Z,1,1\n")
        opened(tmp_path)
    (tmp_path / "ads.csv").write_text("ad_id,campaign_id,category\n001,b,c\n")
    with pytest.raises(footfall.DataError, match=r'unknown ad.*the ads have "001"'):
        opened(tmp_path)


def test_a_packed_table_answers_as_the_plain_one(tmp_path, city):
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    table = pq.read_table(city / "interactions").slice(0, 50_000)
    for name, pack in {"plain": lambda data: data, "packed": gzip.compress}.items():
        sink = pa.BufferOutputStream()
        pc.write_csv(table, sink)
        (tmp_path / name).mkdir()
        ending = "csv" if name == "plain" else "csv.gz"
        (tmp_path / name / f"interactions.{ending}").write_bytes(pack(sink.getvalue().to_pybytes()))
        pq.write_table(pq.read_table(city / "ads.parquet"), tmp_path / name / "ads.parquet")
    plain, packed = (opened(tmp_path / name, naive_tz="UTC").category_hours() for name in ("plain", "packed"))
    assert ipc_bytes(plain) == ipc_bytes(packed)
