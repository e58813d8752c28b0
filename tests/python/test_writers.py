"""Parquet as other writers make it, and as none should: read where it can be, an error of the file where it cannot."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone

import footers
import mutants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_statistics import ADS, ESTABLISHMENTS, JOBS, counts_by_user, found, in_unit, interactions, open_, pings, write

import footfall

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DICTIONARY = ["user_id", "ad_id", "action", "timestamp", "latitude", "longitude"]


def of_old_polars(meta, _group):
    """No place of the dictionary; that of the pages is the dictionary's."""
    if footers.DICTIONARY_PAGE_OFFSET in meta:
        meta[footers.DATA_PAGE_OFFSET] = meta.pop(footers.DICTIONARY_PAGE_OFFSET)


def dictionary_at_0(meta, _group):
    meta[footers.DICTIONARY_PAGE_OFFSET] = (footers.I64, 0)


@pytest.mark.parametrize(("change", "use_dictionary"), [(of_old_polars, True), (dictionary_at_0, False)])
@pytest.mark.parametrize("rows", [2, 20_000])
def test_places_of_dictionaries_that_are_not_told(change, use_dictionary, rows, tmp_path):
    tables = {"pings": pings([-8.05] * rows), "interactions": interactions([f"u{n % 7}" for n in range(rows)])}
    root = write(tmp_path / "data", **tables)
    for name, table in tables.items():
        pq.write_table(table, root / f"{name}.parquet", use_dictionary=use_dictionary, row_group_size=5_000)
    expected = [job(open_(root)) for job in JOBS]
    for name, table in tables.items():
        for column in table.column_names:
            footers.edit(root / f"{name}.parquet", column, change)
    assert [job(open_(root)) for job in JOBS] == expected
    assert open_(root, threads=3).rows() == open_(root, threads=1).rows()


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.int64(), pa.uint64(), pa.float64(), pa.date32()], ids=str)
@pytest.mark.parametrize("as_dictionary", [False, True])
@pytest.mark.parametrize("where", ["files", "memory", "ingested"])
def test_categories_that_are_no_text(kind, as_dictionary, where, tmp_path):
    numbers = pa.array([7, 11], pa.int32()).cast(kind)
    names = ["1970-01-08", "1970-01-12"] if pa.types.is_date(kind) else ["7.0", "11.0"]
    names = names if pa.types.is_date(kind) or pa.types.is_floating(kind) else ["7", "11"]
    numbers = numbers.dictionary_encode() if as_dictionary else numbers
    place = ESTABLISHMENTS.column_names.index("category")
    table = ESTABLISHMENTS.set_column(place, "category", numbers)
    root = write(tmp_path / "data", establishments=table, ads=ADS.set_column(2, "category", numbers))
    if where == "ingested":
        footfall.ingest(root, tmp_path / "new", tz="UTC", progress=False)
        root = tmp_path / "new"
    given = {"establishments": table, "pings": pings(), "interactions": interactions(), "ads": ADS}
    data = open_(given if where == "memory" else root)
    assert sorted(set(data.visit_profile().to_pandas()["category"])) == sorted(names)
    rows = data.sql(f"SELECT count(*) AS n FROM establishments WHERE category = '{names[1]}'")
    assert rows.to_pandas()["n"][0] == 1
    assert data.check().to_pandas().query("rows > 0 and severity == 'unusable'").empty


def test_attributed_visits_of_users_that_are_integers(tmp_path):
    users = pa.array([7, 8, 7, 8, 7, 8], pa.int64())
    tables = {"pings": pings(user_id=users), "interactions": interactions(users[:4]), "ads": ADS.slice(0, 1)}
    root = write(tmp_path / "data", **tables)
    query = "SELECT * FROM attributed_visits ORDER BY 1, 2, 3"
    rows = open_(root).sql(query).to_arrow().to_pylist()
    texts = {name: tables[name].set_column(0, "user_id", tables[name]["user_id"].cast(pa.string()))
             for name in ("pings", "interactions")}  # fmt: skip
    assert rows == open_(write(tmp_path / "text", ads=ADS.slice(0, 1), **texts)).sql(query).to_arrow().to_pylist()
    assert {row["attributed"] for row in rows} == {True, False}


