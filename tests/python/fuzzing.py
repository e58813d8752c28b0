"""What the fuzzer tries: broken files, hostile texts and random options, each beside what it must not do.

A trial has a seed and writes below a folder of its own. It returns nothing, or raises `Finding`; errors in Footfall's
own words are fine, save `InternalError`, which is a bug of Footfall by definition.
"""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

import mutants
import pyarrow as pa
import pyarrow.parquet as pq
from layouts import write_files
from oracle import Oracle, assert_same
from worlds import SCHEMAS, questions, random_world

import footfall

Rows = list[dict[str, Optional[str]]]

ADS = ["ad_id", "campaign_id", "category", "establishment_id"]
HOSTILE = ["", " ", "\0", "a\0b", "\t", "\r", "a\nb", "a\r\nb", '"', '""', '"a', "a,b", ",", ";", "'", "''", "\\",
           "\\n", "%20", "%", "../x", "a/b", "a=b", "key=value", "NULL", "null", "None", "NaN", "inf", "-0", "1e400",
           "0x10", "007", "7.0", "+7", "\ufeff", "\u202eabc\u202c", "\u200b", "e\u0301", "\u00e9", "😀" * 9,
           "\U0010ffff",
           "\u2028", "אבג", "twelve bytes", "twelve bytes!", "x" * 70_000, "<script>alert(1)</script>", "</script>",
           "<!--", "&amp;", "{by_user}", "$1", "?", "{0}", "1; DROP TABLE pings", "' OR '1'='1", "');--", "SELECT",
           "timestamp", "__HIVE_DEFAULT_PARTITION__"]  # fmt: skip


class Finding(AssertionError):
    """What Footfall should not do."""


def everything(data: Any, *, ask_jobs: bool = True) -> list[Any]:
    """Ask all that there is; its answers as Python has them."""
    answers = [data.rows(), data.check().to_arrow().num_rows]
    for name in data.tables:
        answers.append(data.sql(f"SELECT * FROM {name}").to_arrow().num_rows)
    for job in data.jobs() if ask_jobs else []:
        if not job["missing"]:
            answers.append(data.run(job["name"]).to_arrow().to_pylist())
    return answers


def tolerant(ask: Callable[[], Any]) -> Any:
    """What it returns; the error itself if it is one of Footfall's own words."""
    try:
        return ask()
    except footfall.InternalError as error:
        raise Finding(f"InternalError: {error}") from error
    except footfall.FootfallError as error:
        if "bug in footfall" in str(error):
            raise Finding(f"a bug by its own words: {error}") from error
        return error


# Mutants of text, which Python's own readers read, too.


def of_ads(rows: Rows) -> list[tuple[str | None, ...]]:
    """What the table ads holds of such rows: one of each id, the smallest, with nulls last."""
    usable = [[row.get(name) for name in ADS] for row in rows]
    kept: dict[str | None, Any] = {}
    complete = [cells for cells in usable if None not in cells[:3]]
    for cells in sorted(complete, key=lambda cells: [(cell is None, (cell or "").encode()) for cell in cells]):
        kept.setdefault(cells[0], tuple(cells))
    return sorted(kept.values())


def ads_of(data: Any) -> list[tuple[str | None, ...]]:
    """The table as Footfall has it."""
    columns = data.sql(f"SELECT {', '.join(ADS)} FROM ads").to_arrow()
    return sorted(zip(*(columns.column(name).to_pylist() for name in ADS)))


def rows_of_csv(data: bytes) -> Rows | None:
    """The rows as Python's reader has them; None if it has none to tell."""
    try:
        text = data.decode("utf-8-sig")
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=False) if line]
    except (UnicodeDecodeError, csv.Error):
        return None
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        return None
    header = [name.strip() for name in lines[0]]
    if any(header.count(name) != 1 for name in ADS[:3]) or header.count(ADS[3]) > 1:
        return None
    return [dict(zip(header, (cell or None for cell in line))) for line in lines[1:]]


def rows_of_json(data: bytes) -> Rows | None:
    """The rows as Python's reader has them, numbers as their text; None if a line is no object of texts and numbers."""
    rows: Rows = []
    try:
        for line in data.decode("utf-8-sig").split("\n"):
            if line.strip(" \t\r\f"):
                row = json.loads(line, parse_int=str, parse_float=str, parse_constant=_refuse)
                rows.append({name: _text(row.get(name)) for name in ADS})
                json.dumps(row, ensure_ascii=False).encode()
    except (ValueError, AttributeError, UnicodeError, RecursionError):
        return None
    return rows if not rows or all(any(row[name] is not None for row in rows) for name in ADS[:3]) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _text(value: Any) -> str | None:
    if isinstance(value, (dict, list)):
        raise ValueError("nested")
    return str(value).lower() if isinstance(value, bool) else value


