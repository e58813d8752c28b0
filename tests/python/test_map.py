"""What is said in several places is said alike: the map of modules, the jobs, the registry of what a caller can ask."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest
import rust_modules

import footfall
from footfall import _native
from footfall.cli import app
from footfall.definitions import Definitions

JOBS = _native.jobs()


def modules(project):
    """The modules of the crate, by their files and folders."""
    entries = [path for path in (project / "src").iterdir() if path.name != "lib.rs"]
    return {path.stem for path in entries if path.is_dir() or path.suffix == ".rs"}


def test_the_map_in_lib_rs_names_every_module_and_nothing_else(project):
    source = (project / "src" / "lib.rs").read_text(encoding="utf-8")
    table = re.findall(r"^//! \| \[?`(\w+)`\]?", source, re.MULTILINE)
    declared = re.findall(r"^(?:pub )?mod (\w+);", source, re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == modules(project) == set(declared)


def test_maps_of_modules_below_are_whole_too(project):
    """A folder whose mod.rs draws a map keeps it."""
    for file in (project / "src").rglob("mod.rs"):
        source = file.read_text(encoding="utf-8")
        table = set(re.findall(r"^//! \| \[?`(\w+)`\]?", source, re.MULTILINE))
        if table:
            files = {path.stem for path in file.parent.glob("*.rs")} - {"mod", "tests"}
            folders = {path.parent.name for path in file.parent.glob("*/mod.rs")} - {"tests"}
            assert table == files | folders, file


@pytest.mark.parametrize("map_file", ["lib.rs", "engine/mod.rs"])
def test_data_flows_downwards(project, map_file):
    """Nothing below in a map is used by anything above."""
    source = (project / "src" / map_file).read_text(encoding="utf-8")
    order = re.findall(r"^//! \| \[?`(\w+)`\]?", source, re.MULTILINE)
    above = "engine::" if map_file.startswith("engine") else ""
    for module, used in rust_modules.imports(project / "src").items():
        own = room(module, above)
        for other in used:
            theirs = room(other, above)
            if own in order and theirs in order:
                assert order.index(theirs) <= order.index(own), f"{module} uses {other}, which stands below it"


def room(module, above):
    """The module of a map that a module belongs to."""
    return module.removeprefix(above).split("::")[0] if module.startswith(above) else None


def test_no_modules_use_each_other_in_a_circle(project):
    assert rust_modules.circles(rust_modules.imports(project / "src")) == []


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}
    assert rust_modules.circles(graph) == [["a", "b", "c"]]


def test_no_name_of_a_type_or_constant_is_of_two(project):
    """A reader who looks a name up finds one thing."""
    declared = re.compile(
        r"^(?:pub(?:\([a-z]+\))? )?(?:struct|enum|trait|type|const|static) (?!fn\b)(\w+)", re.MULTILINE
    )
    homes = {}
    for file in rust_modules.files_of_modules(project / "src").values():
        for name in declared.findall(rust_modules.production(file)):
            homes.setdefault(name, []).append(str(file.relative_to(project)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["name"])
def test_a_job_has_its_method_page_and_statements(project, job):
    name = job["name"]
    method = inspect.signature(getattr(footfall.Dataset, name)).parameters
    assert ("by" in method, "users" in method, "rank_by" in method) == (job["by"], job["users"], bool(job["rank_by"]))
    assert inspect.getdoc(getattr(footfall.Dataset, name)).startswith(f"Job {job['number']}: ")
    assert (project / "src" / "engine" / "jobs" / f"{name}.finish.sql").exists()
    pages = "".join(path.read_text(encoding="utf-8") for path in (project / "docs" / "jobs").glob("*.md"))
    assert f"{name}(" in pages


def test_no_method_page_or_statement_is_of_no_job(project):
    names = {job["name"] for job in JOBS}
    assert {path.stem for path in (project / "docs" / "jobs").glob("*.md")} <= names
    assert {path.name.split(".")[0] for path in (project / "src" / "engine" / "jobs").glob("*.sql")} == names
    own = {name for name, member in vars(footfall.dataset.Jobs).items() if inspect.isfunction(member)}
    assert {name for name in own if not name.startswith("_")} - {"run"} == names


def test_index_and_readme_list_the_numbered_jobs(project):
    for page in ("README.md", "docs/index.md"):
        text = (project / page).read_text(encoding="utf-8")
        first = {job["number"]: job["name"] for job in reversed(JOBS)}
        assert all(re.search(rf"{number}\W.*{name}", text) for number, name in first.items()), page


def test_every_option_of_open_is_one_of_the_command(project):
    from typer.main import get_command

    options = {name for parameter in get_command(app).commands["check"].params for name in parameter.opts}
    translated = {"root": None, "engine": None, "definitions": None}
    for name in inspect.signature(footfall.open).parameters:
        wanted = translated.get(name, f"--{name.replace('_', '-')}")
        assert wanted is None or wanted in options, name
    assert {"--radius", "--window", "--confidence"} <= options
    documented = (project / "docs" / "cli.md").read_text(encoding="utf-8")
    for option in options - {"data", "--help", "--top"}:
        assert option.replace("--progress", "--no-progress") in documented, option


def test_every_definition_and_table_is_documented(project):
    page = (project / "docs" / "definitions.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in Definitions.__dataclass_fields__)
    data = (project / "docs" / "data.md").read_text(encoding="utf-8")
    for table, columns in [("pings", "accuracy_m"), ("ads", "campaign_id"), ("interactions", "action"),
                           ("establishments", "category")]:  # fmt: skip
        assert re.search(rf"`{table}` \|.*{columns}", data)


def test_constants_have_one_home(project):
    """Each constant once, with its source: another spelling of it elsewhere would drift."""
    written = [path for path in (project / "src").rglob("*.rs") if "tests" not in path.parts]
    home = [path.name for path in written if re.search(r"6_?371_?008\.8", path.read_text(encoding="utf-8"))]
    assert home == ["units.rs"]


def test_importing_footfall_imports_no_library_that_a_job_may_not_need():
    """A notebook starts at once; pandas, polars and the charts are imported when they are asked for."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; before = set(sys.modules); import footfall; " \
           "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    heavy = {"pandas", "polars", "altair", "vl_convert", "duckdb", "dask", "pyspark", "scipy", "typer", "rich", "tqdm"}
    assert not heavy & set(done.stdout.split())
