"""Progress: rows done grow, the bar is quiet for short work, and never in the way of a log."""

from __future__ import annotations

import sys
import types

import numpy as np
import pyarrow as pa
import pytest

import footfall
from footfall.output import notebook, progress

INSTANT = pa.timestamp("s", "UTC")


@pytest.fixture
def busy():
    """Two million pings at a dozen places: a second or more."""
    rng = np.random.default_rng(1)
    count, places = 2_000_000, 12
    degrees = {name: rng.uniform(0, 2e-4, count) for name in ("latitude", "longitude")}
    pings = pa.table({"user_id": rng.integers(0, 9, count), "timestamp": pa.array(np.arange(count), INSTANT),
                      **degrees})  # fmt: skip
    spots = {name: np.full(places, 1e-4) for name in ("latitude", "longitude")}
    establishments = pa.table({"establishment_id": np.arange(places), "category": ["food"] * places, **spots})
    return {"pings": pings, "establishments": establishments}


def test_rows_done_grow_and_end_at_most_at_all(busy, monkeypatch):
    heard = []
    monkeypatch.setattr(progress._Bar, "__call__", lambda self, done, total: heard.append((done, total)))
    footfall.open(busy).visit_profile()
    done = [rows for rows, _ in heard]
    assert len(done) >= 2 and done == sorted(done) and done[-1] > 0
    assert all(total is None or rows <= total for rows, total in heard)


def test_no_bar_unless_asked_for_or_in_a_log(busy, capfd):
    footfall.open(busy, progress=False).establishment_visits()
    footfall.open(busy).establishment_visits()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_what_a_listener_raises_comes_out(busy, monkeypatch):
    class Stop(Exception):
        pass

    def stop(self, done, total):
        raise Stop

    monkeypatch.setattr(progress._Bar, "__call__", stop)
    data = footfall.open(busy)
    with pytest.raises(Stop):
        data.visit_profile()


def test_ipython_that_another_thread_is_importing_is_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    assert notebook.shell() is None
