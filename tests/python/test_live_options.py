"""Options of approaches: what makes no sense is refused with its name and value, and files say the same again."""

from __future__ import annotations

import json
from dataclasses import fields

import live_knowledge
import pytest

from footfall.errors import DefinitionError
from footfall.live import Approach
from footfall.live.options import read, write

CHANCES = [{"miss_from_m": 0.0, "eta_from_s": 30.0, "speed_from_mps": 1.0, "approaches": 10, "arrivals": 3}]


def test_names_and_defaults_are_those_of_the_detector():
    assert Approach().native() == live_knowledge.DEFAULTS


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("leg_m", 0, "above 0"),
        ("leg_m", float("nan"), "finite"),
        ("miss_share", 1.5, "at most 1"),
        ("eta_min_s", 700, "at most eta_max_s, 600"),
        ("horizon_min_m", 2_000, "at most horizon_max_m, 1000"),
        ("speed_min_mps", 30, "at most speed_max_mps, 25"),
        ("gap_s", 1e6, "at most forget_s"),
        ("cap", 2.5, "whole number"),
        ("cap", -1, "at least 0"),
        ("holdout", -0.1, "at least 0"),
        ("min_chance", "0.1", "must be a number"),
        ("pause_s", True, "must be a number"),
        ("rearm", 0.5, "at least 1"),
        ("horizon_max_m", float("inf"), "finite"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(option, value, reason):
    with pytest.raises(DefinitionError, match=rf"^{option} = .*{reason}"):
        Approach(**{option: value})


@pytest.mark.parametrize("name", [each.name for each in fields(Approach)])
def test_no_option_takes_text_or_a_number_below_zero(name):
    for value in ("much", -1, None):
        with pytest.raises(DefinitionError, match=f"^{name} = "):
            Approach(**{name: value})


def test_walkers_go_up_to_three_metres_a_second():
    assert Approach.walkers(cap=2) == Approach(speed_max_mps=3, cap=2)


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_file_says_the_same_again(tmp_path, ending):
    chosen = Approach(min_chance=0.1 + 0.2, cap=3, miss_m=45)
    write(tmp_path / f"o.{ending}", chosen, CHANCES)
    assert read(tmp_path / f"o.{ending}") == (chosen, CHANCES)
    assert Approach.load(chosen.save(tmp_path / f"p.{ending}")) == chosen


def test_a_file_may_say_a_part(tmp_path):
    (tmp_path / "o.toml").write_text("cap = 2\n")
    assert read(tmp_path / "o.toml") == (Approach(cap=2), None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("caps = 2", "no such option; did you mean cap"),
        ("cap = -2", "cap = -2: must be"),
        ("cap 2", "is no TOML"),
        ("[[chances]]\nmiss_from_m = 1", "chances: must be a list of rows"),
        ("chances = 3", "chances: must be a list of rows"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(tmp_path, said, reason):
    (tmp_path / "o.toml").write_text(said)
    with pytest.raises(DefinitionError, match=rf"o\.toml: .*{reason}"):
        read(tmp_path / "o.toml")


def test_chances_of_a_file_add_up(tmp_path):
    (tmp_path / "o.json").write_text(json.dumps({"chances": [{**CHANCES[0], "arrivals": 11}]}))
    with pytest.raises(DefinitionError, match="arrivals = 11: more than approaches, 10"):
        read(tmp_path / "o.json")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(DefinitionError, match=r"ends in \.toml or \.json"):
        Approach().save(tmp_path / "o.yaml")
