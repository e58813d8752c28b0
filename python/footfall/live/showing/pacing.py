"""When the next frame is sent, so that frames never wait for each other."""

from __future__ import annotations

#: A frame is sent this often; and a notebook's server lets a kernel say a megabyte a second.
_EVERY_S = 0.15
_BYTES_PER_S = 400_000
#: So many frames may be on their way; where no page answers, one is sent after so long all the same.
_ON_THE_WAY, _PATIENCE_S = 2, 1.0


class Pace:
    """Counts the frames that were sent and drawn.

    Attributes
    ----------
    sent, drawn : int
        How many.

    Examples
    --------
    >>> pace = Pace()
    >>> [pace.send(now_s=0.3 * i, size=8_000) for i in range(4) if pace.is_due(0.3 * i)]
    [1, 2]
    >>> pace.heard(1)
    >>> pace.is_due(0.9), pace.is_due(0.4)
    (True, False)
    """

    def __init__(self) -> None:
        self.sent = self.drawn = self._newest = 0
        self._due_s = self._sent_s = float("-inf")

    def is_due(self, now_s: float) -> bool:
        """Return whether a frame may be sent: it is time, and the page has drawn those before or says nothing."""
        is_behind = self.sent - self._newest >= _ON_THE_WAY and now_s < self._sent_s + _PATIENCE_S
        return now_s >= self._due_s and not is_behind

    def send(self, now_s: float, size: int) -> int:
        """Note that a frame of `size` bytes is sent, and return its number."""
        self.sent += 1
        self._sent_s = now_s
        self._due_s = now_s + max(_EVERY_S, size / _BYTES_PER_S)
        return self.sent

    def heard(self, number: int) -> None:
        """Note that the page has drawn a frame."""
        self.drawn += 1
        self._newest = max(self._newest, min(number, self.sent))
