"""Seeded random SQL over all six nouns, each statement asked in many ways that must agree.

`python tests/python/random_sql.py --statements 10000` asks many; a statement that differs is printed with its number,
and ``--first NUMBER --statements 1`` asks it alone.
"""

from __future__ import annotations

import argparse
import datetime
import math
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from random_rows import NOUNS, TZ, world
from random_statements import Statement, statement

import footfall

LIMITED = "a limit of memory"
# Of larger answers, only the number of rows is compared: tuples of millions take minutes.
MOST_ROWS = 100_000


@dataclass
class Asked:
    """All that are asked: the plain one, whose answer is compared with those of the others."""

    plain: object
    ours: dict
    duckdb: object = None

    def sessions(self, number):
        """Those of ours that are asked this time: two of them, all in turns."""
        names = sorted(self.ours)
        chosen = {names[number % len(names)], names[(number // len(names) + 2 * number + 1) % len(names)]}
        return {name: self.ours[name] for name in sorted(chosen)}


def asked(root, with_duckdb=True):
    """The world, opened in all ways."""
    made = world()
    tables = made.tables
    (root / "data").mkdir(parents=True)
    for name, table in tables.items():
        pq.write_table(table, root / "data" / f"{name}.parquet", row_group_size=70)
    text = {name: as_text(table) for name, table in tables.items()}
    (root / "text").mkdir()
    for name, table in text.items():
        plain = {"use_dictionary": False} if name == "pings" else {}
        pq.write_table(table, root / "text" / f"{name}.parquet", row_group_size=90, **plain)
    footfall.ingest(root / "data", root / "ingested", tz=TZ, progress=False)
    open_ = lambda what, threads: footfall.open(what, tz=TZ, threads=threads, progress=False)  # noqa: E731
    ours = {
        "memory, 1 thread": open_(text, 1),
        "memory, 2 threads": open_(tables, 2),
        "Parquet, 1 thread": open_(root / "data", 1),
        "Parquet, 2 threads": open_(root / "data", 2),
        "Parquet of text": open_(root / "text", 2),
        "ingested": open_(root / "ingested", 2),
        "persisted": open_(root / "data", 2).persist(),
        LIMITED: footfall.open(root / "data", tz=TZ, threads=2, memory_limit=10**8, progress=False),
    }
    plain = open_(tables, 1)
    plain = replace(plain, _own=replace(plain._own, given=plain._own.given.plain()))
    return made, Asked(plain, ours, duckdb_of(plain) if with_duckdb else None)


def as_text(table):
    """The table with text for its ids."""
    columns = [column.cast(pa.string()) if pa.types.is_integer(column.type) else column for column in table.columns]
    return pa.table(dict(zip(table.column_names, columns)))


CALENDAR = {
    "local_time(t)": "t - INTERVAL 3 HOUR",
    "local_day(t)": "CAST(local_time(t) AS DATE)",
    "local_week(t)": "CAST(date_trunc('week', local_time(t)) AS DATE)",
    "local_month(t)": "CAST(date_trunc('month', local_time(t)) AS DATE)",
    "local_hour(t)": "hour(local_time(t))",
    "local_weekday(t)": "isodow(local_time(t))",
    "day_part(t)": "CASE WHEN hour(local_time(t)) < 6 THEN 'night' WHEN hour(local_time(t)) < 12 THEN 'morning'"
    " WHEN hour(local_time(t)) < 18 THEN 'afternoon' WHEN hour(local_time(t)) < 24 THEN 'evening' END",
}


def duckdb_of(data):
    """DuckDB with the six nouns as plain tables, and the calendar of the zone, which has one offset."""
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    for name, of in CALENDAR.items():
        connection.execute(f"CREATE MACRO {name} AS {of}")
    for name in NOUNS:
        table = data.sql(f"SELECT * FROM {name}").to_arrow()
        columns = [c.cast(pa.timestamp("us")) if pa.types.is_timestamp(c.type) else c for c in table.columns]
        table = pa.table(dict(zip(table.column_names, columns)))
        connection.register("given", table)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        connection.unregister("given")
    return connection


# Statements that DuckDB 2.0 answers wrongly, and how; ours stay compared with each other.
WRONG_IN_DUCKDB = {3233: "a row whose n is 0, where n = 14 AND n = 33 is asked for"}

# Whether they agree


def value(cell):
    """A cell so that equal ones are equal, whoever gave it."""
    if isinstance(cell, datetime.datetime):
        return cell.replace(tzinfo=None)
    if isinstance(cell, float):
        return float(f"{cell:.9g}") if math.isfinite(cell) else str(cell)
    return cell


def rows_of(table):
    """Rows as tuples."""
    columns = [[value(cell) for cell in column.to_pylist()] for column in table.columns]
    return list(zip(*columns)) if columns else [()] * table.num_rows


def answer(data, sql):
    """The rows, or the error's class."""
    try:
        return rows_of(data.sql(sql).to_arrow()), None
    except footfall.FootfallError as error:
        return None, error


def answer_of_duckdb(connection, sql):
    """The rows, or the error; a time that is written down is on the clock of the zone, its columns are UTC."""
    import duckdb

    sql = sql.replace("LEFT SEMI JOIN", "SEMI JOIN").replace("LEFT ANTI JOIN", "ANTI JOIN")
    sql = re.sub(r"TIMESTAMP '[^']*'", r"(\g<0> + INTERVAL 3 HOUR)", sql)
    try:
        return rows_of(connection.execute(sql).to_arrow_table()), None
    except duckdb.Error as error:
        return None, error


def agree(asked_for, theirs, ours, all_rows=None):
    """Whether two answers are the same as far as the statement says."""
    if asked_for.of is not None:
        return len(theirs) == len(ours) and not Counter(ours) - Counter(all_rows)
    return theirs == ours if asked_for.is_ordered else Counter(theirs) == Counter(ours)


@dataclass
class Tally:
    """How it went."""

    statements: int = 0
    refused: int = 0
    empty: int = 0
    beside_duckdb: int = 0
    only_ours: int = 0
    over_the_limit: int = 0
    differences: list = field(default_factory=list)

    def differs(self, number, who, sql, theirs, ours):
        self.differences.append(f"{number}, {who}: {sql}\n  {shown(theirs, ours)}")
        print(self.differences[-1], file=sys.stderr)


def shown(theirs, ours):
    """The first rows that differ."""
    if isinstance(theirs, list) and isinstance(ours, list):
        more, less = (Counter(ours) - Counter(theirs)), (Counter(theirs) - Counter(ours))
        return f"{len(ours)} for {len(theirs)} rows; too many {list(more)[:3]}, missing {list(less)[:3]}"
    return f"{str(ours)[:600]} for {str(theirs)[:600]}"


def few_rows_of(wanted, data):
    """The statement, or, if its rows are too many to be held as tuples, how many they are."""
    count = f"SELECT count(*) AS n FROM ({wanted.sql}) all_rows"
    rows, _ = answer(data, count)
    return Statement(count) if rows and rows[0][0] > MOST_ROWS else wanted


def ask(number, literals, asked, tally):
    """Asks one statement of all."""
    wanted = few_rows_of(statement(number, literals), asked.plain)
    tally.statements += 1
    plain, refusal = answer(asked.plain, wanted.sql)
    all_rows = answer(asked.plain, wanted.of)[0] if wanted.of else None
    for name, data in asked.sessions(number).items():
        found, error = answer(data, wanted.sql)
        if name == LIMITED and error is not None and "memory_limit" in str(error):
            tally.over_the_limit += 1
            continue
        if (error is None) != (refusal is None):
            tally.differs(number, name, wanted.sql, refusal or plain, error or found)
        elif error is None and not agree(wanted, plain, found, all_rows):
            tally.differs(number, name, wanted.sql, plain, found)
    if refusal is not None:
        tally.refused += 1
        return
    tally.empty += not plain
    if asked.duckdb is not None and wanted.duckdb and number not in WRONG_IN_DUCKDB:
        found, error = answer_of_duckdb(asked.duckdb, wanted.sql)
        tally.beside_duckdb += error is None
        tally.only_ours += error is not None
        if error is None and not agree(wanted, found, plain):
            tally.differs(number, "DuckDB", wanted.sql, found, plain)


def ask_all(numbers, root, with_duckdb=True):
    """Asks statements of all; how it went."""
    made, all_asked = asked(Path(root), with_duckdb)
    tally = Tally()
    for number in numbers:
        ask(number, made.literals, all_asked, tally)
        if tally.statements % 500 == 0:
            print(f"{tally.statements} statements, {len(tally.differences)} differences", file=sys.stderr)
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print the statements and ask nobody")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.statements)
    if options.show:
        literals = world().literals
        return print(*(f"{number}: {statement(number, literals).sql}" for number in numbers), sep="\n")
    with tempfile.TemporaryDirectory() as folder:
        tally = ask_all(numbers, folder)
    print(
        f"{tally.statements} statements, {len(tally.differences)} differences; {tally.beside_duckdb} beside DuckDB,"
        f" {tally.only_ours} that it does not know, {tally.over_the_limit} over the limit of memory,"
        f" {tally.refused} refused by all, {tally.empty} without rows"
    )
    return sys.exit(bool(tally.differences))


if __name__ == "__main__":
    main()
