"""What somebody asks for; more than is usual must be asked for twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from footfall.aws.cluster.records.names import DASK, EMR
from footfall.aws.policies import MACHINE, SERVICE_ROLE
from footfall.aws.workspace import check_group
from footfall.errors import DefinitionError
from footfall.inputs import options

#: One primary and three workers, of `MACHINE`, for anybody who asks once.
USUAL_MACHINES = 4
#: Of a release that has none: cores and GB.
_USUAL_SIZE = (2, 8)
RELEASE = "emr-7.14.0"
IDLE_MINUTES, MAX_HOURS = 60, 8
#: EMR's own limits for `IdleTimeout`.
_IDLE_LIMITS = (1, 7 * 24 * 60)


@dataclass(frozen=True)
class Order:
    """A cluster that somebody wants.

    Attributes
    ----------
    engine : str
        ``"emr"``, which has Spark and Dask, or ``"dask"``, machines of an image.
    workers : int
        Machines beside the primary, or the scheduler.
    larger : bool
        Whether it was said a second time that it is to be more, or larger, than usual.
    idle_minutes : int
        It ends when it was idle for so long,
    max_hours : int
        and after so many hours in any case.
    """

    group: str
    engine: str = EMR
    workers: int = 2
    instance_type: str = MACHINE
    larger: bool = False
    release: str = RELEASE
    image: str | None = None
    idle_minutes: int = IDLE_MINUTES
    max_hours: int = MAX_HOURS
    subnet: str | None = None
    key_name: str | None = None
    service_role: str = SERVICE_ROLE
    instance_role: str = ""

    def __post_init__(self) -> None:
        check_group(self.group)
        options.whole("workers", self.workers, at_least=0)
        if self.engine not in (EMR, DASK):
            raise DefinitionError(f"engine = {self.engine!r}: a cluster on AWS is one of {EMR}, {DASK}")
        low, high = _IDLE_LIMITS
        if not low <= self.idle_minutes <= high:
            raise DefinitionError(f"idle = {self.idle_minutes}: must be {low} to {high:,} minutes, as EMR wants it")
        options.whole("max_hours", self.max_hours, at_least=1)
        if self.machines > USUAL_MACHINES and not self.larger:
            raise DefinitionError(
                f"workers = {self.workers}: {self.machines} machines, more than {USUAL_MACHINES}; "
                "if that is meant, say --larger, too"
            )

    @property
    def machines(self) -> int:
        """How many machines it has."""
        return self.workers + 1

    def check_engine(self) -> None:
        """Raise DefinitionError if the engine and the image do not go together."""
        if self.workers < 1:
            raise DefinitionError(f"workers = {self.workers}: must be at least 1")
        if (self.engine == DASK) != (self.image is not None):
            raise DefinitionError(
                f"engine = {self.engine!r}, image = {self.image!r}: {DASK} needs an image, and nothing else takes one; "
                f"footfall cluster image {self.group} makes it"
            )

    def check_type(self, sizes: Mapping[str, tuple[float, float]]) -> None:
        """Raise DefinitionError if a machine of its type must be asked for twice.

        Parameters
        ----------
        sizes : mapping of str to tuple
            Cores and GB of its type, and of `MACHINE`, by the same measure: EMR counts more cores than EC2.

        Examples
        --------
        >>> sizes = {"m4.large": (2, 8), "m4.xlarge": (4, 16)}
        >>> try:
        ...     Order("team-7", instance_type="m4.xlarge").check_type(sizes)
        ... except DefinitionError as error:
        ...     print(str(error).partition(";")[0])
        type = 'm4.xlarge': 4 cores and 16 GB, larger than m4.large
        """
        cores, memory_gb = sizes[self.instance_type]
        usual_cores, usual_memory_gb = sizes.get(MACHINE, _USUAL_SIZE)
        if (cores > usual_cores or memory_gb > usual_memory_gb) and not self.larger:
            raise DefinitionError(
                f"type = {self.instance_type!r}: {cores:g} cores and {memory_gb:g} GB, larger than {MACHINE}; "
                "if that is meant, say --larger, too"
            )

    def told(self) -> dict[str, Any]:
        """Return what the lock says of it."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", False)}
