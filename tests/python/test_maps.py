"""Maps: what they draw is what the tables say, wherever on earth."""

from __future__ import annotations

import math
import pickle
import re
from datetime import date

import duckdb
import h3
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from drawn_maps import SHOPS, around, counts, scene_of
from hypothesis import given
from hypothesis import strategies as st

import footfall
from footfall import DataError, DataWarning, DefinitionError, MissingTableError, _native
from footfall.maps import Map, mercator, questions, tables
from footfall.maps.shapes import classes

# Hexagons


@pytest.mark.parametrize("by", [None, "month"])
@pytest.mark.parametrize("measure", ["pings", "users", "visits"])
def test_hexagons_add_up_to_what_they_count(city_data, measure, by):
    layer = scene_of(Map(city_data).hexagons(value=measure, by=by)).layers[0]
    sums = {
        "pings": "SELECT count(*) AS n FROM pings",
        "visits": "SELECT count(*) AS n FROM visits",
        "users": "SELECT sum(n) AS n FROM (SELECT count(DISTINCT user_id) AS n FROM pings GROUP BY "
        f"h3_cell(latitude, longitude, {h3.get_resolution(f'{any_cell(city_data):x}')})"
        f"{', local_month(timestamp)' if by else ''})",
    }
    (row,) = city_data.sql(sums[measure]).to_arrow().to_pylist()
    assert sum(counts(layer, measure.capitalize())) == row["n"] > 1000
    assert (layer.steps is not None) == bool(by)


def any_cell(data):
    return questions.hexagons(data, "pings", None, None).to_arrow().column("cell")[0].as_py()


def test_some_forty_hexagons_stand_side_by_side(city_data):
    scene = scene_of(city_data.map())
    first = np.array(scene.layers[0].shapes[0][0][0])
    width = np.ptp(scene.view.pixels(first)[:, 0])
    assert 15 < (scene.view.width - 200) / width < 90


def test_places_are_counted_by_cell_as_h3_counts_them():
    pings = around(-8.06, -34.9, 5000, user_id=[i % 97 for i in range(5000)], spent=[0.5] * 5000)
    cells = [h3.latlng_to_cell(a, b, 8) for a, b in zip(*(pings.column(n).to_pylist() for n in pings.column_names[:2]))]
    expected = sorted(pd.Series(cells).value_counts())
    assert sorted(counts(scene_of(Map().hexagons(pings, resolution=8)).layers[0], "Places")) == expected
    users = pd.Series(pings.column("user_id").to_pylist()).groupby(cells).nunique()
    made = scene_of(Map().hexagons(pings, value="users", resolution=8)).layers[0]
    assert sorted(counts(made, "Users")) == sorted(users)
    spent = scene_of(Map().hexagons(pings, value="spent", resolution=8)).layers[0]
    assert sum(float(text) for text in spent.tips[0]) == 2500


PENTAGONS = [cell for resolution in (0, 3, 7) for cell in h3.get_pentagons(resolution)]
POLES = [h3.latlng_to_cell(latitude, 0.0, r) for latitude in (90.0, -90.0) for r in (0, 2, 5)]
ANTIMERIDIAN = [h3.latlng_to_cell(latitude, 180.0, r) for latitude in (-60.0, -17.0, 0.1, 66.0) for r in (1, 4, 8)]
ELSEWHERE = [h3.latlng_to_cell(-8.06, -34.9, r) for r in range(16)]


@pytest.mark.parametrize("cell", [*ELSEWHERE, *PENTAGONS, *ANTIMERIDIAN, *POLES])
def test_boundaries_are_those_of_h3(cell):
    (polygons,) = tables.polygons_of_cells(pa.array([h3.str_to_int(cell)], pa.uint64()))
    drawn = np.array([point for polygon in polygons for ring in polygon for point in ring])
    for latitude, longitude in h3.cell_to_boundary(cell):
        turned = (drawn[:, 0] - longitude + 180) % 360 - 180
        # At a pole, any longitude is the same place.
        apart = np.hypot(turned * min(1, math.cos(math.radians(latitude)) * 1e6), drawn[:, 1] - latitude)
        assert apart.min() < 1e-9, (cell, latitude, longitude)
    # What is cut at 180 degrees has no edge around the world.
    for polygon in polygons:
        for ring in polygon:
            longitudes = np.array(ring)[:, 0]
            assert np.abs(longitudes).max() <= 180 + 1e-9
            if cell not in POLES:
                assert np.ptp(longitudes) < 180


