"""Hours of a group's machines on AWS, as moto plays it: counted over all its clusters of the month, and limited."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from aws_groups import aws

from footfall import DefinitionError
from footfall.aws.cluster.records import hours, settling
from footfall.aws.cluster.records.hours import Stay


def at(day, hour, month=11, minute=0):
    return datetime(2026, month, day, hour, minute, tzinfo=timezone.utc)


def test_hours_are_those_of_the_month():
    stays = [
        Stay("i-1", "m4.large", "emr", at(31, 22, 10), at(1, 2)),
        Stay("i-2", "m4.large", "emr", at(31, 22, 10), at(31, 23, 10)),
        Stay("i-3", "m4.large", "emr", at(5, 0), at(5, 0, minute=30)),
        Stay("i-4", "m4.large", "dask", at(30, 20), None),
        Stay("i-5", "m4.large", "dask", at(1, 0, 12), at(1, 5, 12)),
    ]
    assert hours.in_month(stays, at(30, 23)) == 2 + 0.5 + 3
    assert hours.in_month(stays, at(31, 23, 10)) == 1 + 1
    assert hours.in_month(stays, at(2, 0, 12)) == 24 + 5
    assert hours.month(at(1, 0, 1))[1] == at(1, 0, 2)


def recorded(group, machine, month, begin, end=None, by=None):
    told = {"machine": machine, "type": "m4.large", "role": "dask", "started": begin.isoformat()}
    told["ends_by"] = (by or begin + timedelta(hours=8)).isoformat()
    group.say(f"cluster/machines/2026-{month}/{machine}.begin.json", json.dumps(told))
    if end:
        group.say(f"cluster/machines/2026-{month}/{machine}.end.json", json.dumps({"ended": end.isoformat()}))


def test_machines_that_ec2_has_forgotten_are_counted_by_their_records(group):
    recorded(group, "i-a", "10", at(31, 20, 10), end=at(1, 3))
    recorded(group, "i-b", "11", at(2, 0), end=at(2, 1))
    recorded(group, "i-c", "11", at(3, 0))
    site = group.site()
    stays = hours.of_group(site.aws, site.objects, at(20, 0))
    assert {stay.machine: stay.end for stay in stays} == {"i-a": at(1, 3), "i-b": at(2, 1), "i-c": at(3, 8)}
    assert hours.in_month(stays, at(20, 0)) == 3 + 1 + 8


def test_hours_are_warned_of_and_refused(group, monkeypatch):
    monkeypatch.setattr(hours, "of_group", lambda *_: [Stay("i-1", "m4.large", "emr", *used)])
    now = datetime.now(timezone.utc)
    used = now - timedelta(hours=1), now
    if used[0] < hours.month(now)[0]:
        pytest.skip("the month is an hour old")
    with pytest.raises(DefinitionError, match=r"1.0 of 1 machine hours used this month, 0.0 left"):
        group.up(limit=1)
    with pytest.raises(DefinitionError, match=r"3 machines for an hour are more than that"):
        group.up(limit=3.9)
    assert group.clusters() == {}
    there = group.up(limit=7.1, max_hours=8)
    assert there.launch.hours == 2
    assert group.told[0] == "it will end after 2 h in any case: 1.0 of 7.1 machine hours used this month, 6.1 left"
    assert hours.Budget(80, 100).is_low and not hours.Budget(79.9, 100).is_low


def test_hours_of_emr_are_those_of_its_machines(group):
    there = group.up()
    settling.end([there], aws(), group.told.append)
    site = group.site()
    later = datetime.now(timezone.utc) + timedelta(hours=5)
    stays = hours.of_group(site.aws, site.objects, later)
    assert len(stays) == 3 and all(stay.end is not None for stay in stays)
    again = group.up()
    stays = hours.of_group(site.aws, site.objects, later)
    assert len(stays) == 6 and sum(stay.end is None for stay in stays) == 3 and again.id != there.id
