"""The notebooks that come with Footfall: each runs, on every engine, and is a page that asks nobody for anything.

They are run as `footfall notebooks run` does, in a real kernel; pages are looked at in a real browser without network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import browsers
import lab
import nbformat
import pages
import pytest
from test_cli import FOOTFALL
from test_real_data import DATA, ZONES

from footfall import _native
from footfall.errors import DefinitionError
from footfall.notebook import answer, opening, shipped
from footfall.notebook.namespace import DATA as FOLDER
from footfall.notebook.namespace import ENGINE, TZ
from footfall.notebook.shipped import running, translation
from footfall.notebook.shipped.page import page

NAMES = [name for name in shipped.names() if re.match(r"0[1-6]_", name)]
#: The course's choice.
PREFERRED = {1: "dask", 2: "spark", 3: "dask", 4: "spark", 5: "dask", 6: "spark"}
MAPS = {2: 2, 3: 1, 6: 1}
MOST_LINES = 15
LIVE = "application/vnd.vegalite.v5+json"


def number(name):
    return int(name[:2])


def jobs_of(name):
    return [job for job in _native.jobs() if job["number"] == number(name)]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


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


@pytest.mark.parametrize("text", ["Olá\n<!-- cell: a -->\n", "<!-- cell: a -->\nx\n<!-- cell: a -->\ny\n"])
def test_a_translation_that_is_no_one_is_refused(text):
    with pytest.raises(DefinitionError, match=r"x\.md: "):
        translation.parsed(text, "x.md")


# The command


def command(*arguments, code=0, **environment):
    """What the command writes to standard output, and to standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    done = subprocess.run(
        [*FOOTFALL, "notebooks", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**kept, "PYTHONPATH": lab.import_path(), **environment},
    )
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


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
    assert lacking["00_tour"] == sum(cell.cell_type == "markdown" for cell in tour.cells) - 1
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


# On every engine


def run(name, root, tz, engine):
    """A notebook with its outputs."""
    told = {FOLDER: str(root), TZ: tz, ENGINE: engine, "PYTHONPATH": lab.import_path()}
    notebook = running.run(shipped.read(name), name, told, progress=False)
    shown = [output for cell in code(notebook) for output in cell.outputs]
    assert not [output for output in shown if output.get("name") == "stderr"], name
    return notebook


def shown_by(notebook):
    """What cells show as text, without how long it took, and of charts their rows."""
    found = []
    for cell in code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            found.append(re.sub(r", in [\d.]+ \w+", "", data.get("text/plain", "")))
            found.append(json.dumps(data.get(LIVE, {}).get("datasets", {}), sort_keys=True))
    return found


@pytest.fixture(scope="module")
def local(city):
    """Each notebook, run on this machine."""
    return {name: run(name, city, "America/Recife", "local") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_this_machine(local, name):
    outputs = [output for cell in code(local[name]) for output in cell.outputs]
    charts = [output for output in outputs if "image/png" in output.get("data", {})]
    maps = [output for output in outputs if "footfall-map" in output.get("data", {}).get("text/html", "")]
    assert len(charts) >= 2 and len(maps) == MAPS.get(number(name), 0)
    assert "Engine: local, as FOOTFALL_ENGINE says" in outputs[0].text
    # Who has a profile is not told.
    assert not re.search(r"\bu\d{7}\b", json.dumps(outputs))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dask", "spark"])
def test_it_shows_the_same_on_a_cluster(local, city, clusters, kind):
    for name in NAMES:
        there = run(name, city, "America/Recife", clusters(kind))
        assert shown_by(there)[4:] == shown_by(local[name])[4:], name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["01_campaign_performance", "02_establishment_performance"])
def test_a_cluster_is_started_where_the_notebook_prefers_one(name, city):
    told = {FOLDER: str(city), TZ: "America/Recife", "PYTHONPATH": lab.import_path()}
    notebook = running.run(shipped.read(name), name, told, progress=False)
    engine = PREFERRED[number(name)]
    assert f"Engine: {engine}, a cluster of a master" in code(notebook)[0].outputs[0].text


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(ZONES))
def test_it_runs_on_real_data(folder):
    if not (DATA / folder).is_dir():
        pytest.skip(f"the real data set {folder} is not on this machine (FOOTFALL_DATA says where)")
    there = {file.name.partition(".")[0] for file in (DATA / folder).iterdir()}
    asked = [name for name in NAMES if {table for job in jobs_of(name) for table in job["tables"]} <= there]
    assert asked
    for name in asked:
        run(name, DATA / folder, ZONES[folder], "local")


# As a page


