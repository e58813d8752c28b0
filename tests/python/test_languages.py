"""In Portuguese, nothing that is shown is English: phrases are translated, numbers and dates written alike."""

from __future__ import annotations

import html
import pickle
import re
from datetime import date, timedelta
from pathlib import Path

import altair as alt
import browsers
import pages
import phrases
import pyarrow as pa
import pytest
import vl_convert
from live_towns import wanderers
from moving_pages import Moving
from typer.testing import CliRunner
from worlds import random_world

import footfall
import footfall.live
from footfall import lang
from footfall._native import jobs
from footfall.cli import app
from footfall.live import pictures
from footfall.maps import Map
from footfall.notebook import answer, shipped
from footfall.notebook.shipped import translation
from footfall.report.glossary import terms

PACKAGE = Path(footfall.__file__).parent
OTHERS = [language for language in lang.languages() if language != lang.ENGLISH]
ASKED = [(job["name"], by) for job in jobs() if job["number"] < 7 for by in (
    ("day", "week", "month", "period") if job["by"] else (None,))]  # fmt: skip


@pytest.fixture(scope="module")
def data(city):
    return footfall.open(city, tz="America/Recife", progress=False, lang="pt")


@pytest.fixture
def strict(monkeypatch):
    """Phrases that the catalogue lacks are errors."""
    monkeypatch.setattr(lang, "_translated", lambda phrase: lang.catalogue(lang.spoken()).phrases[phrase])


# The catalogue


@pytest.mark.parametrize("language", OTHERS)
def test_every_phrase_is_translated_and_nothing_else(language):
    said, translated = phrases.said(PACKAGE), lang.catalogue(language).phrases
    assert len(said) > 300
    assert {phrase: file for phrase, file in said.items() if phrase not in translated} == {}, "these lack a translation"
    assert set(translated) - set(said) == set(), "translations of nothing"


@pytest.mark.parametrize("language", OTHERS)
def test_plurals_have_two_forms_and_values_keep_their_places(language):
    plurals = phrases.plurals(PACKAGE)
    for phrase, found in lang.catalogue(language).phrases.items():
        assert isinstance(found, list) == (phrase in plurals), phrase
        forms = found if isinstance(found, list) else [found]
        assert len(forms) == 1 + (phrase in plurals) and all(forms), phrase
        assert places(forms[-1]) == places(phrase), phrase
        # One thing need not be counted.
        assert places(phrase) - {"{count}"} <= places(forms[0]) <= places(phrase), phrase


def places(phrase):
    return set(re.findall(r"{\w*}", phrase))


def test_a_phrase_without_translation_would_be_found():
    source = (
        'tr("one")\nx = mark("two" " three")\ntrn("four", "fours", n)\nlang.tr("five", a=1)\nf(*marks("six", "sixes"))'
    )
    assert phrases.phrases(source) == ["one", "two three", "fours", "five", "sixes"]


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_what_is_translated_can_be_found_in_the_sources(file):
    """What is said by a variable is marked where it is written: an f-string is a phrase that no catalogue can have."""
    for call in phrases.calls(file.read_text(encoding="utf-8")):
        assert not any(type(argument).__name__ == "JoinedStr" for argument in call.args), f"{file}:{call.lineno}"


@pytest.mark.parametrize("language", OTHERS)
def test_numbers_are_written_as_vega_writes_them(language):
    ours = lang.catalogue(language)
    vega = vl_convert.get_format_locale(ours.locale)
    assert (ours.decimal, ours.thousands) == (vega["decimal"], vega["thousands"])
    with lang.speaking(language):
        named = lang.locale()["time"]
        assert [lang.month_text(date(2024, month, 1)).split()[0] for month in range(1, 13)] == named["months"]


def test_the_kinds_of_findings_are_those_of_the_core(ask):
    found = {row["check"] for row in ask(random_world(15, events=50)).check(all=True).to_arrow().to_pylist()}
    assert found and {name.replace("_", " ") for name in found} <= set(lang.catalogue("pt").phrases)


# What is shown


def words(text):
    return set(re.findall(r"[^\W\d_]{2,}", text.lower()))


