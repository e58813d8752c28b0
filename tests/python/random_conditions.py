"""Seeded random conditions and expressions on columns, in SQL that DataFusion and DuckDB read alike."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
from random_rows import DAYS, PARTS, START, TEXTS


@dataclass(frozen=True)
class Column:
    """A column that can be asked for: how, what it is called, what it holds."""

    ref: str
    name: str
    type: str


@dataclass
class Conditions:
    """Makes conditions and expressions; the same for the same generator of numbers."""

    rng: np.random.Generator
    literals: dict

    def chance(self, p):
        return self.rng.random() < p

    def one_of(self, values):
        return values[int(self.rng.integers(len(values)))]

    def some_of(self, values, most):
        count = min(len(values), int(self.rng.integers(1, most + 1)))
        return [values[i] for i in sorted(self.rng.permutation(len(values))[:count])]

    def alias(self):
        self.aliases += 1
        return f"t{self.aliases}"

    def where(self, columns, depth):
        return f" WHERE {self.condition(columns, depth)}" if self.chance(0.6) else ""

    def condition(self, columns, depth):
        """What holds of rows; subqueries stand beside other conditions, not within."""
        conditions = [self.predicate(columns, 1)] if self.chance(0.8) else []
        if depth > 0 and (not conditions or self.chance(0.3)):
            conditions.append(self.subquery(columns))
        return " AND ".join(conditions) or self.predicate(columns, 0)

    def predicate(self, columns, depth):
        if depth > 0 and self.chance(0.35):
            parts = [self.predicate(columns, depth - 1) for _ in range(2)]
            return f"({self.one_of([' AND ', ' OR ']).join(parts)})"
        if self.chance(0.08):
            return f"NOT ({self.predicate(columns, 0)})"
        column = self.one_of(columns)
        if self.chance(0.08):
            return f"{column.ref} IS {self.one_of(['', 'NOT '])}NULL"
        if column.type in TEXTS:
            return self.of_text(column)
        if column.type == "time":
            return self.of_time(column)
        if column.type == "bool":
            return self.one_of([column.ref, f"NOT {column.ref}", f"{column.ref} IS NOT TRUE", f"{column.ref} = FALSE"])
        if column.type == "date":
            return f"{column.ref} {self.comparing()} DATE '{self.day()}'"
        return f"{column.ref} {self.comparing()} {self.number(column.type)}"

    def comparing(self):
        return self.one_of(["=", "<>", "<", "<=", ">", ">="])

    def day(self):
        return (START + datetime.timedelta(days=int(self.rng.integers(DAYS)))).date().isoformat()

    def number(self, type_):
        if type_ == "degrees":
            return f"{int(self.rng.integers(40)) / 1e3}"
        return f"{int(self.rng.integers(40))}" + (".5" if type_ in ("metres", "number") else "")

    def text(self, type_):
        known = PARTS if type_ == "part" else self.literals.get(type_, ["x", "food:view"])
        return "'" + self.one_of(known).replace("'", "''") + "'"

    def of_text(self, column):
        ref, text = column.ref, lambda: self.text(column.type)
        kind = self.rng.random()
        if kind < 0.25:
            return f"{ref} {self.comparing()} {text()}"
        if kind < 0.5:
            null = ", NULL" if self.chance(0.15) else ""
            return f"{ref} {self.one_of(['', '', 'NOT '])}IN ({text()}, {text()}, {text()}{null})"
        if kind < 0.65:
            pattern = self.one_of(["%o%", "f%", "1%", "_", "%e", "%w"])
            return f"{ref} {self.one_of(['', 'NOT '])}{self.one_of(['LIKE', 'LIKE', 'ILIKE'])} '{pattern}'"
        if kind < 0.73:
            return f"{ref} IS {self.one_of(['', 'NOT '])}DISTINCT FROM {text()}"
        if kind < 0.8:
            return f"{ref} BETWEEN {text()} AND {text()}"
        if kind < 0.88:
            return f"CASE {ref} WHEN {text()} THEN 2 WHEN {text()} THEN NULL ELSE 1 END = {self.one_of([1, 2])}"
        return self.one_of([
            f"coalesce({ref}, {text()}) = {text()}",
            f"nullif({ref}, {text()}) IS NULL",
            f"lower({ref}) = lower({text()})",
            f"length({ref}) > {self.one_of([1, 2, 4])}",
            f"upper({ref}) || 'x' <> {text()}",
            f"TRY_CAST({ref} AS BIGINT) > 4",
        ])  # fmt: skip

    def of_time(self, time):
        moment = f"'{self.day()} {int(self.rng.integers(24)):02}:00:00'"
        unit, _, type_ = self.unit(time)
        if self.chance(0.3):
            return f"{time.ref} {self.one_of(['<', '<=', '>', '>='])} TIMESTAMP {moment}"
        if type_ == "part":
            return f"{unit} {self.one_of(['=', '<>', 'IN'])} ({self.text('part')})"
        if type_ == "date":
            return f"{unit} {self.comparing()} DATE '{self.day()}'"
        return f"{unit} {self.one_of(['=', '<', '>', '<>'])} {int(self.rng.integers(8))}"

    def subquery(self, columns):
        """A condition that asks another table, for the same thing in it."""
        known = [column for column in columns if column.type in ("user", "ad", "establishment", "category")]
        if not known:
            return self.predicate(columns, 0)
        ours = self.one_of(known)
        source, theirs = self.from_(0, 1, needed=ours.type)
        their = self.one_of([column for column in theirs if column.type == ours.type])
        where = f" WHERE {self.predicate(theirs, 0)}" if self.chance(0.7) else ""
        of_the_same = f"{where} AND" if where else " WHERE"
        kind = self.rng.random()
        if kind < 0.35:
            return f"{ours.ref} {self.one_of(['', 'NOT '])}IN (SELECT {their.ref} {source}{where})"
        if kind < 0.65:
            return f"{self.one_of(['', 'NOT '])}EXISTS (SELECT 1 {source}{of_the_same} {their.ref} = {ours.ref})"
        if kind < 0.8:
            count = f"(SELECT count(*) {source}{of_the_same} {their.ref} = {ours.ref})"
            return f"{count} {self.comparing()} {int(self.rng.integers(5))}"
        return f"{ours.ref} {self.comparing()} (SELECT {self.one_of(['min', 'max'])}({their.ref}) {source}{where})"

    def expression(self, columns):
        """An expression, what it is called and what it holds."""
        column, kind = self.one_of(columns), self.rng.random()
        if kind < 0.55:
            return column.ref, column.name, column.type
        if column.type == "time":
            return self.unit(column)
        if column.type in TEXTS and kind < 0.75:
            text = self.text(column.type)
            return self.one_of([
                (f"coalesce({column.ref}, {text})", column.name, column.type),
                (f"nullif({column.ref}, {text})", column.name, column.type),
                (f"{column.ref} || ':'", "text", "text"),
                (f"lower({column.ref})", column.name, "text"),
                (f"CAST(length({column.ref}) AS BIGINT)", "length", "int"),
                (f"TRY_CAST(trim({column.ref}) AS BIGINT)", "integer", "int"),
            ])  # fmt: skip
        if column.type == "int" and kind < 0.75:
            return self.one_of([f"{column.ref} + 1", f"{column.ref} % 3", f"-{column.ref}"]), "number", "int"
        if kind < 0.9:
            return self.case(columns, ["1", "2", "NULL"]), "chosen", "int"
        if self.chance(0.5):
            return "'same'", "category", "text"
        return self.predicate([column], 0), "holds", "bool"

    def case(self, columns, values):
        first, second = self.one_of(values[:-1]), self.one_of(values)
        return f"CASE WHEN {self.predicate(columns, 0)} THEN {first} ELSE {second} END"

    def order(self, keys):
        ways, ends = ["", "ASC", "DESC"], ["FIRST", "LAST"]
        each = lambda key: f"{key} {self.one_of(ways)} NULLS {self.one_of(ends)}"  # noqa: E731
        keys = list(keys)
        return ", ".join(each(keys[i]) for i in self.rng.permutation(len(keys)))

    def limit(self):
        limit = f" LIMIT {self.one_of([0, 1, 3, 10, 100])}" if self.chance(0.4) else ""
        return limit + (f" OFFSET {self.one_of([0, 1, 5])}" if self.chance(0.15) else "")
