"""Does the detector of approaches see who comes? Planted worlds at several sampling intervals, beside a simple rule.

Usage: python -m benches.live_streets [--people 100] [--hours 10] [--seed 1] [--intervals 1,5,15,30,60,120]
                                      [--option leg_m=30 ...] [--no-accuracy] [--no-rule] [--oracle]

The detector is alone: no chance, no policy. A trip is recalled if the establishment was called after the departure and
at least 15 s before the arrival. The rule: the distance dropped by 10 m or more at three fixes in a row, within 1 km.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import pyarrow as pa

import footfall
from footfall import _native
from footfall.made_up.streets import Streets

AHEAD_US = 15_000_000
HOUR_US = 3_600_000_000
DROP_M, DROPS, REACH_M, REARM = 10.0, 3, 1_000.0, 1.5
KINDS = ("walker", "driver", "rider", "resident", "glitching")
HEADINGS = ("s", "walkers", "bar", "calls a walk", "bar", "drivers", "bar", "calls a drive", "riders", "residents",
            "glitching", "bar", "fixes/s")  # fmt: skip

#: user_id, establishment_id and the instant of a call, in microseconds.
Call = tuple[str, str, int]


class Figures(NamedTuple):
    """What a way to call establishments achieved in a world."""

    recall: dict[str, float]
    calls_a_trip: dict[str, float]
    calls_an_hour: dict[str, float]


def bars(interval_s: float) -> dict[str, float | None]:
    """What must be reached at a sampling interval: recalls at least, calls at most."""
    return {
        "walker": 0.90 if interval_s <= 60 else 0.75,
        "calls": 20,
        "driver": 0.75 if interval_s <= 60 else None,
        "still": 0.1 if interval_s <= 30 else None,
    }


def live_module(oracle: bool) -> Any:
    """The extension, or the oracle of the tests where it has no detector yet or is not wanted."""
    if hasattr(_native, "Detector") and not oracle:
        return _native
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
    import live_oracle

    return live_oracle


def called_by_detector(live: Any, world: Streets, options: dict[str, float]) -> list[Call]:
    """Every approach of the detector alone."""
    shops = world.establishments
    ids = shops["establishment_id"]
    text = pa.array(["c"] * len(ids), pa.string())
    ads = pa.table({"ad_id": ids, "campaign_id": text, "category": text, "establishment_id": ids,
                    "ctr_low": np.ones(len(ids))})  # fmt: skip
    zone = footfall.inputs.zones.zone("America/Recife") if live is _native else "America/Recife"
    alone = {"min_chance": 0.0, "holdout": 0.0, **options}
    tables = live.LiveTables(shops.drop_columns(["name"]), ads, None, None, None, alone, zone, "bench")
    _, approaches = live.Detector(tables).process(in_order(world.pings))
    return calls_of(pa.table(approaches))


def in_order(pings: pa.Table) -> pa.Table:
    """Fixes in the order of their instants, as they arrive."""
    return pings.sort_by([("timestamp", "ascending"), ("user_id", "ascending")])


def calls_of(table: pa.Table) -> list[Call]:
    instants = table["timestamp"].cast(pa.int64()).to_pylist()
    return list(zip(table["user_id"].to_pylist(), table["establishment_id"].to_pylist(), instants))


def called_by_rule(world: Streets) -> list[Call]:
    """Every establishment whose distance dropped at several fixes in a row, once until it is left behind."""
    shops = world.establishments
    ids = np.array(shops["establishment_id"].to_pylist())
    calls: list[Call] = []
    pings = world.pings.sort_by([("user_id", "ascending"), ("timestamp", "ascending")])
    users = np.array(pings["user_id"].to_pylist())
    for user in np.unique(users):
        own = pings.filter(pa.array(users == user))
        away = footfall.haversine_m(*(
            np.repeat(own[name].to_numpy()[:, None], len(ids), 1).ravel() for name in ("latitude", "longitude")
        ), *(np.tile(shops[name].to_numpy(), len(own)) for name in ("latitude", "longitude")))  # fmt: skip
        times = own["timestamp"].cast(pa.int64()).to_numpy()
        calls += [(str(user), str(ids[e]), int(times[i])) for i, e in dropping(np.asarray(away).reshape(-1, len(ids)))]
    return calls


def dropping(away: np.ndarray) -> list[tuple[int, int]]:
    """Where the rule calls: a fix and an establishment."""
    drops = np.diff(away, axis=0) <= -DROP_M
    run, fired = np.zeros(away.shape[1], int), np.full(away.shape[1], np.inf)
    found = []
    for i, row in enumerate(drops, 1):
        run = np.where(row, run + 1, 0)
        fired[away[i] > REARM * fired] = np.inf
        calls = np.flatnonzero((run >= DROPS) & (away[i] <= REACH_M) & (away[i] >= 50) & np.isinf(fired))
        fired[calls] = away[i][calls]
        found += [(i, int(e)) for e in calls]
    return found


def figures(world: Streets, calls: list[Call]) -> Figures:
    """Recall of trips, establishments called on a trip, and calls an hour of those who go nowhere."""
    by_user: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for user, establishment, instant in calls:
        by_user[user].append((establishment, instant))
    truth = world.truth
    for name in ("departed", "arrived", "left"):
        truth = truth.set_column(truth.column_names.index(name), name, truth[name].cast(pa.int64()))
    recalled, called, hours, still = (defaultdict(list) for _ in range(4))
    for row in truth.to_pylist():
        own = by_user[row["user_id"]]
        if row["arrived"] is None:
            still[row["kind"]].append(len(own))
            hours[row["kind"]].append((row["left"] - row["departed"]) / HOUR_US)
            continue
        ahead = {e for e, t in own if row["departed"] <= t <= row["arrived"] - AHEAD_US}
        recalled[row["kind"]].append(row["establishment_id"] in ahead)
        called[row["kind"]].append(len({e for e, t in own if row["departed"] <= t <= row["arrived"]}))
    return Figures(
        {kind: float(np.mean(hits)) for kind, hits in recalled.items()},
        {kind: float(np.mean(n)) for kind, n in called.items()},
        {kind: sum(n) / sum(hours[kind]) for kind, n in still.items()},
    )


def line(interval_s: float, found: Figures, fixes_a_second: float) -> list[str]:
    """A row of the table."""
    bar = bars(interval_s)
    nan = float("nan")
    return [
        f"{interval_s:g}",
        judged(found.recall.get("walker", nan), bar["walker"]), said(bar["walker"]),
        judged(-found.calls_a_trip.get("walker", nan), -20.0), said(bar["calls"]),
        judged(found.recall.get("driver", nan), bar["driver"]), said(bar["driver"]),
        f"{found.calls_a_trip.get('driver', nan):.2f}",
        f"{found.calls_an_hour.get('rider', nan):.2f}",
        judged(-found.calls_an_hour.get("resident", nan), None if bar["still"] is None else -bar["still"]),
        judged(-found.calls_an_hour.get("glitching", nan), None if bar["still"] is None else -bar["still"]),
        said(bar["still"]),
        f"{fixes_a_second:,.0f}",
    ]  # fmt: skip


def judged(value: float, bar: float | None) -> str:
    """A figure, with a mark where it misses its bar; what must stay small is negative."""
    return f"{abs(value):.2f}" + ("" if bar is None or value >= bar else " !")


def said(bar: float | None) -> str:
    return "" if bar is None else f"{bar:g}"


def table(rows: list[list[str]]) -> str:
    """Lay rows out in Markdown."""
    widths = [max(len(row[i]) for row in [list(HEADINGS), *rows]) for i in range(len(HEADINGS))]
    lines = [" | ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in [list(HEADINGS), *rows]]
    lines.insert(1, " | ".join("-" * (width - 1) + ":" for width in widths))
    return "\n".join(f"| {text} |" for text in lines)


def run(args: argparse.Namespace, call: Callable[[Streets], list[Call]]) -> str:
    rows = []
    for interval_s in args.intervals:
        world = world_of(args, interval_s)
        start = time.perf_counter()
        calls = call(world)
        rows.append(line(interval_s, figures(world, calls), world.pings.num_rows / (time.perf_counter() - start)))
    return table(rows)


def world_of(args: argparse.Namespace, interval_s: float) -> Streets:
    return footfall.synth.streets(
        interval_s=interval_s, seed=args.seed, walkers=args.people, drivers=args.people, riders=args.people // 4,
        residents=args.people // 2, glitching=args.people // 2, hours=args.hours, accuracy=not args.no_accuracy,
    )  # fmt: skip


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--people", type=int, default=100, help="walkers; as many drivers, half at home and glitching")
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--intervals", type=lambda text: [float(s) for s in text.split(",")], default=[1, 5, 15, 30, 60, 120]
    )
    parser.add_argument("--option", action="append", default=[], help="name=value of the detector")
    parser.add_argument("--no-accuracy", action="store_true")
    parser.add_argument("--no-rule", action="store_true")
    parser.add_argument("--oracle", action="store_true", help="the tests' plain Python in place of the extension")
    args = parser.parse_args()
    options = {name: float(value) for name, value in (text.split("=") for text in args.option)}
    live = live_module(args.oracle)
    print(f"Detector ({live.__name__}); ! misses its bar\n")
    print(run(args, lambda world: called_by_detector(live, world, options)))
    if not args.no_rule:
        print(f"\nRule: {DROPS} drops of {DROP_M:g} m in a row\n\n{run(args, called_by_rule)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