@pytest.fixture(scope="module")
def written(local, city, tmp_path_factory):
    """Pages of three notebooks, with charts alone and with maps; the first as the command writes it.

    Jupyter would take the user's own kernelspec of that name, and with it the data that this names.
    """
    folder = tmp_path_factory.mktemp("pages")
    other = folder / "jupyter" / "kernels" / "footfall"
    other.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", "raise SystemExit(3)"], "display_name": "Footfall", "language": "python"}
    (other / "kernel.json").write_text(json.dumps({**spec, "env": {FOLDER: "/nowhere"}}), encoding="utf-8")
    files = {number(name): folder / f"{name}.html" for name in NAMES if number(name) in (1, 2, 6)}
    where = ["--data", city, "--tz", "America/Recife", "--engine", "local", "--out", files[1]]
    said, _ = command("run", "1", *where, JUPYTER_DATA_DIR=str(folder / "jupyter"))
    assert said == f"01_campaign_performance: {files[1]}\n" and str(city) in files[1].read_text("utf-8")
    for name in NAMES:
        if number(name) in (2, 6):
            files[number(name)].write_text(page(local[name], made="now"), encoding="utf-8")
    return files


@pytest.fixture(scope="module")
def tabs():
    with pages.browser() as new:
        yield new


@pytest.mark.parametrize("job", [1, 2, 6])
def test_a_page_asks_nobody_and_shows_charts_and_live_maps(written, tabs, job):
    text = written[job].read_text("utf-8")
    charts = text.count('<div class="chart"')
    with tabs(written[job], width=1280, height=900) as tab:
        live, maps = tab.page.locator(".chart svg.marks"), tab.page.locator(".footfall-drawn")
        live.nth(charts - 1).wait_for(timeout=60_000)
        if MAPS.get(job):
            maps.nth(MAPS[job] - 1).wait_for(timeout=60_000)
        assert (live.count(), maps.count()) == (charts, MAPS.get(job, 0))
        assert tab.foreign == [] and tab.errors == [] and charts >= 2
        for place in tab.page.locator(".chart svg.marks, .footfall-drawn").all():
            assert colours(tab, place) > 20
        # The width of a page holds all of it.
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280


def colours(tab, place):
    return browsers.colours(tab.pixels(place))


def test_code_is_folded_and_opens(written, tabs):
    with tabs(written[2]) as tab:
        fold = tab.page.locator("details.code").first
        assert not fold.locator("pre").first.is_visible()
        fold.locator("summary").click()
        assert "open_data" in fold.locator("pre").first.inner_text()


def test_without_scripts_all_is_a_picture(written, tabs, tmp_path):
    plain = tmp_path / "plain.html"
    text = written[2].read_text("utf-8")
    plain.write_text(re.sub(r'<script type="module">.*?</script>', "", text, flags=re.DOTALL), encoding="utf-8")
    with tabs(plain) as tab:
        images = tab.page.locator("figure img, .footfall-map img")
        assert images.count() >= 5
        assert images.evaluate_all("all => all.every(each => each.complete && each.naturalWidth > 200)")


def test_the_wheel_scrolls_past_a_map(written, tabs):
    with tabs(written[2], width=1280, height=700) as tab:
        place = tab.page.locator(".footfall-drawn").first
        place.wait_for(timeout=60_000)
        place.scroll_into_view_if_needed()
        box, before = place.bounding_box(), tab.page.evaluate("scrollY")
        tab.page.mouse.move(box["x"] + 300, box["y"] + 100)
        tab.page.mouse.wheel(0, 300)
        until = time.monotonic() + 20
        while tab.page.evaluate("scrollY") < before + 200:
            assert time.monotonic() < until
            tab.page.wait_for_timeout(100)


def test_what_a_data_set_says_is_text_on_the_page(tmp_path, tabs):
    evil = "</script><script>window.evil=1</script><img src=http://127.0.0.1:9/x>"
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "ads.csv").write_text(f'ad_id,campaign_id,category\na,"{evil}",food\n', encoding="utf-8")
    rows = "".join(f"u,a,{action},2024-03-01T09:00:00Z\n" for action in ("view", "view", "click"))
    (folder / "interactions.csv").write_text(f"user_id,ad_id,action,timestamp\n{rows}", encoding="utf-8")
    out = tmp_path / "page.html"
    command("run", "01", "--data", folder, "--tz", "UTC", "--engine", "local", "--out", out)
    with tabs(out) as tab:
        tab.page.wait_for_selector(".chart svg.marks")
        assert tab.page.evaluate("window.evil") is None and tab.foreign == [] and tab.errors == []
        assert "<img src=http" in tab.page.locator("#answer-why").inner_text()


# In the wheel


def test_the_wheel_has_them_and_their_translations(project):
    """Maturin follows no link to a folder by itself; what it includes is told."""
    link = project / "python" / "footfall" / "notebooks"
    assert link.is_symlink() and link.resolve() == project / "notebooks"
    settings = (project / "pyproject.toml").read_text("utf-8")
    for pattern in ("*.ipynb", "pt/*.md"):
        assert f'{{ path = "python/footfall/notebooks/{pattern}", format = "wheel" }}' in settings
