"""The report: one page that loads nothing from anywhere, with every answer that the tables allow."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from worlds import ALL_NULL, EMPTY, ONE_ROW, SCHEMAS, random_world

import footfall

LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href", "formaction"}


class Page(HTMLParser):
    """What a page would load, its sections, its text, and the specifications of its charts."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.loads, self.ids, self.text, self.styles, self.specs, self.open = [], [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loads += [(tag, value) for name, value in attributes.items() if name in LOADING]
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.styles.append(attributes.get("style") or "")
        if tag not in {"img", "meta", "br", "hr", "link", "input"}:
            self.open.append((tag, attributes.get("type")))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        inside = self.open[-1] if self.open else (None, None)
        if inside == ("script", "application/json"):
            self.specs.append(json.loads(data))
        elif inside[0] == "style":
            self.styles.append(data)
        elif inside[0] != "script":
            self.text.append(data)


def written(data, path, **options):
    html = data.report(path, **options).read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    return page, " ".join(page.text)


@pytest.fixture(scope="module")
def city_report(city_data, tmp_path_factory):
    return written(city_data, tmp_path_factory.mktemp("report") / "city.html", title="Recife & <friends>")


def urls_in(spec):
    """Every address in a chart's specification that its drawing would fetch."""
    if isinstance(spec, dict):
        own = [value for name, value in spec.items() if name in ("url", "href") and isinstance(value, str)]
        return own + [url for value in spec.values() for url in urls_in(value)]
    return [url for value in spec for url in urls_in(value)] if isinstance(spec, list) else []


def check_loads_nothing(page):
    assert all(value.startswith(("data:", "#")) for _, value in page.loads), page.loads
    assert not any(tag in ("link", "iframe", "object", "embed") for tag, _ in page.loads)
    assert not re.search(r"@import|url\((?!['\"]?(data:|#))", " ".join(page.styles))
    assert [url for spec in page.specs for url in urls_in(spec)] == []


def test_it_loads_nothing(city_report):
    check_loads_nothing(city_report[0])


def test_it_has_its_sections(city_report, city_data):
    page, text = city_report
    assert len(page.ids) == len(set(page.ids))
    for section in ("data", "quality", *(f"job-{number}" for number in range(1, 7)), "definitions"):
        assert section in page.ids
        assert ("a", f"#{section}") in page.loads
    for job in city_data.jobs():
        assert job["question"] in text
    assert "Recife & <friends>" in text


def test_it_tells_the_data_the_definitions_and_the_time(city_report, city_data):
    _, text = city_report
    for rows in city_data.rows().values():
        assert f"{rows:,}" in text
    for words in ("America/Recife", "50 m", "6 h", "95 %", "SELECT", "Computed in"):
        assert words in text.replace("\xa0", " "), words


def test_every_answer_has_its_charts_with_rows(city_report):
    page, _ = city_report
    # Jobs 1 to 4 by period and by month, 5 and 6 as preferences and as examples.
    assert len(page.specs) >= 12
    assert sum(tag == "img" for tag, _ in page.loads) == len(page.specs)
    assert all('"mark"' in json.dumps(spec) for spec in page.specs)
    pictures = [value for tag, value in page.loads if tag == "img"]
    assert all(len(picture) > 2_000 for picture in pictures)


def test_it_holds_few_people(city_report, city_data):
    """Profiles are personal data and a report is passed on: three examples of each profile."""
    page, text = city_report
    everybody = city_data.sql("SELECT DISTINCT user_id FROM pings").to_arrow()["user_id"].to_pylist()
    shown = text + json.dumps(page.specs)
    assert sum(user in shown for user in everybody) <= 6


@pytest.mark.parametrize("missing", SCHEMAS)
def test_a_data_set_that_lacks_a_table_says_so(ask, tmp_path, missing):
    tables = random_world(15, events=200).tables()
    del tables[missing]
    data = ask(tables)
    page, text = written(data, tmp_path / "r.html")
    check_loads_nothing(page)
    for job in data.jobs():
        assert f"job-{job['number']}" in page.ids
    lacking = {job["number"] for job in data.jobs() if job["missing"]}
    assert text.count(f"lacks {missing}") == len(lacking)
    assert len(page.specs) == 2 * (6 - len(lacking))


@pytest.mark.parametrize("world", [EMPTY, ONE_ROW, ALL_NULL], ids=["empty", "one row", "all null"])
def test_a_report_on_next_to_nothing(ask, tmp_path, world):
    page, text = written(ask(world), tmp_path / "r.html")
    check_loads_nothing(page)
    assert "could not be answered" not in text and "Traceback" not in text


def test_a_report_on_a_sample_and_a_period(city_data, tmp_path):
    some = city_data.sample(users=0.2).between("2024-03-05", "2024-04-10")
    _, text = written(some, tmp_path / "r.html")
    assert "could not be answered" not in text
    assert "20 %" in text.replace("\xa0", " ") and "2024-03-05" in text


def test_quality_findings_are_shown(ask, tmp_path):
    _, text = written(ask(random_world(15, events=300)), tmp_path / "r.html")
    for words in ("left out", "flagged", "unknown action", "out of range", "unknown ad"):
        assert words in text


@pytest.mark.parametrize("evil", ["</script><script>alert(1)</script>", "<!--<script>", "-->\u2028&lt;"])
def test_names_with_markup_are_text(ask, tmp_path, evil):
    world = random_world(15, events=200)
    for table, column in [("establishments", "name"), ("ads", "campaign_id"), ("establishments", "category")]:
        for row in world.rows(table):
            row[column] = evil
    page, text = written(ask(world), tmp_path / "r.html")
    assert evil in text and ("script", None) not in page.open
    assert evil not in (tmp_path / "r.html").read_text(encoding="utf-8")
    check_loads_nothing(page)


def test_where_it_cannot_be_written(city_data, tmp_path):
    with pytest.raises(footfall.DefinitionError, match="folder"):
        city_data.report(tmp_path)
    with pytest.raises(footfall.DefinitionError, match="folder"):
        city_data.report(tmp_path / "nowhere" / "r.html")
