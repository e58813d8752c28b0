"""Base maps: the world, the sample city, GeoJSON and vector tiles, also broken and hostile ones."""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import time

import numpy as np
import pytest
import tile_writer
from drawn_maps import HOSTILE, SHOPS, around, ring_area, scene_of, unpacked
from pmtiles.reader import MemorySource, MmapSource, Reader
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

import footfall
from footfall import DataError, DefinitionError
from footfall.maps import Map, mercator
from footfall.maps.base import natural_earth, tiles
from footfall.maps.base.archive import Archive


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


# Of the specification: number, zoom, x and y.
NUMBERS = [(0, 0, 0, 0), (1, 1, 0, 0), (2, 1, 0, 1), (3, 1, 1, 1), (4, 1, 1, 0)]
LEAF = tile_writer.directory((2, 2, 1, 3), (2, 1, 1, 0))


@pytest.mark.parametrize("root, leaves", [
    (tile_writer.directory((0, 1, 1, 1), (1, 1, 1, 0), (1, 2, 1, 0), (2, 1, 1, 0)), b""),
    (tile_writer.directory((0, 1, 1, 1), (1, 1, 1, 0), (1, 0, len(LEAF), 1)), LEAF),
])  # fmt: skip
def test_an_archive_made_by_hand_is_read_and_cut(tmp_path, root, leaves):
    """The third and the fourth tile are the same bytes."""
    file = tmp_path / "hand.pmtiles"
    file.write_bytes(tile_writer.by_hand(root, leaves=leaves, data=b"abcd", metadata=b'{"attribution": "<b>Me</b>"}'))
    with Archive(file) as archive:
        assert b"".join(archive.tile(*place) for _, *place in NUMBERS) == b"abccd"
        assert archive.tile(2, 0, 0) is None and archive.attribution() == ["Me"]
        packed, _ = archive.cut(mercator.Bounds(-180, -80, 180, 80), 5)
    read = Reader(MemorySource(base64.b64decode(packed)))
    assert b"".join(read.get(*place) for _, *place in NUMBERS) == b"abccd"
    assert (read.header()["min_zoom"], read.header()["max_zoom"], read.header()["tile_data_length"]) == (0, 1, 4)


def test_the_tiles_in_view_go_along(town, tmp_path):
    view = mercator.Bounds(-34.93, -8.09, -34.89, -8.05)
    with Archive(town) as archive:
        packed, limits = archive.cut(view, 10**6)
        smaller = tmp_path / "cut.pmtiles"
        smaller.write_bytes(base64.b64decode(packed))
        with Archive(smaller) as cut:
            assert cut.max_zoom == 13 and smaller.stat().st_size < town.stat().st_size
            for zoom in range(14):
                x, y = (int(value) for value in tile_writer.place(-8.07, -34.91, zoom))
                assert cut.tile(zoom, x, y) == archive.tile(zoom, x, y) != b""
            assert cut.tile(13, 0, 0) is None
        assert limits.west < view.west and limits.north > view.north
        little, _ = archive.cut(view, 4000)
        smaller.write_bytes(base64.b64decode(little))
        with Archive(smaller) as cut:
            assert 0 <= cut.max_zoom < 13
        with pytest.raises(DefinitionError, match="no tile in view fits into 1e-05 MB"):
            archive.cut(view, 10)


def smaller(archive, view):
    return Reader(MemorySource(base64.b64decode(archive.cut(view, 10**7)[0])))


def test_many_tiles_have_directories_below_the_first(tmp_path, monkeypatch):
    file, random = tmp_path / "large.pmtiles", np.random.default_rng(3)
    with write(file) as writer:
        for number, size in enumerate(random.integers(4, 300, sum(4**zoom for zoom in range(8))).tolist()):
            writer.write_tile(number, random.bytes(size))
        writer.finalize({"tile_type": TileType.MVT, "tile_compression": Compression.NONE}, {})
    view = mercator.Bounds(-120, -80, 120, 80)
    with Archive(file) as archive, file.open("rb") as opened:
        small, whole = smaller(archive, view), Reader(MmapSource(opened))
        assert small.header()["max_zoom"] == 6, "20,000 tiles are the most"
        monkeypatch.setattr("footfall.maps.base.archive._MOST_TILES", 30_000)
        large = smaller(archive, view)
        assert whole.header()["leaf_directory_length"] and large.header()["leaf_directory_length"]
        for place in [(0, 0, 0), (3, 2, 7), (6, 0, 0), (6, 63, 20), (6, 31, 63)]:
            assert small.get(*place) == large.get(*place) == whole.get(*place) == archive.tile(*place) != b""
    monkeypatch.setattr("footfall.maps.base.archive._DIRECTORIES", 40_000)
    with (
        pytest.raises(DataError, match=r"large\.pmtiles: the directories"),
        Archive(file) as archive,
    ):
        archive.cut(view, 10**7)


