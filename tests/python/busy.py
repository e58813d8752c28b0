"""Tables whose answers take many seconds on any machine, as source for a process that will be interrupted."""

from __future__ import annotations

# Millions of pings, each near a dozen establishments.
TABLES = """
import numpy as np, pyarrow as pa
import footfall

rng = np.random.default_rng(1)
count, places = 4_000_000, 12

def pings():
    return pa.table({"user_id": rng.integers(0, 100_000, count),
                     "timestamp": pa.array(np.arange(count), pa.timestamp("s", "UTC")),
                     "latitude": rng.uniform(0, 2e-4, count), "longitude": rng.uniform(0, 2e-4, count)})

def establishments(places):
    return pa.table({"establishment_id": np.arange(places), "category": ["food"] * places,
                     "latitude": np.full(places, 1e-4), "longitude": np.full(places, 1e-4)})

tables = {"pings": pings(), "establishments": establishments(places)}
"""
# Whether a query of the small tables is answered after the interrupt.
SMALL = 'footfall.open({**tables, "pings": tables["pings"].slice(0, 10)}, progress=False)'
SQL = """
SELECT category, avg(distance_m), count(DISTINCT user_id)
FROM visits JOIN establishments USING (establishment_id) GROUP BY 1
"""
