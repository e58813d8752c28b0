"""The base needs NumPy and pyarrow, and what the command is made of; everything else says which extra brings it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import base_only
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from footfall import extras
from footfall.errors import DefinitionError

if sys.version_info < (3, 11):
    import tomli as tomllib
else:
    import tomllib

SCRIPT = Path(base_only.__file__)
# As in an environment without them: what belongs to no distribution of the base is not found.
BLOCKED = """
import sys

class Blocker:
    names = set({names!r})

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
sys.argv = [{script!r}]
import runpy
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.fixture(scope="module")
def declared(project):
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines(declared):
    """What the metadata of a wheel says of its requirements."""
    for extra, wanted in declared["optional-dependencies"].items():
        for line in wanted:
            requirement, _, marker = line.partition(";")
            yield f"{requirement.strip()} ; {f'{marker.strip()} and ' if marker else ''}extra == '{extra}'"


def closure(wanted):
    """The distributions that requirements bring along."""
    found, waiting = set(), [Requirement(line) for line in wanted]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(line) for line in metadata.requires(name) or () if "extra ==" not in line]
    return found


def test_the_base_is_small(declared):
    names = {canonicalize_name(Requirement(line).name) for line in declared["dependencies"]}
    assert names == {"numpy", "pyarrow", "rich", "tomli", "typer", "tzdata"}
    heavy = {"pandas", "altair", "vl-convert-python", "jinja2", "tqdm", "boto3", "dask", "pyspark", "ipython"}
    assert not heavy & closure(declared["dependencies"])


@pytest.mark.skipif(sys.version_info < (3, 10), reason="which package is whose is told since Python 3.10")
def test_the_base_answers_all_jobs_and_names_the_extra_of_the_rest(declared, project):
    base = closure(declared["dependencies"]) | {"footfall", "pip", "setuptools"}
    owners = metadata.packages_distributions()
    names = sorted(
        package for package, of in owners.items() if not base & {canonicalize_name(name) for name in of}
    )  # fmt: skip
    assert {"pandas", "altair", "jinja2", "vl_convert", "distributed", "pyspark", "ipykernel"} <= set(names)
    run([sys.executable, "-c", BLOCKED.format(names=names, script=str(SCRIPT))], project)


@pytest.mark.slow
def test_a_new_environment_with_the_base_alone(declared, project, tmp_path):
    venv.create(tmp_path / "base", with_pip=True)
    python = tmp_path / "base" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *declared["dependencies"]], check=True, timeout=600)
    assert "pandas" not in run([str(python), str(SCRIPT)], project)["imported"]


def run(command, project):
    environment = {**os.environ, "PYTHONPATH": str(project / "python"), "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_what_is_not_as_it_should_be_is_told():
    told = {"jobs": {"campaign_ctr": 0}, "commands": {"run": 2}, "errors": {"chart": None, "map": ["KeyError", "x"]}}
    assert base_only.faults(told) == [
        "campaign_ctr: no rows",
        "run: exit code 2",
        "not all jobs were asked",
        "chart: nothing: it needs no extra",
        "map: KeyError: x",
    ]


@pytest.mark.parametrize("extra", ["aws", "charts", "dask", "hub", "kafka", "notebook", "pandas", "report", "spark"])
def test_what_an_extra_asks_for_is_read_as_pip_reads_it(declared, extra):
    found = extras.requirements(extra, [*declared["dependencies"], *lines(declared)])
    assert found and all(not line.startswith("footfall") for line in found)
    assert {canonicalize_name(Requirement(line).name) for line in found} == set(by_pip(declared, extra))


def by_pip(declared, extra):
    for line in declared["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        if requirement.name == "footfall":
            for other in requirement.extras:
                yield from by_pip(declared, other)
        else:
            yield canonicalize_name(requirement.name)


def test_the_message_names_packages_and_the_extra(monkeypatch):
    monkeypatch.setattr(extras.metadata, "requires", lambda name: ["altair>=5 ; extra == 'charts'"])
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    expected = (
        "a chart: altair and vl_convert are not installed here; pip install 'altair>=5' (Footfall's extra `charts`)"
    )
    with pytest.raises(DefinitionError, match=re.escape(expected)):
        extras.need("charts", *extras.CHARTS, by="a chart")
    monkeypatch.setattr(extras.metadata, "requires", lambda name: None)
    with pytest.raises(DefinitionError, match=r"pandas is not installed here; install Footfall's extra `pandas`"):
        extras.need("pandas", "pandas", by="to_pandas()")


def test_nothing_tells_anybody_to_install_a_name_that_is_not_ours(project):
    """Whoever takes the name on an index could run code on the machines of those who follow such an advice."""
    advice = re.compile(r"(?:pip|uv|conda)\w* (?:add|install)[^\n]*?[\s'\"]footfall(?![-\w./])")
    folders = ("python", "src", "docs", "deploy", "notebooks")
    texts = [path for folder in folders for path in (project / folder).rglob("*")]
    told = [path for path in [*texts, project / "README.md", project / "bootstrap.sh"]
            if path.suffix in (".py", ".rs", ".md", ".sh", ".ipynb", ".jinja", ".json") and path.is_file()
            and advice.search(path.read_text(encoding="utf-8"))]  # fmt: skip
    assert told == []
    assert advice.search("pip install 'footfall[dask]'") and advice.search("pip install -U footfall")
    assert not advice.search('pip install "build/wheels/footfall-0.1.whl[dask]"')
