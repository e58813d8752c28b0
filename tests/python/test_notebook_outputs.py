"""What a saved notebook shows: opened again with no kernel, on a server of its own, trusted or not, all of it is there.

Notebooks are run by who runs them in earnest, JupyterLab in a real browser, nbclient and papermill.
"""

from __future__ import annotations

import copy
import json
import time
from concurrent.futures import ThreadPoolExecutor

import browsers
import lab
import nbformat
import notebooks
import pytest

from footfall.notebook import spec

TABLE_BYTES, CHART_BYTES, MAP_BYTES = 20_000, 150_000, 1_000_000
SECONDS_TO_FIRST_ANSWER = 10
LIVE, SVG, HTML = "application/vnd.vegalite.v5+json", "image/svg+xml", "text/html"
SLOW = """
import time
from footfall.output.progress import bar
print("before")
with bar("Slow work", unit="steps") as tick:
    for done in range(15):
        tick(done, 15)
        time.sleep(0.1)
"done"
"""
FAILING = """
import time
from footfall.output.progress import bar
try:
    with bar("Bad work") as tick:
        for left in reversed(range(4)):
            time.sleep(0.2)
            tick(1 // left, 9)
except ZeroDivisionError:
    pass
"""


@pytest.fixture(scope="module", autouse=True)
def kernels_import_what_tests_do():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", lab.import_path())
        yield


@pytest.fixture(scope="module")
def tour(project):
    return nbformat.read(project / "notebooks" / "00_tour.ipynb", as_version=4)


def notebook_of(*cells):
    return notebooks.notebook(*map(str.strip, cells), kernel="footfall")


def run_by_nbclient(notebook, folder):
    """Run a notebook in the stock kernel."""
    from nbclient import NotebookClient

    where = {"metadata": {"path": str(folder)}}
    return alone(NotebookClient(notebook, kernel_name="python3", timeout=120, resources=where).execute)


def alone(call, *given, **options):
    """Call in a thread, which has no event loop yet: the browser's is in this one."""
    with ThreadPoolExecutor(1) as own:
        return own.submit(call, *given, **options).result()


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def shown_as(notebook, kind):
    return [output for output in outputs(notebook) if kind in output.get("data", {})]


def maps_in(notebook):
    return [output for output in shown_as(notebook, HTML) if 'class="footfall-map"' in output.data[HTML]]


def tables_in(notebook):
    return [output for output in shown_as(notebook, HTML) if output not in maps_in(notebook)]


def saved_bytes(output):
    return len(json.dumps(output, ensure_ascii=False).encode())


# As it is saved