@pytest.mark.parametrize("basemap", [None, {"type": "FeatureCollection", "features": []}])
def test_tiles_alone_need_the_library(town, monkeypatch, basemap):
    for name in [name for name in sys.modules if name.split(".")[0] == "pmtiles"]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("archive", "tiles"):
        monkeypatch.delitem(sys.modules, f"footfall.maps.{name}", raising=False)
    assert "<svg" in Map(basemap=basemap).establishments(SHOPS).to_svg()
    with pytest.raises(DefinitionError, match=r"town\.pmtiles: pmtiles is not installed here.*extra `notebook`"):
        scene_of(Map(basemap=town).establishments(SHOPS))


ENDLESS = tile_writer.directory((0, 0, 5, 1))


def of_one(tile, **more):
    """An archive of one tile."""
    return tile_writer.by_hand(tile_writer.directory((0, 1, len(tile), 1)), data=tile, **more)


def zipped(megabytes):
    return gzip.compress(bytes(megabytes << 20))


@pytest.mark.parametrize("said, hostile", [
    ("nested too deeply", tile_writer.by_hand(ENDLESS, leaves=ENDLESS)),
    ("directory ends early", tile_writer.by_hand(b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(1000))),
    ("more than 64 bits", tile_writer.by_hand(b"\x01" + b"\xff" * 2_000_000)),
    ("2 MiB is the most", tile_writer.by_hand(bytes(3 << 20))),
    ("at most 2 MiB", tile_writer.by_hand(zipped(3), packing=(2, 1))),
    ("at most 2 MiB", tile_writer.by_hand(zipped(1)[:-4], packing=(2, 1))),
    ("at most 2 MiB", tile_writer.by_hand(zipped(1) + zipped(9), packing=(2, 1))),
    ("at most 16 MiB", of_one(zipped(17), packing=(1, 2))),
    ("cannot be unpacked", of_one(b"zzz", packing=(1, 2))),
    ("has no bytes", tile_writer.by_hand(tile_writer.directory((0, 1, 1, 2**60)))),
    ("16 MiB is the most", tile_writer.by_hand(tile_writer.directory((0, 1, 2**40, 1)))),
    ("packed with Brotli", of_one(b"a", packing=(1, 3))),
    ("no PMTiles archive of version 3", of_one(b"a", packing=(9, 1))),
    ("no PMTiles archive of version 3", b"PMTiles\x02" + bytes(200)),
    ("no PMTiles archive of version 3", b"\xff" * 200),
    ("of type PNG", of_one(b"a", kind=2)),
    ("has no bytes 0 to 127", b""),
])  # fmt: skip
def test_a_hostile_archive_is_refused_at_once(tmp_path, said, hostile):
    file = tmp_path / "hostile.pmtiles"
    file.write_bytes(hostile)
    start = time.monotonic()
    with pytest.raises(DataError, match=rf"hostile\.pmtiles: .*{said}"), Archive(file) as archive:
        archive.tile(0, 0, 0)
    # The machine may be busy; an endless archive would take for ever.
    assert time.monotonic() - start < 60


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


def test_any_byte_of_a_tile_may_be_wrong(tmp_path):
    whole, random = tile_writer.tile(3, 3, 4, TOWN.values(), [("A", 0.3, 0.4)]), np.random.default_rng(1)
    view = mercator.fitted(mercator.Bounds(-40, -10, -30, -5), 300, 300)
    numbers = (zxy_to_tileid(3, 3, 4), 1, len(whole), 1)
    seen = set()
    for trial in range(400):
        broken = bytearray(whole)
        for place in random.integers(0, 300 if trial % 2 else len(whole), 4):
            broken[place] = random.integers(0, 256)
        file = tmp_path / "tile.pmtiles"
        file.write_bytes(tile_writer.by_hand(tile_writer.directory(numbers), data=broken, max_zoom=3))
        with Archive(file) as archive:
            try:
                seen.add(bool(tiles.layers(archive, view)))
            except DataError as error:
                seen.add(str(error).split(":")[0])
    assert seen == {True, "a vector tile of the base map cannot be read"}


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
