"""The report: one page that loads nothing from anywhere, with every answer that the tables allow."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from worlds import ALL_NULL, EMPTY, ONE_ROW, SCHEMAS, random_world

import footfall
from footfall.output.display import cell
from footfall.report import map as report_map
from footfall.report import privacy

LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href", "formaction"}


class Page(HTMLParser):
    """What a page would load, its sections, its text, and the specifications of its charts."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.loads, self.ids, self.text, self.styles, self.specs, self.open = [], [], [], [], [], []
        self.code, self.policy = {"script": "", "style": ""}, None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loads += [(tag, value) for name, value in attributes.items() if name in LOADING]
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.styles.append(attributes.get("style") or "")
        if attributes.get("http-equiv") == "Content-Security-Policy":
            assert self.policy is None and not self.styles[0] and not any(self.code.values()), "the policy comes first"
            self.policy = dict(part.split(" ", 1) for part in attributes["content"].split("; "))
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
            self.code["style"] += data
        elif inside[0] == "script":
            self.code["script"] += data
        else:
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
    # The map alone is no more than a picture.
    assert sum(tag == "img" for tag, _ in page.loads) == len(page.specs) + 1
    assert all('"mark"' in json.dumps(spec) for spec in page.specs)
    pictures = [value for tag, value in page.loads if tag == "img"]
    assert all(len(picture) > 2_000 for picture in pictures)


# Where people go


def map_in(page):
    """The map's picture, as SVG."""
    (picture,) = (svg for svg in map(svg_of, pictures(page)) if "Where people go" in svg)
    return picture


def pictures(page):
    return [value for tag, value in page.loads if tag == "img"]


def svg_of(address):
    return base64.b64decode(address.partition("base64,")[2]).decode()


def circles(picture):
    """The circles of the map, without the three of its legend."""
    return len(re.findall(r"<path[^>]*A", picture)) - 3


def test_establishments_are_on_the_citys_map(city_report, city):
    page, text = city_report
    picture = map_in(page)
    assert "On the map" in text and len(picture) < 150_000
    base = json.loads((city / "basemap.geojson").read_text(encoding="utf-8"))
    names = {feature["properties"].get("name") for feature in base["features"]} - {None}
    assert sum(f">{name}<" in picture for name in names) >= 3, "no neighbourhood of the city is named"


