"""What the talk shows of the benches, read from the pages that they write, and of the data set, in large numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from footfall import lang
from footfall.charts.shared import theme
from footfall.output.colours import INK, PALETTE

_BENCHES = Path(__file__).resolve().parents[2] / "benches"
_OTHERS = "#9AA5B1"
_PLAIN = "Dask, PySpark"
_LABEL: dict[str, Any] = {"align": "left", "dx": 7, "fontSize": 14}
_NAMES = alt.Axis(title=None, labelFontSize=14, labelLimit=260, ticks=False, domain=False, labelPadding=8)


class Html(str):
    """HTML of ours, which a notebook shows as it is."""

    def _repr_html_(self) -> str:
        return str(self)


def numbers(counts: Mapping[str, Any]) -> Html:
    """Return numbers in large type, each with what it counts."""
    comma = _written().thousands
    shown = ((f"{count:,}".replace(",", comma), escape(name)) for name, count in counts.items())
    tiles = (f"<div><b>{count}</b><span>{name}</span></div>" for count, name in shown)
    return Html(f'<div class="tiles">{"".join(tiles)}</div>')


def beside_peers(section: str, names: Mapping[str, str]) -> theme.LayerChart:
    """Draw how long each contestant of a work took, by benches/RESULTS.md; the first is ours.

    Parameters
    ----------
    section : str
        The letters that its heading begins with.
    names : mapping
        What contestants are called there, and here.
    """
    took = _medians("RESULTS.md", f"{section}. ")
    ours = next(iter(names))
    return _bars(pd.DataFrame({"name": names[name], "ours": name == ours, **took[name]} for name in names))


def on_engines(works: Mapping[str, str]) -> alt.HConcatChart:
    """Draw how long works took on Dask and on Spark, ours beside plain code, by benches/ENGINES.md."""
    found = pd.DataFrame(_engine_rows(works))
    panels = [_panel(found[found["engine"] == engine], engine) for engine in ("Dask", "Spark")]
    return theme.HConcatChart(hconcat=panels, spacing=40)


def _engine_rows(works: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    plain = {"Dask": "plain Dask", "Spark": "plain PySpark"}
    for heading, work in works.items():
        took = _medians("ENGINES.md", heading)
        for engine in plain:
            for who, name in (("Footfall", f"Footfall on {engine} 1+2"), (_PLAIN, f"{plain[engine]} 1+2")):
                yield {"work": work, "engine": engine, "who": who, **took[name]}


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table below the first heading that begins so, without its own heading."""
    text = (_BENCHES / page).read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}.*?$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{page} has no heading that begins with {heading!r}")
    lines = [line.strip("| ").split("|") for line in found[1].splitlines() if line.startswith("|")]
    return [[cell.strip(" *") for cell in line] for line in lines[2:]]


def _medians(page: str, heading: str) -> dict[str, dict[str, Any]]:
    """Return the median of each contestant, as a number and as it is written there."""
    point = _written().decimal
    found = rows(page, heading)
    return {row[0]: {"seconds": float(row[1]), "label": f"{row[1].replace('.', point)} s"} for row in found}


def _written() -> lang.Catalogue:
    """Return how the language of the environment writes numbers."""
    return lang.catalogue(lang.chosen(None))


def _bars(frame: pd.DataFrame) -> theme.LayerChart:
    order = list(frame["name"])
    colour = alt.condition("datum.ours", alt.value(PALETTE[0]), alt.value(_OTHERS))
    base = theme.Chart(frame, width=560, height=38 * len(frame)).encode(y=alt.Y("name:N", sort=order, axis=_NAMES))
    top = alt.Scale(domain=[0, float(frame["seconds"].max()) * 1.12])
    long = alt.X("seconds:Q", axis=None, scale=top)
    return theme.LayerChart(
        layer=[
            base.mark_bar(height=24, cornerRadiusEnd=3).encode(x=long, color=colour),
            base.mark_text(**_LABEL, color=INK).encode(x=long, text="label:N"),
        ]
    )


def _panel(frame: pd.DataFrame, engine: str) -> theme.LayerChart:
    order = list(dict.fromkeys(frame["work"]))
    colours = alt.Scale(domain=["Footfall", _PLAIN], range=[PALETTE[0], _OTHERS])
    base = theme.Chart(frame, title=engine, width=190, height=52 * len(order)).encode(
        y=alt.Y("work:N", sort=order, axis=_NAMES),
        yOffset=alt.YOffset("who:N", sort=["Footfall", _PLAIN]),
        x=alt.X("seconds:Q", axis=None, scale=alt.Scale(domain=[0, float(frame["seconds"].max()) * 1.25])),
    )
    legend = alt.Legend(title=None, orient="bottom", labelFontSize=14)
    return theme.LayerChart(
        layer=[
            base.mark_bar(cornerRadiusEnd=3).encode(color=alt.Color("who:N", scale=colours, legend=legend)),
            base.mark_text(**_LABEL, color=INK).encode(text="label:N"),
        ]
    )
