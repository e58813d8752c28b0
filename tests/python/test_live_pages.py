"""People who move on a live map: in a browser, and in a notebook."""

from __future__ import annotations

import re

import browsers
import lab
import nbformat
import pyarrow as pa
import pytest
from drawn_maps import HOSTILE
from moving_pages import Moving, fixes
from notebooks import notebook, values

import footfall
import footfall.live
from footfall.notebook import shipped
from footfall.notebook.namespace import DATA, TZ
from footfall.notebook.shipped import running as running_of_notebooks
from footfall.notebook.shipped import translation

# In a browser


@pytest.fixture(scope="module")
def running():
    with browsers.running() as started:
        yield started


def hostile_tables():
    places = pa.table({"establishment_id": HOSTILE, "name": HOSTILE, "category": ["food"] * 5,
                       "latitude": [-8.06 + 0.002 * i for i in range(5)], "longitude": [-34.9] * 5})  # fmt: skip
    ads = pa.table({"ad_id": HOSTILE, "campaign_id": HOSTILE, "category": ["food"] * 5, "establishment_id": HOSTILE})
    return footfall.live.prepare(
        footfall.open({"establishments": places, "ads": ads}), options=footfall.live.Approach(holdout=0)
    )


def walks(shift=0.0):
    """People of hostile names who walk north towards the places."""
    return fixes([(user, 0.6 * step, -8.064 + 0.0004 * step + 0.002 * i + shift, -34.9, None)
                  for step in range(4) for i, user in enumerate(HOSTILE)])  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
def test_people_are_drawn_where_they_are_and_move(running, tmp_path, dark):
    tables = hostile_tables()
    shown = footfall.live.map(tables, title=HOSTILE[0], ids=True, theme="dark" if dark else "light")
    detector, frames = tables.detector(), shown._frames
    with Moving(running, tmp_path, shown._made(), dark) as page:
        batch = walks()
        frames.watch("", batch, *map(pa.table, detector.process(batch)))
        told, buffers = frames.frame()
        assert len(told["rows"]) >= 2 and told["approaches"]
        page.take(told, buffers, 1)
        page.settle()
        before = [page.at(*frames.positions.degrees[frames.positions.slot(user)][::-1]) for user in HOSTILE]
        picture = page.pixels()
        drawn = [is_orange(picture[y, x]) for x, y in before]
        assert sum(drawn) >= 2, "those who got a suggestion"
        later = fixes([(user, 5, -8.0575, -34.8985 + 0.0005 * i, None) for i, user in enumerate(HOSTILE)])
        frames.watch("", later, *map(pa.table, detector.process(later)))
        frames.seen.clear()
        page.take(*frames.frame(), number=2)
        page.settle()
        after = [page.at(*frames.positions.degrees[frames.positions.slot(user)][::-1]) for user in HOSTILE]
        moved = page.pixels()
        assert all(is_purple(moved[y, x]) for x, y in after) and not any(is_orange(moved[y, x]) for x, y in before)
        assert page.page.locator(".footfall-clock").inner_text() == "2024-03-04 12:05"
        cells = page.page.locator(".footfall-last td").all_inner_texts()
        assert any("<img src=x" in each for each in cells) and page.page.locator(".footfall-moving img").count() == 0
        assert page.foreign == [] and page.errors == []


def is_orange(pixel):
    return pixel[0] > 180 and pixel[2] < 110 and pixel[0] - pixel[2] > 110


def is_purple(pixel):
    return pixel[0] > pixel[1] + 25 and pixel[2] > pixel[1] + 25


def test_a_frame_that_comes_before_the_last_is_drawn_replaces_it(running, tmp_path):
    tables = hostile_tables()
    shown = footfall.live.map(tables)
    with Moving(running, tmp_path, shown._made()) as page:
        for number in range(1, 30):
            shown._frames.watch("", fixes([("a", number, -8.06, -34.9 + 0.0001 * number, None)]), NONE, NONE)
            told, buffers = shown._frames.frame()
            page.give(told, buffers, number)
        told, buffers = shown._frames.frame()
        page.take(told, buffers, 30)
        drawn = [said["drawn"] for said in page.page.evaluate("window.said")]
        assert drawn[-1] == 30 and drawn == sorted(drawn) and len(drawn) <= 30
        assert page.page.evaluate("window.shown.overlay.people.count") == 1


