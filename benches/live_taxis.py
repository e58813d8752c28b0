"""Live suggestions on the taxis of San Francisco: chosen on half of the cabs, judged on the other half.

    python -m benches.live_taxis [--days 7] [--budget 5]

The bar: the share of suggestions whose cab arrives at least 30 s later is 2.5 times that of the best simpler rule, and
their intervals do not touch. It prints aggregates alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date, timedelta

import footfall
import footfall.live
from benches import data as sets

BAR = 2.5
FIRST_DAY = date(2008, 5, 18)


def main() -> int:
    """Print the tables; return 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=24)
    parser.add_argument("--budget", type=int, default=5)
    asked = parser.parse_args()
    try:
        folder = sets.folder("sf_taxis", 0)
    except sets.MissingData as missing:
        print(f"skipped: {missing}")
        return 0
    taxis = footfall.open(folder, tz="America/Los_Angeles", max_unusable=1, progress=False)
    data = taxis.between(FIRST_DAY, FIRST_DAY + timedelta(days=asked.days))
    started = time.perf_counter()
    tuned = footfall.live.backtest(data).tune(asked.budget)
    print(tuned.tried.to_pandas().to_string(index=False))
    print(tuned)
    for kind in ("interval", "speed"):
        print(tuned.report.by(kind).to_pandas().to_string(index=False))
    return judged(tuned.report, time.perf_counter() - started)


def judged(report: footfall.live.Backtest, seconds: float) -> int:
    """Print whether the bar is met."""
    gain = report.gain()
    ours, *others = report.table.to_pylist()
    best = max(row["arrive_high"] or 0.0 for row in others)
    apart = (ours["arrive_low"] or 0.0) > best
    print(
        f"{gain['ratio']:.2f} times {gain['method']} ({gain['low']:.2f} to {gain['high']:.2f}; bar: {BAR}), "
        f"intervals {'apart' if apart else 'touch'}; {seconds:.0f} s"
    )
    return 0 if gain["ratio"] >= BAR and apart else 1


if __name__ == "__main__":
    sys.exit(main())
