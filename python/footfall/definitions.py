"""What a visit, an attributed visit and an interval are: the defaults, and the one place to change them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import NormalDist
from typing import Final, Literal

from footfall import _native
from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.lang import number, percent_sign, tr

#: A calendar unit that jobs are asked by; ``period`` is everything at once.
Unit = Literal["day", "week", "month", "period"]
DEFAULT_UNIT: Final = "month"

VISIT_RADIUS_M = _native.VISIT_RADIUS_M
ATTRIBUTION_WINDOW = timedelta(microseconds=_native.ATTRIBUTION_WINDOW_US)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Definitions:
    """What counts. Every result remembers the definitions that it was made with.

    Parameters
    ----------
    visit_radius_m : float
        A ping strictly less than this many metres from an establishment visits it: great-circle distance on a
        sphere of 6 371 008.8 m, the mean radius of the Earth.
    attribution_window : datetime.timedelta
        A visit is attributed to the same user's latest interaction with an ad of that establishment which is at
        most this much older; both ends are included.
    confidence : float
        Coverage of the Wilson intervals around ratios, between 0 and 1.

    Raises
    ------
    DefinitionError
        If a value makes no sense; the message gives the value and the reason.

    References
    ----------
    Moritz, H. (2000), Geodetic Reference System 1980, Journal of Geodesy 74 (the radius).
    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, JASA 22 (the interval).

    Examples
    --------
    >>> import footfall
    >>> footfall.Definitions()
    Definitions(visit_radius_m=50.0, attribution_window=datetime.timedelta(seconds=21600), confidence=0.95)
    >>> print(footfall.Definitions(visit_radius_m=25))
    visit: within 25 m; attributed: within 6 h; intervals: 95 %
    >>> footfall.Definitions(visit_radius_m=-1)
    Traceback (most recent call last):
    ...
    footfall.errors.DefinitionError: visit_radius_m = -1: must be a finite number of metres above 0
    """

    visit_radius_m: float = VISIT_RADIUS_M
    attribution_window: timedelta = ATTRIBUTION_WINDOW
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        object.__setattr__(self, "visit_radius_m", options.radius("visit_radius_m", self.visit_radius_m))
        options.window("attribution_window", self.attribution_window)
        confidence = options.number("confidence", self.confidence)
        if not 0 < confidence < 1:
            raise DefinitionError(f"confidence = {self.confidence!r}: must lie between 0 and 1, for example 0.95")
        object.__setattr__(self, "confidence", confidence)

    @property
    def z(self) -> float:
        """The standard normal quantile of `confidence`: 1.96 for 0.95."""
        return NormalDist().inv_cdf(0.5 + self.confidence / 2)

    def native(self) -> dict[str, float]:
        """Return what the native session takes: `radius_m`, `window_us` and `z`."""
        return {
            "radius_m": self.visit_radius_m,
            "window_us": options.microseconds(self.attribution_window),
            "z": self.z,
        }

    @property
    def radius_text(self) -> str:
        """The radius in words: ``50 m``."""
        return f"{number(self.visit_radius_m, 'g')}\u00a0m"

    @property
    def window_text(self) -> str:
        """The window in words: ``6 h``."""
        return f"{number(self.attribution_window / timedelta(hours=1), 'g')}\u00a0h"

    @property
    def confidence_text(self) -> str:
        """The confidence in words: ``95 %``."""
        return f"{number(100 * self.confidence, 'g')}{percent_sign()}"

    def __str__(self) -> str:
        words = tr(
            "visit: within {radius}; attributed: within {window}; intervals: {confidence}",
            radius=self.radius_text,
            window=self.window_text,
            confidence=self.confidence_text,
        )
        return words.replace("\u00a0", " ")
