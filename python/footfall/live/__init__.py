"""Live: who is walking towards which shop, and what to suggest."""

from __future__ import annotations

from footfall.live.backtesting import Backtest, Tuned, backtest
from footfall.live.lifting import Lift, lift
from footfall.live.options import Approach
from footfall.live.preparing import prepare
from footfall.live.replaying import Replayed, replay
from footfall.live.tables import Tables, load

__all__ = [
    "Approach",
    "Backtest",
    "Lift",
    "Replayed",
    "Tables",
    "Tuned",
    "backtest",
    "lift",
    "load",
    "prepare",
    "replay",
]
