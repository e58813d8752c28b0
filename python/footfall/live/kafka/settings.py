"""How a live process works from topic to topic: all that a caller can set, checked."""

from __future__ import annotations

from dataclasses import dataclass

from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.live.kafka.messages import Reader
from footfall.live.kafka.partitioner import partitioner

STARTS = ("earliest", "latest")


@dataclass(frozen=True)
class Settings:
    """How a live process works.

    Attributes
    ----------
    instance : str
        Name of this process within its group, the same after a restart, so that it gets its partitions back at once.
    start : {"earliest", "latest"}
        Where a group without offsets begins.
    epoch_unit : {"s", "ms", "us", "ns"}, optional
        The unit of timestamps of JSON that are numbers.
    partitioner : str
        Where a user belongs: ``murmur2_random``, ``consistent_random``; with ``none``, nobody is told who is elsewhere.
    skip_lost : bool
        Go on with what is there where messages that were not read are no longer retained; else that is an error.
    batch_s : float
        How long messages are collected for one transaction.
    batch_most : int
        The most messages of one transaction.
    patience_s : float
        How long a restore waits for what others have open, and how long a broker may be away.
    forget_s : float
        The detector's option of that name: users who have been silent for that long, and an hour, are forgotten.

    Raises
    ------
    DefinitionError
        If one makes no sense.

    Examples
    --------
    >>> Settings(instance="2").batch_s
    0.005
    """

    instance: str = "1"
    start: str = "earliest"
    epoch_unit: str | None = None
    partitioner: str = "murmur2_random"
    skip_lost: bool = False
    batch_s: float = 0.005
    batch_most: int = 5_000
    patience_s: float = 120.0
    forget_s: float = 172_800.0

    def __post_init__(self) -> None:
        if not self.instance or len(self.instance) > 100 or not self.instance.isprintable():
            raise DefinitionError(f"instance = {self.instance!r}: must be a name of 1 to 100 printable characters")
        if self.start not in STARTS:
            raise DefinitionError(f"start = {self.start!r}{options.choices(self.start, STARTS)}")
        Reader(self.epoch_unit)
        partitioner(self.partitioner)
        options.whole("batch_most", self.batch_most, at_least=1)
        for name in ("batch_s", "patience_s", "forget_s"):
            if not 0 < options.number(name, getattr(self, name)) < 10**9:
                raise DefinitionError(f"{name} = {getattr(self, name)!r}: must be seconds above 0")
