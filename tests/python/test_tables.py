"""Tables in notebooks: as many rows, columns and bytes as a saved notebook shall hold, whatever is in them."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from html.parser import HTMLParser

import pyarrow as pa
import pytest

import footfall
from footfall.output import tables
from footfall.result import Result

BYTES = 20_000
NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
HOSTILE = '<script>alert("x")</script>\x1b[2J\u202e\n'


class Cells(HTMLParser):
    """The cells of a page: what each shows, and its title."""

    def __init__(self, html):
        super().__init__()
        self.cells, self.tags, self.is_within = [], set(), False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.is_within = True
            self.cells.append([tag, "", dict(attributes).get("title")])

    def handle_endtag(self, tag):
        self.is_within = self.is_within and tag not in ("td", "th")

    def handle_data(self, text):
        if self.is_within:
            self.cells[-1][1] += text


def result(table):
    return Result(table, "Query", footfall.Definitions(), "America/Recife", 0.1)


def saved_bytes(table):
    shown = result(table)
    return len((shown._repr_html_() + repr(shown)).encode())


def wide(value, columns=200, rows=1_000):
    return pa.table({f"column {number}": [value] * rows for number in range(columns)})


@pytest.mark.parametrize("table", [
    wide("x"), wide("x" * 100_000, 30, 30), wide('"' * 10_000, 30, 30), wide("日本語😀" * 1_000, 30, 30),
    wide(HOSTILE * 99), wide(-1.23456e300), wide(NOON), wide([HOSTILE] * 99, 30, 30), wide({"a": "&" * 9_999}, 30, 30),
    wide("x", 5_000, 1), wide("e\u0301" * 9_999, 30, 30), pa.table({'"' * 100_000: [1]}),
    pa.table({f"{'&' * 300}{number}": ["&" * 300] * 30 for number in range(30)}),
    pa.table({}), pa.table({"a": pa.array([], pa.int64())}), wide(None, 30, 30),
], ids=range(16))  # fmt: skip
def test_it_is_small_whatever_is_in_it(table):
    assert saved_bytes(table) <= BYTES
    html = Cells(result(table)._repr_html_())
    head, body = ([cell for cell in html.cells if cell[0] == tag] for tag in ("th", "td"))
    assert len(head) <= 20 and len(body) <= 20 * len(head) and html.tags <= {
        "div", "p", "b", "br", "small", "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip
    assert len(head) >= min(table.num_columns, 5) and len(body) == min(table.num_rows, 20) * len(head)


def test_twenty_columns_of_numbers_are_all_shown():
    html = result(wide(1234.5678, 25))._repr_html_()
    assert html.count("</th>") == 20 and html.count("<td") == 400
    assert "and 5 more columns: column 20, column 21" in html
    assert "the first 20 of 1,000 rows" in html


def test_types_stand_below_names():
    table = pa.table({"id": pa.array(["a"]).dictionary_encode(), "n": [1], "share": [0.5], "day": [date(2024, 3, 1)],
                      "at": pa.array([NOON], pa.timestamp("us", "UTC")), "tags": [["x"]], "ok": [True]})  # fmt: skip
    names = [cell[1] for cell in Cells(result(table)._repr_html_()).cells if cell[0] == "th"]
    assert names == ["idstring", "nint64", "sharefloat64", "daydate", "attimestamp[us, tz=UTC]", "tagslist<string>",
                     "okbool"]  # fmt: skip


def test_long_text_is_cut_and_all_of_it_is_under_the_pointer():
    text = "Padaria São João, " * 20
    shown = Cells(result(pa.table({"name": [text, "short"]}))._repr_html_()).cells[1:]
    assert [cell[2] for cell in shown] == [text, None]
    assert len(shown[0][1]) == 40 and text.startswith(shown[0][1].removesuffix("…"))
    # Of what has no room, the beginning.
    for _, seen, more in Cells(result(pa.table({"name": [text * 99] * 20}))._repr_html_()).cells[1:]:
        assert len(more) > 300 and more.startswith(seen[:-1]) and more.endswith("…") and text.startswith(more[:200])


def test_what_comes_from_data_is_text():
    table = pa.table({HOSTILE: [HOSTILE, HOSTILE * 99]})
    shown = Cells(result(table)._repr_html_())
    assert "script" not in shown.tags
    for text in (result(table)._repr_html_(), repr(result(table))):
        assert not re.search("[\x1b\u202e]", text)
    assert all('<script>alert("x")' in cell[1] for cell in shown.cells)


def test_styles_are_those_that_jupyterlab_keeps():
    """Of a notebook that is not trusted, its sanitizer drops style sheets, and of styles what it does not know."""
    html = result(pa.table({"name": ["x" * 99], "n": [1]}))._repr_html_()
    assert "<style" not in html and "class=" not in html
    known = {"text-align:left", "text-align:right", "color:var(--jp-ui-font-color2,gray)", "font-weight:normal"}
    assert {rule for style in re.findall('style="([^"]*)"', html) for rule in style.split(";")} == known


def test_the_text_twin_is_the_first_rows_and_columns():
    lines = repr(result(wide(7, 25))).splitlines()
    assert len(lines) == 1 + 1 + 10 + 1 + 1 and lines[-2].startswith("and 5 more columns: column 20,")
    assert tables.type_name(pa.large_string()) == "string"


def test_a_data_set_of_many_columns_is_small(ask):
    ads = {"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]}
    data = ask({"ads": pa.table({**ads, **{f"extra column {number}": [1] for number in range(3_000)}})})
    assert len((data._repr_html_() + repr(data)).encode()) <= BYTES
    assert "campaign_id" in data._repr_html_() and "ads: ad_id" in repr(data)
