"""One time-zone database for all that counts: against Python's zoneinfo on the same files, in every zone."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from bisect import bisect
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

import footfall
from footfall import _native
from footfall.inputs import options, zones

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
US = timedelta(microseconds=1)
tzdata = pytest.importorskip("tzdata")
PACKAGE = Path(tzdata.__file__).parent / "zoneinfo"
NAMES = (PACKAGE.parent / "zones").read_text().split()
OFFSET_CHANGES_UNTIL = 2400


def oracle(tz):
    """Python's own zone, of the same bytes."""
    import io

    return ZoneInfo.from_file(io.BytesIO(zones.zone(tz).__reduce__()[1][1]), key=tz)


def us(moment):
    return (moment - EPOCH) // US


def changes(zone, first, last):
    """The instants, to the second, at which the offset changes."""
    moment, offset = first, first.astimezone(zone).utcoffset()
    while moment < last:
        later = min(moment + timedelta(days=20), last)
        if later.astimezone(zone).utcoffset() != offset:
            seconds = range(int((later - moment).total_seconds()) + 1)
            found = bisect(Changed(zone, moment, offset), 0, 0, len(seconds))
            later = moment + timedelta(seconds=found)
            yield later
            offset = later.astimezone(zone).utcoffset()
        moment = later


class Changed:
    """A sequence by seconds from `start`: 1 from when the offset is another."""

    def __init__(self, zone, start, offset):
        self.zone, self.start, self.offset = zone, start, offset

    def __getitem__(self, second):
        return int((self.start + timedelta(seconds=second)).astimezone(self.zone).utcoffset() != self.offset)


def at(year):
    return datetime(year, 1, 1, tzinfo=timezone.utc)


def test_every_zone_beside_each_of_its_changes():
    """Instant to local text, and back, a second before, at and after each change of the offset; some are drawn."""
    rng = random.Random(1)
    for tz in NAMES:
        zone, ours = oracle(tz), zones.zone(tz)
        spans = [(at(1900), at(2040))] if rng.random() < 0.2 else [(at(2023), at(2028))]
        spans += [(at(year), at(year + 1)) for year in (2037, 2038, 2099, 2100, 2150, OFFSET_CHANGES_UNTIL)]
        spans += [(at(year), at(year + 1)) for year in rng.choices(range(1900, 2400), k=2)]
        moments = [change for span in spans for change in changes(zone, *span)]
        moments += [at(1900) + timedelta(seconds=rng.randrange(500 * 365 * 86_400)) for _ in range(20)]
        for moment in (moment + timedelta(seconds=step) for moment in moments for step in (-1, 0, 1)):
            local = moment.astimezone(zone)
            assert ours.local_text(us(moment)) == local.isoformat(), (tz, moment)
            reading = us(local.replace(tzinfo=timezone.utc))
            assert ours.instant_us(reading, fold=bool(local.fold)) == us(moment), (tz, moment)
            for hours in (-1, 0, 1):
                for fold in (0, 1):
                    wall = local.replace(tzinfo=None, fold=fold) + timedelta(hours=hours)
                    wall = wall.replace(fold=fold)
                    reading = us(wall.replace(tzinfo=timezone.utc))
                    expected = us(wall.replace(tzinfo=zone).astimezone(timezone.utc))
                    assert ours.instant_us(reading, fold=bool(fold)) == expected, (tz, wall, fold)


def hour_in_sql(tz, moment):
    """The hour and day that the engine counts an instant in."""
    pings = pa.table({"user_id": ["a"], "timestamp": pa.array([us(moment)], pa.timestamp("us", "UTC")),
                      "latitude": [0.0], "longitude": [0.0]})  # fmt: skip
    data = footfall.open({"pings": pings}, tz=tz, progress=False)
    query = "SELECT CAST(local_day(timestamp) AS VARCHAR) || ' ' || local_hour(timestamp) AS local FROM pings"
    return data.sql(query).to_arrow().column("local")[0].as_py()


@pytest.mark.parametrize(
    "tz",
    [
        "America/Vancouver",
        "Canada/Pacific",
        "Africa/Casablanca",
        "America/Edmonton",
        "America/Winnipeg",
        "Europe/Dublin",
    ],
)
@pytest.mark.parametrize("month", [1, 2, 4, 7, 11, 12])
@pytest.mark.parametrize("year", [2024, 2026, 2027, 2100, 2150, 2399])
def test_between_and_by_read_the_same_clock(tz, month, year):
    """What `between` takes for the first hour of a day is the hour that the engine counts as its first."""
    midnight = f"{year}-{month:02}-15"
    moment = EPOCH + options.instant_us("start", midnight, zones.zone(tz)) * US
    assert hour_in_sql(tz, moment) == f"{midnight} 0"
    assert hour_in_sql(tz, moment - US) == f"{year}-{month:02}-14 23"
    zone = oracle(tz)
    assert moment == datetime(year, month, 15, tzinfo=zone)