NONE = pa.table({"user_id": pa.array([], pa.string())})


# In a notebook


def streets(walks):
    """Lines of a cell that make streets on which people walk, and places that have ads."""
    return f"""
import footfall, footfall.live, pyarrow as pa
made = footfall.synth.streets({walks}, riders=0, residents=0, glitching=0)
places = made.establishments
ads = {{"ad_id": places["establishment_id"], "campaign_id": places["category"], "category": places["category"],
       "establishment_id": places["establishment_id"]}}
data = footfall.open({{"establishments": places, "ads": pa.table(ads)}}, tz="America/Recife")"""


def test_a_batch_keeps_the_last_frame():
    """A notebook that is executed, which nobody looks at, has the picture, the counts and the table; and no widget."""
    source = f"""{streets("interval_s=10, walkers=3, drivers=0, hours=1")}
shown = footfall.live.map(footfall.live.prepare(data, options=footfall.live.Approach(holdout=0)), title="<b>Batch</b>")
found = shown.replay(made.pings, speed=1)
"""
    executed = running_of_notebooks.run(notebook(source, "len(found)", kernel="footfall"), "x", {}, progress=False)
    (shown,) = executed.cells[0].outputs
    assert set(shown.data) == {"text/html", "text/plain"} and "data:image/png;base64," in shown.data["text/html"]
    assert "<b>Batch</b>" not in shown.data["text/html"] and shown.data["text/html"].count("<tr>") >= 2
    assert int(values(executed)[0]) > 0 and "widgets" not in executed.metadata


def test_people_move_in_jupyterlab_and_the_button_stops_them(tmp_path):
    """The real widget: frames are drawn while the cell runs, and heard of; the saved notebook keeps the last one."""
    source = f"""{streets("interval_s=5, walkers=10, drivers=5, hours=2")}
shown = footfall.live.map(footfall.live.prepare(data), title="Streets")
found = shown.replay(made.pings, speed=20)
"""
    home = lab.Home(tmp_path / "home")
    nbformat.write(notebook(source, "shown.pace.sent, shown.pace.drawn", kernel="footfall"), home.notebooks / "a.ipynb")
    with lab.serve(home) as server, lab.browser() as new, new() as tab:
        tab.open(server, "lab", "a.ipynb").wait_for_kernel()
        tab.choose("Run", "Run All Cells")
        clock = tab.page.locator(".footfall-clock")
        clock.filter(has_text="2024").wait_for(timeout=180_000)
        first, before = clock.inner_text(), canvas(tab)
        tab.page.wait_for_function(f"document.querySelector('.footfall-clock').innerText > '{first}'", timeout=180_000)
        tab.page.wait_for_timeout(1000)
        assert canvas(tab) != before
        tab.page.locator(".footfall-stop").click()
        tab.wait_until_done()
        tab.page.locator(".footfall-drawn").wait_for(timeout=180_000)
        assert tab.foreign == [] and tab.page.locator(".footfall-moving").count() == 0
        tab.save(home.notebooks / "a.ipynb")
    saved = nbformat.read(home.notebooks / "a.ipynb", as_version=4)
    html = saved.cells[0].outputs[0].data["text/html"]
    assert "data:image/png;base64," in html and "Streets" in html
    sent, drawn = map(int, re.findall(r"\d+", saved.cells[1].outputs[0].data["text/plain"]))
    assert sent >= 3 and drawn >= 2


def canvas(tab):
    """What is drawn of the people, as text."""
    return tab.page.evaluate("document.querySelector('.footfall-people').toDataURL()")


def test_the_notebook_runs_on_a_small_city(city):
    executed = running_of_notebooks.run(
        shipped.read("07_live"), "07_live", {DATA: str(city), TZ: "America/Recife"}, progress=False
    )
    outputs = {cell.id: cell.outputs for cell in executed.cells if cell.cell_type == "code"}
    assert any("live map" in each.get("data", {}).get("text/plain", "") for each in outputs["map"])
    assert "data:image/png;base64," in outputs["day"][-1].data["text/html"]
    assert any("svg" in kind for kind in outputs["backtest"][-1].data)


def test_every_text_of_the_notebook_has_its_translation():
    read = translation.read(shipped.FOLDER / "pt" / "07_live.md")
    made = shipped.read("07_live")
    assert translation.lacking(made, read) == [] and translation.of_no_cell(made, read) == []
