"""Live: who is walking towards which shop, and what to suggest."""

from __future__ import annotations

from footfall.live.judging.backtesting import Backtest, Tuned, backtest
from footfall.live.judging.lifting import Lift, lift
from footfall.live.options import Approach
from footfall.live.preparing import prepare
from footfall.live.replaying import Replayed, replay
from footfall.live.showing.following import Followed, follow
from footfall.live.showing.mapping import View, map
from footfall.live.tables import Tables, load

__all__ = [
    "Approach",
    "Backtest",
    "Followed",
    "Lift",
    "Replayed",
    "Tables",
    "Tuned",
    "View",
    "backtest",
    "follow",
    "lift",
    "load",
    "map",
    "prepare",
    "replay",
]