@pytest.fixture(scope="module")
def english(data):
    """The words that are English alone: no Portuguese phrase or data has them; titles of papers stay."""
    catalogue = {phrase: found for phrase, found in lang.catalogue("pt").phrases.items() if "Moritz" not in phrase}
    forms = [form for found in catalogue.values() for form in ([found] if isinstance(found, str) else found)]
    facts = data.sql("SELECT DISTINCT category FROM establishments UNION SELECT DISTINCT category FROM ads").to_arrow()
    columns = [name for names in data.tables.values() for name in names]
    of_data = [*facts["category"].to_pylist(), *data.tables, *columns, data.source, "Footfall"]
    found = of_phrases(catalogue) - of_phrases(forms) - words(" ".join(of_data))
    assert {"the", "visits", "share", "march", "monday", "week"} <= found
    return found


def of_phrases(some):
    return words(" ".join(re.sub(r"{\w+}|%-?\w", "", phrase) for phrase in some))


def texts(svg):
    """The texts of a picture, one in a line; those of several lines have a part for each."""
    return html.unescape("\n".join(re.findall(r"<(?:text|tspan)[^>]*>([^<]+)</", svg)))


def check_numbers(text):
    assert not re.search(r"\d,\d{3}\b", text), re.findall(r".*\d,\d{3}\b.*", text)
    assert not re.search(r"\d\.\d+ ?%|\d\.\d{1,2}\b", text), re.findall(r".*\d\.\d+ ?%.*", text)
    assert not re.search(r"\d\s%", text), "in Portuguese, the sign stands at the number"


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


def tips(spec):
    """What the parts of a chart tell when they are pointed at, and its expressions."""
    if isinstance(spec, list):
        return " ".join(map(tips, spec))
    if not isinstance(spec, dict):
        return ""
    own = [each["title"] for each in spec["tooltip"]] if isinstance(spec.get("tooltip"), list) else []
    return " ".join([*own, *(tips(value) for name, value in spec.items() if name != "datasets")])


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


#: That no column of the data set names, nor Portuguese has.
OF_LIVE = {"suggested", "held", "outscored", "anchor", "track", "approaches", "there", "stayed", "come", "nearest"}


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


