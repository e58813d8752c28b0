"""Trade areas: the fewest cells that hold a share of the visitors, by brute force, and nobody's home."""

import json
import math
from collections import Counter, defaultdict
from zoneinfo import ZoneInfo

import h3
import pytest
from drawn_maps import ring_area

import footfall
from footfall import _native


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    root = tmp_path_factory.mktemp("city")
    footfall.synth.city(root, pings=100_000, seed=5)
    return footfall.open(root, tz="America/Recife", progress=False)


def homes_of(city, resolution):
    """Return the home cell of each user, in plain Python."""
    nights = defaultdict(set)
    rows = city.sql("SELECT user_id, latitude, longitude, timestamp FROM pings").to_arrow()
    for row in rows.to_pylist():
        local = row["timestamp"].astimezone(ZoneInfo("America/Recife"))
        if local.hour < 6:
            cell = h3.str_to_int(h3.latlng_to_cell(row["latitude"], row["longitude"], resolution))
            nights[row["user_id"]].add((cell, local.date()))
    counted = {user: Counter(cell for cell, _ in seen) for user, seen in nights.items()}
    return {user: min(cells, key=lambda cell: (-cells[cell], cell)) for user, cells in counted.items()}


def expected(city, resolution, share, at_least):
    """Return visitors, share and cells of each establishment, in plain Python."""
    homes = homes_of(city, resolution)
    living = defaultdict(Counter)
    for row in city.sql("SELECT DISTINCT establishment_id, user_id FROM visits").to_arrow().to_pylist():
        if row["user_id"] in homes:
            living[row["establishment_id"]][homes[row["user_id"]]] += 1
    areas = {}
    for establishment, cells in living.items():
        total, held, chosen = sum(cells.values()), 0, []
        for cell, visitors in sorted(cells.items(), key=lambda entry: (-entry[1], entry[0])):
            if held >= share * total:
                break
            held += visitors
            if visitors >= at_least:
                chosen.append((cell, visitors))
        if chosen:
            areas[establishment] = (
                total,
                sum(visitors for _, visitors in chosen) / total,
                {cell for cell, _ in chosen},
            )
    return areas


def test_nights_are_spent_at_the_planted_homes(tmp_path):
    footfall.synth.city(tmp_path, pings=200_000, seed=6, progress=False)
    planted = json.loads((tmp_path / "truth.json").read_text())["tastes"]
    found = homes_of(footfall.open(tmp_path, tz="America/Recife", progress=False), 8)
    homes = {user["user_id"]: h3.latlng_to_cell(*user["home"].values(), 8) for user in planted}
    known = [user for user in homes if user in found]
    right = [found[user] == h3.str_to_int(homes[user]) for user in known]
    assert len(known) > 100 and sum(right) > 0.8 * len(known), f"{sum(right)} of {len(known)}"


@pytest.mark.parametrize("resolution, share, at_least", [(8, 0.7, 2), (7, 0.5, 3), (9, 1.0, 1)])
def test_areas_equal_brute_force(city, resolution, share, at_least):
    wanted = expected(city, resolution, share, at_least)
    found = city.trade_area(share=share, at_least=at_least, resolution=resolution).to_arrow().to_pylist()
    assert len(wanted) > 10
    assert [row["establishment_id"] for row in found] == sorted(wanted)
    for row in found:
        total, held, cells = wanted[row["establishment_id"]]
        assert (row["visitors"], row["cells"]) == (total, len(cells))
        assert row["share"] == pytest.approx(held)
        area_km2 = sum(h3.cell_area(h3.int_to_str(cell), "km^2") for cell in cells)
        assert row["km2"] == pytest.approx(area_km2, rel=1e-6)


def test_the_shape_is_that_of_the_cells(city):
    area = city.trade_area(share=0.7, at_least=2).to_arrow().slice(0, 20)
    assert area.num_rows == 20
    for shape, cells in zip(area["geometry"], area["cells"].to_pylist()):
        (text,) = _native.geojson_of_wkb(_one(shape))
        geometry = json.loads(text)
        rings = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        corners = sum(len(ring) - 1 for polygon in rings for ring in polygon)
        # Each cell has six corners; neighbours share some.
        assert len(rings) <= cells and 6 <= corners <= 6 * cells


def test_no_cell_tells_of_a_few(city):
    assert len(city.trade_area(at_least=10_000)) == 0
    one = city.trade_area(share=0.01, at_least=1).to_arrow()["establishment_id"][0].as_py()
    assert city.trade_area(one, at_least=1).to_arrow()["establishment_id"].to_pylist() == [one]


def test_they_are_drawn_as_they_are_in_colours_of_their_establishments(city):
    """The map has the polygons of the answer, each under its establishment's name, and one legend for both layers."""
    found = city.trade_area(share=0.7, at_least=2)
    three = found.to_arrow().slice(0, 3)
    ids = three["establishment_id"].to_pylist()
    quoted = ", ".join(f"'{id}'" for id in ids)
    places = city.sql(f"SELECT establishment_id, name FROM establishments WHERE establishment_id IN ({quoted})")
    names = {row["establishment_id"]: row["name"] for row in places.to_arrow().to_pylist()}
    for drawn in (city.trade_area(ids, share=0.7, at_least=2).map(), footfall.maps.Map(city).areas(three)):
        scene = drawn.establishments(places, color="name")._scene()
        areas, circles = scene.layers
        assert areas.kind == "fill" and len(areas.shapes) == len(circles.shapes) == 3
        told = dict(zip(areas.fields, areas.tips))
        assert told["Establishment id"] == ids and told["Name"] == [names[id] for id in ids]
        assert areas.colours == circles.colours and [legend.title for legend in scene.legends()] == ["Name"]
        # As many km² on the map as in the answer, by what a degree is there.
        for shape, area in zip(areas.shapes, three["km2"].to_pylist()):
            assert sum(map(km2, shape)) == pytest.approx(area, rel=0.01)
    assert len(found.map()._scene().layers[0].shapes) == len(found)


def km2(rings):
    """The area of a polygon near Recife, on a sphere that is flat there."""
    latitude = sum(y for _, y in rings[0]) / len(rings[0])
    degree = _native.EARTH_RADIUS_M * math.pi / 180_000
    outer, *holes = (ring_area(ring) * degree**2 * math.cos(math.radians(latitude)) for ring in rings)
    return outer - sum(holes)


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1.1}, {"at_least": 0}, {"resolution": 16}])
def test_options_out_of_range_are_named(city, options):
    with pytest.raises(footfall.DefinitionError, match=next(iter(options))):
        city.trade_area(**options)


def test_it_needs_pings():
    import pyarrow as pa

    places = pa.table({"establishment_id": ["a"], "category": ["food"], "latitude": [1.0], "longitude": [1.0]})
    with pytest.raises(footfall.MissingTableError, match="pings"):
        footfall.open({"establishments": places}).trade_area()


def _one(scalar):
    import pyarrow as pa

    return pa.array([scalar.as_py()], pa.binary())
