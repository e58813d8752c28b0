"""How the memory of a node is shared out between the system, Spark, Dask and notebooks; 8 GB carry both engines."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from footfall.errors import DefinitionError

PRIMARY, WORKER = "primary", "worker"
ROLES = (PRIMARY, WORKER)
#: MiB that are nobody's to give away: for the kernel, shells and the hub, and for EMR's daemons where there are any.
_SYSTEM = {PRIMARY: 1024, WORKER: 768}
_DAEMONS_OF_EMR = {PRIMARY: 2048, WORKER: 1280}
_SCHEDULER = 512
#: Spark's own: an executor's heap, what Python and the native code beside it take, and the application's master.
_LEAST = {"spark": 2304, "dask": 1536, "notebooks": 1536}
_ROUND = 64


@dataclass(frozen=True)
class Shares:
    """MiB of each; together they are what the machine has.

    Attributes
    ----------
    system : int
        For the kernel, the hub and EMR's daemons.
    spark : int
        For YARN's containers, or for Spark's own worker.
    dask : int
        For Dask's scheduler on the primary, for its worker elsewhere.
    notebooks : int
        For servers and kernels of the hub, on the primary.
    """

    system: int
    spark: int
    dask: int
    notebooks: int

    @property
    def total(self) -> int:
        """What the machine has."""
        return self.system + self.spark + self.dask + self.notebooks

    def __str__(self) -> str:
        parts = f"system {self.system}, Spark {self.spark}, Dask {self.dask}, notebooks {self.notebooks}"
        return f"{parts} of {self.total} MiB"


def shares(total: int, role: str, *, emr: bool = False, yarn: int | None = None) -> Shares:
    """Share out the memory of a machine.

    Parameters
    ----------
    total : int
        MiB that the system says it has; less than what the machine was sold with.
    role : str
        ``"primary"`` or ``"worker"``.
    emr : bool
        Whether EMR's daemons run beside.
    yarn : int, optional
        MiB that YARN was given by EMR's configuration; by default a half of what the system leaves.

    Raises
    ------
    DefinitionError
        If a share would be too small to work with.

    Examples
    --------
    >>> print(shares(7750, "worker", emr=True, yarn=3072))
    system 2048, Spark 3072, Dask 2630, notebooks 0 of 7750 MiB
    >>> print(shares(7750, "primary"))
    system 1024, Spark 0, Dask 512, notebooks 6214 of 7750 MiB
    """
    if role not in ROLES:
        raise DefinitionError(f"role = {role!r}: must be one of {', '.join(ROLES)}")
    system = _SYSTEM[role] + (_DAEMONS_OF_EMR[role] if emr else 0)
    if role == PRIMARY:
        return _checked(Shares(system, 0, _SCHEDULER, total - system - _SCHEDULER), "notebooks")
    spark = (total - system) // 2 // _ROUND * _ROUND if yarn is None else yarn
    return _checked(Shares(system, spark, total - system - spark, 0), "spark", "dask")


def _checked(shared: Shares, *wanted: str) -> Shares:
    for name in wanted:
        if getattr(shared, name) < _LEAST[name]:
            raise DefinitionError(
                f"memory: {shared} leave {name} less than the {_LEAST[name]} MiB that it needs; "
                "take a machine with more memory, or give YARN another share"
            )
    return shared


def of_this_machine() -> int:
    """Return the MiB that this machine has."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    return int(line.split()[1]) // 1024


def main() -> None:
    """Print the shares of this machine, or of one with `--total`, as a shell reads them: spark, dask, notebooks."""
    parser = argparse.ArgumentParser(prog="python -m footfall.aws.memory", description=__doc__)
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--emr", action="store_true", help="EMR's daemons run beside")
    parser.add_argument("--yarn", type=int, metavar="MIB", help="what EMR's configuration gives YARN")
    parser.add_argument("--total", type=int, metavar="MIB", help="instead of what this machine has")
    told = parser.parse_args()
    try:
        shared = shares(told.total or of_this_machine(), told.role, emr=told.emr, yarn=told.yarn)
    except DefinitionError as error:
        parser.exit(1, f"{error}\n")
    print(shared.spark, shared.dask, shared.notebooks)


if __name__ == "__main__":
    main()
