"""Every job's chart, drawn to PNG and SVG: something is there, it names its measures, it asks for no network."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree

import altair as alt
import pytest
from worlds import EMPTY, JOBS_BY, JOBS_BY_USER, ONE_ROW, UNITS, World, questions, random_world

import footfall

PNG = b"\x89PNG\r\n\x1a\n"
DRAWN = [(job, {"by": by}) for job in JOBS_BY for by in ("month", "period")] + [(job, {}) for job in JOBS_BY_USER]


@pytest.mark.parametrize(("job", "options"), DRAWN, ids=str)
def test_every_chart_is_drawn(city_data, tmp_path, job, options):
    chart = getattr(city_data, job)(**options).chart()
    chart.save(tmp_path / "x.png")
    chart.save(tmp_path / "x.svg")
    png, svg = (tmp_path / "x.png").read_bytes(), (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert png.startswith(PNG) and len(png) > 5_000
    root = xml.etree.ElementTree.fromstring(svg)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text") if element.text]
    marks = [e for e in root.iter() if "mark-" in e.get("class", "") and "role-mark" in e.get("class", "") and len(e)]
    assert len(words) > 8 and marks, "nothing is drawn"
    assert not any(word in ("null", "NaN", "undefined", "Invalid Date") for word in words)


@pytest.mark.parametrize(("job", "options"), DRAWN, ids=str)
def test_every_chart_has_a_title_and_no_address(city_data, job, options):
    spec = getattr(city_data, job)(**options).chart().to_dict()
    title = spec["title"]["text"]
    assert len(title if isinstance(title, str) else " ".join(title)) > 10
    del spec["$schema"]
    assert "http" not in json.dumps(spec) and '"url"' not in json.dumps(spec)


@pytest.mark.parametrize("job", JOBS_BY)
@pytest.mark.parametrize("by", UNITS)
def test_every_unit_and_few_rows(ask, job, by):
    for world in (random_world(15, events=400), random_world(3), ONE_ROW):
        chart = getattr(ask(world), job)(by=by).chart()
        assert svg(chart).startswith("<svg")


def svg(chart):
    buffer = io.StringIO()
    chart.save(buffer, format="svg")
    return buffer.getvalue()


@pytest.mark.parametrize(("job", "options"), questions(), ids=str)
def test_a_chart_of_nothing_says_so_and_is_no_accident(ask, job, options):
    result = getattr(ask(EMPTY), job)(**options)
    try:
        drawn = svg(result.chart())
    except footfall.DefinitionError as error:
        assert str(error)
    else:
        assert drawn.startswith("<svg")


def test_options(city_data):
    result = city_data.establishment_visits(by="period")
    assert svg(result.chart(top=3, width=300, height=200)).startswith("<svg")
    few, many = (len(json.dumps(result.chart(top=top).to_dict())) for top in (2, 30))
    assert few < many
    users = city_data.visit_profile().to_arrow()["user_id"].unique().to_pylist()[:2]
    for job in JOBS_BY_USER:
        drawn = json.dumps(getattr(city_data, job)().chart(users=users).to_dict())
        assert users[0] in drawn


def test_options_that_make_no_sense(city_data):
    result = city_data.campaign_ctr(by="period")
    for options in ({"top": 0}, {"top": "ten"}, {"width": -1}, {"height": 1}, {"users": ["u1"]}):
        with pytest.raises(footfall.DefinitionError, match=next(iter(options))):
            result.chart(**options)
    with pytest.raises(footfall.DefinitionError):
        city_data.sql("SELECT 1").chart()


def test_names_that_are_hard_to_draw(ask):
    """Quotes, markup, dots and brackets (a path, to Vega), very long and equal names."""
    names = ['a "b"', "<b>&amp;</b>", "a.b[0]", "x" * 300, "same", "same", "", "日本語"]
    here = {"latitude": 0.0, "longitude": 0.0}
    places = [
        {"establishment_id": f"{number}.[{number}]", "name": name, "category": name or "-", **here}
        for number, name in enumerate(names)
    ]
    pings = [{"user_id": name or "-", "timestamp": 10**15, **here} for name in names]
    data = ask(World(establishments=places, pings=pings))
    for result in (data.establishment_visits(), data.visit_profile(), data.preferred_establishment_categories()):
        assert svg(result.chart()).startswith("<svg")


# Beside other charts


@pytest.fixture(scope="module")
def one_of_each(city_data):
    """A chart of one layer, of several, and of several panels."""
    nothing = city_data.between("1990-01-01", "1990-02-01").campaign_ctr(by="period").chart()
    charts = [nothing, city_data.campaign_ctr(by="period").chart(), city_data.establishment_visits(by="month").chart()]
    assert [type(chart).__name__ for chart in charts] == ["Chart", "LayerChart", "ConcatChart"]
    return charts


def test_charts_stand_side_by_side(one_of_each):
    """As `altair.hconcat` forbids what has a configuration of its own."""
    for first in one_of_each:
        for second in one_of_each:
            for joined in (first | second, first & second, (first | second) & first, (first & second) | second):
                spec = joined.to_dict()
                assert svg(joined).startswith("<svg") and spec["config"]["title"]["fontSize"] == 16
                assert "config" not in json.dumps([spec.get(name) for name in ("concat", "hconcat", "vconcat")])
    for join in (alt.hconcat, alt.vconcat, alt.concat):
        joined = join(*one_of_each)
        assert svg(joined).startswith("<svg") and "title" not in joined.to_dict()["config"]
        with alt.theme.enable("footfall"):
            assert joined.to_dict()["config"]["title"]["fontSize"] == 16


def test_joined_charts_keep_their_colours(city_data):
    shares = city_data.category_hours(by="period").chart()
    categories = city_data.establishment_visits(by="period").chart()
    alone = set(re.findall("#[0-9a-f]{6}", svg(categories).lower()))
    assert len(alone) > 6 and alone <= set(re.findall("#[0-9a-f]{6}", svg(shares | categories).lower()))


def test_the_look_is_below_what_the_user_chooses(one_of_each):
    for chart in one_of_each:
        plain = chart.to_dict()
        assert plain["background"] == "white" and plain["config"]["axis"]["labelFontSize"] == 12
        changed = chart.configure_axis(labelFontSize=20).properties(background="ivory").to_dict()
        assert (changed["background"], changed["config"]["axis"]["labelFontSize"]) == ("ivory", 20)
        assert changed["config"]["title"] == plain["config"]["title"]
        assert chart.to_dict() == plain
        with alt.theme.enable("dark"):
            themed = chart.to_dict()
        assert themed["usermeta"]["embedOptions"]["theme"] == "dark"
        assert "background" not in themed and set(themed["config"]) == {"view"}


def test_a_chart_is_shown_without_a_network_unless_the_user_has_a_renderer(one_of_each):
    for chart in (*one_of_each, one_of_each[0] | one_of_each[1]):
        bundle = chart._repr_mimebundle_()
        assert set(bundle) == {"application/vnd.vegalite.v5+json", "image/svg+xml", "image/png", "text/plain"}
        assert bundle["image/svg+xml"].startswith("<svg")
        with alt.renderers.enable("json"):
            theirs, _ = chart._repr_mimebundle_()
            assert set(theirs) == {"application/json", "text/plain"}
    with alt.renderers.enable("footfall"):
        assert "image/svg+xml" in alt.hconcat(*one_of_each)._repr_mimebundle_()


def test_charts_change_nothing_of_altair():
    """Neither by import, nor by drawing, nor by showing: the user's other charts stay as they are."""
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
import altair as alt
mine = alt.Chart(alt.InlineData([dict(a=1)])).mark_point().encode(x="a:Q")
state = lambda: (alt.theme.active, alt.renderers.active, alt.data_transformers.active, mine.to_json())
before = state()
import footfall.charts, pyarrow as pa
ads = pa.table(dict(ad_id=["a"], campaign_id=["lunch"], category=["food"]))
views = pa.table(dict(user_id=["ana"], ad_id=["a"], action=["view"], timestamp=["2024-03-01T09:00:00Z"]))
data = footfall.open(dict(ads=ads, interactions=views))
data.campaign_ctr().chart()._repr_mimebundle_()
assert state() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_grammar_that_no_chart_uses_waits_until_an_address_is_checked():
    """It takes a second to import where Jupyter is installed; nobody who asks for it misses anything."""
    pytest.importorskip("rfc3987_syntax")
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
import footfall.charts, altair, jsonschema
assert "rfc3987_syntax.syntax_helpers" not in sys.modules
conforms = jsonschema.FormatChecker().conforms
assert conforms("http://a/ç", "iri") and not conforms("ht tp://a b", "iri")
assert "rfc3987_syntax.syntax_helpers" in sys.modules
import rfc3987_syntax
assert rfc3987_syntax.__file__ and rfc3987_syntax.parse
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
