"""Packets that carry errors: a description, of a class from a list, and never code."""

from __future__ import annotations

import json
import pickle

import pytest

import footfall
from footfall.engines import packets
from footfall.engines.packets import ERROR, ERRORS, Packet

DETAILS = {
    "DataError": {"table": "pings", "column": "latitude", "row": 7, "value": "95\x1b", "reason": "beyond a pole"},
    "QueryError": {"line": 1, "column": 25},
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_arrives_as_it_was(name):
    error = ERRORS[name]("no, não", **DETAILS.get(name, {}))
    again = packets.error_in([packets.of_error(error)])
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    with pytest.raises(type(error), match="no, não"):
        packets.raise_error_in([packets.of_error(error)])


def test_an_error_with_a_note_and_of_a_class_below_ours_arrives_as_ours():
    class Special(footfall.DataError):
        pass

    error = Special("odd", table="ads", value=object())
    error.__notes__ = ["by the way"]
    again = packets.error_in([packets.of_error(error)])
    assert type(again) is footfall.DataError and again.table == "ads" and "object" in again.value


class Hostile:
    """What runs code when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


def test_a_pickle_from_a_worker_is_not_run(tmp_path):
    marker = tmp_path / "ran"
    payload = pickle.dumps(Hostile(marker))
    with pytest.raises(footfall.InternalError, match="cannot be read"):
        packets.raise_error_in([Packet(0, ERROR, payload)])
    assert isinstance(packets.error_in([Packet(0, ERROR, payload)]), footfall.InternalError)
    assert not marker.exists()
    pickle.loads(payload).close()
    assert marker.exists(), "else the payload was harmless"


@pytest.mark.parametrize(
    "told",
    [
        {"class": "SystemExit", "message": "no", "details": {}},
        {"class": "builtins.eval", "message": "1", "details": {}},
        {"class": ["DataError"], "message": "", "details": {}},
        {"class": "DataError", "message": "", "details": {"__class__": "x"}},
        {"class": "DataError", "message": "", "details": [1]},
        {"class": "DataError"},
        [],
        None,
        "DataError",
    ],
)
def test_what_describes_none_of_ours_is_an_error_of_ours(told):
    found = packets.error_in([Packet(0, ERROR, json.dumps(told).encode())])
    assert type(found) is footfall.InternalError
