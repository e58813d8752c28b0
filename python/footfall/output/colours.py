"""Colours that charts and maps share."""

from __future__ import annotations

# Okabe, M. and Ito, K. (2008), Color Universal Design; without black and yellow, too dark and too light for bars.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"]
INK = "#1F2933"
MUTED = "#5F6B76"