def shown_text(page):
    """The text of a page without what stays English: statements, and scripts."""
    for tag in ("pre", "script", "style"):
        page = re.sub(rf"<{tag}[ >].*?</{tag}>", " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


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


# Which language


def test_there_is_no_such_language(city, data, monkeypatch, tmp_path):
    told = "lang = 'xx': there is no such language; there are en, pt"
    for ask_ in (
        lambda: footfall.open(city, lang="xx"),
        lambda: data.campaign_ctr().chart(lang="xx"),
        lambda: data.establishment_visits(by="period").map(lang="xx"),
        lambda: data.map(lang="xx"),
        lambda: data.report(tmp_path / "r.html", lang="xx"),
        lambda: Map(lang="xx"),
    ):
        with pytest.raises(footfall.DefinitionError) as raised:
            ask_()
        assert str(raised.value) == told
    monkeypatch.setenv("FOOTFALL_LANG", "klingon")
    with pytest.raises(footfall.DefinitionError, match=r"FOOTFALL_LANG = 'klingon'.*en, pt"):
        footfall.open(city)
    assert footfall.open(city, lang="pt", progress=False).lang == "pt", "what is said goes before the environment"


def test_the_environment_says_which(city, monkeypatch):
    assert footfall.open(city, progress=False).lang == "en"
    monkeypatch.setenv("FOOTFALL_LANG", "pt-BR")
    assert footfall.open(city, progress=False).lang == "pt" == Map().lang
    assert footfall.open(city, progress=False, lang="en").lang == "en"


def test_what_is_made_of_a_data_set_speaks_its_language(data):
    part = data.sample(users=0.5).between("2024-03-02")
    assert part.lang == "pt" == pickle.loads(pickle.dumps(part)).lang
    result = pickle.loads(pickle.dumps(part.campaign_ctr()))
    assert result.lang == "pt" and Map(part).lang == "pt" == part.map().lang


def test_one_chart_may_speak_another(data, city_data):
    assert "campanhas" in title(city_data.campaign_ctr(by="period").chart(lang="pt"))
    assert "campaigns" in title(data.campaign_ctr(by="period").chart(lang="en"))
    assert "locale" not in data.campaign_ctr(by="period").chart(lang="en").to_dict()["config"]
    assert city_data.map(lang="pt")._scene().legends()[0].items[0].label == "Estabelecimentos"


def title(chart):
    return " ".join(chart.to_dict()["title"]["text"])


def test_charts_side_by_side_keep_the_separators(data):
    one, other = data.campaign_ctr(by="period").chart(), data.establishment_visits(by="period").chart()
    for both in (one | other, one & other, (one | other) & one, one.properties(width=200)):
        assert both.to_dict()["config"]["locale"]["number"]["decimal"] == ","
    with alt.theme.enable("dark"):
        assert one.to_dict()["config"]["locale"]["number"]["thousands"] == "."


def test_a_language_ends_with_its_block():
    with pytest.raises(ZeroDivisionError), lang.speaking("pt"):
        assert lang.tr("Visits") == "Visitas"
        1 / 0  # noqa: B018
    assert lang.spoken() == "en" and lang.tr("Visits") == "Visits"


def test_text_of_data_is_no_template(ask):
    """Braces in names are names."""
    world = random_world(15, events=200)
    for row in world.rows("ads"):
        row["campaign_id"] = "{count} {0} {x"
    drawn = ask(world, lang="pt").campaign_ctr(by="period").chart()
    assert "{count} {0} {x" in str(drawn.to_dict())


def test_the_command_speaks_it_too(city, tmp_path, monkeypatch):
    run = CliRunner().invoke
    shown = run(app, ["run", "campaign_ctr", str(city), "--tz", "America/Recife", "--lang", "pt", "--by", "period"])
    assert "Desempenho das campanhas: 4 linhas" in shown.output, shown.output
    monkeypatch.setenv("FOOTFALL_LANG", "pt")
    target = tmp_path / "r.html"
    assert run(app, ["report", str(city), "--out", str(target)]).exit_code == 0
    assert "Relatório do Footfall" in target.read_text(encoding="utf-8")


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


# Notebooks


NOTEBOOKS = [*shipped.names(), "presentation"]
TRANSLATED = [(language, name) for language in shipped.languages() if language != "en" for name in NOTEBOOKS]


@pytest.mark.parametrize(("language", "name"), TRANSLATED, ids=str)
def test_every_markdown_cell_is_translated_and_nothing_else(language, name):
    notebook, words_ = shipped.read(name), shipped.words(name, language)
    assert translation.lacking(notebook, words_) == [] and translation.of_no_cell(notebook, words_) == []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            source, told = "".join(cell["source"]), words_[cell["id"]]
            assert told != source
            assert shape(told) == shape(source), cell["id"]


def shape(markdown):
    """What a translation keeps: headings, rows of tables, items, code and numbers of lines that begin one."""
    blocks = re.findall(r"```.*?```", markdown, re.DOTALL)
    lines = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL).splitlines()
    starts = [re.match(r"#+ |\||- \*\*", line) for line in lines]
    inline = sorted(re.findall(r"`([^`\n]+)`", " ".join(map(str.strip, lines))))
    return [start[0] for start in starts if start], inline, blocks


def test_languages_of_notebooks_are_those_of_what_they_show():
    assert shipped.languages() == lang.languages()
    for language in OTHERS:
        files = {file.stem for file in (shipped.FOLDER / language).iterdir()}
        assert files - set(NOTEBOOKS) == set(), "translations of no notebook"


def test_a_sentence_in_a_notebook_is_portuguese(data):
    assert "tem o maior número de visitas" in repr(answer(data.establishment_visits(by="period")))
    named = data.preferred_ad_categories().without_ids()
    assert named.to_arrow()["user_id"][0].as_py() == "usuário 1"
    assert "usuário 1" in texts(vl_convert.vegalite_to_svg(named.chart(users="usuário 1").to_dict()))
