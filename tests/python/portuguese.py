"""What is English in a text, and the texts of what is shown: pictures, pages, numbers."""

from __future__ import annotations

import html
import re

import footfall
from footfall import lang

#: That no column of the data set names, nor Portuguese has.
OF_LIVE = {"suggested", "held", "outscored", "anchor", "track", "approaches", "there", "stayed", "come", "nearest"}


def opened(city):
    """A data set that speaks Portuguese."""
    return footfall.open(city, tz="America/Recife", progress=False, lang="pt")


def refuse_untranslated(monkeypatch):
    """Have phrases that the catalogue lacks be errors."""
    monkeypatch.setattr(lang, "_translated", lambda phrase: lang.catalogue(lang.spoken()).phrases[phrase])


def words(text):
    return set(re.findall(r"[^\W\d_]{2,}", text.lower()))


def english_alone(data):
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


def tips(spec):
    """What the parts of a chart tell when they are pointed at, and its expressions."""
    if isinstance(spec, list):
        return " ".join(map(tips, spec))
    if not isinstance(spec, dict):
        return ""
    own = [each["title"] for each in spec["tooltip"]] if isinstance(spec.get("tooltip"), list) else []
    return " ".join([*own, *(tips(value) for name, value in spec.items() if name != "datasets")])


def shown_text(page):
    """The text of a page without what stays English: statements, and scripts."""
    for tag in ("pre", "script", "style"):
        page = re.sub(rf"<{tag}[ >].*?</{tag}>", " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", page))
