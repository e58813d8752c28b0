"""What may stand at the cursor in a statement, by IPython's matchers.

References
----------
https://ipython.readthedocs.io/en/stable/api/generated/IPython.core.completer.html#matchers
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from footfall.errors import FootfallError
from footfall.notebook.sql import arguments, variables
from footfall.notebook.sql.cells import Statement, statement_at
from footfall.notebook.sql.data_sets import data_sets, planner
from footfall.output.text import printable

#: Text, kind and detail.
Candidate = tuple[str, str, str]

_IDENTIFIER = "footfall.sql"
#: Letters of a detail that are shown: the columns of a table may be many.
_SHOWN = 60


class Only(list[Any]):
    """Candidates beside which there are no others.

    IPython keeps other matchers away for the sake of candidates alone; here their names are wrong where none is right,
    too.
    """

    def __len__(self) -> int:
        return max(1, super().__len__())


def matcher(shell: Any) -> Any:
    """Return what completes statements in a shell."""
    from IPython.core.completer import context_matcher

    def complete(context: Any) -> dict[str, Any]:
        statement = statement_at(context.full_text, cursor(context))
        if statement is None:
            return {"completions": []}
        fragment, candidates = _candidates(statement, visible(shell))
        return found(Only(candidates), fragment, context.limit)

    # Before all of IPython's own.
    return context_matcher(identifier=_IDENTIFIER, priority=1_000)(complete)


def cursor(context: Any) -> int:
    """Return at which character of its text the cursor of a context is."""
    before = context.full_text.split("\n")[: context.cursor_line]
    return sum(len(line) + 1 for line in before) + int(context.cursor_position)


def visible(shell: Any) -> dict[str, Any]:
    """Return the notebook's variables, without what IPython itself puts there."""
    hidden = shell.user_ns_hidden
    names = dict(shell.user_ns)
    return {name: value for name, value in names.items() if name not in hidden or hidden[name] is not value}


def found(candidates: Iterable[Candidate], fragment: str, limit: int | None) -> dict[str, Any]:
    """Return what a matcher returns: candidates for the `fragment` before the cursor."""
    from IPython.core.completer import SimpleCompletion

    kind = type(candidates) if isinstance(candidates, list) else list
    shown = list(candidates)[:limit]
    return {
        "completions": kind(SimpleCompletion(text, type=_type(kind_, detail)) for text, kind_, detail in shown),
        "matched_fragment": fragment,
        "ordered": True,
        "suppress": True,
    }


def _type(kind: str, detail: str) -> str:
    """Return what a front end shows beside a candidate; it takes the first letter for a sign."""
    text = printable(" ".join(f"{kind} {detail}".split()))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _candidates(statement: Statement, names: Mapping[str, Any]) -> tuple[str, list[Candidate]]:
    """Return the letters before the cursor that are to be replaced, and what may replace them."""
    if statement.at < 0:
        return _options(statement.options, names)
    before = statement.query[: statement.at]
    fragment = re.search(r"\w*\Z", before)
    word = fragment[0] if fragment else ""
    if before[: len(before) - len(word)].endswith("$"):
        return word, _variables(word, names)
    known = variables.columns(statement.query, names)
    try:
        candidates = planner(names, statement.data).complete(statement.query, statement.at, known)
    except FootfallError:
        return word, []
    return word, [_of_variable(candidate, known, names) for candidate in candidates]


def _of_variable(candidate: Candidate, known: Mapping[str, Any], names: Mapping[str, Any]) -> Candidate:
    """Return a table that is a variable, and whose columns are not told, with its type."""
    text, kind, detail = candidate
    if kind == "table" and not detail and text in known and text in names:
        return text, kind, f"variable of type {type(names[text]).__qualname__}"
    return candidate


def _variables(word: str, names: Mapping[str, Any]) -> list[Candidate]:
    there = {name: value for name, value in names.items() if name.startswith(word)}
    return [
        (name, "variable", kind)
        for name, kind in sorted(variables.as_parameters(there).items())
        if word or not name.startswith("_")
    ]


def _options(line: str, names: Mapping[str, Any]) -> tuple[str, list[Candidate]]:
    *before, word = re.split(r"\s+|(?<=\w)=", line)
    if before and before[-1] == "--data":
        return word, [(name, "variable", "Dataset") for name in data_sets(names) if name.startswith(word)]
    if before and arguments.OPTIONS.get(before[-1]):
        return word, []
    return word, [(name, "option", takes) for name, takes in arguments.OPTIONS.items() if name.startswith(word)]
