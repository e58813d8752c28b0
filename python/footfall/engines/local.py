"""This machine: the Rust core on all its cores."""

from __future__ import annotations

from footfall import _native
from footfall.arrow import ArrowStream
from footfall.engines.protocol import Session


def open_session(
    root: str | None,
    tables: dict[str, str | ArrowStream],
    *,
    tz: str,
    columns: dict[str, str],
    definitions: dict[str, float],
    epoch_unit: str | None,
    strict: bool,
    threads: int | None,
    memory_limit: int | None,
) -> Session:
    """Open the tables under `root` and those given by name; see `footfall.open`."""
    return _native.Session(
        root,
        tables,
        tz=tz,
        columns=columns,
        definitions=definitions,
        epoch_unit=epoch_unit,
        strict=strict,
        threads=threads,
        memory_limit=memory_limit,
    )