def test_the_map_draws_what_may_be_told(city_data, tmp_path):
    """An establishment whose row is left out is no circle, either."""
    visitors = city_data.establishment_visits(by="period").to_arrow()["visitors"].to_pylist()
    at_least = sorted(visitors)[len(visitors) // 2]
    for fewest in (1, at_least):
        page, _ = written(city_data, tmp_path / "r.html", at_least=fewest)
        kept = sum(not 0 < count < fewest for count in visitors)
        # The few that are far off are beyond the picture's edge.
        assert 0.9 * kept <= circles(map_in(page)) <= kept < len(visitors) + (fewest == 1)


def test_of_many_establishments_the_most_visited_are_drawn(city_data, tmp_path, monkeypatch):
    monkeypatch.setattr(report_map, "MOST", 50)
    _, text = written(city_data, tmp_path / "r.html", at_least=1)
    assert "The map has the 50 most visited establishments, without 150 others." in text


def test_a_broken_base_map_costs_the_map_alone(city, tmp_path):
    (tmp_path / "basemap.geojson").write_text("{", encoding="utf-8")
    shutil.copytree(city, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("basemap.geojson"))
    page, text = written(footfall.open(tmp_path, tz="America/Recife", progress=False), tmp_path / "r.html")
    assert "There is no map: basemap" in text and "most visits" in text
    assert len(pictures(page)) == len(page.specs)


def test_only_what_the_page_holds_is_allowed(city_report):
    """The policy names the page's own script and style by their hashes: what anything else brings in does not run."""
    page, _ = city_report
    hashes = {kind: hashlib.sha256(code.encode()).digest() for kind, code in page.code.items()}
    own = {f"{kind}-src": f"'sha256-{base64.b64encode(digest).decode()}'" for kind, digest in hashes.items()}
    expected = {"default-src": "'none'", "img-src": "data:", **own, "base-uri": "'none'", "form-action": "'none'"}
    assert page.policy == expected
    assert len(page.code["script"]) > 100_000


def everybody(data):
    query = "SELECT user_id FROM pings UNION SELECT user_id FROM interactions"
    return data.sql(query).to_arrow()["user_id"].to_pylist()


def users_told(page, text, data):
    words = set(re.findall(r"\w+", text + json.dumps(page.specs)))
    return {user for user in everybody(data) if user in words}


def test_it_tells_no_ids_of_users(city_data, tmp_path):
    """Profiles are personal data and a report is passed on."""
    page, text = written(city_data, tmp_path / "r.html")
    assert users_told(page, text, city_data) == set()
    assert text.count("user_id IN ('user 1', 'user 2', 'user 3')") == 2
    assert all(name in json.dumps(page.specs) for name in ("user 1", "user 2", "user 3"))


def test_it_tells_the_ids_of_a_few_users_if_asked(city_data, tmp_path):
    page, text = written(city_data, tmp_path / "r.html", show_users=True)
    assert 3 <= len(users_told(page, text, city_data)) <= 6
    assert "user 1" not in text


def test_ids_in_findings_and_of_few_users_are_not_told(ask, tmp_path):
    """Of users without pings and of duplicates the examples are ids; a chart of six users has a panel for each."""
    world = random_world(15, events=300)
    for number, row in enumerate([*world.rows("interactions"), *world.rows("pings")]):
        row["user_id"] = f"secret'{number % 5}"
    world.rows("interactions")[0]["user_id"] = "secret, lonely"
    world.rows("pings").append(dict(world.rows("pings")[0]))
    data = ask(world)
    found = {row["check"]: row["example"] for row in data.check().to_arrow().to_pylist() if row["rows"]}
    assert "secret" in found["duplicate"] and "secret" in found["user without pings"]
    for at_least in (1, 10):
        data.report(tmp_path / "r.html", at_least=at_least)
        assert "secret" not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_rows_about_few_users_are_left_out(city_data, tmp_path):
    visitors = city_data.establishment_visits(by="period").to_arrow()["visitors"].to_pylist()
    at_least = sorted(visitors)[len(visitors) // 2]
    page, text = written(city_data, tmp_path / "r.html", at_least=at_least)
    few = sum(0 < count < at_least for count in visitors)
    counts = f"{few:,} of {len(visitors):,} rows"
    assert few and f"Left out, for they are about fewer than {at_least} users: {counts}" in text
    drawn = [rows for spec in page.specs for rows in spec["datasets"].values()]
    counts = [row["visitors"] for rows in drawn for row in rows if "visitors" in row]
    assert counts and min(counts) >= at_least


@pytest.mark.parametrize("by", ["month", "period"])
@pytest.mark.parametrize("job", ["campaign_ctr", "category_hours", "establishment_visits", "preferred_ad_categories"])
def test_how_many_users_a_row_is_about(ask, job, by):
    data = ask(random_world(15, events=100))
    result = data.run(job, **({} if job.startswith("preferred") else {"by": by}))
    expected = users_by_row(data, result)
    assert max(expected) > 1
    for at_least in range(1, max(expected) + 2):
        found = privacy.published(data, result, privacy.Privacy(show_users=False, at_least=at_least))
        kept = [row for row, users in zip(result.to_arrow().to_pylist(), expected) if not 0 < users < at_least]
        few = len(expected) - len(kept)
        kept = kept if max(expected) >= at_least else []
        without_rank = [{name: value for name, value in row.items() if name != "rank"} for row in kept]
        table = found.result.to_arrow()
        assert [{name: row[name] for name in row if name != "rank"} for row in table.to_pylist()] == without_rank
        assert (found.withheld, found.rows) == (few, len(expected))
        if "rank" in table.column_names:
            unit = lambda row: row.get("month")  # noqa: E731
            in_order = sorted(range(len(kept)), key=lambda i: (str(unit(kept[i])), kept[i]["rank"]))
            ranks = {}
            for i in in_order:
                ranks[unit(kept[i])] = ranks.get(unit(kept[i]), 0) + 1
                assert table["rank"][i].as_py() == ranks[unit(kept[i])]


def users_by_row(data, result):
    """The users of each row of a result, counted one by one."""
    table = result.to_arrow()
    if "visitors" in table.column_names:
        return table["visitors"].to_pylist()
    if "user_id" in table.column_names:
        groups = list(zip(*(table[name].to_pylist() for name in ("day_part", "category"))))
        return [groups.count(group) for group in groups]
    rows = data.sql(
        "SELECT user_id, campaign_id, category, local_hour(timestamp) AS hour, local_month(timestamp) AS month "
        "FROM interactions JOIN ads USING (ad_id)"
    ).to_arrow().to_pylist()  # fmt: skip
    keys = [name for name in ("month", "campaign_id", "category", "hour") if name in table.column_names]
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), set()).add(row["user_id"])
    return [len(groups.get(tuple(row[key] for key in keys), ())) for row in table.to_pylist()]


def test_how_few_users_makes_sense(city_data, tmp_path):
    for at_least in (0, -1, 1.5, "ten"):
        with pytest.raises(footfall.DefinitionError, match="at_least"):
            city_data.report(tmp_path / "r.html", at_least=at_least)


def test_a_report_is_no_pdf(city_data, tmp_path):
    with pytest.raises(footfall.DefinitionError, match=r"r\.pdf.*\.html"):
        city_data.report(tmp_path / "r.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", SCHEMAS)
def test_a_data_set_that_lacks_a_table_says_so(ask, tmp_path, missing):
    tables = random_world(15, events=200).tables()
    del tables[missing]
    data = ask(tables)
    page, text = written(data, tmp_path / "r.html", at_least=1)
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
    page, text = written(ask(world), tmp_path / "r.html", at_least=1)
    assert evil in text and ("script", None) not in page.open
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert evil not in html
    assert cell(evil) in json.dumps(page.specs, ensure_ascii=False)
    specs = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html)
    assert len(specs) == len(page.specs) >= 12
    assert not re.search("[<>&\u2028\u2029]", "".join(specs))
    check_loads_nothing(page)


def test_where_it_cannot_be_written(city_data, tmp_path):
    with pytest.raises(footfall.DefinitionError, match="folder"):
        city_data.report(tmp_path)
    with pytest.raises(footfall.DefinitionError, match="folder"):
        city_data.report(tmp_path / "nowhere" / "r.html")


def test_a_chart_that_cannot_be_made_costs_its_answer_alone(city_data, tmp_path, monkeypatch):
    def refused(self, **options):
        if self.job["name"] == "campaign_ctr":
            raise footfall.DataError("no way")
        return chart(self, **options)

    chart = footfall.Result.chart
    monkeypatch.setattr(footfall.Result, "chart", refused)
    page, text = written(city_data, tmp_path / "r.html")
    assert text.count("This question could not be answered: no way") == 1 and "most visits" in text
    assert len(page.specs) == 10
