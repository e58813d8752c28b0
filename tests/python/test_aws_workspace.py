"""The workspace: what is in it, and that nothing is written elsewhere in S3."""

from __future__ import annotations

from pathlib import Path

import pytest

import footfall
from footfall.aws.workspace import VARIABLE, Workspace, current, must_hold

INSIDE = ["s3://course/g7/x", "s3://course/g7/a/b c=%20/ü.parquet", "s3://course/g7/folder/", "s3://course/g7/..x/y"]
OUTSIDE = [
    "s3://course",
    "s3://course/",
    "s3://course/g7",
    "s3://course/g7/",
    "s3://course/x",
    "s3://course/g70/x",
    "s3://course/g7x",
    "s3://course/G7/x",
    "s3://course-2/g7/x",
    "s3://other/course/g7/x",
    "s3://course/g7/../g8/x",
    "s3://course/g7/./../../g8/x",
    "s3://course/g7/..",
    "s3://course/g7//x",
    "s3://course//g7/x",
    "s3://course/%67%37/x",
    "S3://course/g7/x",
]


@pytest.fixture
def named(monkeypatch):
    monkeypatch.setenv(VARIABLE, "s3://course/g7")


@pytest.mark.parametrize("place", INSIDE)
def test_what_is_in_it_may_be_written(named, place):
    must_hold(place)


@pytest.mark.parametrize("place", OUTSIDE)
def test_nothing_is_written_elsewhere_in_s3(named, place):
    with pytest.raises(footfall.DefinitionError) as caught:
        must_hold(place)
    told = str(caught.value)
    assert VARIABLE in told and place in told and "s3://course/g7/..." in told


def test_a_key_in_a_place_is_not_shown(named):
    for place in ("s3://key:secret@course/g7/x", "s3://key:secret/of@course/g7/x"):
        with pytest.raises(footfall.DefinitionError) as caught:
            must_hold(place)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("place", ["results/x.parquet", Path("/tmp/x"), "s3", "", "gs://other/x"])
def test_of_other_places_it_says_nothing(named, place):
    must_hold(place)


def test_without_one_all_may_be_written(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert current() is None
    must_hold("s3://anywhere/x")
    # As a shell that has nothing to say does.
    monkeypatch.setenv(VARIABLE, "")
    assert current() is None


@pytest.mark.parametrize("written", ["s3://course/g7", "s3://course/g7/"])
def test_it_is_written_as_a_place(written):
    space = Workspace.of(written)
    assert (space.bucket, space.group, space.prefix, str(space)) == ("course", "g7", "g7/", "s3://course/g7")


WRONG = ["course/g7", "/course/g7", "s3://course", "s3://course/", "s3:///g7", "s3://course/g7/deeper",
         "S3://course/g7", "s3://course/g*", "s3://course/$g", "s3://co*/g7", "s3://Course/g7", "s3://course/-g",
         "s3://course/g-", "s3://course/../g7", "s3://course/..", "s3://course/\x1b[2J",
         "s3://course/" + "g" * 33]  # fmt: skip


@pytest.mark.parametrize("written", WRONG)
def test_what_is_none_is_refused_wherever_it_matters(monkeypatch, written):
    monkeypatch.setenv(VARIABLE, written)
    with pytest.raises(footfall.DefinitionError) as caught:
        must_hold("s3://course/g7/x")
    assert "\x1b" not in str(caught.value)
    # Who writes to this machine is not held up by it.
    must_hold("results/x.parquet")
