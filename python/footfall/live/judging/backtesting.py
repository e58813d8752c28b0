"""Whether it was worth it: history through the same detector, beside simpler rules with as many suggestions."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from footfall import _native, extras
from footfall.errors import DefinitionError
from footfall.inputs.options import choices, whole
from footfall.lang import ENGLISH, chosen, in_own_language, speaking, tr, trn
from footfall.live import history
from footfall.live.history import History
from footfall.live.judging import measures, tuning
from footfall.live.judging.baselines import World, baselines
from footfall.live.judging.resampling import Users
from footfall.live.options import Approach, write
from footfall.live.tables import Tables
from footfall.output import tables as shown
from footfall.output.text import printable

if TYPE_CHECKING:
    import pyarrow

    from footfall.charts.shared.theme import Drawing
    from footfall.dataset import Dataset

OURS = "footfall"
#: Where classes begin, and what they are called by.
INTERVAL_FROM_S = (0.0, 5.0, 20.0, 45.0, 90.0)
SPEED_FROM_MPS = (0.0, 2.0, 7.0)
_CLASSES = {"interval": ("interval_s", INTERVAL_FROM_S), "speed": ("speed_mps", SPEED_FROM_MPS)}
_ROWS, _TEXT_BYTES, _HTML_BYTES = 30, 8_000, 13_000


@dataclass(frozen=True, repr=False)
class Backtest:
    """How suggestions did beside simpler rules; `backtest` makes it.

    Attributes
    ----------
    table : pyarrow.Table
        method; suggestions, per_user_day; arrivals, and arrive (their share of the suggestions) with its interval;
        stops, stop (their share) with its interval; recall (the share of all stops that were foretold) with its
        interval; lead_s (median seconds to the arrival) and lead_per_eta (median of what it took over what was said).
    suggestions : pyarrow.Table
        method, user_id, timestamp, establishment_id, eta_s, interval_s, speed_mps, arrived, stopped, lead_s.
    options : Approach
        What was replayed.
    stops : int
        How many stops there were that could have been foretold.
    user_days : int
        How many days of users have a fix.
    confidence : float
        Coverage of the intervals.
    lang : str
        The language that it is shown in.
    """

    table: pyarrow.Table
    suggestions: pyarrow.Table
    options: Approach
    stops: int
    user_days: int
    confidence: float
    _history: History
    _users: Users
    _numbers: measures.Numbers
    lang: str = ENGLISH

    def by(self, kind: str) -> pyarrow.Table:
        """Return the shares by sampling interval (``"interval"``) or speed (``"speed"``) at the suggestion.

        Columns: where the class begins (interval_from_s or speed_from_mps), method, suggestions, arrivals, arrive with
        its interval, stops, stop with its interval.
        """
        import pyarrow as pa

        if kind not in _CLASSES:
            raise DefinitionError(f"by = {kind!r}: there is no such class{choices(kind, _CLASSES)}")
        column, edges = _CLASSES[kind]
        name, rows = column.replace("_", "_from_"), []
        for method, (made, came) in self._numbers.items():
            values = getattr(self._history.tracks, column)[made.fix]
            for first, last in zip(edges, (*edges[1:], np.inf)):
                inside = (values >= first) & (values < last)
                if inside.any():
                    found = measures.shares(made, came, self._users, inside)
                    rows.append({name: first, "method": method, **found})
        return pa.Table.from_pylist(sorted(rows, key=lambda row: row[name]))

    def gain(self, measure: str = "arrive") -> dict[str, Any]:
        """Return how many times the best simpler rule's share ours is: method, ratio, low, high.

        The interval is that of the ratio, users drawn for both alike.
        """
        rows = {row["method"]: row for row in self.table.to_pylist()}
        ours = rows.pop(OURS)
        if measure not in ("arrive", "stop", "recall"):
            raise DefinitionError(f"measure = {measure!r}: must be arrive, stop or recall")
        best = max(rows.values(), key=lambda row: row[measure] or 0.0)
        if not ours[measure] or not best[measure]:
            return {"method": best["method"], "ratio": None, "low": None, "high": None}
        ratios = self._drawn(OURS, measure) / self._drawn(best["method"], measure)
        low, high = self._users.interval(ratios)
        return {"method": best["method"], "ratio": ours[measure] / best[measure], "low": low, "high": high}

    def _drawn(self, method: str, measure: str) -> Any:
        made, came = self._numbers[method]
        count = self._users.count
        if measure == "recall":
            hits, trials = self._history.recalled(came), self._history.stops_by_user
        else:
            of = came.arrived if measure == "arrive" else came.stopped
            hits, trials = np.bincount(made.user[of], minlength=count), np.bincount(made.user, minlength=count)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._users.sums(hits) / self._users.sums(trials)

    def tune(self, budget: int = 5) -> Tuned:
        """Choose options for at most `budget` suggestions to a user a day, on half of the users.

        Chances are counted at every anchor of the widest corridor and the farthest horizon. Then corridor, horizon and
        ``min_chance`` are chosen that give the most arrivals; the other half of the users, by a hash, judges them.
        """
        learn, judge = tuning.halves(self._history)
        base = replace(self.options, cap=whole("budget", budget, at_least=1), min_chance=0.0)
        chances = tuning.counted(learn, base)
        best, tried = tuning.chosen(learn, base, chances)
        report = _measured(replace(judge, tables=judge.tables.told(best, chances)), best)
        return Tuned(best, chances, replace(report, lang=self.lang), tried)

    def chart(self, *, lang: str | None = None) -> Drawing:
        """Draw the shares of all methods with their intervals, in a language; by default the data set's."""
        extras.need("charts", *extras.CHARTS, by="a chart")
        from footfall.charts.backtests import backtest

        with speaking(self.lang if lang is None else chosen(lang)):
            return backtest(self.table, self.stops, self.confidence)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the table by the Arrow PyCapsule protocol."""
        return self.table.__arrow_c_stream__(requested_schema)

    def _headline(self) -> str:
        ours = self._numbers[OURS][0]
        counts = [
            trn("{count} suggestion", "{count} suggestions", len(ours.time)),
            trn("{count} user", "{count} users", self._users.count),
            trn("{count} user-day", "{count} user-days", self.user_days),
            trn("{count} stop", "{count} stops", self.stops),
        ]
        return printable(tr("Back-test: {suggestions}; {others}", suggestions=counts[0], others=", ".join(counts[1:])))

    @in_own_language
    def __repr__(self) -> str:
        return f"{self._headline()}\n{shown.text_table(self.table, _ROWS, _TEXT_BYTES)}"

    @in_own_language
    def _repr_html_(self) -> str:
        return f"<div><p><b>{self._headline()}</b></p>{shown.html_table(self.table, _ROWS, _HTML_BYTES)}</div>"


@dataclass(frozen=True, repr=False)
class Tuned:
    """Options that were chosen on half of the users, and how they did on the other half; `Backtest.tune` makes it.

    Attributes
    ----------
    options : Approach
        What was chosen.
    chances : pyarrow.Table
        What the half counted.
    report : Backtest
        Of the other half alone.
    tried : pyarrow.Table
        miss_m, miss_share, horizon_s, min_chance; suggestions, arrivals: on the half that chose.
    """

    options: Approach
    chances: pyarrow.Table
    report: Backtest
    tried: pyarrow.Table

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write options and chances to a ``.toml`` or ``.json`` file, which ``footfall live --options`` takes."""
        return write(path, self.options, self.chances.to_pylist())

    def __repr__(self) -> str:
        names = ("miss_m", "miss_share", "horizon_s", "min_chance", "cap")
        told = ", ".join(f"{name} = {getattr(self.options, name):g}" for name in names)
        with speaking(self.report.lang):
            half = tr("Tuned on half of the users: {options}. On the other half:", options=told)
        return f"{half}\n{self.report!r}"


