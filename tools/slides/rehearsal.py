"""Plays the talk, slides in Chromium and live steps in JupyterLab: how many minutes, and what would fail on stage."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slides import deck, printing
from slides.deck import Live, Slide
from slides.running import Source

# Their helpers start JupyterLab and steer a browser in it.
_TESTS = Path(__file__).resolve().parents[2] / "tests" / "python"
_CELL_SECONDS = 240
_MAP_SECONDS = 60
# What is beyond the edge of its slide or of a live step's picture; what the live map draws keeps within itself.
_OVERFLOWS = """() => {
    const face = document.querySelector("section.present .face");
    return [...face.querySelectorAll("*")].filter((part) => {
        if (part.closest(".footfall-map")) return false;
        const { width, left, right, top, bottom } = part.getBoundingClientRect();
        const all = (part.parentElement.closest(".shown") ?? face).getBoundingClientRect();
        return width && (left < all.left - 1 || right > all.right + 1 || top < all.top - 1 || bottom > all.bottom + 1);
    }).map((part) => `${part.tagName} ${part.textContent.trim().slice(0, 40)}`);
}"""


def main(source: Source, page: Path) -> int:
    """Play the talk, print its minutes by part, and return 1 if it would fail."""
    slides = deck.slides(source.read("presentation.ipynb"))
    with printing.chromium() as browser:
        troubles = list(played(printing.opened(browser, page.resolve().as_uri())))
    ran = {slide.id: seconds for slide, seconds in steps(source, slides)}
    print("\n".join(told(slides, ran)))
    minutes = (sum(slide.seconds for slide in slides) + sum(ran.values())) / 60
    if minutes > deck.MOST_MINUTES:
        troubles.append(f"the talk takes {minutes:.1f} minutes, of {deck.MOST_MINUTES}")
    for trouble in troubles:
        print(f"slides: {trouble}", file=sys.stderr)
    return 1 if troubles else 0


def played(shown: Any) -> Iterator[str]:
    """Go through the slides of an open page with the arrow key, and yield what would be seen to fail."""
    errors: list[str] = []
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.wait_for_selector(printing.READY)
    for number in range(1, shown.evaluate("Reveal.getTotalSlides()") + 1):
        yield from (f"slide {number}: {trouble}" for trouble in _troubles(shown))
        shown.keyboard.press("ArrowRight")
    yield from errors


def _troubles(shown: Any) -> list[str]:
    """Return what is wrong with the slide that is shown."""
    if shown.locator("section.present .footfall-map").count():
        from playwright.sync_api import TimeoutError as TooLate

        try:
            shown.wait_for_selector("section.present .footfall-drawn", timeout=1000 * _MAP_SECONDS)
        except TooLate:
            return [f"the map is still a picture after {_MAP_SECONDS} s"]
    return [f"does not fit: {part}" for part in shown.evaluate(_OVERFLOWS)]


def steps(source: Source, slides: list[Slide]) -> Iterator[tuple[Slide, float]]:
    """Run the cells of live steps in JupyterLab, and yield each step with the seconds from the key to the answer.

    What stands above the cell has run before, as its presenter does before the talk.
    """
    live = [(slide, slide.live) for slide in slides if slide.live]
    with _lab(source, {step.notebook for _, step in live}) as (server, new_tab):
        for slide, step in live:
            print(f"live: {step.notebook}, cell {step.cell}", flush=True)
            yield slide, _ran(new_tab(), server, step, source)


@contextmanager
def _lab(source: Source, names: set[str]) -> Iterator[tuple[Any, Any]]:
    """Yield JupyterLab with copies of notebooks, and what opens a tab of it."""
    sys.path.insert(0, str(_TESTS))
    import lab

    with tempfile.TemporaryDirectory(prefix="footfall-rehearsal-") as folder:
        home = _Home(lab.Home(folder), source)
        for name in names:
            shutil.copy(source.notebooks / name, home.notebooks)
        with lab.serve(home) as server, lab.browser() as new_tab:
            yield server, new_tab


class _Home:
    """Jupyter's folders of a user who has nothing but the data of the talk."""

    def __init__(self, home: Any, source: Source) -> None:
        self.folder, self.notebooks = home.folder, home.notebooks
        self.environment = {**home.environment, **source.said()}


def _ran(tab: Any, server: Any, live: Live, source: Source) -> float:
    """Run all above the cell, then the cell; the seconds of that."""
    place = [cell.id for cell in source.read(live.notebook).cells].index(live.cell)
    with tab.open(server, "lab", live.notebook):
        tab.wait_for_kernel()
        cell = tab.page.locator(".jp-Notebook .jp-Cell").nth(place)
        editor = cell.locator(".jp-InputArea-editor")
        editor.click()
        tab.choose("Run", "Run All Above Selected Cell")
        tab.wait_until_done(_CELL_SECONDS)
        editor.click()
        started = time.monotonic()
        tab.page.keyboard.press("Shift+Enter")
        cell.locator(".jp-OutputArea-output").first.wait_for(timeout=1000 * _CELL_SECONDS)
        tab.wait_until_done(_CELL_SECONDS)
        took = time.monotonic() - started
        failed = tab.page.locator('[data-mime-type="application/vnd.jupyter.error"]')
        if failed.count():
            raise deck.DeckError(f"{live.notebook}, until cell {live.cell}: {failed.first.inner_text()[-400:]}")
        return took


def told(slides: list[Slide], ran: dict[str, float]) -> Iterator[str]:
    """Yield the table of the minutes: what is said, and what runs, by part and in all."""
    yield f"{'part':<12}{'slides':>8}{'said':>9}{'ran':>9}{'minutes':>10}"
    for part, own in [*deck.parts(slides), ("in all", slides)]:
        said, runs = sum(slide.seconds for slide in own), sum(ran.get(slide.id, 0) for slide in own)
        yield f"{part:<12}{len(own):>8}{said:>7} s{runs:>7.1f} s{(said + runs) / 60:>10.1f}"
