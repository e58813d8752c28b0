"""Charts as a notebook saves them: they look as Vega drew them, and are small."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib

import altair as alt
import numpy as np
import pytest
import vl_convert
from worlds import JOBS_BY, JOBS_BY_USER, UNITS

from footfall.charts.shown import packing, pictures

BYTES = 150_000
SVG, LIVE, PNG = "image/svg+xml", "application/vnd.vegalite.v5+json", "image/png"
ASKED = [(job, {"by": by}) for job in JOBS_BY for by in UNITS] + [(job, {}) for job in JOBS_BY_USER]
BY_DEFAULT = [(job, options) for job, options in ASKED if options.get("by") not in ("day", "week")]


def pixels(png):
    """Height, width, red, green and blue of a picture of either sort."""
    chunks = pictures._chunks(png)
    width, height, _, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    if kind == 3:
        assert not lines[:, 0].any()
        return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[lines[:, 1:]]
    assert kind == 6 and (lines[:, 0] == 1).all()
    return np.cumsum(lines[:, 1:].reshape(height, width, 4), axis=1, dtype=np.uint8)[:, :, :3]


def difference(one, other):
    """How far two pictures are from each other on average, of 255 levels."""
    one, other = (pixels(picture).astype(int) for picture in (one, other))
    assert one.shape == other.shape
    return abs(one - other).mean()


@pytest.mark.parametrize(("job", "options"), ASKED, ids=str)
def test_every_chart_is_small(city_data, job, options):
    bundle = getattr(city_data, job)(**options).chart()._repr_mimebundle_()
    assert len(json.dumps(bundle, ensure_ascii=False).encode()) <= BYTES
    assert {LIVE, PNG} <= set(bundle) and (SVG in bundle or (job, options) not in BY_DEFAULT)
    assert base64.b64decode(bundle[PNG]).startswith(b"\x89PNG")


@pytest.mark.parametrize(("job", "options"), BY_DEFAULT, ids=str)
def test_small_pictures_look_the_same(city_data, job, options):
    spec = getattr(city_data, job)(**options).chart().to_dict()
    large, small = vl_convert.vegalite_to_svg(spec), pictures.svg(spec)
    assert len(small) < 0.7 * len(large)
    drawn = vl_convert.svg_to_png(large)
    assert difference(drawn, vl_convert.svg_to_png(small)) < 0.05
    assert difference(drawn, pictures.png(small)) < 0.5 and len(pictures.png(small)) < 0.4 * len(drawn)
    again = vl_convert.vegalite_to_svg(packing.packed(spec))
    counted = re.compile("(clip|gradient_)[0-9]+")
    assert counted.sub("", again) == counted.sub("", large)


def test_rows_that_csv_would_change_stay():
    kept = [{"a": ""}, {"a": [1]}, {"a": float("inf")}, {"a": None}, {"b": 1}, 3, {"a": {"b": 1}}]
    for row in kept:
        spec = {"datasets": {"d": [{"a": "x"}, row]}, "data": {"name": "d"}}
        assert packing.packed(spec) is spec, row
    rows = [{"a": 'x,"y"\n;', "n": 1, "x": 0.1, "is": True}, {"a": "é", "n": None, "x": 2, "is": False}]
    spec = {"datasets": {"d": rows}, "layer": [{"data": {"name": "d"}}]}
    assert packing.packed(spec)["datasets"]["d"] == 'a,n,x,is\n"x,""y""\n;",1,0.1,true\né,,2,false\n'
    parsed = {"type": "csv", "parse": {"n": "number", "x": "number", "is": "boolean"}}
    assert packing.packed(spec)["layer"][0]["data"] == {"name": "d", "format": parsed}


def test_charts_of_others_are_small_or_a_picture():
    """Nothing of a chart that is too large goes into a notebook but its picture."""
    points = [{"x": n % 97, "y": n * n % 89, "name": f"point {n}"} for n in range(20_000)]
    chart = alt.Chart(alt.InlineData(points)).mark_point().encode(x="x:Q", y="y:Q", tooltip="name:N")
    with alt.renderers.enable("footfall"):
        bundle = chart._repr_mimebundle_()
    assert set(bundle) == {PNG, "text/plain"} and len(bundle[PNG]) <= BYTES
    transparent = pictures.png(pictures.svg(chart.properties(background="transparent").to_dict()))
    assert pictures._chunks(transparent)[b"IHDR"][9] == 6, "white hides what is behind it"
