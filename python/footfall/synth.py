"""Seeded, made-up worlds with planted answers: a city, as large as you like, and people on streets."""

from __future__ import annotations

import os
from datetime import date

from footfall import _native
from footfall.errors import DefinitionError
from footfall.inputs import options, zones
from footfall.made_up.streets import Streets, streets
from footfall.output.progress import bar
from footfall.output.s3.objects import ObjectPath, Written, place
from footfall.output.s3.sets import whole_set

__all__ = ["Streets", "city", "streets"]


def city(
    root: str | os.PathLike[str],
    *,
    pings: int = 1_000_000,
    seed: int = 1,
    users: int | None = None,
    establishments: int | None = None,
    start: str | date = "2024-03-01",
    days: int = 92,
    tz: str = "America/Recife",
    threads: int | None = None,
    progress: bool = True,
) -> Written:
    """Write a city like Recife to a folder: establishments, ads, interactions, pings and what was planted.

    Parameters
    ----------
    root : path
        A folder that is empty or not there yet; in S3 (``s3://bucket/prefix``), one with nothing else in it.
    pings : int
        How many location records; they stream to Parquet, so 1e9 needs no more memory than 1e6.
    seed : int
        The same seed writes the same bytes, whatever the number of threads.
    users, establishments : int, optional
        How many; by default in proportion to `pings`.
    start : str or datetime.date
        First local day.
    days : int
        How many days.
    tz : str
        IANA name of the city's time zone.
    threads : int, optional
        By default one per core.
    progress : bool
        Show a bar when it takes a while.

    Returns
    -------
    pathlib.Path, or its like in S3
        `root`. ``truth.json`` in it holds the planted click rates, tastes and visits.

    Raises
    ------
    DefinitionError
        If an option makes no sense, or the folder already holds something.

    Examples
    --------
    >>> import footfall, tempfile
    >>> root = footfall.synth.city(tempfile.mkdtemp(), pings=1_000)
    >>> sorted(entry.name for entry in root.iterdir())
    ['ads.parquet', 'basemap.geojson', 'establishments.parquet', 'interactions', 'pings', 'truth.json']
    """
    folder = place(root)
    if isinstance(folder, ObjectPath):
        with whole_set(folder) as beside:
            city(beside, pings=pings, seed=seed, users=users, establishments=establishments, start=start, days=days,
                 tz=tz, threads=threads, progress=progress)  # fmt: skip
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DefinitionError(f"root = {str(folder)!r}: is not an empty folder; choose another, or remove it first")
    optional = {"users": users, "establishments": establishments, "threads": threads}
    with bar(f"City of {pings:,} pings", shown=progress) as tick:
        _native.synth(
            str(folder),
            seed=options.whole("seed", seed, at_least=0),
            pings=options.whole("pings", pings, at_least=0),
            start=str(start),
            days=options.whole("days", days, at_least=1),
            tz=zones.zone(tz),
            **{name: None if n is None else options.whole(name, n, at_least=1) for name, n in optional.items()},
            progress=tick,
        )
    return folder
