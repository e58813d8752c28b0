"""The order in which people write a command line: options before the command, a job before or after its data."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from typer.core import TyperGroup

from footfall._native import jobs
from footfall.inputs.reading import TABLES


class Group(TyperGroup):
    """Takes ``--tz UTC report city`` for ``report --tz UTC city``: options of a command may stand before it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command first."""
        return super().parse_args(ctx, self._with_command_first(args))

    def _with_command_first(self, args: list[str]) -> list[str]:
        options_of_all = {name for option in self.params for name in option.opts}
        if not args or not args[0].startswith("-") or args[0] in {*options_of_all, "--help"}:
            return args
        places = (place for place, each in enumerate(args) if place and each in self.commands)
        found = next((place for place in places if not self._is_value(args[place], args[place - 1])), None)
        return args if found is None else [args[found], *args[:found], *args[found + 1 :]]

    def _is_value(self, name: str, before: str) -> bool:
        """Return whether what is called like a command is the value of the option before it."""
        options = [option for option in self.commands[name].params if before in option.opts]
        return bool(options) and not getattr(options[0], "is_flag", False)


def is_job(text: str) -> bool:
    """Return whether this is the name of a job."""
    return text.replace("-", "_") in {job["name"] for job in jobs()}


def is_table(text: str) -> bool:
    """Return whether this is the name of a table."""
    return text in TABLES


def is_statement(text: str) -> bool:
    """Return whether this may be SQL: a statement has several words."""
    return len(text.split()) > 1


def in_place(given: dict[str, Any], name: str, is_one: Callable[[str], bool]) -> dict[str, Any]:
    """Return arguments whose data and `name` stand in their places, whichever of the two came first.

    Examples
    --------
    >>> in_place({"data": "campaign_ctr", "job": "city"}, "job", is_job)
    {'data': 'city', 'job': 'campaign_ctr'}
    """
    data, other = given["data"], given[name]
    if is_one(data) and not is_one(other) and not os.path.exists(data):
        return {**given, "data": other, name: data}
    return given