def _measured(of: History, options: Approach) -> Backtest:
    """Return how these options do, beside the simpler rules."""
    made = of.numbers(of.replayed(options.native())[0])
    world = World(replace(of.tracks, options=options), of.truth.visits, of.may)
    methods = {OURS: made, **baselines(world, made, of.seed)}
    numbers = {name: (each, of.truth.came(each)) for name, each in methods.items()}
    users = Users(len(of.tracks.user_ids), of.seed, of.confidence)
    return Backtest(
        table=measures.table(of, numbers, users),
        suggestions=measures.rows(of, numbers),
        options=options,
        stops=of.truth.stops,
        user_days=of.tracks.user_days,
        confidence=of.confidence,
        _history=of,
        _users=users,
        _numbers=numbers,
    )


def backtest(
    data: Dataset,
    tables: Tables | None = None,
    *,
    options: Approach | None = None,
    seed: int = 1,
    kernel: Any = _native,
) -> Backtest:
    """Replay history through the detector and see what came of it, beside simpler rules.

    Parameters
    ----------
    data : Dataset
        Pings, whose period and users `between` and `sample` choose; memory holds them. Establishments.
    tables : Tables, optional
        What the detector knows, such as ``prepare(data.between(None, day))`` for ``data.between(day)``. By default
        nothing that the period itself would have to tell: an ad for every establishment, all alike, nobody's tastes
        and no familiar pairs, and the chances that the sample city's back-test counted.
    options : Approach, optional
        Instead of those of the tables. Nobody is held out.
    seed : int
        Of the users drawn for intervals, and of what the simpler rules draw.
    kernel : module
        Has the classes ``LiveTables`` and ``Detector``.

    Returns
    -------
    Backtest
        The rules are: the nearest establishment; any within the horizon, whatever the heading; one whose 500 m were
        just entered; any within ``horizon_max_m``. Each suggests, on each day of each user, as many as the detector
        did, at moments drawn from those at which the user had moved on, by the same policy: pause, cooldown, nothing
        that the user was just inside of, ads that run, no familiar pairs. A suggestion *arrives* if the user is within
        the visit radius at least 30 s and at most 15 min later, and *stops* if that is for 2 min or more. *Recall* is
        the share of stops at establishments with ads, of users who were seen outside before, that were foretold so.

    Raises
    ------
    MissingTableError
        If there are no pings or no establishments.
    DefinitionError
        If no ad is of an establishment that is there.

    Examples
    --------
    >>> import footfall, tempfile
    >>> data = footfall.open(footfall.synth.city(tempfile.mkdtemp(), pings=20_000), tz="America/Recife")
    >>> found = footfall.live.backtest(data)
    >>> found.table.column("method").to_pylist()
    ['footfall', 'nearest', 'any heading', 'entering 500 m', 'random']
    """
    of = history.of_data(data, tables, options, seed, kernel)
    return replace(_measured(of, of.tables.options), lang=data.lang)
