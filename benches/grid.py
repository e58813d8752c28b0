"""The grid that the peers without a spatial index join on: an expert's equi-join of cells.

A cell is a little wider than the radius, so that whatever is near an establishment lies in its cell or in one of the
eight around it. Each establishment is listed in all nine; a ping looks into its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from benches.data import METRES_PER_DEGREE

RADIUS_M = 50.0
DIAMETER_M = 2 * 6_371_008.8
CELL_M = RADIUS_M * 1.001
STRIDE = 1_000_000

# For SQL: e is a row of `entries`, p a ping. Strictly less than 50 m, by the haversine formula.
DISTANCE = f"""{DIAMETER_M} * asin(sqrt(
    pow(sin(radians(p.latitude - e.e_latitude) / 2), 2)
    + cos(radians(p.latitude)) * e.e_cosine * pow(sin(radians(p.longitude - e.e_longitude) / 2), 2)))"""


@dataclass(frozen=True)
class Grid:
    """Where the cells begin and how big they are, in degrees."""

    south: float
    west: float
    north: float
    east: float
    step_latitude: float
    step_longitude: float

    @classmethod
    def over(cls, establishments: pa.Table) -> Grid:
        """Lay the grid over the establishments and the radius around them."""
        latitude, longitude = (establishments[name].to_numpy() for name in ("latitude", "longitude"))
        step = CELL_M / METRES_PER_DEGREE
        wide = step / np.cos(np.radians(np.abs(latitude).max() + 2 * step))
        south, west = latitude.min() - 2 * step, longitude.min() - 2 * wide
        return cls(south, west, latitude.max() + 2 * step, longitude.max() + 2 * wide, step, wide)

    def cells(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
        """Number the cells of places."""
        row = np.floor((latitude - self.south) / self.step_latitude).astype(np.int64)
        return row * STRIDE + np.floor((longitude - self.west) / self.step_longitude).astype(np.int64)

    def entries(self, establishments: pa.Table) -> pa.Table:
        """List each establishment in its cell and in the eight around it."""
        latitude, longitude = (establishments[name].to_numpy() for name in ("latitude", "longitude"))
        around = np.add.outer(np.array([-STRIDE, 0, STRIDE]), np.array([-1, 0, 1])).ravel()
        cell = np.add.outer(self.cells(latitude, longitude), around).ravel()
        row = np.repeat(np.arange(len(latitude)), 9)
        return pa.table(
            {
                "cell": cell,
                "establishment_id": establishments["establishment_id"].take(row),
                "e_latitude": latitude[row],
                "e_longitude": longitude[row],
                "e_cosine": np.cos(np.radians(latitude))[row],
            }
        )

    def inside_sql(self) -> str:
        """Write the condition that a ping lies in the grid at all."""
        return (
            f"latitude BETWEEN {self.south:.17g} AND {self.north:.17g} "
            f"AND longitude BETWEEN {self.west:.17g} AND {self.east:.17g}"
        )

    def cell_sql(self) -> str:
        """Write a ping's cell; inside the grid, rounding towards zero is rounding down."""
        return (
            f"CAST(trunc((latitude - ({self.south:.17g})) / {self.step_latitude:.17g}) AS BIGINT) * {STRIDE} + "
            f"CAST(trunc((longitude - ({self.west:.17g})) / {self.step_longitude:.17g}) AS BIGINT)"
        )
