"""The two ratios, of clicks (job 1) and of attributed visits (job 3): their columns, and the phrases about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from footfall.charts.shared import rows
from footfall.charts.shared.rows import Row
from footfall.lang import mark, marks
from footfall.output.display import cell


@dataclass(frozen=True)
class Ratio:
    """A ratio of two counts, the names of its columns, and the phrases about it."""

    key: str
    ratio: str
    hits: str
    trials: str
    hits_word: str
    trials_word: str
    counts: str
    axis: str
    thing: str
    none: str
    no_hits: str
    interval: str
    together: str
    together_in_month: str
    without: tuple[str, str]
    everything: tuple[str, str]
    best: tuple[str, str]
    label: Callable[[pa.Table, Sequence[Row], int], dict[str, str]]
    people: str | None = None

    @property
    def low(self) -> str:
        """The column of the interval's lower end."""
        return f"{self.ratio}_low"

    @property
    def high(self) -> str:
        """The column of the interval's upper end."""
        return f"{self.ratio}_high"


CTR = Ratio(
    key="campaign_id",
    ratio="ctr",
    hits="clicks",
    trials="views",
    hits_word=mark("Clicks"),
    trials_word=mark("Views"),
    counts=mark("{hits} clicks of {trials} views"),
    axis=mark("Click-through rate"),
    thing=mark("Campaign"),
    none=mark("No campaign has a view: there is no click-through rate to draw."),
    no_hits=mark("0 clicks of {trials} views: nothing to compare."),
    interval=mark("{confidence} Wilson interval"),
    together=mark("Dashed: all campaigns together, {share}."),
    together_in_month=mark("Dashed: all campaigns together in the month. At the right: clicks of views."),
    without=marks(
        "Left out: {count} campaign without views.",
        "Left out: {count} campaigns without views.",
    ),
    everything=marks(
        "The only campaign by click-through rate",
        "All {count} campaigns by click-through rate",
    ),
    best=marks(
        "The best of {everything} campaigns by click-through rate",
        "The {count} best of {everything} campaigns by click-through rate",
    ),
    label=lambda table, shown, letters: {row["campaign_id"]: cell(row["campaign_id"]) for row in shown},
)
ATTRIBUTION = Ratio(
    key="establishment_id",
    ratio="ratio",
    hits="attributed_visits",
    trials="visits",
    hits_word=mark("Attributed"),
    trials_word=mark("Visits"),
    counts=mark("{hits} attributed of {trials} visits"),
    axis=mark("Attributed visits"),
    thing=mark("Establishment"),
    none=mark("No establishment has a visit: there is no ratio to draw."),
    no_hits=mark("0 attributed of {trials} visits: nothing to compare."),
    interval=mark("{confidence} Wilson interval by visitor: the visits of one person are not independent"),
    together=mark("Dashed: all establishments together, {share}."),
    together_in_month=mark("Dashed: all establishments together in the month. At the right: attributed of visits."),
    without=marks(
        "Left out: {count} establishment without visits.",
        "Left out: {count} establishments without visits.",
    ),
    everything=marks(
        "The only establishment by the share of visits that follow an ad",
        "All {count} establishments by the share of visits that follow an ad",
    ),
    best=marks(
        "The best of {everything} establishments by the share of visits that follow an ad",
        "The {count} best of {everything} establishments by the share of visits that follow an ad",
    ),
    label=rows.labels,
    people="visitors",
)
