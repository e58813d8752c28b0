"""Maps as pages from disk, in a real browser without a network."""

from __future__ import annotations

from datetime import date

import numpy as np
import pages
import pyarrow as pa
import pytest
import tile_writer
from browsers import colours
from drawn_maps import HOSTILE, around, hexagons

from footfall.maps import Map

SEA_LIGHT, SEA_DARK = (0xD3, 0xE2, 0xEC), (0x0D, 0x17, 0x1F)


@pytest.fixture(scope="module")
def opened():
    with pages.browser() as new:
        yield new


def near(pixels, colour, slack=6):
    """The share of pixels that have a colour."""
    return float((np.abs(pixels - np.array(colour)).max(axis=2) <= slack).mean())


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """5,000 hexagons, 1,000 shops and a town of vector tiles, as one file."""
    folder = tmp_path_factory.mktemp("large")
    town = tile_writer.archive(folder / "town.pmtiles", west=-35.1, south=-8.25, east=-34.8, north=-7.9, max_zoom=14,
                               names=[("Água Fria", 0.15, 0.5), ("São José", 0.15, 0.2)])  # fmt: skip
    shops = around(-8.06, -34.9, 1000, name=[f"Padaria São José {i}" for i in range(1000)], visits=list(range(1000)))
    drawn = Map(title="Recife", basemap=town).hexagons(hexagons(5000)).establishments(shops, size="visits")
    return drawn.to_html(folder / "map.html")


def test_a_large_map_is_one_small_file_that_draws_and_asks_nobody(large, opened):
    assert large.stat().st_size < 4_000_000
    with opened(large) as page:
        page.wait_until_drawn()
        seen = page.shot()
        assert page.foreign == [] and page.errors == []
        # Hexagons, shops, tiles and names are there.
        assert colours(seen) > 1000
        assert near(seen, SEA_LIGHT) > 0.05, "the sea of the tiles"
        assert page.page.locator("img").count() == 0, "the picture has gone"


def test_names_of_places_have_their_accents(tmp_path, opened):
    """A name with accents is drawn, and looks another than the same letters without."""
    seen = {}
    for name in ("Água São", "Agua Sao"):
        base = {"type": "FeatureCollection", "features": [
            {"properties": {"name": name}, "geometry": {"type": "Point", "coordinates": [-34.9, -8.06]}}]}  # fmt: skip
        far = around(-8.06, -34.9, 2, degrees=0.05)
        file = Map(basemap=base).establishments(far).to_html(tmp_path / f"{name[0]}.html")
        with opened(file, width=700, height=500) as page:
            page.wait_until_drawn()
            seen[name] = page.shot()
            assert page.errors == [] and page.foreign == []
    ink = {name: int((pixels.sum(axis=2) < 450).sum()) for name, pixels in seen.items()}
    assert ink["Água São"] > ink["Agua Sao"] > 50


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_map_follows_the_systems_theme(tmp_path, opened, dark):
    file = Map().establishments(around(-8.06, -34.9, 30)).to_html(tmp_path / "map.html")
    with opened(file, dark=dark) as page:
        page.wait_until_drawn()
        seen = page.shot()
        assert near(seen, SEA_DARK if dark else SEA_LIGHT) > 0.02 > near(seen, SEA_LIGHT if dark else SEA_DARK)
        page.page.emulate_media(color_scheme="light" if dark else "dark")
        assert near(page.shot(), SEA_LIGHT if dark else SEA_DARK) > 0.02


def test_a_slider_goes_over_the_months(tmp_path, opened):
    months = [date(2024, month, 1) for month in (3, 4, 5)]
    places = pa.table({"latitude": [-8.1, -8.0, -8.05], "longitude": [-34.9, -34.9, -34.8], "month": months})
    with opened(Map().establishments(places).to_html(tmp_path / "map.html")) as page:
        page.wait_until_drawn()
        step = page.page.locator(".footfall-step")
        assert step.inner_text() == "May 2024"
        may = page.shot()
        page.page.locator(".footfall-slider input").fill("0")
        assert step.inner_text() == "March 2024"
        assert (page.shot() != may).any(axis=2).sum() > 50
        page.page.locator(".footfall-play").click()
        page.page.locator(".footfall-step", has_text="April 2024").wait_for(timeout=10_000)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_pointed_at_is_text(tmp_path, opened, name):
    shop = pa.table({"name": [name], "visits": [1234], "latitude": [-8.06], "longitude": [-34.9], name: ["x"]})
    file = Map(title=name).establishments(shop, size="visits", color=name).to_html(tmp_path / "map.html")
    with opened(file) as page:
        page.page.on("dialog", lambda asked: page.errors.append(asked.message))
        page.wait_until_drawn()
        box = page.page.locator(".footfall-live").bounding_box()
        middle = (box["width"] - 168) / 2, box["height"] / 2
        told = page.point_at(*middle)
        shown = name.replace("\x1b", "\ufffd").replace("\u202e", "\ufffd")
        assert any(" ".join(shown.split()) in " ".join(line.split()) for line in told) and any(
            "1,234" in t for t in told
        )
        assert page.page.locator("img, .footfall-live script").count() == 0
        assert page.errors == [] and page.foreign == []


def test_where_scripts_do_not_run_the_picture_stays(tmp_path, opened):
    file = Map().establishments(around(-8.06, -34.9, 30)).to_html(tmp_path / "map.html")
    broken = tmp_path / "broken.html"
    broken.write_text(file.read_text(encoding="utf-8").replace('data-scene="', 'data-scene="AAAA'), encoding="utf-8")
    with opened(broken) as page:
        page.page.wait_for_timeout(1500)
        assert page.page.locator("img").is_visible() and page.page.locator(".footfall-live").count() == 0
        assert colours(page.shot()) > 50


def test_hexagons_lie_where_the_picture_has_them(tmp_path, opened):
    """The live map's colours and the picture's are about the same share of what is seen."""
    drawn = Map(width=1200, height=760).hexagons(hexagons(600))
    with opened(drawn.to_html(tmp_path / "map.html")) as page:
        page.wait_until_drawn()
        live = page.shot()
    import io

    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(drawn.to_png(sharpness=1))).convert("RGB")).astype(int)
    orange = [float(((p[:, :, 0] - p[:, :, 2]) > 60).mean()) for p in (live, picture)]
    assert 0.1 < orange[0] < 0.9 and abs(orange[0] - orange[1]) < 0.05
