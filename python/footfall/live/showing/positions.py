"""Where every user was last, in arrays: what a live map draws of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from footfall.kernels import haversine_m
from footfall.live.judging.tracks import SECOND
from footfall.live.options import Approach

if TYPE_CHECKING:
    import pyarrow

    from footfall.maps.mercator import Floats

#: What a slot is: empty, or a user who moves, approaches, got a suggestion, or one that was held out.
NOBODY, MOVING, APPROACHING, SUGGESTED, HELD_OUT = range(5)
_NEVER = np.iinfo(np.int64).min


class Positions:
    """The newest fix of each user, in slots that others take when a user was not seen for long.

    Parameters
    ----------
    options : Approach
        Fixes of a worse accuracy are left out, and users after a gap.
    most : int
        How many users are drawn.
    """

    def __init__(self, options: Approach, most: int):
        self._options = options
        self._slots: dict[str, int] = {}
        self._free = list(range(most - 1, -1, -1))
        self._looked_us = _NEVER
        self.now_us = _NEVER
        self.degrees: Floats = np.full((most, 2), np.nan)
        #: Where each user was a leg ago.
        self.before: Floats = np.full((most, 2), np.nan)
        self.seen_us: npt.NDArray[np.int64] = np.full(most, _NEVER, dtype=np.int64)

    def __len__(self) -> int:
        """Return how many users have a slot."""
        return len(self._slots)

    def slot(self, user: str) -> int:
        """Return a user's slot; -1 without one."""
        return self._slots.get(user, -1)

    def users(self) -> dict[str, int]:
        """Return the slots of users."""
        return dict(self._slots)

    def add(self, fixes: pyarrow.Table) -> None:
        """Take a batch of fixes in the order of their time."""
        usable = self._usable(fixes)
        if not usable.num_rows:
            return
        coded = usable["user_id"].combine_chunks().dictionary_encode()
        time_us = usable["timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64)
        self.now_us = max(self.now_us, int(time_us.max()))
        slot = self._slots_of(coded.dictionary.to_pylist())[np.asarray(coded.indices)]
        drawn = (slot >= 0) & (time_us >= self.seen_us[slot])
        degrees = np.column_stack([usable[name].to_numpy() for name in ("longitude", "latitude")])
        self._move(slot[drawn], degrees[drawn], time_us[drawn])

    def _usable(self, fixes: pyarrow.Table) -> pyarrow.Table:
        """Return the fixes that have a user, an instant, a place on earth, and are not too inaccurate."""
        import pyarrow.compute as pc

        kept = pc.and_(fixes["user_id"].is_valid(), fixes["timestamp"].is_valid())
        for name, most in (("latitude", 90.0), ("longitude", 180.0)):
            kept = pc.and_(kept, pc.fill_null(pc.less_equal(pc.abs(fixes[name]), most), False))
        if "accuracy_m" in fixes.column_names:
            worst = self._options.worst_accuracy_m
            kept = pc.and_(kept, pc.less_equal(pc.fill_null(fixes["accuracy_m"], 0.0), worst))
        return fixes if pc.all(kept).as_py() else fixes.filter(kept)

    def _slots_of(self, users: list[str]) -> npt.NDArray[np.int64]:
        found = list(map(self._slots.get, users))
        if None in found:
            missing = [user for user, slot in zip(users, found) if slot is None]
            if len(missing) > len(self._free):
                self._forget()
            for user in missing[: len(self._free)]:
                self._slots[user] = self._free.pop()
            found = [self._slots.get(user, -1) for user in users]
        return np.array(found, dtype=np.int64)

    def _forget(self) -> None:
        """Free the slots of users who were not seen for a gap, at most once in that time."""
        gap_us = int(self._options.gap_s * SECOND)
        if self.now_us < self._looked_us + gap_us and self._looked_us != _NEVER:
            return
        self._looked_us = self.now_us
        for user, slot in [each for each in self._slots.items() if self.seen_us[each[1]] < self.now_us - gap_us]:
            del self._slots[user]
            self.degrees[slot], self.before[slot], self.seen_us[slot] = np.nan, np.nan, _NEVER
            self._free.append(slot)

    def _move(self, slot: Any, degrees: Floats, time_us: Any) -> None:
        # Of a user's fixes in a batch, the last stays: assignments are in their order.
        there = self.degrees[slot]
        self.degrees[slot] = degrees
        self.seen_us[slot] = time_us
        _, first = np.unique(slot, return_index=True)
        was, moved = self.before[slot[first]], there[first]
        known = ~np.isnan(was).any(axis=1) & ~np.isnan(moved).any(axis=1)
        far = np.ones(len(first), dtype=bool)
        if known.any():
            (b, a), (d, c) = was[known].T, moved[known].T
            far[known] = haversine_m(a, b, c, d) >= self._options.leg_m
        self.before[slot[first[far]]] = moved[far]

    def drawn(self) -> npt.NDArray[np.bool_]:
        """Return which slots have somebody who was seen since a gap ago."""
        gap_us = int(self._options.gap_s * SECOND)
        return self.seen_us > (self.now_us - gap_us if self.now_us != _NEVER else _NEVER)
