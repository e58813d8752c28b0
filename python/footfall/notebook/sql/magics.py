"""What ``%%sql``, ``%sql``, ``%tables``, ``%describe`` and ``%engine`` do."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Callable

from footfall.errors import DefinitionError
from footfall.notebook.sql import arguments, descriptions, plans, variables
from footfall.notebook.sql.data_sets import data_set
from footfall.notebook.sql.failures import without_traceback
from footfall.output import facts
from footfall.result import Result


def register(shell: Any) -> None:
    """Add the magics to a shell."""
    from IPython.core.magic import no_var_expand

    magics = Magics(shell)
    kinds = {"sql": "line_cell", "tables": "line", "describe": "line", "engine": "line"}
    for name, kind in kinds.items():
        # What looks like a variable of Python in a statement stays what it is.
        magic = no_var_expand(_failing_plainly(getattr(magics, name)))
        shell.register_magic_function(magic, kind, name)


def _failing_plainly(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def magic(*given: str) -> Any:
        with without_traceback():
            return method(*given)

    return magic


@dataclass(frozen=True)
class Facts:
    """What is known of something, as a cell shows it."""

    title: str
    facts: list[tuple[str, str]]

    def __repr__(self) -> str:
        return facts.text(self.title, self.facts)

    def _repr_html_(self) -> str:
        return facts.html(self.title, self.facts)


@dataclass(frozen=True)
class Magics:
    """The magics of a shell; the docstrings are what ``%sql?`` shows."""

    shell: Any

    def sql(self, line: str, cell: str | None = None) -> Result | None:
        """Ask the data set a question in SQL.

        %%sql [--into NAME] [--limit N] [--all] [--data VAR] [--explain]
        SELECT establishment_id, count(*) AS visits FROM visits WHERE timestamp >= $start GROUP BY 1

        $start is the notebook's variable start: a number, text, date, datetime, timedelta, None, or a list of them. A
        variable that is a table (a result, pandas, polars, pyarrow) can stand after FROM and JOIN; where the data set
        has a table of that name, the data set's is read.

        --into NAME  all rows become the variable NAME, and none are shown
        --limit N    at most so many rows, instead of 1,000
        --all        all rows
        --data VAR   the variable of the data set; else `data`, else the only one there is
        --explain    how it would be computed

        %sql takes options and a statement in one line: top = %sql SELECT * FROM ads
        """
        asked = arguments.of_sql(line, cell)
        variable, data = data_set(self.shell.user_ns, asked.data)
        bound = variables.bind(asked.query, data, self.shell.user_ns)
        for note in bound.notes:
            print(f"Note: {note}")
        if asked.explain:
            print(plans.plan(data, asked.query, bound))
            return None
        if asked.into == variable:
            raise DefinitionError(f"--into {variable}: is the data set that is asked; choose another name")
        result = data._sql(asked.query, bound.parameters, bound.tables, asked.limit)
        return self._shown(result, asked)

    def _shown(self, result: Result, asked: arguments.Asked) -> Result | None:
        if asked.into is not None:
            self.shell.push({asked.into: result})
            print(f"{asked.into} = {result.headline(len(result))}")
            return None
        if result.may_be_cut:
            print(f"Note: no more than {result.limit:,} rows were asked for; --all or --into NAME takes all there are.")
        return result

    def tables(self, line: str) -> Facts:
        """Show the tables that a statement can name: of the data set, and variables.

        %tables [--data VAR]
        """
        wanted, rest = arguments.data_alone("%tables", line)
        if rest:
            raise DefinitionError(f"%tables {rest}: takes nothing but --data; %describe {rest} shows one table")
        variable, data = data_set(self.shell.user_ns, wanted)
        return Facts(f"Tables of {variable}", descriptions.of_all(data, self.shell.user_ns))

    def describe(self, line: str) -> Facts:
        """Show what a table, or a function, is: its columns and their types, or what it takes and returns.

        %describe TABLE [--data VAR]
        """
        wanted, name = arguments.data_alone("%describe", line)
        _, data = data_set(self.shell.user_ns, wanted)
        return Facts(*descriptions.of_one(data, self.shell.user_ns, name))

    def engine(self, line: str) -> Facts:
        """Show where the work is done, or open the data set again to have it done elsewhere.

        %engine [local | dask | spark | ADDRESS] [--data VAR]
        """
        wanted, name = arguments.data_alone("%engine", line)
        variable, data = data_set(self.shell.user_ns, wanted)
        if name:
            data = data._on(name)
            self.shell.push({variable: data})
        return Facts(f"Engine of {variable}", [("engine", data._opened.engine), ("data", data.source)])
