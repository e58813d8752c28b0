"""What the Rust core gives to Python. The package's own modules call it; callers use those."""

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Protocol, TypedDict, Union, final

import numpy as np
import numpy.typing as npt

from footfall.inputs.arrow import ArrowStream

__all__ = [
    "ATTRIBUTION_WINDOW_US",
    "DAY_PARTS",
    "EARTH_RADIUS_M",
    "UNITS",
    "VISIT_RADIUS_M",
    "WEEKDAYS",
    "WILSON_Z",
    "Detector",
    "LiveTables",
    "Session",
    "Zone",
    "__version__",
    "attribute_visits",
    "cell_boundaries",
    "cell_resolution",
    "cells_dissolved",
    "cells_of",
    "circle",
    "geojson_of_wkb",
    "haversine_m",
    "ingest",
    "jobs",
    "live_options",
    "look_at_object",
    "read_object",
    "simplified",
    "synth",
    "visit_join",
    "wilson_interval",
    "write_object",
    "zone",
]
__version__: str

EARTH_RADIUS_M: float
VISIT_RADIUS_M: float
ATTRIBUTION_WINDOW_US: int
WILSON_Z: float
DAY_PARTS: list[str]
WEEKDAYS: list[str]
UNITS: list[str]

_Degrees = npt.NDArray[np.float64]
_Tick = Callable[[int, Optional[int]], object]
_Slice = tuple[str, Optional[tuple[int, int]], Optional[tuple[str, int, int, Optional[str]]]]
_Part = tuple[str, str]

_NamedColumns = Mapping[str, Sequence[tuple[str, str]]]

class _ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class _CsvOptions(TypedDict):
    separator: Optional[str]
    decimal: Optional[str]
    encoding: Optional[str]
    timestamp: Optional[Sequence[str]]
    quote: Optional[str]

class _Reading(TypedDict):
    columns: Mapping[str, str]
    epoch_unit: Optional[str]
    naive_tz: Optional[Zone]
    actions: Mapping[str, str]
    csv: Mapping[str, _CsvOptions]

def haversine_m(
    latitude_a: _Degrees, longitude_a: _Degrees, latitude_b: _Degrees, longitude_b: _Degrees
) -> npt.NDArray[np.float64]: ...
def wilson_interval(ratio: float, trials: float, z: float) -> tuple[float, float]: ...
def visit_join(pings: ArrowStream, establishments: ArrowStream, radius_m: float) -> ArrowStream: ...
def attribute_visits(
    visits: ArrowStream, interactions: ArrowStream, ads: ArrowStream, window_us: int
) -> ArrowStream: ...
def zone(name: str, databases: list[tuple[str, str, Optional[str]]]) -> Zone: ...
def jobs() -> list[dict[str, Any]]: ...
def ingest(
    source: str,
    target: str,
    *,
    tables: Mapping[str, Union[str, list[_Part]]],
    tz: Zone,
    reading: _Reading,
    rows_per_part: Optional[int],
    progress: Optional[_Tick],
) -> dict[str, dict[str, int]]: ...
def read_object(place: str) -> Optional[bytes]: ...
def write_object(
    place: str, content: bytes, *, notes: Mapping[str, str], replaces: Optional[str] = None
) -> Optional[str]: ...
def look_at_object(place: str) -> Optional[tuple[Optional[str], str, dict[str, str]]]: ...
def synth(
    root: str,
    *,
    seed: int,
    pings: int,
    users: Optional[int],
    establishments: Optional[int],
    start: str,
    days: int,
    tz: Zone,
    threads: Optional[int],
    progress: Optional[_Tick],
) -> dict[str, int]: ...

