"""The deck as PDF, a page for each slide, printed by Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slides.deck import DeckError

SIZE = {"width": 1280, "height": 720}
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
_READY = "Reveal.isReady() && document.querySelectorAll('.pdf-page').length > 0"


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


def pdf(browser: Any, slides: Path, target: Path) -> None:
    """Print the page of slides as PDF."""
    context = browser.new_context(viewport=SIZE, offline=True)
    page = context.new_page()
    page.goto(f"{slides.resolve().as_uri()}?print-pdf")
    page.wait_for_function(_READY)
    paper = {side: f"{pixels}px" for side, pixels in SIZE.items()}
    page.pdf(path=str(target), **paper, print_background=True)
    context.close()
