"""The same tables in other clothes: files of any format and split, other column types, other libraries' frames."""

from __future__ import annotations

import json
import math
from datetime import timezone

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

IDS = ["establishment_id", "ad_id", "campaign_id", "user_id"]


def ipc_bytes(table):
    """The bytes of a table's Arrow IPC stream: equal only if schema, values and null places are."""
    sink = pa.BufferOutputStream()
    table = canonical(table.to_arrow() if hasattr(table, "to_arrow") else table)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def canonical(table):
    """One chunk a column, with zeros under its nulls: how rows are cut into batches is no part of an answer."""
    combined = table.combine_chunks()
    taken = combined.take(pa.array(np.arange(table.num_rows)))
    return taken.replace_schema_metadata(None).combine_chunks()


# Files.


def write_parquet(table, path):
    pa.parquet.write_table(table, path, row_group_size=7)


def write_csv(table, path):
    # As a person would write it: ISO 8601 text with an offset, nothing where there is no value.
    pa.csv.write_csv(_with_iso_text(table), path)


def write_jsonl(table, path):
    rows = [{name: _json_value(value) for name, value in row.items()} for row in _with_iso_text(table).to_pylist()]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _json_value(value):
    # JSON has no NaN and no infinity; as text they are as much out of range.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _with_iso_text(table):
    if "timestamp" not in table.column_names:
        return table
    instants = table.column("timestamp").to_pylist()
    text = [None if t is None else t.astimezone(timezone.utc).isoformat() for t in instants]
    return table.set_column(table.column_names.index("timestamp"), "timestamp", pa.array(text, pa.string()))


WRITERS = {"parquet": write_parquet, "csv": write_csv, "jsonl": write_jsonl}


def write_files(tables, root, ending, parts, seed):
    """Each table in `parts` files of random, sometimes no, rows; one file a table if `parts` is 1."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True)
    for name, table in tables.items():
        if parts == 1:
            WRITERS[ending](table, root / f"{name}.{ending}")
            continue
        (root / name).mkdir()
        owner = rng.integers(0, parts, table.num_rows)
        for part in range(parts):
            WRITERS[ending](table.filter(pa.array(owner == part)), root / name / f"part-{part:05}.{ending}")
    return root


def write_mixed(tables, root):
    """A table's files in several formats and folders, beside files that are no data."""
    root.mkdir(parents=True)
    for name, table in tables.items():
        for number, (ending, write) in enumerate(WRITERS.items()):
            folder = root / name / f"batch {number}"
            folder.mkdir(parents=True)
            rows = pa.array(np.arange(table.num_rows) % len(WRITERS) == number)
            write(table.filter(rows), folder / f"rows.{ending}")
        (root / name / "_SUCCESS").touch()
        (root / name / ".part-00000.parquet.crc").write_bytes(b"crc")
    return root


def write_hive(tables, root):
    """Interactions by `action=`, pings by a `date=` that no table has; those columns leave the files."""
    root.mkdir(parents=True)
    for name, table in tables.items():
        key = {"interactions": "action", "pings": "date"}.get(name)
        if key is None:
            write_parquet(table, root / f"{name}.parquet")
            continue
        values = table.column("action") if key == "action" else pc.cast(pc.day(table.column("timestamp")), pa.string())
        for value in values.unique().to_pylist():
            folder = root / name / f"{key}={value}"
            folder.mkdir(parents=True)
            rows = table.filter(pc.is_null(values) if value is None else pc.equal(values, value))
            write_parquet(rows.drop_columns(["action"]) if key == "action" else rows, folder / "0.parquet")
    return root


# Types.


def retyped(tables, **types):
    """The tables with every column that a keyword names (`ids`, `text`, `timestamp`) in that type."""
    return {name: _retyped(table, types) for name, table in tables.items()}


def _retyped(table, types):
    fields = [(f.name, types.get(_role(f), f.type)) for f in table.schema]
    return table.cast(pa.schema(fields))


def _role(field):
    if field.name in IDS:
        return "ids"
    return "text" if pa.types.is_string(field.type) else field.name


def dictionary_encoded(tables):
    """The tables with every text column as a dictionary."""

    def encode(column):
        return column.dictionary_encode() if pa.types.is_string(column.type) else column

    return {n: pa.table({c: encode(t.column(c)) for c in t.column_names}) for n, t in tables.items()}


def chunked(tables, rows):
    """The tables in batches of so many rows, as readers hand them out."""
    return {n: pa.Table.from_batches(t.to_batches(max_chunksize=rows), t.schema) for n, t in tables.items()}
