"""The README's examples run as they stand; every public name has an example of its own, which runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import footfall

PUBLIC = [name for name in footfall.__all__ if callable(getattr(footfall, name))]
MODULES = sorted(module.name for module in pkgutil.walk_packages(footfall.__path__, "footfall.")
                 if module.name != "footfall._native")  # fmt: skip


def test_the_readme_runs(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (project / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    names = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


def test_links_lead_somewhere(project):
    for page in [*project.glob("*.md"), *(project / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module):
    imported = importlib.import_module(module)
    failed, _ = doctest.testmod(imported, verbose=False)
    assert failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name):
    thing = getattr(footfall, name)
    doc = inspect.getdoc(thing)
    assert doc and doc.splitlines()[0].endswith((".", "?"))
    if inspect.isfunction(thing):
        for parameter in inspect.signature(thing).parameters:
            assert re.search(rf"\b{parameter}\b", doc), parameter
        assert "Returns" in doc and "Raises" in doc


@pytest.mark.parametrize("name", ["open", "haversine_m", "visit_join", "attribute_visits", "Dataset", "Definitions",
                                  "Result", "DataError"])  # fmt: skip
def test_what_callers_hold_has_an_example(name):
    assert doctest.DocTestFinder(recurse=False).find(getattr(footfall, name), name)[0].examples


def test_every_job_has_an_example():
    for job in footfall.open({"ads": footfall_ads()}, progress=False).jobs():
        method = getattr(footfall.Dataset, job["name"])
        assert doctest.DocTestFinder(recurse=False).find(method, job["name"])[0].examples, job["name"]


def footfall_ads():
    import pyarrow as pa

    return pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})
