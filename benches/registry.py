"""Who takes part in which work. A contestant is a line here and a function in `benches/peers`.

The function gets the data set's folder and returns a function without arguments: the part that is timed. Work on
data in memory loads it before, as that library keeps its tables; work on Parquet only notes the paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class Contestant:
    """One way to do one or more works."""

    name: str
    works: str
    package: str
    module: str
    function: str
    cores: int = 0  # 0: all there are
    slow: bool = False  # left out where nobody has the time

    @property
    def ours(self) -> bool:
        """Whether it is Footfall."""
        return self.package == "footfall"

    @property
    def version(self) -> str | None:
        """The installed version of its package; None if it is not installed."""
        return package_version(self.package)


def package_version(package: str) -> str | None:
    """Return the installed version, or None."""
    if package == "footfall":
        return _own_version()
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _own_version() -> str | None:
    try:
        import footfall
    except ImportError:
        return None
    return footfall.__version__


NEAR = "A A2 SF"
MONTHS = "B BC"

CONTESTANTS = (
    Contestant("Footfall visit_join", NEAR, "footfall", "ours", "visit_join"),
    Contestant("Footfall visit_join, one core", NEAR, "footfall", "ours", "visit_join", cores=1),
    Contestant("Footfall Dataset.sql", NEAR, "footfall", "ours", "visits_sql"),
    Contestant("numba by hand", NEAR, "numba", "with_numba", "near"),
    Contestant("numba by hand, one core", NEAR, "numba", "with_numba", "near", cores=1),
    Contestant("DuckDB grid SQL", NEAR, "duckdb", "with_duckdb", "near"),
    Contestant("polars grid join", NEAR, "polars", "with_polars", "near"),
    Contestant("DataFusion grid SQL", NEAR, "datafusion", "with_datafusion", "near"),
    Contestant("SedonaDB ST_DWithin", NEAR, "sedonadb", "with_sedonadb", "near"),
    Contestant("scipy k-d tree", NEAR, "scipy", "trees", "kd_tree", slow=True),
    Contestant("scikit-learn BallTree", NEAR, "scikit-learn", "trees", "ball_tree", slow=True),
    Contestant("Footfall Dataset.sql", MONTHS, "footfall", "ours", "visits_by_month_sql"),
    Contestant("Footfall establishment_visits (+ visitors, rank)", MONTHS, "footfall", "ours", "establishment_visits"),
    Contestant("Footfall Dataset.sql, ingested", "B", "footfall", "ours", "visits_by_month_ingested"),
    Contestant("polars grid join", MONTHS, "polars", "with_polars", "visits_by_month"),
    Contestant("DuckDB grid SQL", MONTHS, "duckdb", "with_duckdb", "visits_by_month"),
    Contestant("DataFusion grid SQL", MONTHS, "datafusion", "with_datafusion", "visits_by_month"),
    Contestant("chDB grid SQL", MONTHS, "chdb", "with_chdb", "visits_by_month"),
    Contestant("SedonaDB ST_DWithin", MONTHS, "sedonadb", "with_sedonadb", "visits_by_month"),
    Contestant("Footfall attribute_visits (names it)", "C", "footfall", "ours", "attribute_visits"),
    Contestant("Footfall Dataset.sql (+ visit join, names it)", "C", "footfall", "ours", "attributed_sql"),
    Contestant("Footfall visit_attribution (+ visit join)", "C", "footfall", "ours", "visit_attribution"),
    Contestant("polars semi-join (only counts)", "C", "polars", "with_polars", "attributed_count"),
    Contestant("DataFusion semi-join (only counts)", "C", "datafusion", "with_datafusion", "attributed_count"),
    Contestant("DuckDB semi-join (only counts)", "C", "duckdb", "with_duckdb", "attributed_count"),
    Contestant("DuckDB as-of join (names it)", "C", "duckdb", "with_duckdb", "attributed_as_of"),
    Contestant("numba by hand (names it)", "C", "numba", "with_numba", "attributed"),
    Contestant("polars as-of join (names it)", "C", "polars", "with_polars", "attributed_as_of"),
    Contestant("chDB as-of join (names it)", "C", "chdb", "with_chdb", "attributed_as_of"),
    Contestant("pandas as-of join (names it)", "C", "pandas", "with_pandas", "attributed_as_of", slow=True),
    Contestant("Footfall Dataset.sql", "D", "footfall", "ours", "clicks_by_month_sql"),
    Contestant("Footfall campaign_ctr (+ intervals, rank)", "D", "footfall", "ours", "campaign_ctr"),
    Contestant("chDB", "D", "chdb", "with_chdb", "clicks_by_month"),
    Contestant("polars", "D", "polars", "with_polars", "clicks_by_month"),
    Contestant("DataFusion", "D", "datafusion", "with_datafusion", "clicks_by_month"),
    Contestant("DuckDB", "D", "duckdb", "with_duckdb", "clicks_by_month"),
    Contestant("pandas", "D", "pandas", "with_pandas", "clicks_by_month", slow=True),
    Contestant("Footfall Dataset.sql", "E", "footfall", "ours", "by_hour_sql"),
    Contestant("Footfall category_hours (+ views, clicks, share)", "E", "footfall", "ours", "category_hours"),
    Contestant("polars", "E", "polars", "with_polars", "by_hour"),
    Contestant("DataFusion", "E", "datafusion", "with_datafusion", "by_hour"),
    Contestant("DuckDB", "E", "duckdb", "with_duckdb", "by_hour"),
    Contestant("chDB", "E", "chdb", "with_chdb", "by_hour"),
    Contestant("Footfall Dataset.sql", "F", "footfall", "ours", "profiles_sql"),
    Contestant("Footfall interaction_profile (+ share, sorted)", "F", "footfall", "ours", "interaction_profile"),
    Contestant("DuckDB", "F", "duckdb", "with_duckdb", "profiles"),
    Contestant("DataFusion", "F", "datafusion", "with_datafusion", "profiles"),
    Contestant("polars", "F", "polars", "with_polars", "profiles"),
    Contestant("chDB", "F", "chdb", "with_chdb", "profiles"),
    Contestant("Footfall haversine_m", "H", "footfall", "ours", "distances"),
    Contestant("Footfall haversine_m, one core", "H", "footfall", "ours", "distances", cores=1),
    Contestant("NumPy expression", "H", "numpy", "with_numpy", "distances"),
    Contestant("numba by hand", "H", "numba", "with_numba", "distances"),
)


def contestants(work: str) -> list[Contestant]:
    """Return who takes part in a work, ours first."""
    return [contestant for contestant in CONTESTANTS if work in contestant.works.split()]
