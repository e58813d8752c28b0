"""What is said in several places is said alike: the map of modules, the jobs, the registry of what a caller can ask."""

from __future__ import annotations

import ast
import inspect
import math
import re
import subprocess
import sys
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import get_args

import pytest
import rust_modules

import footfall
from footfall import _native
from footfall.cli import app
from footfall.definitions import DEFAULT_UNIT, Definitions, Unit

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


def test_no_python_module_imports_itself_by_way_of_others(project):
    """An import inside a function or for types alone counts: it hides a circle, but does not cut it."""
    root = project / "python"
    files = [file for file in sorted(root.rglob("*.py*")) if file.suffix in (".py", ".pyi")]
    names = {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}
    assert {"footfall", "footfall.result", "footfall.charts", "footfall._native"} <= set(names)
    graph = {name: imported(file, names) - {name} for name, file in names.items()}
    assert graph["footfall.dataset"] >= {"footfall.report", "footfall._native"}, "an import in a function is missed"
    assert circle(graph) is None


def test_a_circle_would_be_found(tmp_path):
    for name, source in [("a", "def f():\n    from b import g\n"), ("b", "import c\n"), ("c", "from a import f\n")]:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    names = {name: tmp_path / f"{name}.py" for name in "abc"}
    assert set(circle({name: imported(file, names) for name, file in names.items()})) == {"a", "b", "c"}


def imported(file, names):
    """The modules among `names` that a Python file imports anywhere; a package is not counted with its module."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            below = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in names else node.module for name in below.values()}
    return found & set(names)


def circle(graph):
    """The modules of a circle of imports, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]


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

    commands = [get_command(app).commands[name] for name in ("check", "sql")]
    options = {name for command in commands for parameter in command.params for name in parameter.opts}
    translated = {"root": None, "engine": None, "definitions": None, "tables": "--table"}
    csv = {f"--csv-{name}" for name in inspect.signature(footfall.Csv).parameters}
    assert csv and csv <= options
    for name in inspect.signature(footfall.open).parameters:
        wanted = translated.get(name, f"--{name.replace('_', '-')}") if name != "csv" else None
        assert wanted is None or wanted in options, name
    assert {"--radius", "--window", "--confidence"} <= options
    documented = (project / "docs" / "cli.md").read_text(encoding="utf-8")
    for option in options - {"data", "query", "--help", "--top"}:
        shown = {"--progress": "--no-progress", "--config": "--no-config"}.get(option, option)
        assert shown in documented, option


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


def test_python_takes_the_definitions_from_rust():
    defaults = Definitions()
    assert defaults.visit_radius_m == _native.VISIT_RADIUS_M
    assert defaults.attribution_window // timedelta(microseconds=1) == _native.ATTRIBUTION_WINDOW_US
    assert math.isclose(defaults.z, _native.WILSON_Z, rel_tol=1e-15)
    assert list(get_args(Unit)) == _native.UNITS and DEFAULT_UNIT in _native.UNITS
    (metres,) = footfall.haversine_m([0.0], [0.0], [0.0], [180.0])
    assert math.isclose(metres, math.pi * _native.EARTH_RADIUS_M)
    assert len(_native.WEEKDAYS) == 7 and 24 % len(_native.DAY_PARTS) == 0


def test_python_says_no_definition_again(project):
    """A number or a name that Rust exports, or a default that another module has, is written nowhere else."""
    package = project / "python" / "footfall"
    assert [
        (file.name, twin) for file in sorted(package.rglob("*.py")) for twin in twins(file.read_text("utf-8"))
    ] == []


@pytest.mark.parametrize(
    "source",
    ["a = 50.0", "def f(radius=50): ...", "w = 6 * 3600", "w = timedelta(hours=6)", "w = timedelta(seconds=21_600)",
     "r = 6371008.8", 'r = "a sphere of 6 371 008.8 m"', "z = 1.959963984540054", "z = 1.96", 'p = ["night", "x"]',
     'd = ["Mon"]', 'd = "Sunday"', "c = 0.95", 'u = ("day", "week", "month")', 'w = "6h"'],
)  # fmt: skip
def test_a_twin_would_be_found(source):
    assert len(twins(source)) == 1
    assert twins(f'def f():\n    """{source!r}"""') == []


HOME_OF_CONFIDENCE = "CONFIDENCE = 0.95"
UNITS_TYPE = 'Unit = Literal["day", "week", "month", "period"]'


def twins(source):
    """The expressions of a Python file that say what a definition says; docstrings and examples may."""
    tree = ast.parse(source.replace(HOME_OF_CONFIDENCE, "").replace(UNITS_TYPE, ""))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [ast.unparse(node) for node in ast.walk(tree) if id(node) not in docs and is_twin(node)]


def is_twin(node):
    window = timedelta(microseconds=_native.ATTRIBUTION_WINDOW_US)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        window_numbers = {window / timedelta(**{unit: 1}) for unit in ("seconds", "milliseconds", "microseconds")}
        numbers = {_native.EARTH_RADIUS_M, _native.VISIT_RADIUS_M, 0.95, 1.96, *window_numbers}
        return node.value in numbers or math.isclose(node.value, _native.WILSON_Z, rel_tol=1e-9)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        days = {*_native.WEEKDAYS, *(day[:3] for day in _native.WEEKDAYS)}
        return node.value in {*days, *_native.DAY_PARTS, "6h"} or "371" in re.sub(r"\W", "", node.value)
    if isinstance(node, (ast.Tuple, ast.List)):
        return {"day", "week"} <= {getattr(element, "value", None) for element in node.elts}
    if isinstance(node, ast.BinOp):
        return ast.unparse(node) in ("6 * 3600", "6 * 60 * 60")
    return isinstance(node, ast.Call) and ast.unparse(node) == "timedelta(hours=6)"


def test_importing_footfall_imports_no_library_that_a_job_may_not_need():
    """A notebook starts at once; pandas, polars and the charts are imported when they are asked for."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; before = set(sys.modules); import footfall; " \
           "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    heavy = {"pandas", "polars", "altair", "vl_convert", "duckdb", "dask", "pyspark", "scipy", "typer", "rich", "tqdm",
             "anywidget", "pmtiles"}  # fmt: skip
    assert not heavy & set(done.stdout.split())
