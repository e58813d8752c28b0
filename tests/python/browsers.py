"""The real browser of the tests: where it is, how it is started, and what its pages ask for and complain about."""

from __future__ import annotations

import io
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"]  # fmt: skip
WHERE_FROM = "./bootstrap.sh --tests installs it"

PLAYING = []


def chromium():
    """The browser's path; a test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or pytest.skip(f"there is no Chromium; {WHERE_FROM}")


@contextmanager
def running():
    """Chromium without a window; a test is skipped where it or Playwright is not there."""
    path = chromium()
    with playing() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def playing():
    """Playwright, which refuses to be started again where it runs: browsers that are open at once share it."""
    if PLAYING:
        yield PLAYING[0]
        return
    playwright = pytest.importorskip("playwright.sync_api", reason=f"there is no Playwright; {WHERE_FROM}")
    with playwright.sync_playwright() as started:
        PLAYING.append(started)
        try:
            yield started
        finally:
            PLAYING.clear()


def colours(pixels):
    """How many colours there are."""
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


class Watched:
    """A page in a context of its own; `foreign` is what it asked of others, `errors` what it complained about."""

    def __init__(self, context):
        self.context, self.page = context, context.new_page()
        self.foreign, self.errors = [], []
        self.page.on("websocket", lambda socket: self.is_own(socket.url))
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def pixels(self, place=None, **options):
        """What is seen of the page, or of a place on it, as an array in red, green and blue."""
        taken = (place or self.page).screenshot(**options)
        return np.asarray(Image.open(io.BytesIO(taken)).convert("RGB")).astype(int)

    def is_own(self, url):
        """Whether an address is none of others, which are noted."""
        if not self.belongs(url):
            self.foreign.append(url)
        return self.belongs(url)

    def belongs(self, url):
        raise NotImplementedError
