"""The phrases that the sources say: what is given to the functions of `footfall.lang`, in Python and in templates."""

from __future__ import annotations

import ast
import re

from footfall import _native

ONE, MANY, PLURALS = ("tr", "mark"), ("trn", "marks"), 2
_IN_TEMPLATES = re.compile(r'\btr\("([^"]*)"')


def said(package):
    """The phrases, each with the file that says it; of a plural, the second is its key."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        for phrase in phrases(file.read_text(encoding="utf-8")):
            found.setdefault(phrase, file.name)
    for file in sorted(package.rglob("*.jinja")):
        for phrase in _IN_TEMPLATES.findall(file.read_text(encoding="utf-8")):
            found.setdefault(phrase, file.name)
    return {**found, **dict.fromkeys(of_the_core(), "_native")}


def of_the_core():
    """What Rust tells: jobs, weekdays, parts of the day."""
    jobs = _native.jobs()
    return [*(job[part] for job in jobs for part in ("title", "question")), *_native.WEEKDAYS, *_native.DAY_PARTS]


def phrases(source):
    """The literals in the calls of a file; docstrings are no code."""
    return [phrase for call in calls(source) for phrase in literals(call)]


def calls(source):
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [node for node in nodes if name_of(node) in (*ONE, *MANY)]


def name_of(call):
    return getattr(call.func, "id", None) or getattr(call.func, "attr", None)


def literals(call):
    wanted = call.args[:1] if name_of(call) in ONE else call.args[1:PLURALS]
    return [each.value for each in wanted if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def plurals(package):
    """The keys that have a singular and a plural."""
    sources = (file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    return {
        phrase for source in sources for call in calls(source) if name_of(call) in MANY for phrase in literals(call)
    }
