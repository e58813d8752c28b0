"""Tables as they lie on S3 in the benches of reading: two large files, and two hundred small ones by month."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUPS, BYTES = 16, 207e6
FILES, FILE_BYTES, MONTHS = 200, 156e3, 4
LATITUDES = (-8.55, -7.55)
ADS = 300
DAY_US = 86_400_000_000


def data(root: Path) -> Path:
    """Return the folder of the data sets, which are made once."""
    if not (root / "made").exists():
        for question, make in {"columns": _columns, "places": _places, "months": _months}.items():
            make(root / question)
        (root / "made").touch()
    return root


def month() -> tuple[datetime.date, datetime.date]:
    """The month that is asked for, and the first day of the next."""
    return datetime.date(2024, 3, 1), datetime.date(2024, 4, 1)


def band() -> tuple[float, float]:
    """Between which latitudes the establishments lie, with the radius of a visit around them."""
    return -8.0905, -8.0695


def establishments() -> pa.Table:
    """Establishments in 2 % of the latitudes of the pings."""
    random, (low, high) = np.random.default_rng(3), band()
    count, edge = 20, 0.0005
    return pa.table(
        {
            "establishment_id": [f"e{number}" for number in range(count)],
            "category": ["food"] * count,
            "latitude": random.uniform(low + edge, high - edge, count),
            "longitude": random.uniform(-35.0, -34.8, count),
        }
    )


def needs(made: Path, question: str) -> int:
    """Bytes of the column chunks that job 1 needs."""
    folder = f"month={month()[0]}" if question == "months" else ""
    files = sorted((made / question / "interactions" / folder).glob("*.parquet"))
    groups = [group for path in files for group in _row_groups(pq.read_metadata(path))]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    return sum(each.total_compressed_size for each in columns if each.path_in_schema in ("ad_id", "action"))


def _row_groups(footer: Any) -> list[Any]:
    return [footer.row_group(number) for number in range(footer.num_row_groups)]


def _columns(folder: Path) -> None:
    rows = int(BYTES / 49.4)
    _write(_interactions(rows, 1, 0, 120), folder / "interactions" / "1.parquet", rows // ROW_GROUPS + 1)
    _write(_ads(), folder / "ads.parquet", ADS)


def _places(folder: Path) -> None:
    rows = int(BYTES / 64)
    random = np.random.default_rng(2)
    places = {
        "latitude": np.sort(random.uniform(*LATITUDES, rows)),
        "longitude": random.uniform(-35.0, -34.8, rows),
    }
    table = pa.table({**_user_and_time(random, rows, 0, 120), **places, **_more(random, rows)})
    _write(table, folder / "pings" / "1.parquet", rows // ROW_GROUPS + 1)
    _write(establishments(), folder / "establishments.parquet", 1_000)


def _months(folder: Path) -> None:
    rows = int(FILE_BYTES / 49.4)
    for number in range(FILES):
        which = number % MONTHS
        first = (np.datetime64("2024-01") + which).astype("datetime64[D]")
        begun = int((first - np.datetime64("2024-01-01")).astype(int))
        path = folder / "interactions" / f"month={first}" / f"{number}.parquet"
        _write(_interactions(rows, 10 + number, begun, 28), path, rows)
    _write(_ads(), folder / "ads.parquet", ADS)


def _ads() -> pa.Table:
    ids = [f"ad-{number:04}" for number in range(ADS)]
    columns = {"campaign_id": [f"c{number % 20}" for number in range(ADS)], "category": ["food"] * ADS}
    return pa.table({"ad_id": ids, **columns, "establishment_id": pa.nulls(ADS, pa.string())})


def _interactions(rows: int, seed: int, begun: int, days: int) -> pa.Table:
    random = np.random.default_rng(seed)
    ads = pa.DictionaryArray.from_arrays(
        random.integers(0, ADS, rows).astype("int16"), _ads()["ad_id"].combine_chunks()
    )
    actions = pa.DictionaryArray.from_arrays((random.random(rows) < 0.1).astype("int8"), pa.array(["view", "click"]))
    told = {"ad_id": ads.cast(pa.string()), "action": actions.cast(pa.string())}
    return pa.table({**_user_and_time(random, rows, begun, days), **told, **_more(random, rows)})


def _user_and_time(random: Any, rows: int, begun: int, days: int) -> dict[str, Any]:
    """Users, and instants some days after the year began."""
    year = int(np.datetime64("2024-01-01", "us").astype(int))
    instants = year + begun * DAY_US + random.integers(0, days * DAY_US, rows)
    return {"user_id": random.integers(0, 2**60, rows), "timestamp": pa.array(instants, pa.timestamp("us", "UTC"))}


def _more(random: Any, rows: int) -> dict[str, Any]:
    """What apps write besides, and nobody asks for."""
    return {name: random.random(rows) for name in ("speed", "heading", "altitude", "battery")}


def _write(table: pa.Table, path: Path, rows_per_group: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = [name for name in ("ad_id", "action", "campaign_id", "category") if name in table.column_names]
    pq.write_table(table, path, row_group_size=rows_per_group, use_dictionary=coded, write_page_index=True)
