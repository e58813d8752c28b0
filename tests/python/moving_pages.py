"""A page from disk that has the live map on which people move, and is given frames as a notebook's page is."""

from __future__ import annotations

import base64
import json

import browsers
import pyarrow as pa

from footfall.maps import static

START_US = 1_709_553_600_000_000
MINUTE_US = 60_000_000

PAGE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin: 0"><div id="holder"></div><script type="module">
const { scene, words, height, library } = window.given;
const { move, unpacked } = await import(URL.createObjectURL(new Blob([library], { type: "text/javascript" })));
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
window.said = [];
const say = (what) => window.said.push(what);
window.shown = await move(document.getElementById("holder"), await unpacked(scene), { height, words, say });
window.take = (frame, buffers) => window.shown.take(frame, buffers.map(bytes));
window.is_ready = true;
</script>"""


class Moving(browsers.Watched):
    """A page that is told what a widget would be."""

    def __init__(self, running, folder, widget, dark=False, width=1200, height=800):
        scheme, size = "dark" if dark else "light", {"width": width, "height": height}
        super().__init__(running.new_context(viewport=size, color_scheme=scheme, offline=True))
        self.page.on("request", lambda asked: self.is_own(asked.url))
        given = {"scene": widget.scene, "words": dict(widget.words), "height": widget.height,
                 "library": static.text("footfall-map.js")}  # fmt: skip
        self.page.add_init_script(f"window.given = {json.dumps(given)}")
        file = folder / "moving.html"
        file.write_text(PAGE, encoding="utf-8")
        self.page.goto(file.as_uri(), timeout=120_000)
        self.page.wait_for_function("window.is_ready", timeout=120_000)

    def belongs(self, url):
        return url.startswith(("file:", "blob:", "data:"))

    def give(self, told, buffers, number):
        """Give the page a frame."""
        texts = [base64.b64encode(each).decode() for each in buffers]
        self.page.evaluate("([frame, buffers]) => window.take(frame, buffers)", [{**told, "number": number}, texts])

    def take(self, told, buffers, number):
        """Give the page a frame, and wait until it says that it is drawn."""
        self.give(told, buffers, number)
        self.page.wait_for_function(f"window.said.some(({{ drawn }}) => drawn === {number})", timeout=180_000)

    def settle(self):
        """Wait until nobody glides any more."""
        self.page.wait_for_function("window.shown.overlay.people.share(performance.now()) >= 1", timeout=180_000)
        self.page.wait_for_timeout(300)

    def at(self, latitude, longitude):
        """Where a place is on the page."""
        x, y = self.page.evaluate(
            "([longitude, latitude]) => { const { x, y } = window.shown.map.project([longitude, latitude]); "
            "const box = window.shown.map.getContainer().getBoundingClientRect(); return [x + box.x, y + box.y] }",
            [longitude, latitude],
        )
        return round(x), round(y)


def fixes(rows):
    """A table of fixes: user, minutes, latitude, longitude, accuracy."""
    user, minute, latitude, longitude, accuracy = zip(*rows) if rows else ([],) * 5
    return pa.table({
        "user_id": pa.array(user, pa.string()),
        "timestamp": pa.array([None if m is None else START_US + int(m * MINUTE_US) for m in minute],
                              pa.timestamp("us", "UTC")),
        "latitude": pa.array(latitude, pa.float64()), "longitude": pa.array(longitude, pa.float64()),
        "accuracy_m": pa.array(accuracy, pa.float64()),
    })  # fmt: skip
