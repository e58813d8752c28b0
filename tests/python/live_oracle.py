"""Live detection and suggestion, slow and obvious: loops over fixes and establishments, written from the prose.

It shares no code with Footfall: no grid, no arrays, the standard library's calendar, its own hash. `LiveTables` and
`Detector` have the interface of the extension's classes, so that either can take the other's place.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field

import pyarrow as pa
from live_knowledge import LiveTables, haversine_m, may_be_near, plane, rows_of
from siphash import sip64, sip128

__all__ = ["Detector", "LiveTables"]

SECOND = 1_000_000
INSTANT = pa.timestamp("us", "UTC")
COUNTERS = [
    "fixes", "unusable", "ahead", "inaccurate", "late", "duplicate", "returned", "gap", "jump", "anchors", "waiting",
    "approaches", "no_ad", "familiar", "closed", "cooldown", "cap", "pause", "outscored", "suggested", "held_out",
]  # fmt: skip
TEXT, NUMBER = pa.string(), pa.float64()
APPROACHES = pa.schema(
    {"user_id": TEXT, "timestamp": INSTANT, "establishment_id": TEXT, "distance_m": NUMBER, "miss_m": NUMBER,
     "closing_speed_mps": NUMBER, "speed_mps": NUMBER, "eta_s": NUMBER, "chance": NUMBER, "outcome": TEXT}
)  # fmt: skip
SUGGESTIONS = pa.schema(
    {"suggestion_id": TEXT, "user_id": TEXT, "timestamp": INSTANT, "establishment_id": TEXT, "ad_id": TEXT,
     "campaign_id": TEXT, "distance_m": NUMBER, "miss_m": NUMBER, "closing_speed_mps": NUMBER, "eta_s": NUMBER,
     "chance": NUMBER, "score": NUMBER, "held_out": pa.bool_(), "version": TEXT}
)  # fmt: skip


@dataclass
class Fix:
    time: int
    latitude: float
    longitude: float
    accuracy: float


@dataclass
class User:
    """All that is remembered of a user."""

    last: Fix | None = None
    older_anchor: Fix | None = None
    anchor: Fix | None = None
    witness: bool = False
    pending: Fix | None = None
    fired: dict = field(default_factory=dict)  # establishment: distance at which it fired
    muted: dict = field(default_factory=dict)  # group: until when
    suggested_at: int | None = None
    day: str = ""
    suggested_that_day: int = 0

    def start_again(self):
        self.older_anchor = self.anchor = self.pending = None
        self.witness, self.fired = False, {}

    def to_bytes(self):
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data):
        user = cls(**json.loads(data))
        for name in ("last", "older_anchor", "anchor", "pending"):
            value = getattr(user, name)
            setattr(user, name, value and Fix(**value))
        return user


def seconds(microseconds):
    return microseconds / SECOND


def is_usable(row):
    accuracy = row.get("accuracy_m")
    return (
        row["user_id"] is not None
        and row["timestamp"] is not None
        and row["latitude"] is not None
        and row["longitude"] is not None
        and abs(row["latitude"]) <= 90
        and abs(row["longitude"]) <= 180
        and (accuracy is None or accuracy >= 0)
    )


class Detector:
    """Who approaches what, fix by fix."""

    def __init__(self, tables):
        self.tables = tables
        self.people = {}
        self.counted = Counter(dict.fromkeys(COUNTERS, 0))

    def process(self, fixes, *, approaches=True):
        fixes = pa.table(fixes)
        for name in ("timestamp", "received"):
            if name in fixes.column_names:
                at = fixes.column_names.index(name)
                fixes = fixes.set_column(at, name, fixes[name].cast(INSTANT).cast(pa.int64()))
        self.suggestions, self.approaches = [], []
        for row in fixes.to_pylist():
            self.fix(row)
        return (
            pa.Table.from_pylist(self.suggestions, schema=SUGGESTIONS),
            pa.Table.from_pylist(self.approaches if approaches else [], schema=APPROACHES),
        )

    def counters(self):
        return dict(self.counted)

    def users(self):
        return len(self.people)

    def state_bytes(self):
        return sum(len(user.to_bytes()) for user in self.people.values())

    def states(self, user_ids=None):
        user_ids = sorted(self.people) if user_ids is None else pa.array(user_ids, TEXT).to_pylist()
        states = [self.people[user_id].to_bytes() if user_id in self.people else None for user_id in user_ids]
        return pa.table({"user_id": pa.array(user_ids, TEXT), "state": pa.array(states, pa.binary())})

    def restore(self, table):
        for row in rows_of(table):
            self.people.pop(row["user_id"], None)
            if row["state"] is not None:
                self.people[row["user_id"]] = User.from_bytes(row["state"])

    def forget_before(self, instant_us):
        """Forget whose last fix is older; who they were."""
        idle = [user_id for user_id, user in self.people.items() if user.last.time < instant_us]
        for user_id in idle:
            del self.people[user_id]
        return idle

    def reload(self, tables):
        self.tables = tables

    def fix(self, row):
        """Steps 1 to 6: is the fix one to go by?"""
        options, counted = self.tables.options, self.counted
        counted["fixes"] += 1
        if not is_usable(row):
            counted["unusable"] += 1
            return
        accuracy = row.get("accuracy_m")
        accuracy = options["default_accuracy_m"] if accuracy is None else accuracy
        f = Fix(row["timestamp"], row["latitude"], row["longitude"], accuracy)
        if row.get("received") is not None and f.time > row["received"] + options["ahead_s"] * SECOND:
            counted["ahead"] += 1
            return
        if f.accuracy > options["worst_accuracy_m"]:
            counted["inaccurate"] += 1
            return
        user = self.people.get(row["user_id"], User())
        if user.last is not None and f.time <= user.last.time:
            counted["late" if f.time < user.last.time else "duplicate"] += 1
            return
        has_gap = False
        if user.last is not None and f.time - user.last.time > options["forget_s"] * SECOND:
            counted["returned"] += 1
            user = User()
        elif user.last is not None and f.time - user.last.time > options["gap_s"] * SECOND:
            counted["gap"] += 1
            user.start_again()
            has_gap = True
        self.people[row["user_id"]] = user
        if user.last is not None and not has_gap:
            if speed(user.last, f) > options["jump_mps"]:
                p = user.pending
                if p is None or p.time >= f.time or speed(p, f) > options["jump_mps"]:
                    counted["jump"] += 1
                    user.pending = f
                    return
                user.start_again()
            user.pending = None
        self.accepted(row["user_id"], user, f)

    def accepted(self, user_id, user, f):
        """Steps 7 and 8: inside a place, and whether the fix is an anchor."""
        options = self.tables.options
        before, user.last = user.last, f
        user.muted = {group: until for group, until in user.muted.items() if f.time < until}
        for place in self.tables.places:
            if may_be_near(f, place, options["visit_radius_m"]) and haversine_m(f, place) < options["visit_radius_m"]:
                mute(user, place.group, f.time + options["inside_pause_s"] * SECOND)
        a = user.anchor
        if a is None:
            self.counted["anchors"] += 1
            user.anchor, user.witness = f, False
            return
        distance = haversine_m(a, f)
        if distance < max(options["leg_m"], options["leg_sigmas"] * math.hypot(a.accuracy, f.accuracy)):
            user.witness = False
            return
        if f.time - before.time <= options["witness_s"] * SECOND:
            step = haversine_m(before, f)
            agree = user.witness and step < options["witness_share"] * haversine_m(a, before) and step < distance
            if not agree:
                user.witness = True
                return
        self.counted["anchors"] += 1
        fired = self.fired(user, user.older_anchor, a, f)
        user.older_anchor, user.anchor, user.witness = a, f, False
        self.suggest(user_id, user, f, fired)

    def fired(self, user, a0, a1, a2):
        """Step 9: the approaches that fire at a new anchor, by establishment."""
        options, places = self.tables.options, self.tables.place_of
        user.fired = {
            e: distance for e, distance in user.fired.items()
            if e in places and haversine_m(a2, places[e]) <= options["rearm"] * distance
        }  # fmt: skip
        found = []
        for place in self.tables.places:
            if place.establishment_id in user.fired or not may_be_near(a2, place, options["horizon_max_m"]):
                continue
            approach = self.approach(place, a0, a1, a2)
            if approach is None:
                continue
            if approach["chance"] < options["min_chance"]:
                self.counted["waiting"] += 1
                continue
            self.counted["approaches"] += 1
            user.fired[place.establishment_id] = approach["distance_m"]
            found.append(approach)
        return found

    def approach(self, place, a0, a1, a2):
        """What there is to say of the approach to a place, or None."""
        options = self.tables.options
        distance = haversine_m(a2, place)
        if distance < options["visit_radius_m"]:
            return None
        x, y = plane(a2, place)
        back_x, back_y = plane(a2, a1)
        length = math.hypot(back_x, back_y)
        if length == 0:
            return None
        ux, uy = -back_x / length, -back_y / length
        if x * ux + y * uy <= 0:
            return None
        miss = abs(x * uy - y * ux)
        if miss > options["miss_m"] + options["miss_share"] * distance:
            return None
        for pace in (self.two_legs(place, a0, a1, a2), self.long_leg(place, a1, a2)):
            if pace is None:
                continue
            speed_mps, closing_mps = pace
            if not options["speed_min_mps"] <= speed_mps <= options["speed_max_mps"]:
                continue
            reach = min(max(speed_mps * options["horizon_s"], options["horizon_min_m"]), options["horizon_max_m"])
            if distance > reach or closing_mps <= 0:
                continue
            eta = distance / closing_mps
            if options["eta_min_s"] <= eta <= options["eta_max_s"]:
                chance = self.tables.chance(miss, eta, speed_mps)
                return {"establishment_id": place.establishment_id, "distance_m": distance, "miss_m": miss,
                        "closing_speed_mps": closing_mps, "speed_mps": speed_mps, "eta_s": eta,
                        "chance": chance}  # fmt: skip
        return None

    def two_legs(self, place, a0, a1, a2):
        """Speed and closing speed over the last two legs, if both close in on the place."""
        if a0 is None:
            return None
        options = self.tables.options
        first, second = haversine_m(a0, a1), haversine_m(a1, a2)
        closing_first = haversine_m(a0, place) - haversine_m(a1, place)
        closing_second = haversine_m(a1, place) - haversine_m(a2, place)
        if closing_first < options["leg_closing"] * first or closing_second < options["leg_closing"] * second:
            return None
        if closing_first + closing_second < options["both_closing"] * (first + second):
            return None
        took = seconds(a1.time - a0.time) + seconds(a2.time - a1.time)
        return (first + second) / took, (closing_first + closing_second) / took

    def long_leg(self, place, a1, a2):
        """The same over the last leg alone, if it is long enough to tell."""
        options = self.tables.options
        length, took = haversine_m(a1, a2), seconds(a2.time - a1.time)
        closing = haversine_m(a1, place) - haversine_m(a2, place)
        if length < options["long_leg_m"] or took < options["long_leg_s"]:
            return None
        if closing < options["long_leg_closing"] * length:
            return None
        return length / took, closing / took

    def suggest(self, user_id, user, f, found):
        """Step 10: of the approaches that fired at one anchor, at most one becomes a suggestion."""
        day = self.tables.local(f.time).date()
        outcomes, candidates = {}, []
        for approach in found:
            place = self.tables.place_of[approach["establishment_id"]]
            outcome = self.refused(user_id, user, f, place, approach, day)
            if outcome is None:
                score, ad = self.best_ad(user_id, f, place, approach, day)
                candidates.append((-score, place.establishment_id.encode(), ad["ad_id"].encode(), approach, ad))
                outcome = "outscored"
            outcomes[place.establishment_id] = outcome
        if candidates:
            score, _, _, approach, ad = min(candidates, key=lambda candidate: candidate[:3])
            held_out = sip64(b"holdout\xff" + user_id.encode()) / 2**64 < self.tables.options["holdout"]
            outcomes[approach["establishment_id"]] = "held_out" if held_out else "suggested"
            self.win(user_id, user, f, approach, ad, -score, held_out, day)
        for approach in found:
            outcome = outcomes[approach["establishment_id"]]
            self.counted[outcome] += 1
            self.approaches.append({"user_id": user_id, "timestamp": f.time, **approach, "outcome": outcome})

    def refused(self, user_id, user, f, place, approach, day):
        """Why the approach cannot become a suggestion, or None."""
        options = self.tables.options
        if not self.tables.running_ads(place.establishment_id, day):
            return "no_ad"
        if (user_id, place.establishment_id) in self.tables.familiar:
            return "familiar"
        if self.tables.is_closed(place, f.time + int(approach["eta_s"] * SECOND)):
            return "closed"
        if f.time < user.muted.get(place.group, f.time):
            return "cooldown"
        if (user.suggested_that_day if user.day == day.isoformat() else 0) >= options["cap"]:
            return "cap"
        if user.suggested_at is not None and f.time - user.suggested_at < options["pause_s"] * SECOND:
            return "pause"
        return None

    def best_ad(self, user_id, f, place, approach, day):
        """The ad with the best score; of equal ones, the smallest id."""
        scored = [
            (approach["chance"] * self.tables.taste(user_id, f.time, ad["category"]) * ad["ctr_low"], ad)
            for ad in self.tables.running_ads(place.establishment_id, day)
        ]
        return min(scored, key=lambda pair: (-pair[0], pair[1]["ad_id"].encode()))

    def win(self, user_id, user, f, approach, ad, score, held_out, day):
        options, place = self.tables.options, self.tables.place_of[approach["establishment_id"]]
        mute(user, place.group, f.time + options["cooldown_s"] * SECOND)
        user.suggested_at = f.time
        user.suggested_that_day = (user.suggested_that_day if user.day == day.isoformat() else 0) + 1
        user.day = day.isoformat()
        kept = {k: approach[k] for k in ("distance_m", "miss_m", "closing_speed_mps", "eta_s", "chance")}
        suggestion_id = name_of(user_id, place.establishment_id, f.time)
        self.suggestions.append(
            {"suggestion_id": suggestion_id, "user_id": user_id, "timestamp": f.time,
             "establishment_id": place.establishment_id, "ad_id": ad["ad_id"], "campaign_id": ad["campaign_id"], **kept,
             "score": score, "held_out": held_out, "version": self.tables.version}
        )  # fmt: skip


def name_of(user_id, establishment_id, time):
    hashed = user_id.encode() + b"\xff" + establishment_id.encode() + b"\xff" + time.to_bytes(8, "little", signed=True)
    return "".join(f"{half:016x}" for half in sip128(hashed))


def speed(a, b):
    return haversine_m(a, b) / seconds(b.time - a.time)


def mute(user, group, until):
    user.muted[group] = max(user.muted.get(group, until), until)