def test_cells_may_be_text_and_are_refused_if_they_are_none():
    text = pa.table({"cell": [h3.latlng_to_cell(-8.06, -34.9, 8), None], "pings": [3, 4]})
    with pytest.warns(DataWarning, match="1 row of 2 of hexagons not drawn: no cell"):
        layer = scene_of(Map().hexagons(text)).layers[0]
    assert len(layer.shapes) == 1
    with pytest.raises(DataError, match="cell 'no' is no H3 cell"):
        Map().hexagons(pa.table({"cell": ["no"], "pings": [3]}))
    with pytest.raises(footfall.FootfallError, match="H3 cell"):
        Map().hexagons(pa.table({"cell": [5], "pings": [3]}))


def test_a_cell_with_two_numbers_at_one_time_is_refused():
    cell = h3.str_to_int(h3.latlng_to_cell(-8.06, -34.9, 8))
    twice = pa.table({"cell": pa.array([cell, cell], pa.uint64()), "pings": [3, 4]})
    with pytest.raises(DataError, match="several rows"):
        Map().hexagons(twice)
    by_month = twice.append_column("month", pa.array([date(2024, 3, 1), date(2024, 4, 1)]))
    assert scene_of(Map().hexagons(by_month)).step_text(1) == "April 2024"


# Circles, tracks, areas


@pytest.mark.parametrize("latitude", [0.0, -8.06, 52.5, 78.0])
@pytest.mark.parametrize("radius_m", [5, 50, 1000, 50_000])
def test_circles_lie_within_a_thousandth_of_their_radius(latitude, radius_m):
    place = pa.table({"latitude": [latitude], "longitude": [179.9]})
    (shape,) = scene_of(Map().radius(place, radius_m=radius_m)).layers[0].shapes
    ring = np.array([point for polygon in shape for rings in polygon for point in rings])
    ring = ring[np.abs(np.abs(ring[:, 0]) - 180) > 1e-9]
    middles = (ring[1:] + ring[:-1]) / 2
    for points in (ring, middles[np.abs(np.diff(ring[:, 0])) < 180]):
        longitudes = (points[:, 0] + 180) % 360 - 180
        apart = footfall.haversine_m(points[:, 1], longitudes, latitude, 179.9)
        assert np.all(np.abs(apart / radius_m - 1) < 1e-3)


def test_the_radius_is_that_of_a_visit():
    (radius,) = scene_of(Map().radius(SHOPS.slice(0, 1))).layers[0].legend[0].items
    assert radius.label == "Within 50 m"
    data = footfall.open(
        {"establishments": places_with_ids(), "pings": one_ping()}, definitions=footfall.Definitions(visit_radius_m=80)
    )
    assert scene_of(Map(data).radius()).layers[0].legend[0].items[0].label == "Within 80 m"


def places_with_ids():
    return pa.table({"establishment_id": ["a", "b"], "category": ["x", "y"], "latitude": [-8.06, -8.07],
                     "longitude": [-34.9, -34.88]})  # fmt: skip


def one_ping():
    return pa.table(
        {"user_id": ["o'neil"], "timestamp": ["2024-03-01T12:00:00Z"], "latitude": [-8.06], "longitude": [-34.9]}
    )


def test_a_track_is_in_order_of_time_and_not_torn_at_180_degrees():
    minutes = list(range(50))
    longitudes = [(179 + i / 25 + 180) % 360 - 180 for i in minutes]
    columns = {"timestamp": minutes, "latitude": [float(i % 2) for i in minutes], "longitude": longitudes}
    way = pa.table({**columns, "user_id": ["ana"] * 50})
    shuffled = way.take(np.random.default_rng(3).permutation(50))
    lines, fixes = scene_of(Map().track(shuffled)).layers
    assert fixes.tips[fixes.fields.index("Timestamp")] == [str(i) for i in minutes]
    (line,) = lines.shapes[0]
    assert len(line) == 50 and np.abs(np.diff(np.array(line)[:, 0])).max() < 0.1
    assert scene_of(Map().track(way)).bounds.east > 180


def test_tracks_leave_out_what_nobody_would_see():
    steps = np.linspace(0, 0.1, 20_000)
    straight = pa.table({"latitude": -8 + steps, "longitude": -34 + steps})
    assert len(scene_of(Map().track(straight)).layers[1].shapes) < 20


