"""Pages from disk in a real browser that has no network: what they ask for is counted, what is seen is measured."""

from __future__ import annotations

from contextlib import contextmanager

import browsers

OWN = ("file:", "blob:", "data:")


@contextmanager
def browser():
    """A browser that opens files, each in a context of its own, without a network."""
    with browsers.running() as running:
        yield lambda file, **options: Page(running, file, **options)


class Page(browsers.Watched):
    """A page from disk."""

    def __init__(self, running, file, dark=False, width=1200, height=760):
        scheme, size = "dark" if dark else "light", {"width": width, "height": height}
        super().__init__(running.new_context(viewport=size, color_scheme=scheme, offline=True))
        self.page.on("request", lambda asked: self.is_own(asked.url))
        self.page.goto(file.as_uri())

    def belongs(self, url):
        return url.startswith(OWN)

    def wait_until_drawn(self):
        """Wait for the live map; the milliseconds since the page began."""
        self.page.wait_for_selector(".footfall-drawn", timeout=180_000)
        return self.page.evaluate("performance.now()")

    def shot(self, **clip):
        """What is seen, as an array of pixels in red, green and blue."""
        # Tiles and labels come some frames after the map.
        self.page.wait_for_timeout(1500)
        return self.pixels(**({"clip": clip} if clip else {}))

    def point_at(self, x, y):
        """Move the mouse there; what is told, as lines."""
        self.page.mouse.move(x - 2, y)
        self.page.mouse.move(x, y)
        self.page.locator(".footfall-facts").wait_for(timeout=10_000)
        return self.page.locator(".footfall-facts tr").all_inner_texts()
