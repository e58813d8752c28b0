"""What the tests share: the helper modules beside them, an opened world, a sample city."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# pytest imports tests by path (--import-mode=importlib), which leaves their folder out of the search path.
sys.path.insert(0, str(Path(__file__).parent))

PROJECT = Path(__file__).parents[2]
CITY_PINGS = 200_000


@pytest.fixture(scope="session")
def project():
    """The folder of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def city(tmp_path_factory):
    """A small synthetic city, made once."""
    import footfall

    root = tmp_path_factory.mktemp("city") / "recife"
    return footfall.synth.city(root, pings=CITY_PINGS, seed=7, progress=False)


@pytest.fixture(scope="session")
def city_data(city):
    """The city, opened."""
    import footfall

    return footfall.open(city, tz="America/Recife", progress=False)


@pytest.fixture
def ask():
    """Opens a world (or tables) quietly and without more threads than a small world needs."""
    import footfall

    def opened(world, **options):
        tables = world.tables() if hasattr(world, "tables") else world
        tz = options.pop("tz", getattr(world, "tz", "UTC"))
        return footfall.open(tables, tz=tz, progress=False, **options)

    return opened
