"""The first trials of the fuzzer, and that the fuzzer finds what is wrong."""

from __future__ import annotations

import fuzzing
import pytest
from towns import ROWS, WRITERS

import footfall


@pytest.mark.parametrize("seed", range(60))
def test_a_mutant_gives_the_rows_of_another_reader_or_an_error(tmp_path, seed):
    fuzzing.a_mutant_of_ads(seed, tmp_path)


@pytest.mark.parametrize("seed", [*range(10), 1795725087])  # The last one broke the Arrow schema in a footer.
def test_a_broken_file_gives_the_same_answers_to_any_number_of_threads(tmp_path, seed):
    fuzzing.a_mutant_of_any_table(seed, tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_options_are_understood_or_refused(tmp_path, seed):
    fuzzing.random_options(seed, tmp_path)


def test_rows_that_another_reader_has_otherwise_are_a_find(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzzing, "READERS", dict.fromkeys(fuzzing.READERS, lambda data: ROWS["ads"]))
    with pytest.raises(fuzzing.Finding, match="another reader"):
        for seed in range(20):
            (tmp_path / str(seed)).mkdir()
            fuzzing.a_mutant_of_ads(seed, tmp_path / str(seed))


def test_an_internal_error_is_a_find():
    def fails():
        raise footfall.InternalError("this is a bug in footfall")

    with pytest.raises(fuzzing.Finding):
        fuzzing.tolerant(fails)


@pytest.mark.parametrize("ending", list(fuzzing.READERS))
def test_the_other_readers_have_the_rows_of_sound_files(tmp_path, ending):
    WRITERS[ending](tmp_path / f"ads.{ending}", "ads")
    rows = fuzzing.READERS[ending]((tmp_path / f"ads.{ending}").read_bytes())
    assert rows == ROWS["ads"]
    assert fuzzing.of_ads(rows) == fuzzing.ads_of(footfall.open(tmp_path, progress=False)) != []
