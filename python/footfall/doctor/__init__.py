"""What a machine lacks: a registry of small checks, of the machine, the package, AWS, the engines and notebooks.

Each tells what it sees, what is wrong and what to do. What is not installed is told, and is not wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Callable

from footfall.doctor import amazon, engines, machine, package
from footfall.doctor.findings import Finding, State, wrong
from footfall.doctor.patient import Patient
from footfall.errors import DefinitionError

__all__ = ["CHECKS", "Diagnosis", "Finding", "Patient", "State", "examine"]

Check = Callable[[Patient], Finding]

#: All checks by name, in the order in which they are told.
CHECKS: Mapping[str, Check] = {
    "python": machine.python,
    "glibc": machine.glibc,
    "wheel": package.wheel,
    "extras": package.extras_there,
    "credentials": amazon.credentials,
    "clock": amazon.clock,
    "bucket-read": amazon.read,
    "bucket-create": amazon.create,
    "bucket-no-overwrite": amazon.no_overwrite,
    "bucket-versioning": amazon.versioning,
    "bucket-policy": amazon.policy,
    "java": engines.java_there,
    "dask": engines.dask,
    "spark": engines.spark,
    "cluster-keys": engines.keys,
    "kernel": engines.kernel,
    "kafka": engines.kafka,
    "ports": machine.ports,
}


@dataclass(frozen=True)
class Diagnosis:
    """A check by its name, and what it found."""

    check: str
    finding: Finding


def examine(patient: Patient | None = None, only: Iterable[str] = ()) -> Iterator[Diagnosis]:
    """Yield what each check finds, as soon as it has; secrets of the environment are left out.

    Parameters
    ----------
    patient : Patient, optional
        What is looked at; by default this process's environment.
    only : iterable of str
        Names of checks; all if there is none.

    Raises
    ------
    DefinitionError
        If there is no check of such a name.

    Examples
    --------
    >>> [each.finding.state.value for each in examine(only=["python", "glibc"])]
    ['fine', 'fine']
    """
    patient = patient or Patient.here()
    wanted = list(only) or list(CHECKS)
    unknown = [name for name in wanted if name not in CHECKS]
    if unknown:
        raise DefinitionError(f"check {unknown[0]!r}: there is none; the checks are {', '.join(CHECKS)}")
    return (Diagnosis(name, patient.concealed(_found(CHECKS[name], patient))) for name in wanted)


def _found(check: Check, patient: Patient) -> Finding:
    """Return what a check finds; one that fails is a finding, and the others go on."""
    try:
        return check(patient)
    except Exception as error:
        return wrong(f"the check failed: {type(error).__name__}: {error}", "report it with this line")