def test_summer_time_goes_on():
    assert hour_in_sql("America/New_York", datetime(2150, 7, 1, 12, tzinfo=timezone.utc)) == "2150-07-01 8"
    assert hour_in_sql("Europe/Berlin", datetime(2999, 7, 1, 12, tzinfo=timezone.utc)) == "2999-07-01 14"
    assert hour_in_sql("Australia/Sydney", datetime(9000, 1, 1, 12, tzinfo=timezone.utc)) == "9000-01-01 23"


def test_the_newest_database_wins(tmp_path):
    def folder(version, like):
        root = tmp_path / version
        (root / "Europe").mkdir(parents=True)
        (root / "Europe" / "Berlin").write_bytes((PACKAGE / like).read_bytes())
        (root / "tzdata.zi").write_text(f"# version {version}\nL Europe/Berlin Old/Name\n")
        return ("here", str(root), None)

    old, new = folder("1999a", "UTC"), folder("9999z", "Asia/Tokyo")
    for candidates in ([old, new], [new, old]):
        zone = _native.zone("Europe/Berlin", candidates)
        assert (zone.local_text(0), zone.database) == ("1970-01-01T09:00:00+09:00", "9999z of here")
    assert _native.zone("Old/Name", [old, new]).local_text(0) == "1970-01-01T09:00:00+09:00"
    own = _native.zone("Europe/Berlin", [old])
    assert own.local_text(0) == "1970-01-01T01:00:00+01:00" and own.database.endswith("of footfall itself")
    (tmp_path / "+").mkdir()
    (tmp_path / "9999z" / "tzdata.zi").unlink()
    (tmp_path / "9999z" / "+VERSION").write_text("9999y\n")
    assert _native.zone("Europe/Berlin", [old, new]).database == "9999y of here"


def test_it_is_as_new_as_the_system_and_the_package():
    version = zones.zone("UTC").database.split()[0]
    assert version >= tzdata.IANA_VERSION
    for folder in ("/usr/share/zoneinfo",):
        source = Path(folder) / "tzdata.zi"
        if source.exists():
            assert version >= source.read_text().split()[2]


def test_names():
    for name in NAMES:
        assert zones.zone(name).name == name
    for tz in (
        "utc",
        "europe/berlin",
        "EUROPE/BERLIN",
        "Europe",
        "../zoneinfo/UTC",
        "posix/UTC",
        "right/UTC",
        "",
        "x" * 999,
    ):
        with pytest.raises(footfall.DefinitionError, match="not a time zone"):
            zones.zone(tz)
    with pytest.raises(footfall.DefinitionError, match="did you mean Europe/Berlin"):
        footfall.open({}, tz="Europe/Berlim")
    for tz in (3, b"UTC", timezone.utc):
        with pytest.raises(footfall.DefinitionError, match="tz = "):
            footfall.open({}, tz=tz)


def test_where_nobody_says_a_zone_it_is_utc(city):
    assert footfall.open(city, progress=False).tz == footfall.open(city, tz=None, progress=False).tz == "UTC"


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "tzdata.zi").write_text("# version 9999z\n")
    (tmp_path / "UTC").write_bytes(b"TZif2" + bytes(40))
    with pytest.raises(footfall.DefinitionError, match=r"UTC.*9999z.*damaged"):
        _native.zone("UTC", [("here", str(tmp_path), None)])


def test_the_database_is_shown(tmp_path):
    data = footfall.open(
        {"ads": pa.table({"ad_id": ["a"], "campaign_id": ["c"], "category": ["food"]})}, tz="Asia/Tokyo"
    )
    database = zones.zone("Asia/Tokyo").database
    assert f"Asia/Tokyo (database {database})" in repr(data) and database in data._repr_html_()
    assert database in data.report(tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_zone_travels_whole():
    zone = zones.zone("America/Recife")
    same = pickle.loads(pickle.dumps(zone))
    assert same == zone and hash(same) == hash(zone) and same != zones.zone("America/Sao_Paulo")
    assert (same.name, same.database, same.local_text(0)) == (zone.name, zone.database, zone.local_text(0))


def test_pythons_path_of_databases_is_looked_at(tmp_path):
    """As of `zoneinfo`: PYTHONTZPATH says where the system's database is."""
    (tmp_path / "tzdata.zi").write_text("# version 9999z\n")
    (tmp_path / "UTC").write_bytes((PACKAGE / "Asia" / "Tokyo").read_bytes())
    code = f"import sys; sys.path[:0] = {sys.path!r}; import footfall; from footfall.inputs import zones; " \
           "print(zones.zone('UTC').database, zones.zone('UTC').local_text(0))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONTZPATH": str(tmp_path)})  # fmt: skip
    assert done.stdout.split() == ["9999z", "of", str(tmp_path), "1970-01-01T09:00:00+09:00"]
