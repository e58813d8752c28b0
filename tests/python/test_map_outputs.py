"""What a map is shown as: pages, pictures and cells; names are text in all of them."""

from __future__ import annotations

import json
import re
from datetime import date
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from drawn_maps import HOSTILE, SHOPS, around, hexagons, scene_of, unpacked

import footfall
from footfall import DefinitionError
from footfall.maps import Map
from footfall.maps.shapes.layers import Layer


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(name, tmp_path):
    shops = pa.table({"name": [name], "category": [name], "latitude": [-8.06], "longitude": [-34.9], name: [3]})
    base = {"type": "FeatureCollection", "attribution": name, "features": [
        {"properties": {"name": name}, "geometry": {"type": "Point", "coordinates": [-34.9, -8.06]}}]}  # fmt: skip
    drawn = Map(title=name, basemap=base).establishments(shops, size=name, color="category").track(
        shops.append_column("user_id", [[name]])
    )  # fmt: skip
    for html in (drawn.to_html(), drawn._repr_mimebundle_()["text/html"]):
        found = Elements(html)
        assert set(found.tags) <= {"html", "head", "meta", "title", "style", "body", "div", "img", "script"}
        assert found.tags.count("script") == found.tags.count("img") == 1 and not found.handlers
    for made in (drawn.to_html(), drawn.to_svg(), repr(drawn)):
        assert "\x1b" not in made and "\u202e" not in made
    assert "<img" not in drawn.to_svg() and "<script" not in drawn.to_svg()
    ElementTree.fromstring(drawn.to_svg())
    assert unpacked(scene_of(drawn))["title"].isprintable()


class Elements(HTMLParser):
    """The tags of a page, and attributes that run."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.handlers = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_a_cells_output_is_a_picture_that_becomes_live_within_a_megabyte():
    shops = around(-8.06, -34.9, 1000, name=[f"Padaria São José {i}" for i in range(1000)], visits=list(range(1000)))
    bundle = Map().hexagons(hexagons(5000)).establishments(shops, size="visits")._repr_mimebundle_()
    html = bundle["text/html"]
    assert len(html) < 1_000_000
    assert re.search(r'<img src="data:image/png;base64,[^"]{10000,}" alt="Map: ', html)
    assert "http" not in re.sub(r"data-scene=\"[^\"]*\"|base64,[^\"]*", "", html)
    assert html.index("<img") < html.index('<script type="module">')


def test_pictures_are_written_and_not_blank(tmp_path):
    from PIL import Image

    drawn = Map(title="Recife").hexagons(hexagons(500)).establishments(SHOPS, size="visits")
    for theme, dark in (("light", False), ("dark", True)):
        path = footfall.maps.Map(title="Recife", theme=theme).establishments(SHOPS).to_png(tmp_path / f"{theme}.png")
        with Image.open(path) as image:
            middle = image.convert("L").resize((1, 1)).getpixel((0, 0))
        assert (middle < 100) == dark
    svg = drawn.to_svg(tmp_path / "a.svg").read_text()
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", svg)
    assert drawn.to_html(tmp_path / "a.html").stat().st_size < 4_000_000
    with Image.open(drawn.to_png(tmp_path / "a.png", sharpness=1)) as image:
        assert len(image.convert("RGB").getcolors(2**24)) > 100 and abs(image.width - 824) < 30


def test_the_picture_shows_what_the_live_map_shows():
    """Each class of hexagons once, and each circle where the view has it."""
    drawn = Map().hexagons(hexagons(300)).establishments(SHOPS, size="visits")
    scene = scene_of(drawn)
    hexes, circles = (layer for layer in unpacked(scene)["layers"])
    svg = drawn.to_svg()
    for colour in {hexes["colours"][0][place] for place in hexes["classes"]}:
        assert colour.lower() in svg.lower()
    live = np.array(circles["shapes"]) / 1e6
    assert np.abs(live - np.array(scene.layers[1].shapes)).max() < 1e-6
    assert svg.lower().count(circles["colours"][0][0].lower()) >= len(SHOPS)


def test_coordinates_are_packed_without_loss():
    line = [[-34.9, -8.06], [-34.8999, -8.0601], [179.999999, 80.5]]
    layer = Layer("a", "line", [[line]], (["#000"], ["#fff"]))
    from footfall.maps.scene import layer_json

    flat = np.array(layer_json(layer)["shapes"][0][0]).reshape(-1, 2)
    assert np.abs(np.cumsum(flat, axis=0) / 1e6 - line).max() < 1e-6


def test_the_live_map_holds_no_library_in_its_state():
    live = Map().hexagons(hexagons(50)).live()
    assert live.points["shapes"] == []
    live.set(SHOPS, size="visits")
    assert len(live.points["shapes"]) == 40 and "style" not in live.traits(sync=True)
    assert len(json.dumps(live.get_state()["_esm"])) < 3000
    json.dumps(live.get_state()["points"], allow_nan=False)


def test_every_library_comes_with_its_licence(project):
    text = (project / "python/footfall/maps/static/LICENSES.txt").read_text(encoding="utf-8")
    packages = json.loads((project / "js/package-lock.json").read_text(encoding="utf-8"))["packages"]
    for path, package in packages.items():
        if path and not package.get("dev"):
            assert f"{path.removeprefix('node_modules/')} {package['version']}" in text
    assert not any("resolved" in package for package in packages.values()), "the lock file names a registry"
    assert len(re.findall(r"^={80}$", text, re.MULTILINE)) * 500 < len(text), "a licence has no text"


def test_a_month_that_another_layer_lacks_is_shown_without_it():
    march, april = date(2024, 3, 1), date(2024, 4, 1)
    one = around(0, 0, 2, month=[march, april])
    both = Map().establishments(one).establishments(SHOPS)
    scene = scene_of(both)
    assert scene.steps == [march, april] and [scene.step_text(i) for i in (0, 1)] == ["March 2024", "April 2024"]
    live = unpacked(scene)
    assert live["layers"][0]["steps"] == [0, 1] and live["layers"][1]["steps"] is None and live["step"] == 1
    with pytest.raises(DefinitionError, match="a slider goes over one of them"):
        scene_of(both.establishments(around(0, 0, 2, day=[march, april])))