def test_the_track_of_a_user_is_that_users(city_data):
    user = (
        city_data.sql("SELECT user_id, count(*) AS n FROM pings GROUP BY 1 ORDER BY 2 LIMIT 1")
        .to_arrow()
        .to_pylist()[0]
    )
    lines, fixes = scene_of(Map(city_data).track(user=user["user_id"])).layers
    assert 0 < len(fixes.shapes) <= user["n"] and len(lines.shapes) == 1
    data = footfall.open({"pings": one_ping()})
    assert len(scene_of(Map(data).track(user="o'neil")).layers[1].shapes) == 1
    with pytest.raises(DefinitionError, match="there is no ping of this user"):
        Map(data).track(user="nobody' OR '1'='1")
    with pytest.raises(DefinitionError, match="at most 6 tracks"):
        Map().track(around(0, 0, 7, user_id=list("abcdefg")))


def square(west, south, size):
    points = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    coordinates = [value for x, y in points for value in (west + x * size, south + y * size)]
    return np.array([1], "u1").tobytes() + np.array([3, 1, 5], "<u4").tobytes() + np.array(coordinates).tobytes()


def test_areas_are_polygons_of_wkb():
    areas = pa.table({"establishment_id": ["a", "b"], "visitors": [12, 30], "share": [0.71, 0.7], "km2": [1.5, 2.0],
                      "geometry": [square(-34.9, -8.1, 0.01), square(-34.88, -8.1, 0.02)]})  # fmt: skip
    layer = scene_of(Map().areas(areas)).layers[0]
    assert layer.shapes[0][0][0][2] == [-34.89, -8.09]
    assert layer.fields == ["Establishment id", "Visitors", "Share", "Km²"] and layer.tips[2] == [
        "71.0\xa0%",
        "70.0\xa0%",
    ]
    assert [item.label for item in layer.legend[0].items] == ["a", "b"]
    with pytest.raises(DefinitionError, match="in WKB"):
        Map().areas(pa.table({"geometry": ["POLYGON EMPTY"]}))


def test_a_footprint_is_drawn_below_its_establishment():
    shops = SHOPS.slice(0, 1).append_column("footprint", pa.array([square(-34.9, -8.1, 0.001)]))
    assert [layer.id for layer in scene_of(Map().establishments(shops)).layers] == ["footprints", "establishments"]


# Establishments and results


def test_results_about_establishments_find_their_places(city_data):
    result = city_data.establishment_visits(by="month")
    layer = scene_of(result.map()).layers[0]
    assert len(layer.shapes) == len(result)
    visits = result.to_arrow().column("visits").to_pylist()
    assert sorted(counts(layer, "Visits")) == sorted(visits)
    assert layer.radii == sorted(layer.radii, reverse=True), "a large circle hides a small one"
    months = result.to_arrow().column("month").unique().to_pylist()
    assert scene_of(result.map()).steps == sorted(months)


def test_a_query_of_cells_or_places_maps_itself(city_data):
    cells = city_data.sql("SELECT h3_cell(latitude, longitude, 7) AS cell, count(*) AS pings FROM pings GROUP BY 1")
    assert scene_of(cells.map()).layers[0].id == "hexagons"
    places = city_data.sql("SELECT latitude, longitude, category FROM establishments LIMIT 5")
    assert scene_of(places.map()).layers[0].kind == "circle"
    with pytest.raises(DefinitionError, match="no column 'latitude'"):
        city_data.sql("SELECT count(*) AS n FROM pings").map()


def test_a_result_in_another_process_is_its_rows(city_data):
    result = city_data.establishment_visits(by="period")
    again = pickle.loads(pickle.dumps(result))
    assert again.to_arrow().equals(result.to_arrow())
    assert len(pickle.dumps(result)) < 60_000


def test_a_place_that_is_unknown_is_told():
    data = footfall.open({"establishments": places_with_ids(), "pings": one_ping()})
    visits = pa.table({"establishment_id": ["a", "z"], "visits": [3, 4]})
    with pytest.warns(DataWarning, match="1 row of 2 of establishments not drawn: no latitude and longitude"):
        drawn = Map(data).establishments(visits, size="visits")
    assert len(scene_of(drawn).layers[0].shapes) == 1


@pytest.mark.parametrize(
    "read", [pa.Table.to_pandas, pl.from_arrow, lambda table: duckdb.arrow(table), lambda table: table], ids=range(4)
)
def test_any_arrow_table_is_drawn(read):
    layer = scene_of(Map().establishments(read(SHOPS), size="visits", color="category")).layers[0]
    assert len(layer.shapes) == 40 and counts(layer, "Visits")[0] == 39


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, 91.0])
def test_rows_without_a_place_are_left_out_and_told(bad):
    table = pa.table({"latitude": [-8.06, bad], "longitude": [-34.9, -34.9]})
    for draw in (Map().establishments, Map().hexagons, Map().radius, Map().track):
        with pytest.warns(DataWarning, match="1 row of 2"):
            draw(table)


