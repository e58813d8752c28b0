"""Base maps: the world, the sample city, GeoJSON and vector tiles, also broken and hostile ones."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
import tile_writer
from drawn_maps import HOSTILE, SHOPS, around, ring_area, scene_of, unpacked

import footfall
from footfall import DataError, DefinitionError
from footfall.maps import Map, mercator, natural_earth
from footfall.maps.pmtiles import Archive


def test_land_is_where_it_is():
    def is_land(latitude, longitude):
        window = mercator.Bounds(longitude - 0.5, latitude - 0.5, longitude + 0.5, latitude + 0.5)
        land = [layer for layer in natural_earth.layers(window) if layer.id == "base-land"]
        area = sum(ring_area(polygon[0]) for shape in (land[0].shapes if land else []) for polygon in shape)
        return area > 0.9

    assert is_land(-10, -52) and is_land(50, 10) and is_land(67, 178) and is_land(-22, 134)
    assert not any(is_land(*sea) for sea in [(-10, -20), (0, -150), (-40, 80), (30, -50)])


def test_borders_are_there_and_the_window_goes_over_the_antimeridian():
    fiji = natural_earth.layers(mercator.Bounds(176, -20, 184, -15))
    longitudes = [point[0] for point in mercator.points_of(fiji[0].shapes)]
    assert min(longitudes) < 179 and max(longitudes) > 180
    assert {layer.id for layer in natural_earth.layers(mercator.Bounds(5, 45, 15, 55))} == {"base-land", "base-border"}


def test_the_sample_city_draws_its_own(city_data):
    scene = scene_of(Map(city_data).establishments())
    names = next(layer.names for layer in scene.base.layers if layer.kind == "label")
    assert {"Boa Viagem", "Várzea"} <= set(names)
    assert {"base-water", "base-road"} <= {layer.id for layer in scene.base.layers}
    assert "Várzea" in Map(city_data).establishments().to_svg() and unpacked(scene)["base"]["kind"] == "shapes"


@pytest.mark.parametrize(
    "broken", [{"features": [{"geometry": {"type": "Point", "coordinates": ["a", 1]}}]}, {"features": 3}, {}, [1],
               {"features": [{"geometry": {"type": "Cube", "coordinates": []}}]}]
)  # fmt: skip
def test_a_broken_base_map_is_named(tmp_path, broken):
    file = tmp_path / "base.geojson"
    file.write_text(json.dumps(broken))
    with pytest.raises(DataError, match="base\\.geojson"):
        scene_of(Map(basemap=file))
    file.write_text("{")
    with pytest.raises(DataError, match="neither PMTiles nor JSON"):
        scene_of(Map(basemap=file))


TOWN = {"west": -35.02, "south": -8.17, "east": -34.84, "north": -7.96}


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tile_writer.archive(tmp_path_factory.mktemp("tiles") / "town.pmtiles", **TOWN, max_zoom=13)


def test_tiles_are_numbered_along_a_hilbert_curve():
    from footfall.maps.directories import tile_id

    random = np.random.default_rng(5)
    for zoom in range(12):
        x, y = random.integers(0, 2**zoom, 2).tolist()
        assert tile_id(zoom, x, y) == tile_writer._number(zoom, x, y)


def test_the_tiles_in_view_go_along(town, tmp_path):
    view = mercator.Bounds(-34.93, -8.09, -34.89, -8.05)
    with Archive(town) as archive:
        packed, limits = archive.cut(view, 10**6)
        smaller = tmp_path / "cut.pmtiles"
        smaller.write_bytes(base64.b64decode(packed))
        with Archive(smaller) as cut:
            assert cut.max_zoom == 13 and smaller.stat().st_size < town.stat().st_size
            for zoom in range(14):
                x, y = (int(value) for value in tile_writer._place(-8.07, -34.91, zoom))
                assert cut.tile(zoom, x, y) == archive.tile(zoom, x, y) != b""
            assert cut.tile(13, 0, 0) is None
        assert limits.west < view.west and limits.north > view.north
        little, _ = archive.cut(view, 4000)
        smaller.write_bytes(base64.b64decode(little))
        with Archive(smaller) as cut:
            assert 0 <= cut.max_zoom < 13
        with pytest.raises(DefinitionError, match="no tile in view fits into 1e-05 MB"):
            archive.cut(view, 10)


def test_many_tiles_have_directories_below_the_first(town, monkeypatch, tmp_path):
    monkeypatch.setattr("footfall.maps.directories._PER_LEAF", 3)
    with Archive(town) as archive:
        packed, _ = archive.cut(mercator.Bounds(-34.93, -8.09, -34.89, -8.05), 10**6)
        (tmp_path / "cut.pmtiles").write_bytes(base64.b64decode(packed))
        with Archive(tmp_path / "cut.pmtiles") as cut:
            x, y = (int(value) for value in tile_writer._place(-8.07, -34.91, 13))
            assert cut.tile(13, x, y) == archive.tile(13, x, y)


def test_a_picture_shows_streets_and_names_of_tiles(town):
    drawn = Map(basemap=town).establishments(around(-8.065, -34.93, 30, degrees=0.02))
    scene = scene_of(drawn)
    layers = {layer.id: layer for layer in scene.base.layers}
    assert {"base-land", "base-water", "base-street", "base-avenue", "base-label"} <= set(layers)
    assert "Água Fria" in drawn.to_svg() and scene.attribution() == ["© OpenStreetMap"]
    live = unpacked(scene)["base"]
    assert live["kind"] == "pmtiles" and live["data"]
    # The sea of the tiles is where the town's is: at four fifths of its width.
    sea = [point[0] for point in mercator.points_of(layers["base-water"].shapes)]
    assert abs(min(sea) - (TOWN["west"] + 0.8 * (TOWN["east"] - TOWN["west"]))) < 1e-3


@pytest.mark.parametrize("end", [50, 126, 140, 3000])
def test_an_archive_that_ends_early_is_named(town, tmp_path, end):
    broken = tmp_path / "broken.pmtiles"
    broken.write_bytes(town.read_bytes()[:end])
    with pytest.raises(DataError, match=r"broken\.pmtiles"):
        scene_of(Map(basemap=broken).establishments(SHOPS))


def test_any_byte_of_an_archive_may_be_wrong(town, tmp_path):
    """A broken archive is an error of ours or a map; never another error."""
    whole, random = bytearray(town.read_bytes()), np.random.default_rng(11)
    for trial in range(60):
        broken = bytearray(whole)
        for place in random.integers(0, 400 if trial % 2 else len(whole), 4):
            broken[place] = random.integers(0, 256)
        (tmp_path / "broken.pmtiles").write_bytes(broken)
        try:
            scene_of(Map(basemap=tmp_path / "broken.pmtiles").establishments(SHOPS))
        except footfall.FootfallError as error:
            assert "basemap" in str(error) or "base map" in str(error)


def test_the_words_of_an_archive_are_text(tmp_path):
    for words in HOSTILE:
        file = tile_writer.archive(
            tmp_path / "a.pmtiles", **TOWN, max_zoom=8, attribution=words, names=[(words, 0.5, 0.5)]
        )
        scene = scene_of(Map(basemap=file).establishments(SHOPS))
        assert not any("<" in credit and ">" in credit for credit in scene.attribution())
        assert "<img" not in Map(basemap=file).establishments(SHOPS).to_svg()


@pytest.mark.parametrize("chosen", ["https://example.org/a.pmtiles", "https://example.org/style.json"])
def test_only_an_address_that_the_user_gives_is_asked(chosen):
    page = Map(basemap=chosen).establishments(SHOPS).to_html()
    assert "https:" in policy(page) and "https:" not in policy(Map().establishments(SHOPS).to_html())
    assert scene_of(Map(basemap=chosen)).base.layers, "a picture has the world's land"


def policy(page):
    return re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
