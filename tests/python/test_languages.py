"""Languages: phrases and notebooks are translated, and who says which language is spoken."""

from __future__ import annotations

import pickle
import re
from datetime import date
from pathlib import Path

import altair as alt
import phrases
import pytest
import vl_convert
from portuguese import opened, texts
from typer.testing import CliRunner
from worlds import random_world

import footfall
import footfall.live
from footfall import lang
from footfall.cli import app
from footfall.maps import Map
from footfall.notebook import answer, shipped
from footfall.notebook.shipped import translation

PACKAGE = Path(footfall.__file__).parent
OTHERS = [language for language in lang.languages() if language != lang.ENGLISH]


@pytest.fixture(scope="module")
def data(city):
    return opened(city)


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


# Notebooks


NOTEBOOKS = [*shipped.names(), "presentation"]
TRANSLATED = [(language, name) for language in shipped.languages() if language != "en" for name in NOTEBOOKS]


@pytest.mark.parametrize(("language", "name"), TRANSLATED, ids=str)
def test_every_cell_and_title_is_translated_and_nothing_else(language, name):
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
