"""The deck as PDF, a page for each slide, printed by Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slides.deck import DeckError

SIZE = {"width": 1280, "height": 720}
# A machine may be busy.
_PATIENCE_MS = 180_000
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
# The page lets no text be run as script, as `wait_for_function` would.
READY, _PAGES_READY = ".reveal.ready", "html.pages-ready"


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser without a window.

    Raises
    ------
    DeckError
        If there is none, or no Playwright to steer it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise DeckError("there is no Playwright; `make env` installs it") from None
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise DeckError(f"there is no browser ({', '.join(_NAMES)}); ./bootstrap.sh --tests installs one on Debian")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def opened(browser: Any, address: str) -> Any:
    """Open a page that has the size of a slide, and no network."""
    page = browser.new_context(viewport=SIZE, offline=True).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(address)
    return page


def pdf(browser: Any, slides: Path, target: Path) -> None:
    """Print the page of slides as PDF."""
    page = opened(browser, f"{slides.resolve().as_uri()}?print-pdf")
    page.wait_for_selector(_PAGES_READY)
    paper = {side: f"{pixels}px" for side, pixels in SIZE.items()}
    page.pdf(path=str(target), **paper, print_background=True)
    page.context.close()
