"""Users by their ids, whatever these hold, and however many they are: `users=` finds them, on every engine."""

from __future__ import annotations

import pyarrow as pa
import pytest
from layouts import ipc_bytes

import footfall

HOSTILE = [
    "a\nb", "a\n    b", "\n", "\r\n", "a\r\nb", "a\tb", "{users}", "{by_user}", "{bucket}", "{rank_by}",
    "o'neil", "''", "'", "\\", "\\'", "' OR 1=1 --", "'); SELECT 1; --", "-- no comment", "/* no comment",
    "$1", "?", "%", "", " ", "a ", "a", "null", "NULL", "é", "e\u0301", "\u2028", "\u0085", "\x0b", "\x1c",
    "日本", "\U0001f600", "\x00", "a\x00b", "x" * 5_000,
]  # fmt: skip
JOBS = ["interaction_profile", "preferred_ad_categories", "visit_profile", "preferred_establishment_categories"]


@pytest.fixture
def data(ask):
    return ask(tables(HOSTILE))


def tables(users):
    """Each user views an ad and visits."""
    instant = pa.array([1_709_251_200_000_000] * len(users), pa.timestamp("us", "UTC"))
    return {
        "ads": pa.table({"ad_id": ["7"], "campaign_id": ["c"], "category": ["food"], "establishment_id": ["cafe"]}),
        "establishments": pa.table({"establishment_id": ["cafe"], "category": ["food"], "latitude": [0.0],
                                    "longitude": [0.0]}),
        "interactions": pa.table({"user_id": users, "ad_id": ["7"] * len(users), "action": ["view"] * len(users),
                                  "timestamp": instant}),
        "pings": pa.table({"user_id": users, "timestamp": instant, "latitude": [0.0] * len(users),
                           "longitude": [0.0] * len(users)}),
    }  # fmt: skip


def users_of(result):
    return result.to_arrow().column("user_id").to_pylist()


@pytest.mark.parametrize("job", JOBS)
def test_an_id_is_found_whatever_it_holds(data, job):
    ask_for = getattr(data, job)
    assert users_of(ask_for()) == sorted(HOSTILE, key=str.encode)
    assert users_of(ask_for(users=HOSTILE)) == sorted(HOSTILE, key=str.encode)
    # One by one on one machine; a cluster takes its time.
    for user in HOSTILE if hasattr(data._session, "given") else HOSTILE[:3]:
        assert users_of(ask_for(users=user)) == [user]


@pytest.mark.parametrize("job", JOBS)
def test_the_statement_that_is_shown_runs(data, job):
    for users in (HOSTILE, HOSTILE[:1], []):
        result = getattr(data, job)(users=users)
        assert ipc_bytes(data.sql(result.sql)) == ipc_bytes(result)


def test_no_user_and_unknown_users(data):
    assert users_of(data.visit_profile(users=[])) == [] == users_of(data.visit_profile(users=["nobody", "a\n     b"]))


def test_many_thousands_of_users():
    everybody = [f"user\n{number}" for number in range(60_000)]
    data = footfall.open(tables(everybody), progress=False)
    chosen = everybody[:50_000]
    result = data.interaction_profile(users=chosen)
    assert users_of(result) == sorted(chosen)
    assert users_of(data.sql(result.sql)) == sorted(chosen)
