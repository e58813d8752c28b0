"""Live: who is walking towards which shop, and what to suggest."""

from __future__ import annotations

from footfall.live.mapping import View, map
from footfall.live.options import Approach
from footfall.live.preparing import prepare
from footfall.live.replaying import Replayed, replay
from footfall.live.tables import Tables, load

__all__ = ["Approach", "Replayed", "Tables", "View", "load", "map", "prepare", "replay"]
