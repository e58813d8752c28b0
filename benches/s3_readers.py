"""How each library answers a question of tables on S3, as its documentation says.

Usage: python -m benches.s3_readers columns polars s3://bucket

A reader has two steps, opening and asking, and waits for a line on standard input before each; after each it prints a
line of JSON. Credentials and endpoint are taken from the environment. Peers are asked for the columns that the question
needs; who does not know visits takes Footfall's kernel for them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, Callable

import pyarrow as pa

from benches.s3_data import band, establishments, month

PINGS = ("latitude", "longitude", "user_id")
Answer = dict[str, int]
Step = Callable[..., Any]


def main() -> None:
    """Open and ask, each when it is told to."""
    question, reader, root = sys.argv[1:]
    opening, asking = READERS[reader](question, root)
    opened = _timed(opening)
    _timed(lambda: asking(opened))


def _timed(step: Step) -> Any:
    sys.stdin.readline()
    begun = time.perf_counter()
    found = step()
    told = {"seconds": time.perf_counter() - begun, "answer": found if isinstance(found, dict) else None}
    print(json.dumps(told), flush=True)
    return found


def footfall_reader(question: str, root: str) -> tuple[Step, Step]:
    """Footfall, by its jobs."""
    import footfall

    def opened() -> Any:
        return footfall.open(f"{root}/{question}", tz="UTC", progress=False)

    def asked(data: Any) -> Answer:
        if question == "places":
            found = data.establishment_visits(by="period").to_arrow()
            return {"visits": sum(found.column("visits").to_pylist())}
        table = (data if question == "columns" else data.between(*month())).campaign_ctr(by="period").to_arrow()
        return {name: sum(table.column(name).to_pylist()) for name in ("views", "clicks")}

    return opened, asked


def polars_reader(question: str, root: str) -> tuple[Step, Step]:
    """polars, lazily."""
    import polars as pl

    def opened() -> Any:
        table = "pings" if question == "places" else "interactions"
        frame = pl.scan_parquet(f"{root}/{question}/{table}/", storage_options=_storage(), hive_partitioning=True)
        frame.collect_schema()
        return frame

    def asked(frame: Any) -> Answer:
        if question == "places":
            low, high = band()
            near = frame.filter(pl.col("latitude").is_between(low, high)).select(PINGS)
            return _visits(near.collect().to_arrow())
        if question == "months":
            frame = frame.filter(pl.col("month") == month()[0])
        counts = frame.group_by("ad_id", "action").len().collect()
        return _actions(counts["action"].to_list(), counts["len"].to_list())

    return opened, asked


def pyarrow_reader(question: str, root: str) -> tuple[Step, Step]:
    """pyarrow's data sets."""
    import pyarrow.compute as pc
    from pyarrow import dataset, fs

    def opened() -> Any:
        system = fs.S3FileSystem(
            access_key=os.environ["AWS_ACCESS_KEY_ID"],
            secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            region=os.environ["AWS_REGION"],
            endpoint_override=os.environ["AWS_ENDPOINT_URL"],
        )
        table = "pings" if question == "places" else "interactions"
        place = f"{root.removeprefix('s3://')}/{question}/{table}"
        return dataset.dataset(place, filesystem=system, format="parquet", partitioning="hive")

    def asked(data: Any) -> Answer:
        if question == "places":
            low, high = band()
            near = (pc.field("latitude") >= low) & (pc.field("latitude") <= high)
            return _visits(data.to_table(columns=list(PINGS), filter=near))
        where = pc.field("month") == month()[0].isoformat() if question == "months" else None
        rows = data.to_table(columns=["ad_id", "action"], filter=where)
        counts = rows.group_by(["ad_id", "action"]).aggregate([([], "count_all")])
        return _actions(counts["action"].to_pylist(), counts["count_all"].to_pylist())

    return opened, asked


def datafusion_reader(question: str, root: str) -> tuple[Step, Step]:
    """DataFusion, whose object store is ours as well."""
    from datafusion import SessionContext
    from datafusion.object_store import AmazonS3

    def opened() -> Any:
        store = AmazonS3(
            bucket_name=root.removeprefix("s3://").partition("/")[0],
            region=os.environ["AWS_REGION"],
            access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
            secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            endpoint=os.environ["AWS_ENDPOINT_URL"],
            allow_http=True,
        )
        context = SessionContext()
        table = "pings" if question == "places" else "interactions"
        columns = [("month", pa.string())] if question == "months" else []
        place = f"{root}/{question}/{table}/"
        context.register_parquet(table, place, table_partition_cols=columns, object_store=store)
        return context

    def asked(context: Any) -> Answer:
        if question == "places":
            low, high = band()
            query = f"SELECT {', '.join(PINGS)} FROM pings WHERE latitude BETWEEN {low!r} AND {high!r}"
            return _visits(context.sql(query).to_arrow_table())
        where = f"WHERE month = '{month()[0]}'" if question == "months" else ""
        query = f"SELECT ad_id, action, count(*) AS n FROM interactions {where} GROUP BY ad_id, action"
        counts = context.sql(query).to_arrow_table()
        return _actions(counts["action"].to_pylist(), counts["n"].to_pylist())

    return opened, asked


READERS = {
    "polars": polars_reader,
    "pyarrow": pyarrow_reader,
    "DataFusion": datafusion_reader,
    "Footfall": footfall_reader,
}


def _storage() -> dict[str, str]:
    return {
        "aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"],
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "aws_region": os.environ["AWS_REGION"],
        "aws_allow_http": "true",
    }


def _visits(pings: pa.Table) -> Answer:
    """Visits of pings near some establishments, which every reader is given."""
    import footfall

    instants = pa.array([0] * pings.num_rows, pa.timestamp("us", "UTC"))
    return {"visits": footfall.visit_join(pings.append_column("timestamp", instants), establishments()).num_rows}


def _actions(names: list[str], counts: list[int]) -> Answer:
    return {
        f"{action}s": sum(count for name, count in zip(names, counts) if name == action) for action in ("view", "click")
    }


if __name__ == "__main__":
    main()
