"""What may stand at the cursor in a call of a job, in Python: names of jobs, values of ``by=`` and ``rank_by=``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from footfall import _native
from footfall.dataset import Dataset
from footfall.notebook.sql.cells import statement_at
from footfall.notebook.sql.completion import Candidate, cursor, found, visible

_IDENTIFIER = "footfall.values"
_CALL = re.compile(r"(?P<receiver>\w*)\s*\.\s*(?P<method>\w+)\s*\((?P<arguments>[^()]*)\Z")
_OPTION = re.compile(r"(?:\A|,)\s*(?P<option>by|rank_by)\s*=\s*(?P<quote>['\"]?)(?P<word>\w*)\Z")
_JOB = re.compile(r"\s*(?:job\s*=\s*)?(?P<quote>['\"])(?P<job>\w*)")


def matcher(shell: Any) -> Any:
    """Return what completes calls of jobs in a shell."""
    from IPython.core.completer import context_matcher

    def complete(context: Any) -> dict[str, Any]:
        at = cursor(context)
        if statement_at(context.full_text, at) is not None:
            return {"completions": []}
        word, quote, candidates = values_at(context.full_text[:at], visible(shell))
        written = [(text if quote else f'"{text}"', kind, detail) for text, kind, detail in candidates]
        return found(written, word, context.limit)

    return context_matcher(identifier=_IDENTIFIER, priority=900)(complete)


def values_at(before: str, names: Mapping[str, Any]) -> tuple[str, str, list[Candidate]]:
    """Return the letters before the cursor that are to be replaced, the quote before them, and what may replace them.

    Examples
    --------
    >>> values_at("data.category_hours(by='m", {})
    ('m', "'", [('month', 'unit', 'of the calendar')])
    """
    call = _CALL.search(before)
    if call is None:
        return "", "", []
    job, runs = call["method"], call["method"] == "run" and isinstance(names.get(call["receiver"]), Dataset)
    first = _JOB.match(call["arguments"])
    if runs and first is not None:
        if first.end() == len(call["arguments"]):
            return first["job"], first["quote"], _starting(first["job"], _jobs())
        job = first["job"]
    option = _OPTION.search(call["arguments"])
    entry = next((entry for entry in _native.jobs() if entry["name"] == job), None)
    if option is None or entry is None:
        return "", "", []
    return option["word"], option["quote"], _starting(option["word"], _values(entry, option["option"]))


def _starting(word: str, candidates: list[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate[0].startswith(word)]


def _jobs() -> list[Candidate]:
    return [(entry["name"], "job", entry["title"]) for entry in _native.jobs()]


def _values(entry: Mapping[str, Any], option: str) -> list[Candidate]:
    if option == "rank_by":
        return [(name, "measure", "to rank by") for name in entry["rank_by"]]
    return [(unit, "unit", "of the calendar") for unit in _native.UNITS] if entry["by"] else []
