"""Counts the chances of arrival that the package carries, in a sample city: ``python tools/live_chances.py``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pyarrow.csv

import footfall
from footfall import _native
from footfall.live import Approach, history
from footfall.live.judging import tuning

PINGS, SEED = 1_000_000, 1
FILE = Path(__file__).parents[1] / "python" / "footfall" / "live" / "judging" / "chances.csv"


def main() -> int:
    """Write the file; the same version writes the same bytes."""
    with tempfile.TemporaryDirectory(prefix="footfall-chances-") as folder:
        city = footfall.synth.city(Path(folder) / "city", pings=PINGS, seed=SEED)
        data = footfall.open(city, tz="America/Recife")
        seen = history.of_data(data, None, None, SEED, _native)
        chances = tuning.counted(seen, Approach())
    options = pyarrow.csv.WriteOptions(quoting_style="none")
    pyarrow.csv.write_csv(chances, FILE, options)
    print(f"{chances.num_rows} classes of {sum(chances['approaches'].to_pylist()):,} approaches in {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
