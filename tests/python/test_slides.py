"""The talk: as many slides and minutes as it may have, and in both languages a page and a PDF that need no network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import lab
import nbformat
import pages
import pytest
from conftest import PROJECT

sys.path.insert(0, str(PROJECT / "tools"))
from slides import deck, figures, page, printing, rehearsal, running

NOTEBOOKS = PROJECT / "notebooks"
LANGUAGES = {"en": "whom should the next one go to?", "pt": "E a quem mostrar o próximo?"}
MOST_BYTES = 6_000_000
# A deck takes a minute to make.
BUILT = ["en", pytest.param("pt", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def talk():
    return nbformat.read(NOTEBOOKS / "presentation.ipynb", as_version=4)


@pytest.fixture(scope="module")
def made(city, tmp_path_factory):
    """Makes the slides in a language, once, as `make slides` does; the folder."""
    if not (PROJECT / "js" / "node_modules" / page._SCRIPTS["reveal"]).exists():
        pytest.skip("there is no reveal.js; `make maps` fetches what slides are made of")
    folders = {}

    def make(lang):
        if lang not in folders:
            folder = tmp_path_factory.mktemp(lang)
            done = run("--lang", lang, "--out", folder, city=city)
            assert done.returncode == 0, done.stderr
            folders[lang] = folder
        return folders[lang]

    return make


def run(*arguments, city):
    command = [sys.executable, "-m", "slides", "--data", city, "--tz", "America/Recife", *arguments]
    environment = {**os.environ, "PYTHONPATH": lab.import_path()}
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def opened():
    with pages.browser() as new:
        yield lambda file: new(file, **printing.SIZE)


def test_the_talk_has_so_many_slides_and_takes_half_an_hour(talk):
    slides = deck.slides(talk)
    assert 20 <= len(slides) <= 30
    assert sum(slide.seconds for slide in slides) <= 60 * deck.MOST_MINUTES
    assert all(slide.notes for slide in slides), "the presenter has nothing to say"
    parts = [part for part, _ in deck.parts(slides)]
    assert parts == ["problem", "data", "answers", "how", "speed", "cluster", "live", "end"]


def test_the_notebook_stores_no_outputs_and_has_our_kernel(talk):
    assert talk.metadata.kernelspec.name == "footfall"
    assert all(cell.outputs == [] and cell.execution_count is None for cell in talk.cells if cell.cell_type == "code")
    assert all(len(cell.source.splitlines()) <= 15 for cell in talk.cells if cell.cell_type == "code")


def test_live_steps_name_cells_that_are_there(talk):
    steps = [slide.live for slide in deck.slides(talk) if slide.live]
    assert len(steps) >= 3
    for step in steps:
        cells = nbformat.read(NOTEBOOKS / step.notebook, as_version=4).cells
        assert step.cell in [cell.id for cell in cells if cell.cell_type == "code"], step


def cell(source="# A", **slideshow):
    return nbformat.v4.new_markdown_cell(source, metadata={"slideshow": slideshow})


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([cell(slide_type="-")], "stands before the first slide"),
        ([cell(slide_type="slide")], "data-timing = None"),
        ([cell(slide_type="slide", **{"data-timing": "60"})], "data-timing = '60'"),
        ([cell(slide_type="subslide")], "slide_type = 'subslide': choose one of slide"),
        ([cell(slide_type="slide", layout="wide", **{"data-timing": 60})], "layout = 'wide': choose one of words"),
        ([cell(slide_type="slide", **{"data-timing": 1801})], "the slides take 30.0 minutes"),
    ],
)
def test_what_makes_no_slides_is_told(cells, told):
    with pytest.raises(deck.DeckError, match=re.escape(told)):
        deck.slides(nbformat.v4.new_notebook(cells=cells))


def test_a_live_step_of_no_cell_is_told():
    with pytest.raises(deck.DeckError, match=r'tour has no cell "nowhere"; it has'):
        running.until(nbformat.v4.new_notebook(cells=[cell()]), ["nowhere"], "tour")


def test_markup_of_data_is_text():
    from slides import content

    assert "<b>" not in content.markdown("<b>x</b>")
    said = nbformat.v4.new_output("stream", name="stdout", text="<script>alert(1)</script>")
    assert "<script" not in content.outputs(nbformat.v4.new_code_cell("1", outputs=[said]))


def test_figures_are_those_of_the_benches():
    row = next(row for row in figures.rows("RESULTS.md", "D. ") if row[0] == "polars")
    chart = figures.beside_peers("D", {"Footfall Dataset.sql": "ours", "polars": "polars"}).to_dict()
    (values,) = chart["datasets"].values()
    assert [value["label"] for value in values if value["name"] == "polars"] == [f"{row[1]} s"]
    with pytest.raises(ValueError, match=r"RESULTS.md has no heading that begins with 'Z'"):
        figures.rows("RESULTS.md", "Z")


@pytest.mark.parametrize("lang", BUILT)
def test_the_page_plays_without_a_network(made, opened, talk, lang):
    file = made(lang) / "slides.html"
    assert file.stat().st_size < MOST_BYTES
    with opened(file) as shown:
        shown.page.wait_for_selector(printing.READY)
        assert LANGUAGES[lang] in shown.page.locator("section").first.inner_text()
        assert shown.page.evaluate("Reveal.getTotalSlides()") == len(deck.slides(talk))
        assert list(rehearsal.played(shown.page)) == []
        assert shown.page.locator(".footfall-drawn").count() >= 3, "maps move"
        assert shown.page.locator("figure.chart svg").count() >= 8, "charts are SVG"
        assert shown.foreign == []


def test_what_does_not_fit_would_be_seen(made, opened):
    with opened(made("en") / "slides.html") as shown:
        shown.page.wait_for_selector(printing.READY)
        shown.page.evaluate("document.querySelector('section h1').style.fontSize = '900px'")
        assert "slide 1: does not fit: H1 Footfall" in next(rehearsal.played(shown.page))


@pytest.mark.parametrize("lang", BUILT)
def test_the_key_s_opens_the_notes_of_a_page_from_disk(made, opened, talk, lang):
    source = running.Source(NOTEBOOKS, lang=lang)
    first = deck.slides(source.read("presentation.ipynb"))[0]
    with opened(made(lang) / "slides.html") as shown:
        asked = []
        shown.context.on("request", lambda request: asked.append(request.url))
        shown.page.wait_for_selector(printing.READY)
        with shown.page.expect_popup() as popup:
            shown.page.keyboard.press("s")
        notes = popup.value
        notes.locator(".speaker-controls-notes:not(.hidden) .value").wait_for(timeout=120_000)
        told = notes.locator(".speaker-controls-notes .value").inner_text()
        assert " ".join(first.notes[0].source.split()) in " ".join(told.split())
        notes.locator(".pacing").wait_for(timeout=120_000)
        assert notes.locator(".pacing").inner_text().startswith("00:00:"), "the first slide takes seconds"
        assert [url for url in asked if not url.startswith(pages.OWN) and url != "about:blank"] == []


@pytest.mark.parametrize("lang", BUILT)
def test_the_pdf_has_a_page_for_each_slide(made, talk, lang):
    printed = (made(lang) / "slides.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == len(deck.slides(talk))


def test_without_a_browser_the_message_says_what_to_do(monkeypatch):
    pytest.importorskip("playwright")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(deck.DeckError, match=r"there is no browser.*bootstrap.sh --tests"), printing.chromium():
        pass


def test_the_minutes_are_told_by_part(talk):
    *parts, whole = rehearsal.told(deck.slides(talk), {"demo-map": 12.0})
    seconds = sum(slide.seconds for slide in deck.slides(talk))
    assert whole.split() == ["in", "all", str(len(deck.slides(talk))), str(seconds), "s", "12.0", "s",
                             f"{(seconds + 12) / 60:.1f}"]  # fmt: skip
    assert len(parts) == 9 and "live" in parts[7]


@pytest.mark.slow
def test_the_rehearsal_passes(city, tmp_path):
    done = run("--rehearse", "--out", tmp_path, city=city)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "in all" in done.stdout


def test_of_a_city_that_is_none_nothing_is_said_to_be_made_up(tmp_path, talk):
    (tmp_path / "truth.json").write_text(json.dumps({}))
    said = {
        is_sample: running.Source(NOTEBOOKS, folder) for is_sample, folder in ((True, tmp_path), (False, NOTEBOOKS))
    }
    for is_sample, source in said.items():
        cells = [cell.id for cell in source.read("presentation.ipynb").cells]
        assert ("size-sample" in cells) == is_sample