def test_no_row_is_a_map_of_the_base_alone():
    none = SHOPS.slice(0, 0)
    for drawn in (Map(), Map().establishments(none), Map().hexagons(none), Map().radius(none), Map().track(none)):
        assert drawn.to_png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: Map(theme="drak"), "theme = 'drak': no such theme; did you mean dark?"),
        (lambda: Map(width=3), "width = 3: must be"),
        (lambda: Map().establishments(), "establishments: give a table, or begin with the map of a data set"),
        (lambda: Map().establishments(SHOPS, size="visit"), "no column 'visit'; did you mean visits?"),
        (lambda: Map().establishments(SHOPS, size="name"), "numbers are needed"),
        (lambda: Map().hexagons(SHOPS, resolution=16), "resolution = 16"),
        (lambda: Map().hexagons(SHOPS, by="month"), "by = 'month'"),
        (lambda: Map().track(), "track: give a table, or the user"),
        (lambda: Map().radius(SHOPS, radius_m=-1), "radius_m = -1"),
        (lambda: Map(basemap=3)._scene(), "basemap = 3"),
        (lambda: Map(basemap="no.pmtiles")._scene(), "there is no such file"),
        (lambda: Map().establishments(around(0, 0, 50_001)), "50,001 shapes are too many"),
    ],
)
def test_options_that_make_no_sense_are_refused(draw, message):
    with pytest.raises(DefinitionError, match=re.escape(message)):
        draw()


def test_a_data_set_without_pings_says_so():
    data = footfall.open({"establishments": places_with_ids()})
    with pytest.raises(MissingTableError, match="a map of pings needs the table pings"):
        data.map()
    assert len(scene_of(Map(data).establishments()).layers[0].shapes) == 2


# Classes and sizes


@given(st.lists(st.one_of(st.none(), st.integers(-1000, 10**9)), min_size=1, max_size=60))
def test_the_label_of_a_class_holds_its_values(values):
    made = classes.shaded("visits", values)
    assert len(made.labels) == len(made.colours[0]) == len(made.colours[1]) <= 8
    for value, place in zip(values, made.classes):
        first, *last = made.labels[place].replace(",", "").split(" – ")
        assert (value is None and first == "none") or int(first) <= value <= int((last or [first])[0])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_classes_are_in_order(values):
    made = classes.shaded("score", values)
    order = np.argsort(values)
    assert np.all(np.diff(np.array(made.classes)[order]) >= 0)


def test_the_area_of_a_circle_grows_with_the_value():
    sizes = classes.sizes("visits", [0, 50, 100])
    areas = [sizes.radius(value) ** 2 for value in (0, 50, 100)]
    assert math.isclose(areas[1] - areas[0], areas[2] - areas[1])
    with pytest.raises(DefinitionError, match="no negative size"):
        Map().establishments(around(0, 0, 2, n=[1, -1]), size="n")


# The view


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(0.01, 20))
def test_a_view_holds_its_bounds(latitude, longitude, degrees):
    places = np.array([[longitude - degrees, latitude], [longitude + degrees, min(latitude + degrees, 84.0)]])
    bounds = mercator.bounds_of(places[:, 1], (places[:, 0] + 180) % 360 - 180)
    view = mercator.fitted(bounds, 800, 500)
    pixels = view.pixels([[bounds.west, bounds.north], [bounds.east, bounds.south]])
    assert pixels.min() > -1e-6 and pixels[:, 0].max() < 800 + 1e-6 and pixels[:, 1].max() < 500 + 1e-6


def test_pixels_are_those_of_web_mercator():
    view = mercator.View(0.5, 0.5, 512, 512, 512)
    assert view.pixels([[0, 0], [90, 0], [0, 66.51326]]).round(3).tolist() == [[256, 256], [384, 256], [256, 128]]
    assert math.isclose(view.metres_per_pixel, 2 * math.pi * _native.EARTH_RADIUS_M / 512)


def test_a_view_is_where_most_is():
    far = pa.table({"latitude": [-8.06 + i / 1e4 for i in range(99)] + [0.0], "longitude": [-34.9] * 99 + [0.0]})
    bounds = scene_of(Map().establishments(far)).bounds
    assert bounds.north < -8 and bounds.east < -34
    # A way is seen from end to end.
    assert scene_of(Map().track(far)).bounds.north == 0
