"""Rows as bytes: Parquet, CSV and JSON."""

from __future__ import annotations

import codecs
import json
import math
from typing import IO, TYPE_CHECKING, Any

from footfall.inputs import values
from footfall.output.spreadsheet import harmless, with_commas

if TYPE_CHECKING:
    import pyarrow

_JSON_ROWS = 65_536


def write_parquet(table: pyarrow.Table, file: IO[bytes]) -> None:
    """Write a Parquet file."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, file)


def write_csv(table: pyarrow.Table, file: IO[bytes], *, spreadsheet: bool = False, decimal: str = ".") -> None:
    """Write a line of names, and a line of cells for each row.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    file : binary file
        Where to.
    spreadsheet : bool
        Begin with a byte order mark, by which spreadsheets know UTF-8, and keep text from being taken for a formula.
    decimal : {".", ","}
        The decimal mark; with a comma, cells are separated by semicolons.
    """
    import pyarrow.csv

    table = values.as_text(table)
    if spreadsheet:
        file.write(codecs.BOM_UTF8)
        table = harmless(table)
    if decimal == ",":
        table = with_commas(table)
    pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(delimiter=";" if decimal == "," else ","))


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