@pytest.mark.parametrize("column", ["name", "category"])
@pytest.mark.parametrize("first", [True, False], ids=["required first", "optional first"])
def test_ingest_of_columns_that_only_some_files_require(column, first, tmp_path):
    root = write(tmp_path / "data")
    (root / "establishments.parquet").unlink()
    (root / "establishments").mkdir()
    table = ESTABLISHMENTS.append_column("name", pa.array(["Café", None]))
    for number, required in enumerate([first, not first]):
        row = table.slice(0 if required else 1, 1)
        fields = [field.with_nullable(not (required and field.name == column)) for field in row.schema]
        pq.write_table(row.cast(pa.schema(fields)), root / "establishments" / f"{number}.parquet")
    footfall.ingest(root, tmp_path / "new", tz="UTC", progress=False)
    names = open_(tmp_path / "new").sql("SELECT establishment_id, name FROM establishments ORDER BY 1").to_arrow()
    assert names.to_pylist() == [{"establishment_id": "1", "name": "Café"}, {"establishment_id": "2", "name": None}]


def test_a_page_of_nulls_without_the_width_of_its_codes(tmp_path):
    users = ["7", "8", "7", "8", *[None] * 4]
    table = interactions(users).select(["ad_id", "action", "timestamp", "user_id"])
    root = write(tmp_path / "data")
    path = root / "interactions.parquet"
    pq.write_table(table, path, compression="none", data_page_size=1, write_batch_size=4, write_statistics=False)
    cut_off_last_page(path, "user_id", keep=4 + 2)
    assert counts_by_user(open_(root)) == {"7": 2, "8": 2}
    assert found(open_(root), "null", "user_id") == 4


def cut_off_last_page(path, column, keep):
    """Leave `keep` bytes of the last page of the last column: the length of its levels, and its levels."""
    data = path.read_bytes()
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(pq.ParquetFile(path).schema.names.index(column))
    at, end = chunk.dictionary_page_offset, chunk.dictionary_page_offset + chunk.total_compressed_size
    while True:
        reader = footers.Reader(data[at:end])
        header = reader.struct()
        size = header[3][1]
        if at + reader.at + size == end:
            break
        at += reader.at + size
    body = data[at + reader.at :][:keep]
    assert keep < size
    header[2] = header[3] = (footers.I32, keep)
    page = footers.written(header) + body
    path.write_bytes(data[:at] + page + data[end:])

    def shorter(meta, _group):
        for field in (6, 7):
            meta[field] = (footers.I64, meta[field][1] - (end - at - len(page)))

    footers.edit(path, column, shorter)


def int96(path, instants_us):
    """Interactions whose instants are INT96: bytes of that width, which the footer calls so."""
    coded = [
        struct.pack("<qi", us % 86_400_000_000 * 1_000 + 999, us // 86_400_000_000 + 2_440_588) for us in instants_us
    ]
    users = [f"u{n}" for n in range(len(coded))]
    table = interactions(users, timestamp=pa.array(coded, pa.binary(12)))
    pq.write_table(table, path, use_dictionary=False, write_statistics=False, store_schema=False, compression="none")

    def call_it_int96(footer):
        for element in footer[2][1][1]:
            if element[4][1] == b"timestamp":
                element[1] = (footers.I32, 3)
                element.pop(2)

    footers.edit_footer(path, call_it_int96)
    footers.edit(path, "timestamp", lambda meta, _: meta.update({1: (footers.I32, 3)}))


def test_int96_of_any_year(tmp_path):
    root = write(tmp_path / "data")
    moments = [datetime(1, 1, 1, tzinfo=UTC), datetime(1600, 2, 29, 1, tzinfo=UTC),
               datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2024, 3, 1, 2, 3, 4, 567_890, tzinfo=UTC),
               datetime(2263, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)]  # fmt: skip
    int96(root / "interactions.parquet", [(moment - EPOCH) // timedelta(microseconds=1) for moment in moments])
    data = open_(root)
    rows = (
        data.sql("SELECT user_id, CAST(timestamp AS BIGINT) AS us FROM interactions ORDER BY 1").to_arrow().to_pylist()
    )
    assert [EPOCH + timedelta(microseconds=row["us"]) for row in rows] == moments
    assert found(data, "epoch unit", "timestamp") == 5
    assert data.between("2024-01-01", "2025-01-01").sql("SELECT user_id FROM interactions").to_arrow().num_rows == 1


@pytest.mark.parametrize("where", ["files", "memory", "epoch"])
def test_nanoseconds_before_1970_are_rounded_down(where, tmp_path):
    ns = [-1, -1_000, -1_001, 0, 999, 1_000]
    kind = pa.int64() if where == "epoch" else pa.timestamp("ns", "UTC")
    table = interactions([f"u{n}" for n in range(6)], timestamp=pa.array(ns, kind))
    options = {"epoch_unit": "ns"} if where == "epoch" else {}
    data = open_(
        {"interactions": table, "ads": ADS} if where == "memory" else write(tmp_path / "data", interactions=table),
        **options,
    )
    rows = data.sql("SELECT CAST(timestamp AS BIGINT) AS us FROM interactions ORDER BY user_id").to_arrow()
    assert rows["us"].to_pylist() == [-1, -1, -2, 0, 0, 1]
    before = data.between(None, datetime(1970, 1, 1, tzinfo=UTC)).sql("SELECT count(*) AS n FROM interactions")
    assert before.to_pandas()["n"][0] == 3


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()], ids=str)
def test_dates_of_a_period(kind, tmp_path):
    days = pa.array([datetime(2024, 2, 29), datetime(2024, 3, 1), datetime(1969, 12, 31)]).cast(pa.date32()).cast(kind)
    table = interactions(["a", "b"], timestamp=days[:2])
    data = open_(write(tmp_path / "data", interactions=table), naive_tz="UTC")
    for end, wanted in [("2024-03-01T00:00:00", 1), ("2024-03-01T00:00:01", 2), ("2024-02-29T00:00:00", 0)]:
        rows = data.between(None, end).sql("SELECT count(*) AS n FROM interactions")
        assert rows.to_pandas()["n"][0] == wanted


