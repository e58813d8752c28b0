"""The six answers, slow and obvious: loops over rows, written from the definitions in prose.

It shares no code with Footfall: another distance formula's spelling, another calendar (the standard library's), the
textbook's interval. A method has the name of the job that it mirrors and returns (columns, rows).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

EARTH_RADIUS_M = 6_371_008.8
SIX_HOURS_US = 6 * 60 * 60 * 1_000_000
Z_95 = 1.959963984540054
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAY_PARTS = ["night", "morning", "afternoon", "evening"]


def haversine_m(latitude_a, longitude_a, latitude_b, longitude_b):
    """Sinnott's formula, one pair of points at a time."""
    phi_a, phi_b = math.radians(latitude_a), math.radians(latitude_b)
    half_phi = math.sin(math.radians(latitude_b - latitude_a) / 2)
    half_lambda = math.sin(math.radians(longitude_b - longitude_a) / 2)
    h = half_phi**2 + math.cos(phi_a) * math.cos(phi_b) * half_lambda**2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def wilson(successes, trials, z=Z_95):
    """The textbook's centre and half width around p; (None, None) where it has no meaning."""
    if trials == 0 or successes > trials:
        return None, None
    p = successes / trials
    centre = p + z * z / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    low, high = (centre - half) / (1 + z * z / trials), (centre + half) / (1 + z * z / trials)
    # In exact arithmetic the ends are 0 and 1; rounding must not make them tie or rank otherwise.
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


def effective_trials(pairs):
    """How many independent trials tell as much as these (trials, successes), a pair a user: with exact fractions."""
    users, trials, successes = len(pairs), sum(t for t, _ in pairs), sum(s for _, s in pairs)
    ratio = Fraction(successes, trials)
    spread = sum((s - ratio * t) ** 2 for t, s in pairs)
    if users == 1 or spread == 0:
        return users
    variance = Fraction(users, users - 1) * spread / trials**2
    return float(min(Fraction(trials), ratio * (1 - ratio) / variance))


def wilson_by_user(pairs, z=Z_95):
    """The textbook's interval around the ratio of all successes and trials, of as many trials as are effective."""
    if not pairs:
        return None, None
    ratio, trials = sum(s for _, s in pairs) / sum(t for t, _ in pairs), effective_trials(pairs)
    low, high = (
        (ratio + z * z / (2 * trials) + sign * z * math.sqrt(ratio * (1 - ratio) / trials + (z / (2 * trials)) ** 2))
        / (1 + z * z / trials)
        for sign in (-1, 1)
    )
    return (low if ratio else 0.0), (high if ratio < 1 else 1.0)


def in_range(value, limit):
    """Whether it is a number of degrees; NaN compares false."""
    return value is not None and -limit <= value <= limit


def text_ids(row):
    """Ids are text: 7 and "7" are the same."""
    return {k: str(v) if k.endswith("_id") and v is not None else v for k, v in row.items()}


def our_action(text):
    """A view, also called an impression, or a click, in any letter case; None for another word."""
    word = text.strip().lower()
    return {"view": "view", "impression": "view", "click": "click"}.get(word)


def ranked(rows, measure, identity):
    """Each row's rank: the largest measure first, nulls last, ties by id."""
    order = sorted(rows, key=lambda row: (measure(row) is None, -(measure(row) or 0), identity(row)))
    return {identity(row): rank for rank, row in enumerate(order, 1)}