def rows_of_parquet(data: bytes) -> Rows | None:
    """The rows as pyarrow has them."""
    try:
        table = pq.ParquetFile(io.BytesIO(data)).read()
        return [{name: _plain(row.get(name)) for name in ADS} for row in table.to_pylist()]
    except Exception:
        return None


def _plain(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("no text")
    return value


READERS: dict[str, Callable[[bytes], Rows | None]] = {
    "csv": rows_of_csv,
    "jsonl": rows_of_json,
    "parquet": rows_of_parquet,
}


def written_ads(chance: random.Random, ending: str) -> bytes:
    """A table of ads with odd texts, written by Python's own writers."""
    texts = [text for text in HOSTILE if len(text) < 100]
    rows = [[chance.choice([f"{n}", "10", chance.choice(texts)]), chance.choice(["c1", chance.choice(texts)]),
             chance.choice(["food", chance.choice(texts)]), chance.choice(["1", "", chance.choice(texts)])]
            for n in range(chance.choice([0, 1, 5, 60]))]  # fmt: skip
    if ending == "parquet":
        columns = {name: pa.array([row[at] or None for row in rows], pa.string()) for at, name in enumerate(ADS)}
        return mutants.parquet(pa.table(columns), chance.choice(sorted(mutants.LAYOUTS)))
    text = io.StringIO(newline="")
    if ending == "csv":
        writer = csv.writer(text, lineterminator=chance.choice(["\n", "\r\n"]), quoting=chance.choice([0, 1]))
        writer.writerows([ADS, *rows])
    else:
        ascii_only = chance.random() < 0.5
        text.write("".join(json.dumps(dict(zip(ADS, row)), ensure_ascii=ascii_only) + "\n" for row in rows))
    return text.getvalue().encode()


def a_mutant_of_ads(seed: int, folder: Path) -> None:
    """The same rows as an independent reader's, or an error."""
    chance = random.Random(seed)
    ending = chance.choice(sorted(READERS))
    data = written_ads(chance, ending)
    if chance.random() < 0.9:
        data = (mutants.parquet_mutant if ending == "parquet" else mutants.mutant)(data, seed)
    (folder / f"ads.{ending}").write_bytes(data)
    found = tolerant(lambda: ads_of(footfall.open(folder, max_unusable=1, progress=False)))
    phase(folder, "read by another reader")
    rows = READERS[ending](data)
    phase(folder, "compared")
    if rows is not None and not isinstance(found, Exception) and found != of_ads(rows):
        raise Finding(f"rows: {found!r:.300}, another reader has {of_ads(rows)!r:.300}")


def phase(folder: Path, name: str) -> None:
    """Says who is at work, so that a crash is not blamed on the wrong one."""
    (folder / "phase").write_text(name)


# Mutants of all tables: the same answers on any number of threads, or the same refusal.

# A file may contradict its own statistics, which not every plan compares with its rows.
CONTRADICTS = "lies outside of what its column tells of it"


def a_mutant_of_any_table(seed: int, folder: Path) -> None:
    """Asks all that there is of a world of which a file is broken."""
    chance = random.Random(seed)
    ending = chance.choice(["csv", "jsonl", "parquet"])
    world = random_world(seed % 500, events=chance.choice([5, 60]))
    write_files(world.tables(), folder / "data", ending, 1, seed=seed)
    path = folder / "data" / f"{chance.choice(sorted(SCHEMAS))}.{ending}"
    path.write_bytes((mutants.parquet_mutant if ending == "parquet" else mutants.mutant)(path.read_bytes(), seed))

    def asked(threads: int) -> Any:
        return everything(footfall.open(folder / "data", tz=world.tz, threads=threads, max_unusable=1, progress=False))

    one, three = tolerant(lambda: asked(1)), tolerant(lambda: asked(3))
    refusals = [str(each) for each in (one, three) if isinstance(each, Exception)]
    answers = {repr(each) for each in (one, three) if not isinstance(each, Exception)}
    if len(answers) > 1 or (answers and any(CONTRADICTS not in refusal for refusal in refusals)):
        raise Finding(f"one thread: {one!r:.300}, three: {three!r:.300}")
    tolerant(lambda: footfall.ingest(folder / "data", folder / "ingested", tz=world.tz, progress=False))


# Hostile texts in sound files.


def hostile_texts(seed: int, folder: Path) -> None:
    """Ids and categories of any text, in each format: the oracle's answers."""
    chance = random.Random(seed)
    ending = chance.choice(["csv", "jsonl", "parquet"])
    world = random_world(seed % 500, events=30)
    # CSV has no empty text, and its reader takes it for none.
    texts = [text for text in HOSTILE if text and (len(text) < 100 or chance.random() < 0.1)]
    renamed: dict[str, str] = {}
    world = replace(
        world, **{table: [_renamed(row, renamed, chance, texts) for row in world.rows(table)] for table in SCHEMAS}
    )
    write_files(world.tables(), folder / "data", ending, chance.choice([1, 2]), seed=seed)
    data = footfall.open(folder / "data", tz=world.tz, threads=chance.choice([1, 2]), max_unusable=1, progress=False)
    asked = chance.sample(list(questions()), 6)
    for job, options in asked:
        found = tolerant(lambda j=job, o=options: getattr(data, j)(**o))
        if isinstance(found, Exception):
            raise Finding(f"{job} refuses sound files: {found}")
        assert_same(found, getattr(Oracle(world), job)(**options), f"{job} {options}")
        repr(found), found._repr_html_()
    users = sorted({str(row["user_id"]) for row in world.interactions if row["user_id"] is not None})[:5]
    rows = tolerant(lambda: data.interaction_profile(users=users).to_arrow())
    if isinstance(rows, Exception) or not set(rows.column("user_id").to_pylist()) <= set(users):
        raise Finding(f"users={users!r:.200}: {rows!r:.200}")


def _renamed(row: dict[str, Any], renamed: dict[str, str], chance: random.Random, texts: list[str]) -> dict[str, Any]:
    """The row with some of its texts replaced, each the same everywhere and no two alike."""

    def text(name: str, value: Any) -> Any:
        if name in ("timestamp", "action") or not isinstance(value, str) or not value:
            return value
        if value not in renamed:
            other = chance.choice(texts)
            renamed[value] = value if chance.random() < 0.5 or other in renamed.values() else other
        return renamed[value]

    return {name: text(name, value) for name, value in row.items()}


# Options.

ODD: list[Any] = [None, "", 0, -1, 1, 3, 10**9, 2**70, 1.5, float("nan"), float("inf"), True, "x", "\0", "a\nb",
                  "UTC", "utc", "America/Recife", "../../etc/passwd", "s", "ms", "8MB", "1 GiB", "-5MB", "1e3", b"x",
                  [], [1], {}, {"x": "y"}, {"user_id": "device"}, {"pings.latitude": "longitude"}, {"ads.ad_id": ""},
                  {1: 2}, {"x": "view"}, {"view": "click"}, footfall.Csv(), footfall.Csv(separator="\t", decimal=","),
                  footfall.Csv(encoding="utf-16", quote="'"), {"pings": footfall.Csv(timestamp="%d")}, {"pings": "*"},
                  object()]  # fmt: skip
OPTIONS = ["tz", "columns", "actions", "definitions", "strict", "max_unusable", "epoch_unit", "naive_tz", "csv",
           "tables", "config", "threads", "memory_limit"]  # fmt: skip
REFUSALS = (footfall.FootfallError, TypeError, ValueError, OverflowError, AttributeError)


def random_options(seed: int, folder: Path) -> None:
    """Options of `open` and of what it returns: an answer or a refusal."""
    chance = random.Random(seed)
    world = random_world(seed % 50, events=20)
    write_files(world.tables(), folder / "data", chance.choice(["csv", "jsonl", "parquet"]), 1, seed=seed)
    options = {name: chance.choice(ODD) for name in chance.sample(OPTIONS, chance.choice([1, 1, 2, 3]))}
    options["threads"] = options.get("threads") if not _is_huge(options.get("threads")) else 4
    try:
        _ask(footfall.open(folder / "data", progress=False, **options), chance)
    except footfall.InternalError as error:
        raise Finding(f"{options!r}: InternalError: {error}") from error
    except REFUSALS:
        return  # A refusal is an answer.


def _ask(data: Any, chance: random.Random) -> None:
    """Ask for something with an odd option."""
    odd = chance.choice(ODD)
    data.rows()
    asked = [lambda: data.campaign_ctr(by=odd), lambda: data.sample(users=odd).rows(),
             lambda: data.between(odd, chance.choice(ODD)).rows(), lambda: data.interaction_profile(users=odd),
             lambda: data.sql(odd), lambda: data.establishment_visits(rank_by=odd)]  # fmt: skip
    chance.choice(asked)()


def _is_huge(value: Any) -> bool:
    return isinstance(value, (int, float)) and not value <= 64


TRIALS: list[Callable[[int, Path], None]] = [a_mutant_of_ads, a_mutant_of_any_table, hostile_texts, random_options]
SHARES = [6, 4, 2, 1]


def trial(seed: int, folder: Path) -> str:
    """Do the trial of this seed in a new folder; its name."""
    chosen = random.Random(f"trial {seed}").choices(TRIALS, SHARES)[0]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    phase(folder, "Footfall")
    try:
        chosen(seed, folder)
    except Finding:
        raise
    except AssertionError as error:
        raise Finding(str(error)) from error
    return chosen.__name__
