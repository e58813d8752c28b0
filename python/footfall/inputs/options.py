"""What callers may write for an option, and what is refused: each check names the option, the value and the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from difflib import get_close_matches
from operator import index
from typing import TYPE_CHECKING, Any

from footfall.errors import DefinitionError

if TYPE_CHECKING:
    from footfall._native import Zone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_CENTURY = timedelta(days=36_525)
_BYTES = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}


def number(name: str, value: object, what: str = "a number") -> float:
    """Return `value` as a float; text and booleans are refused."""
    try:
        if isinstance(value, (bool, str)):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise DefinitionError(f"{name} = {value!r}: must be {what}") from None


def whole(name: str, value: object, *, at_least: int) -> int:
    """Return `value` as an int of at least `at_least`."""
    count = number(name, value, "a whole number")
    if not count.is_integer() or not at_least <= count < 2**63:
        raise DefinitionError(f"{name} = {value!r}: must be a whole number of at least {at_least}")
    return int(value)  # type: ignore[call-overload]


def radius(name: str, value: object) -> float:
    """Return `value` as metres, finite and above 0."""
    metres = number(name, value, "a number of metres")
    if not 0 < metres < math.inf:
        raise DefinitionError(f"{name} = {value!r}: must be a finite number of metres above 0")
    return metres


def window(name: str, value: object) -> timedelta:
    """Return `value`, a timedelta of 0 or more, up to a century."""
    if not isinstance(value, timedelta) or value != value:
        raise DefinitionError(f"{name} = {value!r}: must be a datetime.timedelta, for example timedelta(hours=6)")
    if value < timedelta(0):
        raise DefinitionError(f"{name} = {value}: must not be negative, since a visit follows what it is attributed to")
    if value > _CENTURY:
        raise DefinitionError(f"{name} = {value}: must be at most a hundred years")
    return value


def fraction(name: str, value: object) -> float:
    """Return `value`, above 0 and at most 1."""
    part = number(name, value)
    if not 0 < part <= 1:
        raise DefinitionError(f"{name} = {value!r}: must be above 0 and at most 1; 0.01 is one in a hundred")
    return part


def share(name: str, value: object) -> float:
    """Return `value`, from 0 to 1."""
    part = number(name, value)
    if not 0 <= part <= 1:
        raise DefinitionError(f"{name} = {value!r}: must lie between 0 and 1; 0.01 is one in a hundred")
    return part


def meant(value: object, known: Iterable[str]) -> str:
    """Return a question for what was probably meant; nothing if `value` is like none of the `known`.

    Examples
    --------
    >>> meant("ping", ["ads", "pings"])
    '; did you mean pings?'
    """
    close = get_close_matches(value, list(known), 1) if isinstance(value, str) else []
    return f"; did you mean {close[0]}?" if close else ""


def choices(value: object, known: Iterable[str]) -> str:
    """Return what was probably meant, and what there is.

    Examples
    --------
    >>> choices("ping", ["ads", "pings"]), choices("x", ["ads", "pings"])
    ('; did you mean pings? There are ads, pings', '; there are ads, pings')
    """
    there, hint = list(known), meant(value, known)
    return f"{hint}{' T' if hint else '; t'}here are {', '.join(there)}"


def byte_count(name: str, value: int | str) -> int:
    """Return bytes: an int, or text such as ``"512MiB"`` (1024) or ``"2GB"`` (1000)."""
    if not isinstance(value, str):
        return whole(name, value, at_least=1)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", value, re.IGNORECASE)
    size = int(float(found[1]) * _BYTES.get(found[2].lower(), 0)) if found else 0
    if size < 1:
        raise DefinitionError(f"{name} = {value!r}: write a size such as 512MiB or 2GB")
    return size


def decimal_mark(name: str, value: object) -> str:
    """Return `value`, a mark before the fraction of a number."""
    if value not in (".", ","):
        raise DefinitionError(f'{name} = {value!r}: must be "." or ","')
    return str(value)


def ids(name: str, value: Any) -> list[str]:
    """Return user ids as text; one id, or any iterable of texts and integers."""
    single = isinstance(value, (str, int)) or not isinstance(value, Iterable)
    return [_id(name, element) for element in ([value] if single else value)]


def _id(name: str, element: Any) -> str:
    if hasattr(element, "as_py"):
        element = element.as_py()
    if isinstance(element, str):
        return str(element)
    try:
        if isinstance(element, bool):
            raise TypeError
        return str(index(element))
    except (TypeError, ValueError):
        raise DefinitionError(f"{name} has {element!r}: ids are text or integers") from None


def microseconds(duration: timedelta) -> int:
    """Return a duration in whole microseconds."""
    return duration // _MICROSECOND


def instant_us(name: str, value: str | date | datetime, zone: Zone) -> int:
    """Return an instant in microseconds since 1970-01-01 UTC.

    Parameters
    ----------
    name : str
        Of the option, for the message.
    value : str, datetime.date, datetime.datetime or pandas.Timestamp
        Text is read as ISO 8601, as it is in the data. A date is its first instant. What carries no offset is local to
        `zone`; a local time that the clock skips or repeats is read as the standard library does (PEP 495, ``fold=0``).
    zone : Zone
        As `footfall.inputs.zones.zone` gives it.

    Returns
    -------
    int
        Microseconds.

    Raises
    ------
    DefinitionError
        If `value` is not a point in time.

    Examples
    --------
    >>> from footfall.inputs.zones import zone
    >>> instant_us("start", "1970-01-01", zone("America/Recife"))
    10800000000
    """
    if isinstance(value, str):
        return _instant_of_text(name, value, zone)
    moment = _moment(name, value)
    if moment.tzinfo is not None:
        return (moment - _EPOCH) // _MICROSECOND
    local_us = (moment.replace(tzinfo=timezone.utc) - _EPOCH) // _MICROSECOND
    return zone.instant_us(local_us, fold=bool(moment.fold))


def _instant_of_text(name: str, value: str, zone: Zone) -> int:
    instant = zone.instant_of_text(value)
    if instant is None:
        raise DefinitionError(f"{name} = {value!r}: write it like 2024-03-01 or 2024-03-01T09:30")
    return instant


def _moment(name: str, value: Any) -> datetime:
    # pandas.NaT is a datetime too, and the only one that differs from itself.
    if isinstance(value, datetime) and value == value:
        return value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
    if isinstance(value, date) and value == value:
        return datetime.combine(value, time())
    raise DefinitionError(f"{name} = {value!r}: must be text, a date, a datetime or a pandas Timestamp")