@dataclass
class Oracle:
    """Answers about a world (its rows and its tz) under definitions and within [start_us, end_us)."""

    world: object
    radius_m: float = 50.0
    window_us: int = SIX_HOURS_US
    z: float = Z_95
    start_us: float = -math.inf
    end_us: float = math.inf

    # The rows that can be used.

    def _rows(self, table, required):
        rows = map(text_ids, getattr(self.world, table))
        return [row for row in rows if all(row.get(column) is not None for column in required)]

    @cached_property
    def establishments(self):
        rows = self._rows("establishments", ["establishment_id", "category"])
        located = [r for r in rows if in_range(r["latitude"], 90) and in_range(r["longitude"], 180)]
        return one_per_id(located, ["establishment_id", "name", "category", "latitude", "longitude"])

    @cached_property
    def ads(self):
        rows = self._rows("ads", ["ad_id", "campaign_id", "category"])
        return one_per_id(rows, ["ad_id", "campaign_id", "category", "establishment_id"])

    @cached_property
    def interactions(self):
        rows = self._rows("interactions", ["user_id", "ad_id", "action", "timestamp"])
        rows = [{**row, "action": our_action(row["action"])} for row in rows if row["ad_id"] in self.ads]
        return [row for row in rows if row["action"]]

    @cached_property
    def pings(self):
        rows = self._rows("pings", ["user_id", "timestamp"])
        return [r for r in rows if in_range(r["latitude"], 90) and in_range(r["longitude"], 180)]

    # The derived nouns.

    def _counts(self, row):
        return self.start_us <= row["timestamp"] < self.end_us

    @cached_property
    def visits(self):
        """(user_id, timestamp, establishment_id, distance_m) of every counted ping strictly within the radius."""
        found = []
        for ping in filter(self._counts, self.pings):
            for place in self.establishments.values():
                metres = haversine_m(ping["latitude"], ping["longitude"], place["latitude"], place["longitude"])
                if metres < self.radius_m:
                    found.append((ping["user_id"], ping["timestamp"], place["establishment_id"], metres))
        return found

    @cached_property
    def attributed_visits(self):
        """The visits, and (attributed, ad_id, interaction_timestamp)."""
        return [visit + self._credit(*visit[:3]) for visit in self.visits]

    def _credit(self, user_id, timestamp, establishment_id):
        earned = [
            row
            for row in self.interactions
            if row["user_id"] == user_id
            and self.ads[row["ad_id"]].get("establishment_id") == establishment_id
            and 0 <= timestamp - row["timestamp"] <= self.window_us
        ]
        if not earned:
            return False, None, None
        best = min(earned, key=lambda row: (-row["timestamp"], row["action"] != "click", row["ad_id"]))
        return True, best["ad_id"], best["timestamp"]

    # The calendar.

    def _local(self, timestamp):
        return (EPOCH + timedelta(microseconds=timestamp)).astimezone(ZoneInfo(self.world.tz))

    def _bucket(self, timestamp, by):
        day = self._local(timestamp).date()
        if by == "week":
            return day - timedelta(days=day.isoweekday() - 1)
        return {"day": day, "month": day.replace(day=1), "period": None}[by]

    # The jobs.

    def campaign_ctr(self, by="month", rank_by="ctr_low"):
        columns = ["campaign_id", "views", "clicks", "ctr", "ctr_low", "ctr_high"]
        counts = defaultdict(Counter)
        for row in filter(self._counts, self.interactions):
            campaign_id = self.ads[row["ad_id"]]["campaign_id"]
            counts[self._bucket(row["timestamp"], by), campaign_id][row["action"]] += 1
        rows = defaultdict(list)
        for (bucket, campaign_id), count in counts.items():
            views, clicks = count["view"], count["click"]
            ctr = clicks / views if views else None
            rows[bucket].append((campaign_id, views, clicks, ctr, *wilson(clicks, views, self.z)))
        return with_rank_and_bucket(by, columns, rows, columns.index(rank_by))

    def establishment_visits(self, by="month", rank_by="visits"):
        columns = ["establishment_id", "name", "category", "visits", "visitors"]
        users = defaultdict(list)
        for user_id, timestamp, establishment_id, _ in self.visits:
            users[self._bucket(timestamp, by), establishment_id].append(user_id)
        rows = {
            bucket: [
                (place_id, place.get("name"), place["category"], len(users[bucket, place_id]), visitors)
                for place_id, place in self.establishments.items()
                for visitors in [len(set(users[bucket, place_id]))]
            ]
            for bucket in self._visit_buckets(by)
        }
        return with_rank_and_bucket(by, columns, rows, columns.index(rank_by))

    def visit_attribution(self, by="month", rank_by="ratio_low"):
        columns = ["establishment_id", "name", "visits", "visitors", "attributed_visits"]
        columns += ["ratio", "ratio_low", "ratio_high"]
        earned = defaultdict(lambda: defaultdict(list))
        for user_id, timestamp, establishment_id, _, attributed, _, _ in self.attributed_visits:
            earned[self._bucket(timestamp, by), establishment_id][user_id].append(attributed)
        rows = defaultdict(list)
        for bucket in self._visit_buckets(by):
            for place_id, place in self.establishments.items():
                pairs = [(len(visits), sum(visits)) for visits in earned[bucket, place_id].values()]
                visits, hits = sum(v for v, _ in pairs), sum(a for _, a in pairs)
                counts = visits, len(pairs), hits, hits / visits if visits else None
                rows[bucket].append((place_id, place.get("name"), *counts, *wilson_by_user(pairs, self.z)))
        return with_rank_and_bucket(by, columns, rows, columns.index(rank_by))

    def _visit_buckets(self, by):
        """The period is there even when it is empty; a month only when somebody visited something in it."""
        return {None} if by == "period" else {self._bucket(visit[1], by) for visit in self.visits}

    def category_hours(self, by="month"):
        columns = ["category", "hour", "interactions", "views", "clicks", "share"]
        counts, totals = Counter(), Counter()
        for row in filter(self._counts, self.interactions):
            key = self._bucket(row["timestamp"], by), self.ads[row["ad_id"]]["category"]
            totals[key] += 1
            counts[(*key, self._local(row["timestamp"]).hour, row["action"])] += 1
        rows = defaultdict(list)
        for (bucket, category), total in totals.items():
            for hour in range(24):
                views, clicks = (counts[bucket, category, hour, action] for action in ("view", "click"))
                rows[bucket].append((category, hour, views + clicks, views, clicks, (views + clicks) / total))
        return with_bucket(by, columns, rows)

    def interaction_profile(self, users=None):
        keys = [
            (row["user_id"], self._local(row["timestamp"]).hour // 6, self.ads[row["ad_id"]]["category"])
            for row in filter(self._counts, self.interactions)
        ]
        rows = [(user, DAY_PARTS[part], *rest) for user, part, *rest in profile(keys, users)]
        return ["user_id", "day_part", "category", "interactions", "share"], rows

    def preferred_ad_categories(self, users=None):
        columns, rows = self.interaction_profile(users)
        return [*columns, "tied"], preferred(rows)

    def visit_profile(self, users=None):
        keys = [
            (user_id, self._local(timestamp).isoweekday(), self.establishments[establishment_id]["category"])
            for user_id, timestamp, establishment_id, _ in self.visits
        ]
        return ["user_id", "weekday", "category", "visits", "share"], profile(keys, users)

    def preferred_establishment_categories(self, users=None):
        columns, rows = self.visit_profile(users)
        return [*columns, "tied"], preferred(rows)


def one_per_id(rows, columns):
    """The first of each id when sorted by all columns, nulls last; by id, in order of id."""
    kept = {}
    for row in sorted(rows, key=lambda row: [(row.get(c) is None, row.get(c) or 0) for c in columns]):
        kept.setdefault(row[columns[0]], row)
    return kept


def with_rank_and_bucket(by, columns, rows, measure):
    """Rank within each bucket by the column number `measure`."""
    placed = {}
    for bucket, group in rows.items():
        ranks = ranked(group, measure=lambda row: row[measure], identity=lambda row: row[0])
        placed[bucket] = [(*row, ranks[row[0]]) for row in group]
    return with_bucket(by, [*columns, "rank"], placed)


def with_bucket(by, columns, rows):
    """Sorted by bucket, then by the first columns; the bucket is a column except for the whole period."""
    if by == "period":
        return columns, sorted(rows.get(None, []), key=lambda row: row[:2])
    flat = [(bucket, *row) for bucket, group in rows.items() for row in group]
    return [by, *columns], sorted(flat, key=lambda row: row[:3])


def profile(keys, users):
    """(user, part, category, count, share within the user and the part), of `users` only if given."""
    counts = Counter(key for key in keys if users is None or key[0] in users)
    totals = Counter()
    for (user, part, _), count in counts.items():
        totals[user, part] += count
    return [(*key, counts[key], counts[key] / totals[key[:2]]) for key in sorted(counts)]


def preferred(rows):
    """The largest count of each user and part; of several the smallest category, flagged."""
    groups = defaultdict(list)
    for row in rows:
        groups[row[:2]].append(row)
    chosen = []
    for group in groups.values():
        largest = max(row[3] for row in group)
        best = [row for row in group if row[3] == largest]
        chosen.append((*min(best, key=lambda row: row[2]), len(best) > 1))
    return chosen


def close(ours, theirs):
    """Whole numbers and text must be equal; ratios may differ in the last bits only."""
    if isinstance(theirs, float) and isinstance(ours, float):
        return math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=0.0)
    return type(ours) is type(theirs) and ours == theirs


def assert_same(result, expected, what=""):
    """Whether a result's table is what the oracle says, row by row."""
    columns, rows = expected
    table = result.to_arrow()
    assert table.column_names == columns, what
    found = list(zip(*(column.to_pylist() for column in table.columns)))
    assert len(found) == len(rows), f"{what}: {len(found)} rows instead of {len(rows)}"
    for number, (ours, theirs) in enumerate(zip(found, rows)):
        same = all(close(a, b) for a, b in zip(ours, theirs))
        assert same, f"{what}, row {number}: {dict(zip(columns, ours))} instead of {dict(zip(columns, theirs))}"
