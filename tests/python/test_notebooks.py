"""The notebooks that come with Footfall: how they are written and translated, where they work, and their command."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time

import lab
import nbformat
import pytest
from course import FOOTFALL, NAMES, PREFERRED, code, command, jobs_of, number

from footfall import _native
from footfall.errors import DefinitionError
from footfall.notebook import answer, opening, shipped
from footfall.notebook.namespace import DATA as FOLDER
from footfall.notebook.namespace import ENGINE, TZ
from footfall.notebook.shipped import running, translation

MOST_LINES = 15


def as_read(name, lang="en"):
    return nbformat.from_dict(running._as_text(shipped.read(name, lang)))


# As they are written


def test_every_job_has_its_notebook():
    assert [number(name) for name in NAMES] == sorted({job["number"] for job in _native.jobs() if job["number"] < 7})
    for name in NAMES:
        written = "\n".join(cell.source for cell in code(as_read(name)))
        for job in jobs_of(name):
            assert f"data.{job['name']}(" in written or f"}}.{job['name']}(" in written, name
            units = ["period", "month"] if job["by"] else []
            assert all(f'data.{job["name"]}(by="{unit}")' in written for unit in units), name


@pytest.mark.parametrize("name", shipped.names())
def test_cells_are_short_and_store_nothing(name):
    notebook = nbformat.read(shipped.FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    spec = notebook.metadata.kernelspec
    assert (spec.name, spec.display_name, spec.language) == ("footfall", "Footfall", "python")
    ids = [cell.id for cell in notebook.cells]
    # A generated id is eight hexadecimal digits: a translation needs one that stays.
    assert len(set(ids)) == len(ids) and not any(re.fullmatch(r"[0-9a-f]{8}", id) for id in ids)
    for cell in notebook.cells:
        lines = cell.source.splitlines()
        assert 0 < len(lines) <= MOST_LINES, cell.id
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None and max(map(len, lines)) <= 120, cell.id


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_asks_defines_answers_draws_and_warns(name):
    notebook = as_read(name)
    title = notebook.cells[0].source.splitlines()
    assert title[0].startswith(f"# {number(name)} ") and shipped.question(name).endswith("?")
    ids = [cell.id for cell in notebook.cells]
    wanted = ["title", "definition", "open", "answer", "chart", "months", "look-out"]
    assert [id for id in ids if id in wanted] == wanted
    source = next(cell.source for cell in notebook.cells if cell.id == "open")
    assert f'open_data(prefer="{PREFERRED[number(name)]}")' in source


# Where they work


def test_an_engine_is_what_the_environment_says_or_what_is_here(monkeypatch):
    assert opening.choose_engine({ENGINE: "spark://h:1"}, "dask") == ("spark://h:1", "as FOOTFALL_ENGINE says")
    assert opening.choose_engine({}, "dask")[0] == "dask"
    with pytest.raises(DefinitionError, match="prefer = 'ray'"):
        opening.choose_engine({}, "ray")
    monkeypatch.setattr("footfall.extras.find_spec", lambda name: None)
    for engine in ("dask", "spark"):
        chosen, why = opening.choose_engine({}, engine)
        assert chosen == "local" and "not installed here" in why and f"extra `{engine}`" in why


def test_without_java_the_work_is_done_here(monkeypatch, tmp_path):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.1\"' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    chosen, why = opening.choose_engine({}, "spark")
    assert chosen == "local" and "needs Java 17" in why


def test_a_data_set_or_a_city_made_once(monkeypatch, tmp_path, city, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(opening, "_CITY_PINGS", 1_000)
    for name in (FOLDER, TZ, ENGINE):
        monkeypatch.delenv(name, raising=False)
    first = opening.open_data()
    files = sorted(tmp_path.rglob("*"))
    assert first.tz == "America/Recife" and opening.open_data().source == first.source
    assert sorted(tmp_path.rglob("*")) == files and sum(file.name == "ads.parquet" for file in files) == 1
    assert "a made-up city" in capsys.readouterr().out
    for name, value in {FOLDER: str(city), TZ: "Europe/Lisbon"}.items():
        monkeypatch.setenv(name, value)
    given = opening.open_data(prefer="local")
    assert (given.source, given.tz) == (str(city), "Europe/Lisbon")
    assert f"Data: {city}, as FOOTFALL_DATA says" in capsys.readouterr().out


def test_a_city_needs_no_cache(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(opening, "_CITY_PINGS", 1_000)
    city = opening.sample_city()
    assert (city / "ads.parquet").is_file()
    shutil.rmtree(city.parent)


def test_an_answer_is_a_sentence_and_hostile_names_are_text(city_data):
    said = answer(city_data.campaign_ctr(by="period"))
    assert "does best" in repr(said) and said._repr_html_().startswith("<p style=")
    with pytest.raises(DefinitionError, match="by month"):
        answer(city_data.campaign_ctr(by="month"))
    assert "&lt;b&gt;" in type(said)("<b>c</b>")._repr_html_()


# In another language


def test_a_translation_replaces_words_and_leaves_code():
    notebook = as_read("02_establishment_performance")
    words = translation.parsed("<!-- cell: title -->\n# Olá\n\n<!-- cell: gone -->\nNada.\n", "x.md")
    translated = translation.applied(notebook, words)
    assert [cell.source for cell in code(translated)] == [cell.source for cell in code(notebook)]
    assert translated.cells[0].source == "# Olá" and notebook.cells[0].source != "# Olá"
    assert translation.of_no_cell(notebook, words) == ["gone"]
    assert "definition" in translation.lacking(notebook, words) and "title" not in translation.lacking(notebook, words)


def test_a_translation_replaces_titles_in_code():
    notebook = as_read("00_tour")
    words = translation.parsed('<!-- title: "Visits" -->\nIdas "a pé"\n\n<!-- title: "Gone" -->\nNada.\n', "x.md")
    before, after = (
        next(cell.source for cell in each.cells if cell.id == "own-chart")
        for each in (notebook, translation.applied(notebook, words))
    )
    assert 'title="Visits"' in before and after == before.replace('"Visits"', r'"Idas \"a pé\""')
    compile(after, "own-chart", "exec")
    assert translation.of_no_cell(notebook, words) == ['"Gone"']
    lacking = translation.lacking(notebook, words)
    assert '"Hour of the day"' in lacking and '"Visits"' not in lacking


@pytest.mark.parametrize(
    "text",
    [
        "Olá\n<!-- cell: a -->\n",
        "<!-- cell: a -->\nx\n<!-- cell: a -->\ny\n",
        '<!-- title: "A" -->\nx\n<!-- title: "A" -->\ny\n',
    ],
)
def test_a_translation_that_is_no_one_is_refused(text):
    with pytest.raises(DefinitionError, match=r"x\.md: "):
        translation.parsed(text, "x.md")


# The command


def test_list_tells_names_and_questions():
    listed, _ = command("list")
    assert all(name in listed and shipped.question(name) in listed for name in NAMES)


def test_copy_writes_all_and_replaces_nothing_unasked(tmp_path):
    folder = tmp_path / "new" / "course"
    command("copy", folder)
    assert sorted(file.stem for file in folder.iterdir()) == shipped.names()
    for name in shipped.names():
        assert (folder / f"{name}.ipynb").read_bytes() == (shipped.FOLDER / f"{name}.ipynb").read_bytes()
    own = folder / "02_establishment_performance.ipynb"
    own.write_text("mine", encoding="utf-8")
    (folder / "00_tour.ipynb").unlink()
    _, said = command("copy", folder, code=2)
    assert "--overwrite" in said and own.read_text("utf-8") == "mine" and not (folder / "00_tour.ipynb").exists()
    command("copy", folder, "--overwrite")
    assert own.read_bytes() == (shipped.FOLDER / own.name).read_bytes()


def test_copy_in_another_language(tmp_path, monkeypatch):
    there = tmp_path / "shipped"
    shutil.copytree(shipped.FOLDER, there, ignore=shutil.ignore_patterns("pt"))
    (there / "pt").mkdir()
    (there / "pt" / "00_tour.md").write_text("<!-- cell: title -->\n# Olá\n", encoding="utf-8")
    monkeypatch.setattr(shipped, "FOLDER", there)
    shipped.copy(tmp_path / "copied", "pt")
    tour = nbformat.read(tmp_path / "copied" / "00_tour.ipynb", as_version=4)
    assert tour.cells[0].source == "# Olá" and tour.cells[2].source == as_read("00_tour").cells[2].source
    lacking = {name: count for name, count, _ in shipped.untranslated("pt")}
    assert lacking["00_tour"] == translation.texts(tour) - 1 > sum(cell.cell_type == "markdown" for cell in tour.cells)
    with pytest.raises(DefinitionError, match="lang = 'xx'"):
        shipped.read("00_tour", "xx")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["9"], 2, "no such notebook"),
        (["1", "--data", "/nowhere/at/all"], 2, "--data /nowhere/at/all: there is nothing"),
        (["1", "--tz", "UTC"], 2, "--tz UTC: is of --data"),
        (["1", "--tz", "Mars/Base", "--data", "."], 2, "Mars/Base"),
        (["1", "--engine", "ray"], 2, "engine = 'ray'"),
        (["1", "--lang", "xx"], 2, "lang = 'xx'"),
    ],
)
def test_what_cannot_run_is_told_before_a_kernel_starts(tmp_path, arguments, code, said):
    assert said in command("run", *arguments, "--out", tmp_path / "page.html", code=code)[1]
    assert "end it in .html" in command("run", "1", "--out", tmp_path / "page.pdf", code=2)[1]
    assert not list(tmp_path.iterdir())


def test_a_cell_that_fails_is_told_and_nothing_is_written(tmp_path):
    (tmp_path / "ads.csv").write_text("ad_id,campaign_id,category\na,c,food\n", encoding="utf-8")
    out = tmp_path / "page.html"
    out.write_text("before", encoding="utf-8")
    asked = ["run", "01", "--data", tmp_path, "--engine", "local", "--out", out]
    _, said = command(*asked, code=1)
    assert "01_campaign_performance, cell 'answer': MissingTableError: " in said and "interactions" in said
    assert "Traceback" not in said and len(said.splitlines()) == 1 and out.read_text("utf-8") == "before"


def test_ctrl_c_ends_it_and_its_kernel(tmp_path, city):
    out = tmp_path / "page.html"
    command_line = [*FOOTFALL, "notebooks", "run", "2", "--data", str(city), "--engine", "local", "--out", str(out)]
    started = {"env": {**os.environ, "PYTHONPATH": lab.import_path(), "TMPDIR": str(tmp_path)}, "text": True}
    with subprocess.Popen(command_line, stderr=subprocess.PIPE, **started) as process:
        until = time.monotonic() + 60
        while not (kernels := [child for child in children(process.pid) if "kernel.json" in child[1]]):
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "footfall: interrupted\n") and list(tmp_path.iterdir()) == []
    assert not [pid for pid, _ in kernels if os.path.exists(f"/proc/{pid}")]


def children(parent):
    """The processes that another started, as (id, command line)."""
    listed = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True)
    return [(int(pid), line) for pid, _, line in (row.strip().partition(" ") for row in listed.stdout.splitlines())]


# In the wheel


def test_the_wheel_has_them_and_their_translations(project):
    """Maturin follows no link to a folder by itself; what it includes is told."""
    link = project / "python" / "footfall" / "notebooks"
    assert link.is_symlink() and link.resolve() == project / "notebooks"
    settings = (project / "pyproject.toml").read_text("utf-8")
    for pattern in ("*.ipynb", "pt/*.md"):
        assert f'{{ path = "python/footfall/notebooks/{pattern}", format = "wheel" }}' in settings
