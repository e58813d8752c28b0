"""What a check finds: whether it is as it should be, what was seen, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Whether something is as it should be, wrong, or not there, which is nobody's fault."""

    FINE = "fine"
    WRONG = "wrong"
    ABSENT = "absent"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    state : State
        Only ``WRONG`` makes the exit code 1.
    seen : str
        What is there, or what is wrong with it.
    do : str
        What mends it, or brings what is absent.
    """

    state: State
    seen: str
    do: str = ""


def fine(seen: str) -> Finding:
    """Return that all is well."""
    return Finding(State.FINE, seen)


def wrong(seen: str, do: str) -> Finding:
    """Return what is wrong, and what to do."""
    return Finding(State.WRONG, seen, do)


def absent(seen: str, do: str = "") -> Finding:
    """Return what is not there, or could not be looked at."""
    return Finding(State.ABSENT, seen, do)
