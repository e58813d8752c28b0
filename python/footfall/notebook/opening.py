"""The data set that a notebook works on, and where: what the environment says, else a sample city and what is here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from footfall import synth
from footfall._native import __version__
from footfall.dataset import Dataset
from footfall.engines import STARTED, cluster
from footfall.errors import DefinitionError
from footfall.inputs import options, paths
from footfall.notebook.namespace import DATA, ENGINE, TZ, or_message, said
from footfall.opening import open
from footfall.output.text import printable

CITY_TZ = "America/Recife"
_CITY_PINGS = 500_000
_OF_ONE_MACHINE = "this machine, without a cluster"


def open_data(*, prefer: str = "local") -> Dataset:
    """Open the data set that a notebook works on, and print which it is and where the work is done.

    It is the folder that ``FOOTFALL_DATA`` names, its time zone ``FOOTFALL_TZ``, as of the kernel's own `data`. Without
    it, a sample city is made, once for all notebooks.

    Parameters
    ----------
    prefer : {"local", "dask", "spark"}
        Where the work is done, unless ``FOOTFALL_ENGINE`` says so: a cluster is started on this machine if its extra is
        installed (and, for Spark, Java); else ``local``. The answers are the same.

    Returns
    -------
    Dataset
        What `footfall.open` returns. The end of the kernel, or `Dataset.close`, ends a cluster that was started.

    Raises
    ------
    DefinitionError, DataError, ConnectionError
        As `footfall.open`; or if `prefer` is none of those.

    Examples
    --------
    >>> from footfall.notebook import open_data
    >>> data = open_data(prefer="spark")  # doctest: +SKIP
    Data: a made-up city like Recife, of 500,000 pings (FOOTFALL_DATA names another)
    Engine: spark, a cluster of a master and two workers on this machine (FOOTFALL_ENGINE chooses another)
    """
    engine, why = choose_engine(os.environ, prefer)
    given = os.environ.get(DATA)
    if given:
        print(printable(f"Data: {given}, as {DATA} says"))
    else:
        print(f"Data: a made-up city like Recife, of {_CITY_PINGS:,} pings ({DATA} names another)")
    print(printable(f"Engine: {engine}, {why}"))
    root, tz = (given, os.environ.get(TZ)) if given else (str(sample_city()), CITY_TZ)
    return or_message(lambda: open(root, tz=tz or None, engine=engine), said({DATA: root, TZ: tz, ENGINE: engine}))


def choose_engine(environment: Mapping[str, str], prefer: str) -> tuple[str, str]:
    """Return the engine of a notebook that prefers one, and why it is this.

    Examples
    --------
    >>> choose_engine({"FOOTFALL_ENGINE": "spark://10.0.0.1:7077"}, "dask")
    ('spark://10.0.0.1:7077', 'as FOOTFALL_ENGINE says')
    >>> choose_engine({}, "local")
    ('local', 'this machine, without a cluster (FOOTFALL_ENGINE chooses another)')
    """
    if prefer not in ("local", *STARTED):
        known = ("local", *STARTED)
        raise DefinitionError(f"prefer = {prefer!r}: no such engine{options.choices(prefer, known)}")
    if environment.get(ENGINE):
        return environment[ENGINE], f"as {ENGINE} says"
    if prefer == "local":
        return prefer, f"{_OF_ONE_MACHINE} ({ENGINE} chooses another)"
    try:
        cluster.check(prefer)
    except DefinitionError as error:
        return "local", f"{_OF_ONE_MACHINE}, for {error}"
    return prefer, f"a cluster of a master and two workers on this machine ({ENGINE} chooses another)"


def sample_city() -> Path:
    """Return the folder of a sample city, made if it is not there: in the user's cache, else in a new folder."""
    city = paths.cache() / "cities" / f"{__version__}-{_CITY_PINGS}" / "Recife"
    if city.is_dir():
        return city
    with suppress(OSError):
        city.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _made_in(Path(mkdtemp(dir=city.parent)))
        # Another notebook may have made it meanwhile: it is the same, to the byte.
        with suppress(OSError):
            made.rename(city)
        return city if city.is_dir() else made
    return _made_in(Path(mkdtemp(prefix="footfall-")))


def _made_in(folder: Path) -> Path:
    city = folder / "Recife"
    synth.city(city, pings=_CITY_PINGS, tz=CITY_TZ)
    return city
