"""In Portuguese, nothing that is shown is English: charts, maps, tables, the report, numbers, dates."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta

import browsers
import pages
import pyarrow as pa
import pytest
import vl_convert
from live_towns import wanderers
from moving_pages import Moving
from portuguese import (
    OF_LIVE,
    check_numbers,
    english_alone,
    opened,
    refuse_untranslated,
    shown_text,
    texts,
    tips,
    words,
)
from worlds import random_world

import footfall
import footfall.live
from footfall import lang
from footfall._native import jobs
from footfall.live.showing import pictures
from footfall.maps import Map
from footfall.report.glossary import terms

ASKED = [(job["name"], by) for job in jobs() if job["number"] < 7 for by in (
    ("day", "week", "month", "period") if job["by"] else (None,))]  # fmt: skip


@pytest.fixture(scope="module")
def data(city):
    return opened(city)


@pytest.fixture(scope="module")
def english(data):
    return english_alone(data)


@pytest.fixture
def strict(monkeypatch):
    """Phrases that the catalogue lacks are errors."""
    refuse_untranslated(monkeypatch)


# What is shown


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(("job", "by"), ASKED, ids=str)
def test_charts_are_portuguese(data, english, job, by):
    drawn = data.run(job, by=by).chart()
    text = texts(vl_convert.vegalite_to_svg(drawn.to_dict()))
    assert len(words(text)) > 20
    assert words(text) & english == set()
    check_numbers(text)
    assert words(tips(drawn.to_dict())) & english == set()
    if by == "month":
        assert {"Março de 2024", "Abril de 2024", "Maio de 2024"} <= set(text.splitlines())


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("job", ["campaign_ctr", "establishment_visits", "visit_attribution"])
def test_axes_of_days_have_portuguese_months(data, job):
    text = texts(vl_convert.vegalite_to_svg(data.run(job, by="day").chart().to_dict()))
    assert re.search(r"^\d+/(mar|abr|mai)$", text, re.MULTILINE), text


@pytest.mark.usefixtures("strict")
def test_charts_of_next_to_nothing_are_portuguese(ask, english):
    tables = random_world(15, events=60).tables()
    some = {**tables, "pings": tables["pings"].slice(0, 0)}
    for world, job in [(some, "establishment_visits"), (some, "visit_attribution"), (some, "visit_profile")]:
        spec = ask(world, lang="pt").run(job).chart().to_dict()
        assert words(texts(vl_convert.vegalite_to_svg(spec))) & english == set()


@pytest.mark.usefixtures("strict")
def test_users_that_are_chosen_are_told_in_portuguese(data, english):
    users = data.sql("SELECT user_id FROM interactions GROUP BY 1 ORDER BY count(*) DESC LIMIT 2").to_arrow()["user_id"]
    for chosen in (users.to_pylist(), users.to_pylist()[:1], ["nobody"]):
        for job in ("interaction_profile", "preferred_ad_categories"):
            drawn = data.run(job).chart(users=chosen)
            assert words(texts(vl_convert.vegalite_to_svg(drawn.to_dict()))) & english == set()


def drawn_maps(data):
    shops = data.establishment_visits(by="period")
    user = data.sql("SELECT user_id FROM pings LIMIT 1").to_arrow()["user_id"][0].as_py()
    ids = shops.to_arrow().sort_by("rank")["establishment_id"][:2].to_pylist()
    return {
        "hexagons by month": data.map("users", by="month"),
        "hexagons by day": data.between("2024-03-01", "2024-03-08").map("visits", by="day"),
        "establishments": shops.map(),
        "shares": data.visit_attribution(by="period").map("ratio"),
        "categories": Map(data).establishments(color="category").radius(radius_m=1500),
        "track": Map(data).track(user=user),
        "areas": Map(data).areas(data.trade_area(ids, at_least=2)),
        "unknown values": Map(lang="pt").establishments(_shops(), color="visits", size="visits"),
    }


def _shops():
    return pa.table({"latitude": [-8.06, -8.05, -8.04], "longitude": [-34.9] * 3, "visits": [1, None, 12345]})


@pytest.mark.usefixtures("strict")
def test_maps_are_portuguese(data, english):
    for name, drawn in drawn_maps(data).items():
        scene = drawn._scene()
        told = [drawn.title, *(text for layer in scene.layers for tip in layer.tips for text in tip[:50])]
        told += [field for layer in scene.layers for field in layer.fields]
        text = "\n".join([texts(drawn.to_svg()), *told])
        assert words(text) & english == set(), name
        check_numbers(re.sub(r"-?\d+,\d{3,}", "", text))
    assert "maio de 2024" in texts(drawn_maps(data)["hexagons by month"].to_svg())


@pytest.fixture(scope="module")
def walk():
    """People on streets whose every shop has an ad."""
    pings, places = wanderers(5, users=24, fixes=150)
    names = {"ad_id": "establishment_id", "campaign_id": "category", "category": "category"}
    ads = {**{name: places[column] for name, column in names.items()}, "establishment_id": places["establishment_id"]}
    return footfall.open({"establishments": places, "ads": pa.table(ads), "pings": pings}, tz="America/Recife",
                         lang="pt", progress=False)  # fmt: skip


@pytest.mark.usefixtures("strict")
def test_the_map_of_a_day_of_approaches_is_portuguese(walk, english):
    tables = footfall.live.prepare(walk, options=footfall.live.Approach(holdout=0, pause_s=60))
    user = footfall.live.replay(walk, tables).suggestions["user_id"][0].as_py()
    followed = footfall.live.follow(walk, tables, user=user)
    for drawn in (footfall.maps.approach(followed), followed.map(walk)):
        legends = [text for each in drawn._scene().legends() for text in (each.title, *(i.label for i in each.items))]
        assert {"Aproximações", "O que se seguiu", "Âncora", "Posição", "Trajeto"} <= set(legends)
        told = [text for layer in drawn._scene().layers for tip in layer.tips for text in tip]
        told += [field for layer in drawn._scene().layers for field in layer.fields]
        assert words("\n".join([drawn.title, *legends, *told])) & (english | OF_LIVE) == set()


@pytest.mark.usefixtures("strict")
def test_the_live_map_of_a_replay_is_portuguese(walk, english):
    tables = footfall.live.prepare(walk, options=footfall.live.Approach(holdout=0.5, pause_s=60))
    shown = footfall.live.map(tables, walk)
    shown.replay(walk.sql("SELECT * FROM pings").to_arrow(), speed=None)
    with lang.speaking(shown.lang):
        page = pictures.html(shown._below, shown._frames)
    table = page[page.rindex("<div><b>") :]
    labels = [item.label for each in shown.picture()._scene().legends() for item in each.items]
    said = shown._made().words
    told = [shown_text(table), *labels, *said["headings"], *(each["label"] for each in said["legend"]), said["stop"]]
    assert {"Aproximando-se", "Retido"} <= set(labels) and "Posições" in told[0] and "usuário 1" in told[0]
    assert words(" ".join([*told, said["ends"]])) & (english | OF_LIVE) == set()


@pytest.mark.usefixtures("strict")
def test_the_back_test_is_portuguese(walk, english):
    found = footfall.live.backtest(walk)
    spec = found.chart().to_dict()
    text = texts(vl_convert.vegalite_to_svg(spec))
    assert {"Chegam", "Param lá", "o mais próximo", "ao acaso"} <= set(text.splitlines())
    assert words(text + tips(spec)) & (english | OF_LIVE) == set()
    check_numbers(text)
    headline = re.search(r"<b>(.*?)</b>", found._repr_html_())[1]
    assert headline.startswith("Teste com a história: ") and words(headline) & english == set()
    noon = pa.array([0, 0], pa.timestamp("us", "UTC"))
    sent = {"user_id": ["a", "b"], "establishment_id": ["a", "b"], "timestamp": noon, "held_out": [False, True]}
    assert repr(footfall.live.lift(pa.table(sent), walk)).startswith("Efeito: +0,00 pontos")


def test_what_is_live_may_speak_another_language(walk):
    assert footfall.live.backtest(walk).chart(lang="en").to_dict()["title"]["text"][0].endswith("lead to an arrival")
    user = walk.sql("SELECT user_id FROM pings LIMIT 1").to_arrow()["user_id"][0].as_py()
    tables = footfall.live.prepare(walk)
    followed = footfall.live.follow(walk, tables, user=user)
    assert (followed.map().lang, followed.map(lang="en").lang) == ("pt", "en")
    legends = followed.map(walk, lang="en")._scene().legends()
    assert "Anchor" in [item.label for each in legends for item in each.items]
    assert (footfall.live.map(tables, walk).lang, footfall.live.map(tables).lang) == ("pt", "en")
    for wrong in (lambda: followed.map(lang="xx"), lambda: footfall.live.map(tables, lang="xx")):
        with pytest.raises(footfall.DefinitionError, match="lang = 'xx': there is no such language"):
            wrong()


@pytest.fixture(scope="module")
def report(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lang, "_translated", lambda phrase: lang.catalogue(lang.spoken()).phrases[phrase])
        return data.report(tmp_path_factory.mktemp("pt") / "relatorio.html")


def test_the_report_is_portuguese(report, data, english):
    page = report.read_text(encoding="utf-8")
    text = shown_text(page)
    with lang.speaking("pt"):
        for _, _, source in terms(data):
            text = text.replace(source, "")
    assert words(text) & english == set()
    assert '<html lang="pt-BR">' in page
    check_numbers(re.sub(r"Footfall \S+|6\u202f371\u202f008,8", "", text))
    for said in ("Desempenho das campanhas", "Quais estabelecimentos recebem mais visitas?", "01/03/2024", "madrugada",
                 "segunda-feira", "usuário 1", "Todo o período", "No mapa", "200.000"):  # fmt: skip
        assert said in text, said


def test_findings_and_what_is_missing_are_portuguese(ask, tmp_path, english):
    world = random_world(15, events=300)
    tables = world.tables()
    del tables["pings"]
    path = ask(tables).report(tmp_path / "r.html", lang="pt")
    text = shown_text(path.read_text(encoding="utf-8"))
    assert "ação desconhecida" in text and "falta ao conjunto de dados: pings" in text and "descartada" in text
    assert "could not" not in text and "Left out" not in text


def test_tables_are_portuguese(data):
    result = data.campaign_ctr(by="month")
    for shown in (result._repr_html_(), repr(result)):
        text = html.unescape(re.sub(r"<[^>]+>", " ", shown))
        assert "Desempenho das campanhas: " in text and " linhas, em " in text
        assert "por mês; visita: a menos de 50 m" in text and "fuso horário: America/Recife" in text
        # Names of columns are those that code asks for.
        assert "ctr_low" in text and re.search(r"\b0,0\d+", text) and re.search(r"\b\d\.\d{3}\b", text)
    assert (
        "Quanto o acaso" in data.campaign_ctr()._repr_html_() or "quanto o acaso" in data.campaign_ctr()._repr_html_()
    )
    assert "Conjunto de dados do Footfall" in data._repr_html_() and "definições" in data._repr_html_()
    wide = data.sql("SELECT " + ", ".join(f"{n} AS c{n}" for n in range(30)))
    assert "e mais 10 colunas: c20" in html.unescape(wide._repr_html_())


def test_files_and_pipes_are_data_in_every_language(data, city_data, tmp_path):
    paths = [each.campaign_ctr().write(tmp_path / f"{n}.csv") for n, each in enumerate((data, city_data))]
    first, second = (path.read_bytes() for path in paths)
    assert first == second and b"campaign_id" in first


def test_errors_stay_english(data):
    with pytest.raises(footfall.DefinitionError, match="H3 has the resolutions"):
        data.map(resolution=99)
    with pytest.raises(footfall.QueryError, match=r"(?i)no field|no column|named"):
        data.sql("SELECT nowhere FROM pings")


# In a browser


def test_the_live_report_is_portuguese(report, english):
    with browsers.running() as running, pages.Page(running, report) as page:
        page.page.wait_for_selector("#job-3 .vega-embed svg")
        page.page.wait_for_timeout(500)
        drawn = page.page.locator("#job-1 svg.marks").first
        drawn.locator("path[aria-roledescription=point]").first.hover()
        tip = page.page.locator("#vg-tooltip-element")
        tip.wait_for()
        told = tip.inner_text()
        assert re.search(r"\d,\d+%", told) and "Taxa de cliques (CTR)" in told and words(told) & english == set()
        menus = page.page.locator(".vega-actions a").all_text_contents()
        assert set(menus) == {"Salvar como SVG", "Salvar como PNG"}
        assert page.errors == [] and page.foreign == []


def test_the_live_map_is_portuguese(data, tmp_path):
    file = data.map("users", by="month").to_html(tmp_path / "mapa.html")
    with browsers.running() as running, pages.Page(running, file) as page:
        page.wait_until_drawn()
        assert page.page.locator(".footfall-play").get_attribute("title") == "Reproduzir"
        assert page.page.locator(".footfall-slider input").get_attribute("aria-label") == "Mês"
        assert page.page.locator(".maplibregl-ctrl-zoom-in").get_attribute("title") == "Aproximar"
        assert "maio de 2024" in page.page.locator(".footfall-step").inner_text()
        assert page.page.evaluate("document.documentElement.lang") == "pt-BR"


def test_the_map_on_which_people_move_is_portuguese(walk, tmp_path):
    shown = footfall.live.map(footfall.live.prepare(walk), walk)
    shown._frames.speed = 1200.0
    with browsers.running() as running, Moving(running, tmp_path, shown._made()) as page:
        button = page.page.locator(".footfall-stop")
        assert (button.inner_text(), button.get_attribute("title")) == ("■ Parar", "Encerra a célula")
        assert page.page.locator(".footfall-speed").inner_text() == "1.200 × tempo real"
        assert page.page.locator(".footfall-last th").all_inner_texts() == [
            "Quando", "Quem", "Estabelecimento", "Anúncio", "À frente", "Chance",
        ]  # fmt: skip


@pytest.mark.parametrize("day", [date(2024, 1, 1) + timedelta(days=31 * n) for n in range(12)], ids=str)
def test_every_month_has_its_name(day):
    assert lang.day_text(day) == f"{day.day} {day:%B %Y}"
    with lang.speaking("pt"):
        assert lang.day_text(day).startswith(f"{day.day} de ") and f"{day:%B}" not in lang.day_text(day)
