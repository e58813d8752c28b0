"""Seeded random SQL over all six nouns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from random_conditions import Column, Conditions
from random_rows import NOUNS, SMALL, TEXTS


@dataclass(frozen=True)
class Statement:
    """A statement and how its answers compare.

    If `of` is another statement, only some of its rows are asked for, whichever: as many, and all among them.
    """

    sql: str
    is_ordered: bool = False
    of: str | None = None
    duckdb: bool = True


# Events in one statement, in joins of joins; products of more of them have no end.
MOST_EVENTS = 3


@dataclass
class Maker(Conditions):
    """Makes statements; the same for the same number."""

    aliases: int = 0
    has_sets: bool = False
    events: int = 0
    common: list = field(default_factory=list)

    # Statements

    def statement(self):
        kind = self.rng.random()
        if kind < 0.1:
            return self.limited()
        if kind < 0.15:
            return self.recursive()
        sql, columns = self.query(2)
        ctes = f"WITH {', '.join(self.common)} " if self.common else ""
        if self.chance(0.5) and not self.has_sets:
            order = self.order(range(1, len(columns) + 1))
            return Statement(f"{ctes}{sql} ORDER BY {order}{self.limit()}", is_ordered=True)
        return Statement(ctes + sql)

    def limited(self):
        """Any rows of a join or a choice: which ones is not said."""
        sql, _ = self.select(1)
        ctes = f"WITH {', '.join(self.common)} " if self.common else ""
        return Statement(f"{ctes}{sql} LIMIT {self.one_of([0, 1, 2, 7, 1000])}", of=ctes + sql, duckdb=False)

    def recursive(self):
        condition = self.one_of(["r.n < 3", "r.n < 2 AND a.category <> 'food'"])
        joined = self.one_of(["a.ad_id = r.ad_id", "a.campaign_id = r.campaign_id AND a.ad_id < r.ad_id"])
        few = f"SELECT 0 AS n, ad_id, campaign_id FROM ads WHERE ad_id < '{self.one_of(self.literals['ad'])}'"
        again = f"SELECT r.n + 1, a.ad_id, a.campaign_id FROM r JOIN ads a ON {joined} WHERE {condition}"
        table, column, type_ = self.one_of([("ads", "ad_id", "ad"), ("interactions", "ad_id", "ad")])
        keys = self.one_of(["r.n", "r.n, t.ad_id", "r.campaign_id"])
        where = self.predicate([Column(f"t.{column}", column, type_)], 1)
        sql = f"WITH RECURSIVE r AS ({few} UNION ALL {again}) SELECT {keys}, count(*) AS n_rows"
        return Statement(f"{sql} FROM r JOIN {table} t ON t.{column} = r.{column} WHERE {where} GROUP BY {keys}")

    def query(self, depth):
        """A query and its columns, whose names are unique."""
        if depth > 0 and self.chance(0.12):
            return self.combined(depth - 1)
        kind = self.rng.random()
        if kind < 0.5:
            return self.grouped(depth)
        if kind < 0.68:
            return self.windowed(depth)
        return self.select(depth)

    def combined(self, depth):
        """A union, an intersection or a difference of columns of the same types."""
        sides, type_ = [], self.one_of(["user", "ad", "category", "establishment"])
        for _ in range(2):
            sql, columns = self.from_(depth, 1, needed=type_)
            column = self.one_of([column for column in columns if column.type == type_])
            second = f"{self.one_of([1, 2])}" if self.chance(0.4) else "0"
            sides.append(f"SELECT {column.ref} AS {column.name}, {second} AS number {sql}{self.where(columns, 1)}")
            name = column.name
        # The first side names the columns.
        sides[1] = sides[1].replace(f" AS {name},", f" AS {sides[0].split(' AS ')[1].split(',')[0]},")
        operation = self.one_of(["UNION ALL", "UNION", "INTERSECT", "EXCEPT"])
        table = self.alias()
        sql = f"SELECT * FROM ({sides[0]} {operation} {sides[1]}) {table}"
        return sql, [Column("", sides[0].split(" AS ")[1].split(",")[0], type_), Column("", "number", "int")]

    def select(self, depth):
        source, columns = self.from_(depth, 3)
        outputs = [self.expression(columns) for _ in range(int(self.rng.integers(1, 4)))]
        distinct = "DISTINCT " if self.chance(0.12) else ""
        named = self.named(outputs)
        items = ", ".join(f"{ref} AS {name}" for (ref, *_), name in zip(outputs, named))
        sql = f"SELECT {distinct}{items} {source}{self.where(columns, depth)}"
        return sql, [Column("", name, type_) for (_, _, type_), name in zip(outputs, named)]

    def named(self, outputs):
        """Names of outputs, mostly those of the columns that they are made of; each once."""
        names = []
        for _, name, _ in outputs:
            names.append(
                name if name not in names else next(f"{name}_{i}" for i in range(9) if f"{name}_{i}" not in names)
            )
        return names

    def grouped(self, depth):
        source, columns = self.from_(depth, 2)
        keys, only_counts = self.some_keys(columns), self.chance(0.4)
        measures = [
            self.measure(columns, only_counts) for _ in range(int(self.rng.integers(1, 3 if only_counts else 4)))
        ]
        outputs = keys + [(measure, "n", type_) for measure, type_ in measures]
        names = self.named(outputs)
        items = [f"{ref} AS {name}" for (ref, *_), name in zip(outputs, names)]
        sql = f"SELECT {', '.join(items)} {source}{self.where(columns, depth)}{self.group_by(keys)}"
        if self.chance(0.2):
            sql += (
                f" HAVING {self.one_of(['count(*) > 1', 'count(*) BETWEEN 2 AND 9', f'{measures[0][0]} IS NOT NULL'])}"
            )
        return sql, [Column("", name, type_) for (_, _, type_), name in zip(outputs, names)]

    def group_by(self, keys):
        refs = [ref for ref, *_ in keys]
        if not refs:
            return ""
        if self.chance(0.16):
            # DataFusion takes a key that a condition makes the same everywhere for the same in all sets: no order.
            self.has_sets = True
            all_keys = ", ".join(refs)
            sets = [f"ROLLUP ({all_keys})", f"CUBE ({all_keys})", f"GROUPING SETS (({all_keys}), ({refs[0]}), ())"]
            return f" GROUP BY {self.one_of(sets)}"
        return f" GROUP BY {', '.join(refs)}"

    def some_keys(self, columns):
        """What rows are grouped by: as jobs do, users, units of the calendar and columns of few values, and others."""
        if self.chance(0.06):
            return []
        found = [self.key(columns) for _ in range(int(self.rng.integers(1, 5)))]
        users = [column for column in columns if column.type == "user"]
        if users and self.chance(0.4):
            user = self.one_of(users)
            found.append((user.ref, user.name, "user"))
        unique = {ref: (ref, name, type_) for ref, name, type_ in found}
        return list(unique.values())

    def key(self, columns):
        times = [column for column in columns if column.type == "time"]
        if times and self.chance(0.5):
            return self.unit(self.one_of(times))
        few = [
            column for column in columns if column.type in ("campaign", "category", "establishment", "action", "part")
        ]
        if few and self.chance(0.8):
            column = self.one_of(few)
            return column.ref, column.name, column.type
        return self.expression(columns)

    def unit(self, time):
        function = self.one_of(["local_day", "local_week", "local_month", "local_hour", "local_weekday", "day_part"])
        type_ = {"day_part": "part", "local_hour": "int", "local_weekday": "int"}.get(function, "date")
        return f"{function}({time.ref})", function.removeprefix("local_"), type_

    def measure(self, columns, only_counts):
        """A measure and its type."""
        of = self.one_of(columns)
        whole = [column.ref for column in columns if column.type == "int"] or ["1", "2"]
        integer = self.one_of([*whole, self.case(columns, ["0", "1", "3", "NULL"])])
        condition = f" FILTER (WHERE {self.predicate(columns, 0)})" if self.chance(0.3) else ""
        kind = 0.0 if only_counts else self.rng.random()
        if kind < 0.35:
            return f"count({self.one_of(['*', '*', '1'])}){condition}", "int"
        if kind < 0.6:
            return f"count({of.ref}){condition}", "int"
        if kind < 0.7:
            return f"count(DISTINCT {of.ref}){condition}", "int"
        if kind < 0.82:
            return f"CAST(sum({integer}){condition} AS BIGINT)", "int"
        if kind < 0.9:
            return f"avg({integer}){condition}", "number"
        if of.type == "bool":
            return "count(*)", "int"
        return f"{self.one_of(['min', 'max'])}({of.ref}){condition}", of.type

    def windowed(self, depth):
        """A window over any rows, or over counts of users as the jobs have them."""
        table = self.alias()
        inner, columns = self.grouped(depth - 1) if self.chance(0.6) else self.select(depth - 1)
        columns = [replace(column, ref=f"{table}.{column.name}") for column in columns]
        outputs = [(column.ref, column.name, column.type) for column in columns]
        outputs += [(window, "w", type_) for window, type_ in [self.window(columns, True), self.window(columns)]]
        names = self.named(outputs)
        items = ", ".join(f"{ref} AS {name}" for (ref, *_), name in zip(outputs, names))
        sql = f"SELECT {items} FROM ({inner}) {table}"
        if self.chance(0.2):
            sql += f" WHERE {self.predicate(columns, 0)}"
        return sql, [Column("", name, type_) for (_, _, type_), name in zip(outputs, names)]

    def window(self, columns, is_numbered=False):
        """A window; only one of a query numbers rows, since numbers of the same rows go together anyhow."""
        users = [column.ref for column in columns if column.type == "user"]
        by = users if users and self.chance(0.6) else []
        by = list(dict.fromkeys([*by, *(self.one_of(columns).ref for _ in range(int(self.rng.integers(0, 2))))]))
        by = f"PARTITION BY {', '.join(by)}" if by else ""
        whole = [column.ref for column in columns if column.type == "int"] or ["1"]
        of = self.one_of(whole)
        condition = f" FILTER (WHERE {self.predicate(columns, 0)})" if self.chance(0.15) else ""
        total = self.one_of(
            [
                (f"CAST(sum({of}){condition} ", " AS BIGINT)"),
                (f"max({of}){condition} ", ""),
                (f"count(*){condition} ", ""),
            ]
        )
        kind = 0.0 if self.has_sets else self.rng.random()
        if kind < 0.55:
            return f"{total[0]}OVER ({by}){total[1]}", "int"
        order = f"ORDER BY {self.order([column.ref for column in columns])}"
        if kind < 0.7:
            return f"{total[0]}OVER ({by} {order}){total[1]}", "int"
        function = self.one_of(["rank()", "dense_rank()", "row_number()" if is_numbered else "rank()"])
        return f"CAST({function} OVER ({by} {order}) AS BIGINT)", "int"

    # Where rows come from

    def from_(self, depth, most, needed=None):
        """A FROM clause and its columns, of which one holds what is `needed`."""
        if needed is None and most > 1 and self.events < MOST_EVENTS and self.chance(0.3):
            return self.events_and_theirs()
        first, columns = self.item(depth, needed)
        sql, events = f"FROM {first}", self.is_large(first)
        for _ in range(int(self.rng.integers(1, most + 1)) - 1):
            item, theirs = self.item(depth, small=events > 1)
            events += self.is_large(item)
            sql, columns = self.joined(sql, columns, item, theirs)
        return sql, columns

    def events_and_theirs(self):
        """Events joined to the small table that they name, as the jobs join them."""
        events, id_ = self.one_of([
            ("interactions", "ad_id"), ("visits", "establishment_id"), ("attributed_visits", "establishment_id"),
        ])  # fmt: skip
        theirs = {"ad_id": "ads", "establishment_id": "establishments"}[id_]
        a, b = self.alias(), self.alias()
        self.events += 1
        columns = [Column(f"{a}.{name}", name, type_) for name, type_ in NOUNS[events]]
        columns += [Column(f"{b}.{name}", name, type_) for name, type_ in NOUNS[theirs] if name != id_]
        return f"FROM {events} {a} JOIN {theirs} {b} USING ({id_})", columns

    def is_large(self, item):
        return int(not item.startswith(SMALL))

    def item(self, depth, needed=None, small=False):
        small = small or (needed is None and self.events >= MOST_EVENTS)
        if depth > 0 and not small and needed is None and self.chance(0.3):
            alias = self.alias()
            sql, columns = self.query(depth - 1)
            if self.chance(0.25) and not self.has_sets:
                sql += f" ORDER BY {self.order(range(1, len(columns) + 1))}{self.limit()}"
            columns = [replace(column, ref=f"{alias}.{column.name}") for column in columns]
            if self.chance(0.2):
                self.common.append(f"{alias} AS ({sql})")
                return alias, columns
            return f"({sql}) {alias}", columns
        nouns = [noun for noun in NOUNS if needed is None or needed in dict(map(reversed, NOUNS[noun]))]
        noun = self.one_of(SMALL if small else nouns)
        self.events += noun not in SMALL
        alias = self.alias()
        return f"{noun} {alias}", [Column(f"{alias}.{name}", name, type_) for name, type_ in NOUNS[noun]]

    def joined(self, sql, ours, item, theirs):
        pairs = [(a, b) for a in ours for b in theirs if a.type == b.type and a.type in TEXTS and a.ref != a.name]
        if not pairs:
            if self.is_large(item):
                self.events += 1
                limit = f"{self.one_of(theirs).ref} IS NOT NULL AND {self.predicate(theirs, 0)}"
                return f"{sql} JOIN {item} ON {limit}", ours + theirs
            return f"{sql} CROSS JOIN {item}", ours + theirs
        a, b = self.one_of(pairs)
        same = [(a, b) for a, b in pairs if a.name == b.name and self.is_alone(a.name, ours)]
        if same and self.chance(0.35):
            a, b = self.one_of(same)
            kind = self.one_of(["JOIN", "JOIN", "JOIN", "LEFT JOIN"])
            return f"{sql} {kind} {item} USING ({a.name})", ours + [column for column in theirs if column != b]
        on = f"{a.ref} = {b.ref}"
        if self.chance(0.25):
            on += f" AND {self.comparison(ours, theirs)}"
        kind = self.one_of(
            ["JOIN"] * 4 + ["LEFT JOIN"] * 2 + ["RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"]
        )
        return f"{sql} {kind} {item} ON {on}", ours if "SEMI" in kind or "ANTI" in kind else ours + theirs

    def is_alone(self, name, columns):
        return sum(column.name == name for column in columns) == 1

    def comparison(self, ours, theirs):
        pairs = [(a, b) for a in ours for b in theirs if a.type == b.type and a.type != "bool"]
        if not pairs or self.chance(0.4):
            return self.predicate(ours + theirs, 0)
        a, b = self.one_of(pairs)
        return f"{a.ref} {self.one_of(['<', '<=', '>', '>=', '<>'])} {b.ref}"


def statement(number, literals):
    """The statement of that number."""
    return Maker(np.random.default_rng([7, number]), literals).statement()
