"""What is idle on a cluster and what is to end, decided by what was seen, what is remembered, and a clock; no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from footfall.aws.evidence import Kernel

MINUTE_S, HOUR_S = 60, 3600
#: How often the workspace is told, at least; besides, when work begins and ends.
TELL_EVERY_S = 300


@dataclass(frozen=True)
class Limits:
    """When what ends.

    Attributes
    ----------
    idle_s : float
        After how long an idle kernel ends; with `ends_when_idle`, the machine too.
    most_s : float
        How long the cluster lives at most, computing or not.
    ends_when_idle : bool
        Whether nobody else ends a machine on which nothing computes, as EMR does.
    """

    idle_s: float
    most_s: float
    ends_when_idle: bool = False


@dataclass(frozen=True)
class Seen:
    """What one look found: names of what computes, and all kernels."""

    work: tuple[str, ...] = ()
    kernels: tuple[Kernel, ...] = ()


@dataclass(frozen=True)
class Remembered:
    """What is remembered from look to look, all by one clock.

    Attributes
    ----------
    started : float
        When the cluster came up.
    busy : float
        When something last computed, or a kernel was last used.
    told : float
        When the workspace was last told.
    was_busy : bool
        What it was told then.
    kernels : mapping
        Of each kernel its last activity, and when that was first seen.
    """

    started: float
    busy: float
    told: float = float("-inf")
    was_busy: bool = False
    kernels: Mapping[str, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What to do: tell that `busy` computes, end the kernels `idle`, and all if there is a reason to `end`.

    Attributes
    ----------
    idle_s : float
        For how long nothing has computed.
    tell : bool
        Whether the workspace is to be told.
    """

    busy: tuple[str, ...]
    idle: tuple[Kernel, ...]
    end: str | None
    idle_s: float
    tell: bool


def decide(seen: Seen, before: Remembered, limits: Limits, now: float) -> tuple[Decision, Remembered]:
    """Return what to do about what was seen, and what to remember.

    Examples
    --------
    >>> limits = Limits(idle_s=1800, most_s=36_000)
    >>> decide(Seen(work=("Dask",)), Remembered(started=0, busy=0), limits, now=60)[0]
    Decision(busy=('Dask',), idle=(), end=None, idle_s=0, tell=True)
    >>> decide(Seen(work=("Dask",)), Remembered(started=0, busy=0), limits, now=36_000)[0].end
    'it has lived 10 h, its most'
    """
    kernels = {each.url: _since(each, before, now) for each in seen.kernels}
    busy = (*seen.work, *(f"kernel {each.url}" for each in seen.kernels if each.busy))
    used = max((since for _, since in kernels.values()), default=before.busy)
    after = replace(before, busy=now if busy else max(before.busy, used), kernels=kernels)
    idle = tuple(k for k in seen.kernels if not k.busy and now - kernels[k.url][1] >= limits.idle_s)
    tell = bool(busy) != before.was_busy or now - before.told >= TELL_EVERY_S
    decision = Decision(busy, idle, _end(after, limits, now), now - after.busy, tell)
    return decision, replace(after, told=now, was_busy=bool(busy)) if tell else after


def _since(kernel: Kernel, before: Remembered, now: float) -> tuple[str, float]:
    """Return a kernel's last activity, and since when it is that; a kernel that computes is active now."""
    known = before.kernels.get(kernel.url)
    if kernel.busy or known is None or known[0] != kernel.last_activity:
        return kernel.last_activity, now
    return known


def _end(after: Remembered, limits: Limits, now: float) -> str | None:
    if now - after.started >= limits.most_s:
        return f"it has lived {limits.most_s / HOUR_S:g} h, its most"
    if limits.ends_when_idle and now - after.busy >= limits.idle_s:
        return f"nothing has computed for {limits.idle_s / MINUTE_S:g} min"
    return None