def test_a_null_within_a_dictionary_is_no_value():
    words = pa.array([None, "9", "7"])
    for codes in ([0, 1, 2, 2], [1, 2, 1, 2]):
        users = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), words)
        names = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array([None, "food"]))
        tables = {"interactions": interactions(users), "ads": ADS, "pings": pings(),
                  "establishments": ESTABLISHMENTS.append_column("name", names)}  # fmt: skip
        data = open_(tables)
        assert "" not in counts_by_user(data)
        assert found(data, "null", "user_id") == codes.count(0)
        assert data.sql("SELECT name FROM establishments ORDER BY 1").to_arrow()["name"].to_pylist() == ["food", None]


@pytest.mark.parametrize("words", [[None, 9, 7], [2**64 - 1, None, 0]])
def test_a_null_within_a_dictionary_of_integers(words):
    kind = pa.uint64() if 0 in words else pa.int64()
    users = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 2], pa.int32()), pa.array(words, kind))
    data = open_({"interactions": interactions(users), "ads": ADS})
    wanted = {str(word): [1, 1, 2][place] for place, word in enumerate(words) if word is not None}
    assert counts_by_user(data) == wanted


def test_large_unsigned_numbers_leave_as_they_are(tmp_path):
    users = pa.array([2**64 - 1, 2**63, 2**63 - 1, 0], pa.uint64())
    data = open_(write(tmp_path / "data", interactions=interactions(users)))
    assert set(counts_by_user(data)) == {str(n) for n in users.to_pylist()}
    rows = data.sql("SELECT arrow_cast(user_id, 'UInt64') AS number FROM interactions ORDER BY 1").to_arrow()
    assert rows["number"].to_pylist() == sorted(users.to_pylist())


# What cannot be read is the file's fault, with its name.


def test_a_text_that_is_longer_than_its_page(tmp_path):
    root = write(tmp_path / "data")
    (root / "interactions.parquet").unlink()
    (root / "interactions").mkdir()
    for number in range(3):
        path = root / "interactions" / f"part-{number}.parquet"
        pq.write_table(interactions(), path, use_dictionary=False, compression="none")
    path = root / "interactions" / "part-1.parquet"
    path.write_bytes(path.read_bytes().replace(b"\x04\0\0\0view", b"\x04\0\0\1view", 1))
    asked = [lambda data: data.campaign_ctr(), lambda data: data.check(), lambda data: data.interaction_profile(),
             lambda data: data.sql("SELECT action FROM interactions ORDER BY timestamp")]  # fmt: skip
    for ask in asked:
        with pytest.raises(footfall.FootfallError, match=r"part-1\.parquet"):
            ask(open_(root))


SEEDS = 6


@pytest.mark.parametrize("layout", mutants.LAYOUTS)
def test_mutants_of_parquet_are_refused_by_name_or_read(layout, tmp_path):
    root = write(tmp_path / "data", interactions=in_unit("us", [n * 1_000 for n in range(60)]))
    path = root / "interactions.parquet"
    whole = mutants.parquet(pq.read_table(path), layout)
    for seed in range(SEEDS):
        path.write_bytes(mutants.parquet_mutant(whole, seed))
        for ask in (lambda data: data.interaction_profile(), lambda data: data.check()):
            try:
                ask(open_(root))
            except footfall.FootfallError as error:
                assert "interactions" in str(error) and "bug in footfall" not in str(error), (seed, error)
