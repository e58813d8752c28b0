"""Tables that are drawn, and what a map shows of them."""

from __future__ import annotations

import base64
import gzip
import json
import math

import h3
import numpy as np
import pyarrow as pa

HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "\"' onload='", "a\x1b[31mb\u202ec",
           "São José &amp; Água"]  # fmt: skip


def around(latitude, longitude, count, seed=1, degrees=0.05, **more):
    """Places around one, as a table."""
    random = np.random.default_rng(seed)
    near = {
        "latitude": latitude + random.normal(0, degrees, count),
        "longitude": longitude + random.normal(0, degrees, count),
    }
    return pa.table({**near, **more})


def scene_of(drawn):
    return drawn._scene()


def unpacked(scene):
    return json.loads(gzip.decompress(base64.b64decode(scene.packed())))


def counts(layer, field):
    """The numbers that a layer tells."""
    return [int(text.replace(",", "")) for text in layer.tips[layer.fields.index(field)]]


SHOPS = around(-8.06, -34.9, 40, name=[f"Padaria São José {i}" for i in range(40)], visits=list(range(40)),
               category=["food", "money"] * 20)  # fmt: skip


def hexagons(count):
    """Cells side by side with numbers, as a table."""
    origin = h3.latlng_to_cell(-8.06, -34.9, 9)
    cells = h3.grid_disk(origin, math.ceil(math.sqrt(count / 3)) + 1)[:count]
    return pa.table(
        {"cell": pa.array(map(h3.str_to_int, cells), pa.uint64()), "pings": [1 + i % 977 for i in range(count)]}
    )


def ring_area(ring):
    x, y = np.array(ring).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
