"""Pages from disk in a real browser that has no network: what they ask for is counted, what is seen is measured."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"]  # fmt: skip
OWN = ("file:", "blob:", "data:")


def chromium():
    """The browser's path."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    assert found, "there is no Chromium: ./bootstrap.sh --tests installs it"
    return found


@contextmanager
def browser():
    """Chromium without a window or a network; opens files, each in a context of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        try:
            yield lambda file, **options: Page(running, file, **options)
        finally:
            running.close()


class Page:
    """A page from disk; `foreign` is what it asked of others, `errors` what it complained about."""

    def __init__(self, running, file, dark=False, width=1200, height=760):
        self.foreign, self.errors = [], []
        scheme = "dark" if dark else "light"
        self.context = running.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        self.page = self.context.new_page()
        self.page.on("request", lambda asked: asked.url.startswith(OWN) or self.foreign.append(asked.url))
        self.page.on("websocket", lambda socket: self.foreign.append(socket.url))
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(file.as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def wait_until_drawn(self):
        """Wait for the live map; the milliseconds since the page began."""
        self.page.wait_for_selector(".footfall-drawn", timeout=60_000)
        return self.page.evaluate("performance.now()")

    def shot(self, **clip):
        """What is seen, as an array of pixels in red, green and blue."""
        import io

        import numpy as np
        from PIL import Image

        # Tiles and labels come some frames after the map.
        self.page.wait_for_timeout(1500)
        taken = self.page.screenshot(**({"clip": clip} if clip else {}))
        return np.asarray(Image.open(io.BytesIO(taken)).convert("RGB")).astype(int)

    def point_at(self, x, y):
        """Move the mouse there; what is told, as lines."""
        self.page.mouse.move(x - 2, y)
        self.page.mouse.move(x, y)
        self.page.locator(".footfall-facts").wait_for(timeout=10_000)
        return self.page.locator(".footfall-facts tr").all_inner_texts()