@final
class Zone:
    def __new__(cls, name: str, tzif: bytes, database: str) -> Zone: ...
    @property
    def name(self) -> str: ...
    @property
    def database(self) -> str: ...
    def instant_us(self, local_us: int, *, fold: bool) -> int: ...
    def instant_of_text(self, text: str) -> Optional[int]: ...
    def local_text(self, instant_us: int) -> str: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Session:
    def __new__(
        cls,
        root: Optional[str],
        tables: dict[str, Union[str, ArrowStream, list[_Part], list[_Slice]]],
        *,
        tz: Zone,
        reading: _Reading,
        definitions: dict[str, float],
        threads: Optional[int],
        memory_limit: Optional[int],
    ) -> Session: ...
    def tables(self) -> dict[str, list[str]]: ...
    def rows(self) -> dict[str, int]: ...
    def refuse_unusable(self, tables: list[str]) -> None: ...
    def restrict(self, *, users: Optional[float], start_us: Optional[int], end_us: Optional[int]) -> Session: ...
    def plain(self) -> Session: ...
    def run(
        self,
        job: str,
        *,
        by: str,
        users: Optional[list[str]],
        rank_by: Optional[str],
        progress: Optional[_Tick],
    ) -> ArrowStream: ...
    def job_sql(self, job: str, *, by: str, users: Optional[list[str]], rank_by: Optional[str]) -> str: ...
    def steps(self, job: str, *, by: str, users: Optional[list[str]], rank_by: Optional[str]) -> dict[str, Any]: ...
    def answer(
        self,
        job: str,
        counts: dict[str, ArrowStream],
        *,
        by: str,
        users: Optional[list[str]],
        rank_by: Optional[str],
        progress: Optional[_Tick],
    ) -> ArrowStream: ...
    def asked(self) -> tuple[int, int, int]: ...
    def pieces(self, table: str, wanted: int) -> list[list[_Slice]]: ...
    def with_piece(
        self,
        tables: dict[str, Union[ArrowStream, list[_Slice]]],
        *,
        reading: _Reading,
        visit_filter: Optional[ArrowStream],
    ) -> Session: ...
    def visit_filter(self, visits: ArrowStream, pieces: int) -> ArrowStream: ...
    def beside(self, given: dict[str, ArrowStream]) -> Session: ...
    def sql(
        self,
        query: str,
        parameters: Optional[Mapping[str, _ArrowArray]] = None,
        tables: Optional[Mapping[str, ArrowStream]] = None,
        limit: Optional[int] = None,
        progress: Optional[_Tick] = None,
    ) -> ArrowStream: ...
    def names_in(self, query: str) -> tuple[list[str], list[str]]: ...
    def complete(self, query: str, at: int, tables: Optional[_NamedColumns] = None) -> list[tuple[str, str, str]]: ...
    def describe(
        self, query: str, at: int, tables: Optional[_NamedColumns] = None
    ) -> Optional[tuple[str, str, str, str]]: ...
    def check(self, all: bool, progress: Optional[_Tick]) -> ArrowStream: ...
    def unusable(self, name: str, limit: int, progress: Optional[_Tick]) -> ArrowStream: ...
    def csv_options(self) -> dict[str, _CsvOptions]: ...
    def formats(self) -> dict[str, list[str]]: ...
    def sample_findings(self) -> ArrowStream: ...

def cells_of(latitude: _ArrowArray, longitude: _ArrowArray, resolution: int) -> _ArrowArray: ...
def cell_resolution(south: float, west: float, north: float, east: float) -> int: ...
def cell_boundaries(cells: _ArrowArray) -> list[Optional[str]]: ...
def cells_dissolved(cells: _ArrowArray) -> tuple[bytes, float]: ...
def geojson_of_wkb(geometries: _ArrowArray) -> list[Optional[str]]: ...
def circle(latitude: float, longitude: float, radius_m: float, points: int) -> str: ...
def simplified(latitude: _Degrees, longitude: _Degrees, tolerance_m: float) -> list[int]: ...

@final
class LiveTables:
    def __new__(
        cls,
        establishments: ArrowStream,
        ads: ArrowStream,
        tastes: Optional[ArrowStream],
        familiar: Optional[ArrowStream],
        chances: Optional[ArrowStream],
        options: Mapping[str, float],
        zone: Zone,
        version: str,
    ) -> LiveTables: ...

@final
class Detector:
    def __new__(cls, tables: LiveTables) -> Detector: ...
    def process(self, fixes: ArrowStream, *, approaches: bool = True) -> tuple[ArrowStream, ArrowStream]: ...
    def counters(self) -> dict[str, int]: ...
    def users(self) -> int: ...
    def state_bytes(self) -> int: ...
    def states(self, user_ids: Optional[_ArrowArray] = None) -> ArrowStream: ...
    def restore(self, states: ArrowStream) -> None: ...
    def forget_before(self, instant_us: int) -> list[str]: ...
    def reload(self, tables: LiveTables) -> None: ...

def live_options() -> dict[str, float]: ...
