"""Rows as bytes: Parquet, CSV and JSON."""

from __future__ import annotations

import json
import math
from typing import IO, TYPE_CHECKING, Any

from footfall.inputs import values

if TYPE_CHECKING:
    import pyarrow

_JSON_ROWS = 65_536


def write_parquet(table: pyarrow.Table, file: IO[bytes]) -> None:
    """Write a Parquet file."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, file)


def write_csv(table: pyarrow.Table, file: IO[bytes]) -> None:
    """Write a line of names, and a line of cells for each row."""
    import pyarrow.csv

    pyarrow.csv.write_csv(values.as_text(table), file)


def write_json_lines(table: pyarrow.Table, file: IO[bytes]) -> None:
    """Write a JSON object, in a line, for each row."""
    for batch in table.to_batches(max_chunksize=_JSON_ROWS):
        file.writelines(f"{_json(row)}\n".encode() for row in values.rows(batch))


def write_json_array(table: pyarrow.Table, file: IO[bytes]) -> None:
    """Write a JSON array with an object for each row."""
    rows = ",\n".join(_json(row) for row in values.rows(table))
    file.write(f"[\n{rows}\n]\n".encode())


#: How to write a file, by the ending of its name.
BY_ENDING = {
    ".parquet": write_parquet,
    ".csv": write_csv,
    ".json": write_json_array,
    ".jsonl": write_json_lines,
    ".ndjson": write_json_lines,
}


def _json(row: dict[str, Any]) -> str:
    # JSON knows neither NaN nor infinity.
    finite = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}
    return json.dumps(finite, ensure_ascii=False, default=_json_text)


def _json_text(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)
