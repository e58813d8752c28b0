"""Files as people in Brazil have them give the same bytes as their clean twin: on every engine, and rewritten."""

from __future__ import annotations

import brazil
import pytest
from layouts import ipc_bytes

import footfall
from footfall import _native

ENGINES = ["local", "dask", "spark"]


def answers(data):
    return {job["name"]: ipc_bytes(data.run(job["name"])) for job in _native.jobs()}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return brazil.write_as_they_do(tmp_path_factory.mktemp("brazil") / "theirs")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    twin = brazil.write_twin(tmp_path_factory.mktemp("brazil") / "twin")
    return answers(footfall.open(twin, tz=brazil.TZ, progress=False))


@pytest.mark.parametrize("name", ENGINES)
def test_their_files_answer_as_their_twin(theirs, wanted, clusters, name, recwarn):
    data = footfall.open(theirs, engine=clusters(name), progress=False, **brazil.OPTIONS)
    assert answers(data) == wanted
    assert not [each for each in recwarn if issubclass(each.category, footfall.DataWarning)]
    assert not [row for row in data.check().to_arrow().to_pylist() if row["severity"] == "unusable"]
    assert "semicolon, decimal comma" in repr(data)


def test_their_files_rewritten_answer_as_their_twin(theirs, wanted, tmp_path):
    done = footfall.ingest(theirs, tmp_path / "done", progress=False, **brazil.OPTIONS)
    assert answers(footfall.open(done.folder, tz=brazil.TZ, progress=False)) == wanted


def test_what_they_do_not_say_is_asked_for(theirs):
    without_clock = {name: value for name, value in brazil.OPTIONS.items() if name != "naive_tz"}
    with pytest.raises(footfall.DataError, match="naive_tz="):
        footfall.open(theirs, **without_clock)
    without_words = {name: value for name, value in brazil.OPTIONS.items() if name != "actions"}
    with pytest.raises(footfall.DataError, match="actions="):
        footfall.open(theirs, **without_words)
    with pytest.raises(footfall.DataError, match="has no column"):
        footfall.open(theirs, tz=brazil.TZ, naive_tz=brazil.TZ)