def test_the_tour_is_short_and_stores_nothing(project):
    for file in (project / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(file, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "footfall"
        assert not outputs(notebook) and len({cell.id for cell in notebook.cells}) == len(notebook.cells)
        assert max(len(cell.source.splitlines()) for cell in notebook.cells) <= 15


@pytest.fixture(scope="module")
def executed(tour, tmp_path_factory):
    notebook = copy.deepcopy(tour)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%load_ext footfall"))
    return run_by_nbclient(notebook, tmp_path_factory.mktemp("nbclient"))


def test_outputs_are_small_and_need_no_kernel(executed):
    assert len(shown_as(executed, LIVE)) >= 5 and len(tables_in(executed)) >= 4 and len(maps_in(executed)) == 2
    for output in outputs(executed):
        kinds = set(output.get("data", {}))
        assert output.get("name") != "stderr", output
        assert not kinds or "text/plain" in kinds
        assert not any("widget" in kind or "javascript" in kind for kind in kinds)
        if LIVE in kinds:
            assert SVG in kinds and saved_bytes(output) <= CHART_BYTES
            assert output.data[LIVE]["$schema"] == "https://vega.github.io/schema/vega-lite/v5.json"
        else:
            assert saved_bytes(output) <= (MAP_BYTES if output in maps_in(executed) else TABLE_BYTES)
    assert "widgets" not in executed.metadata


# Progress


def test_a_bar_leaves_nothing_in_notebooks_that_nobody_watches(tmp_path):
    papermill, nbconvert = map(pytest.importorskip, ("papermill", "nbconvert"))
    by_nbclient = run_by_nbclient(notebook_of(SLOW), tmp_path)
    nbformat.write(notebook_of(SLOW), tmp_path / "slow.ipynb")
    options = {"kernel_name": "python3", "progress_bar": False, "cwd": str(tmp_path)}
    by_papermill = alone(papermill.execute_notebook, tmp_path / "slow.ipynb", tmp_path / "run.ipynb", **options)
    for notebook in (by_nbclient, by_papermill):
        assert [output.output_type for output in outputs(notebook)] == ["stream", "execute_result"]
        assert outputs(notebook)[0].text == "before\n" and "widgets" not in notebook.metadata
    page, _ = nbconvert.HTMLExporter().from_notebook_node(by_nbclient)
    assert "before" in page and "widget-view" not in page and "Slow work</b>" not in page


@pytest.fixture(scope="module")
def kernel():
    """The stock kernel, with somebody who watches."""
    with notebooks.running("python3") as (_, client):
        yield lambda code: heard(client, code)


def heard(client, code):
    """What a front end hears while a cell runs: (type of message, content)."""
    messages = []
    reply = client.execute_interactive(code, timeout=120, output_hook=messages.append)
    assert reply["content"]["status"] == "ok", reply["content"]
    return [(message["msg_type"], message["content"]) for message in messages]


def test_a_bar_grows_in_its_place_and_goes(kernel):
    told = [content for kind, content in kernel(SLOW) if "display_data" in kind]
    assert len({content["transient"]["display_id"] for content in told}) == 1
    pages = [content["data"].get(HTML, "") for content in told]
    assert "Slow work" in pages[0] and len(set(pages)) > 3 and "%" in pages[0]
    assert told[-1]["data"] == {} and all(set(content["data"]) <= {HTML} for content in told)


def test_a_bar_goes_after_an_error_and_is_none_of_what_is_captured(kernel):
    told = kernel(FAILING)
    assert [content["data"] == {} for kind, content in told if "display_data" in kind] == [False, True]
    assert not any("display_data" in kind for kind, _ in kernel(f"%%capture kept\n{SLOW}"))
    assert not any(HTML in content.get("data", {}) for _, content in kernel("kept.show()"))


# Charts that Altair joins


def test_charts_joined_by_altair_are_shown_as_ours(kernel):
    kernel("""
import altair as alt, pyarrow as pa, footfall
ads = pa.table(dict(ad_id=["a"], campaign_id=["lunch"], category=["food"]))
views = pa.table(dict(user_id=["ana"], ad_id=["a"], action=["view"], timestamp=["2024-03-01T09:00:00Z"]))
ours = footfall.open(dict(ads=ads, interactions=views)).campaign_ctr().chart()
mine = alt.Chart(alt.InlineData([dict(a=1)])).mark_point().encode(x="a:Q")
""")
    for joined in (
        "alt.hconcat(ours, ours)",
        "alt.vconcat(ours, mine)",
        "alt.hconcat(mine, mine | ours)",
        "ours & mine",
    ):
        assert set(bundle(kernel(joined))) == {LIVE, SVG, "image/png", "text/plain"}, joined
    for own in ("mine", "mine | mine"):
        assert LIVE not in bundle(kernel(own)), own
    kernel("_ = alt.renderers.enable('json')")
    for joined in ("alt.hconcat(ours, ours)", "ours", "ours | ours"):
        assert "application/json" in bundle(kernel(joined)), joined
    kernel("_ = alt.renderers.enable('default')")


def bundle(messages):
    return next(content["data"] for kind, content in messages if kind == "execute_result")


# In a real browser


@pytest.fixture(scope="module")
def tabs():
    with lab.browser() as new:
        yield new


@pytest.fixture(scope="module")
def home(tour, executed, tmp_path_factory):
    """A user's folder with the kernel, as its command installs it, and the notebooks, none of them trusted."""
    own = lab.Home(tmp_path_factory.mktemp("jupyter"))
    spec.install(own.data, {})
    for name, notebook in {
        "empty": notebook_of("pass"),
        "slow": notebook_of(SLOW.replace("15", "40")),
        "tour": tour,
        "short": notebook_of(*(cell.source for cell in tour.cells if cell.id in ("open", "visits", "map"))),
        "run": executed,
    }.items():
        nbformat.write(notebook, own.notebooks / f"{name}.ipynb")
    return own


@pytest.fixture(scope="module")
def run_there(home, tabs):
    """Notebooks, run all and saved, in JupyterLab and a short one in Notebook 7; what was seen on the way."""
    seen = {}
    with lab.serve(home) as server:
        for app, *names in (("lab", "empty", "slow", "tour"), ("notebook", "empty", "short")):
            for name in names:
                with tabs() as tab:
                    tab.open(server, app, f"{name}.ipynb")
                    seen[app, name] = run_and_save(tab, home.notebooks / f"{name}.ipynb")
    return seen


def run_and_save(tab, file):
    """Run all cells and save; when the first answer was there, how a bar looked, and the colours of maps."""
    tab.wait_for_kernel()
    began = time.monotonic()
    tab.choose("Run", "Run All Cells")
    first, bar, drawn = None, None, []
    if file.stem in ("tour", "short"):
        tab.page.locator(".jp-OutputArea-output table tbody td").first.wait_for(timeout=180_000)
        first = time.monotonic() - began
    if file.stem == "slow":
        bar = tab.page.locator(".jp-OutputArea-output", has_text="Slow work").first.inner_text(timeout=20_000)
    tab.wait_until_done()
    if first:
        drawn = colours_of_live_maps(tab, MAPS_OF[file.stem])
    tab.save(file)
    left = tab.page.locator(".jp-OutputArea-output", has_text="Slow work").count()
    return {"foreign": tab.foreign, "errors": tab.errors, "first": first, "bar": bar, "drawn": drawn, "left": left}


MAPS_OF = {"tour": 2, "run": 2, "short": 1}
SERVED = """() => performance.getEntriesByType("resource")
    .filter(entry => new URL(entry.name).pathname.endsWith("/lab/extensions/footfall/static/footfall-map.js")).length"""


def colours_of_live_maps(tab, count):
    """How many colours each map has, once all are live; what draws them came from the server of the notebook."""
    tab.page.wait_for_function(
        f"() => document.querySelectorAll('.footfall-drawn canvas.maplibregl-canvas').length === {count}",
        timeout=180_000,
    )
    assert tab.page.evaluate(SERVED) == 1 and tab.page.locator(".footfall-map > img").count() == 0
    return [browsers.colours(tab.pixels(place)) for place in tab.page.locator(".footfall-drawn").all()]


def colours_of_pictures(tab, count):
    """How many colours each map has that is a picture."""
    pictures = tab.page.locator("img[alt^='Map'], img[alt^='Establishment performance'], img[alt^='Trade areas']")
    assert tab.page.locator(".footfall-live").count() == 0 and pictures.count() == count
    assert pictures.evaluate_all("all => all.every(each => each.complete && each.naturalWidth > 800)")
    return [browsers.colours(tab.pixels(place)) for place in pictures.all()]


def test_the_tour_runs_in_jupyterlab(run_there, home):
    seen, notebook = run_there["lab", "tour"], nbformat.read(home.notebooks / "tour.ipynb", as_version=4)
    assert seen["first"] < SECONDS_TO_FIRST_ANSWER
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert len(shown_as(notebook, LIVE)) >= 5 and len(maps_in(notebook)) == 2
    # JupyterLab adds a picture of its own to each chart.
    assert max(map(saved_bytes, shown_as(notebook, LIVE))) <= CHART_BYTES


@pytest.mark.parametrize(("app", "name"), [("lab", "tour"), ("notebook", "short")])
def test_maps_are_live_and_ask_nobody(run_there, app, name):
    seen = run_there[app, name]
    assert min(seen["drawn"]) > 200
    assert seen["foreign"] == [] and set(seen["errors"]) <= set(run_there[app, "empty"]["errors"])


def test_a_bar_is_seen_in_jupyterlab_and_leaves_nothing(run_there, home):
    assert "%" in run_there["lab", "slow"]["bar"] and run_there["lab", "slow"]["left"] == 0
    notebook = nbformat.read(home.notebooks / "slow.ipynb", as_version=4)
    assert [set(output.get("data", {})) for output in outputs(notebook)] == [set(), set(), {"text/plain"}]
    assert "widgets" not in notebook.metadata and "Slow work" not in json.dumps(outputs(notebook))


@pytest.fixture(scope="module")
def elsewhere(home, run_there, tmp_path_factory):
    """Another user's folder, with Footfall, who has got the notebooks and trusts a copy of each."""
    other = lab.Home(tmp_path_factory.mktemp("elsewhere"))
    spec.install(other.data, {})
    for name in ("empty", "tour", "run"):
        notebook = nbformat.read(home.notebooks / f"{name}.ipynb", as_version=4)
        nbformat.write(notebook, other.notebooks / f"{name}.ipynb")
        # Trust goes by content, so that a copy is trusted with it.
        notebook.metadata["copy"] = True
        nbformat.write(notebook, other.notebooks / f"{name}-trusted.ipynb")
    other.trust("tour-trusted.ipynb", "run-trusted.ipynb")
    return other


@pytest.fixture(scope="module")
def without_kernels(elsewhere):
    with lab.serve(elsewhere, kernels=False) as server:
        yield server


@pytest.fixture(scope="module")
def usual_errors(without_kernels, tabs):
    """What an empty notebook complains about, by application."""
    found = {}
    for app in ("lab", "notebook"):
        with tabs() as tab:
            tab.open(without_kernels, app, "empty.ipynb").choose_no_kernel()
            found[app] = set(tab.errors)
    return found


@pytest.mark.parametrize("trust", ["trusted", "untrusted"])
@pytest.mark.parametrize(("app", "name"), [("lab", "tour"), ("notebook", "run")])
def test_a_saved_notebook_shows_all_of_it(without_kernels, usual_errors, tabs, elsewhere, app, name, trust):
    file = f"{name}{'-trusted' if trust == 'trusted' else ''}.ipynb"
    notebook = nbformat.read(elsewhere.notebooks / file, as_version=4)
    assert without_kernels.trusts(file) == (trust == "trusted")
    with tabs() as tab:
        tab.open(without_kernels, app, file).choose_no_kernel()
        charts, tables = shown_as(notebook, LIVE), tables_in(notebook)
        assert min(colours_of_charts(tab, len(charts))) > 8
        rows = tab.page.locator(".jp-OutputArea-output table").evaluate_all(ROWS_IN_SIGHT)
        assert rows == [output.data[HTML].count("<tr") for output in tables]
        assert tab.page.locator(".jp-OutputArea-output table small").first.get_attribute("style")
        colours_of_maps = colours_of_live_maps if trust == "trusted" else colours_of_pictures
        assert min(colours_of_maps(tab, MAPS_OF[name])) > 200
        assert tab.foreign == [] and set(tab.errors) <= usual_errors[app]


@pytest.mark.parametrize(("app", "name"), [("lab", "tour"), ("notebook", "run")])
def test_without_footfall_a_trusted_map_is_a_picture(without_kernels, tabs, elsewhere, app, name):
    """The environment of the tests may have it, too: the page gets what a server without it answers."""
    with tabs() as tab:
        tab.page.route("**/extensions/footfall/**", lambda route: route.fulfill(status=404))
        tab.open(without_kernels, app, f"{name}-trusted.ipynb").choose_no_kernel()
        colours_of_charts(tab, len(shown_as(nbformat.read(elsewhere.notebooks / f"{name}.ipynb", 4), LIVE)))
        assert min(colours_of_pictures(tab, MAPS_OF[name])) > 200
        assert tab.foreign == [] and any("404" in error for error in tab.errors)


ROWS_IN_SIGHT = """tables => tables.map(table => table.getBoundingClientRect().width > 100 &&
    [...table.rows].filter(row => row.getBoundingClientRect().height > 5).length)"""
COLOURS = """charts => charts.map(canvas => new Set(new Uint32Array(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size)"""


def colours_of_charts(tab, count):
    """How many colours each chart has, once all are drawn."""
    charts = tab.page.locator(".jp-OutputArea-output canvas.marks")
    if count:
        charts.nth(count - 1).wait_for(timeout=120_000)
    found = charts.evaluate_all(COLOURS)
    assert len(found) == count
    return found
