"""Notebooks that come with Footfall run on every engine, and each is a page that asks nobody for anything.

They are run as `footfall notebooks run` does, in a real kernel; pages are looked at in a real browser without network.
"""

from __future__ import annotations

import json
import re
import sys
import time

import browsers
import lab
import pages
import pytest
from course import NAMES, PREFERRED, code, command, jobs_of, number
from test_real_data import DATA, ZONES

from footfall.engines import cluster
from footfall.engines.cluster.credentials import VARIABLE
from footfall.notebook import shipped
from footfall.notebook.namespace import DATA as FOLDER
from footfall.notebook.namespace import ENGINE, TZ
from footfall.notebook.shipped import running
from footfall.notebook.shipped.page import page

MAPS = {2: 2, 3: 1, 6: 1}
LIVE = "application/vnd.vegalite.v5+json"


# On every engine


def run(name, root, tz, engine, **environment):
    """A notebook with its outputs."""
    told = {FOLDER: str(root), TZ: tz, ENGINE: engine, "PYTHONPATH": lab.import_path(), **environment}
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
def test_it_shows_the_same_on_a_cluster(local, city, kind):
    """One that nobody else is connected to: a session of Spark's keeps all cores of its workers from others."""
    with cluster.start(kind) as running_cluster:
        for name in NAMES:
            there = run(name, city, "America/Recife", running_cluster.address,
                        **{VARIABLE: str(running_cluster.credentials)})  # fmt: skip
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
        pytest.skip(f"the real data set {folder} is not on this machine (FOOTFALL_REAL_DATA says where)")
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
        live.nth(charts - 1).wait_for(timeout=180_000)
        if MAPS.get(job):
            maps.nth(MAPS[job] - 1).wait_for(timeout=180_000)
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
        place.wait_for(timeout=180_000)
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
