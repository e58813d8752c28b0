"""Values for the placeholders of a statement, as Arrow arrays of one value."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from footfall import extras
from footfall.errors import DefinitionError
from footfall.inputs import arrow, options

if TYPE_CHECKING:
    import pyarrow

    from footfall._native import Zone

_Maker = Callable[[str, list[Any], "Zone"], "pyarrow.Array"]

_MICROSECOND = 1_000
_DAYS = ("Y", "M", "W", "D")
#: Letters of a value that a message shows.
_SHOWN = 80
_EXPECTED = (
    "must be a number, text, a boolean, a date, a datetime, a timedelta, None, or a list of such values of one kind"
)


def arrays(parameters: Mapping[str, Any] | None, zone: Zone) -> dict[str, pyarrow.Array]:
    """Return the array of each parameter.

    Raises
    ------
    DefinitionError
        If `parameters` is no mapping from names, or a value is of a kind that no parameter can be.

    Examples
    --------
    >>> from footfall.inputs.zones import zone
    >>> arrays({"ids": ["ana", "rui"]}, zone("UTC"))["ids"].to_pylist()
    [['ana', 'rui']]
    """
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping) or not all(isinstance(name, str) for name in parameters):
        example = '{"day": date(2024, 3, 1)} for $day'
        raise DefinitionError(f"parameters = {_shown(parameters)}: must be a mapping from names, such as {example}")
    return {name: array(name, value, zone) for name, value in parameters.items()}


def array(name: str, value: Any, zone: Zone) -> pyarrow.Array:
    """Return `value` as an array of one value.

    Parameters
    ----------
    name : str
        Of the parameter, for the message.
    value : object
        A number, text, boolean, date, datetime or timedelta of Python, NumPy, pandas or Arrow; None; or a list, set,
        range, array or series of them. A datetime without an offset is local to `zone`.
    zone : Zone
        As `footfall.inputs.zones.zone` gives it.

    Returns
    -------
    pyarrow.Array
        Of int64 (uint64 where it must be), float64, decimal, string, bool, date32, timestamp in UTC or duration (both
        of microseconds, or of nanoseconds where they must be), or null; or of lists of them.

    Raises
    ------
    DefinitionError
        If it is of another kind, or a list of several.
    """
    import pyarrow as pa

    try:
        if not is_list(value):
            return _of_one_kind(name, [value], zone)
        values = _of_one_kind(name, list(value), zone)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise DefinitionError(f"parameter {name} = {_shown(value)}: {error}") from None
    offsets = pa.array([0, len(values)], pa.int32())
    return pa.ListArray.from_arrays(offsets, values)


def can_be(value: Any) -> bool:
    """Return whether a parameter may have this value, by its type alone."""
    value = _plain(value)
    return value is None or is_list(value) or _kind(value) is not None


def is_list(value: Any) -> bool:
    """Return whether it is a list, a set, a range, or an array of one dimension of NumPy, pandas, polars or Arrow."""
    if isinstance(value, (list, tuple, range, Set)) or getattr(value, "ndim", None) == 1:
        return True
    is_typed = arrow.exports(value) and (hasattr(value, "type") or hasattr(value, "dtype"))
    return is_typed and not (hasattr(value, "columns") or hasattr(value, "column_names"))


def _of_one_kind(name: str, values: list[Any], zone: Zone) -> pyarrow.Array:
    import pyarrow as pa

    plain = [_plain(value) for value in values]
    kinds = list(dict.fromkeys(_kind_of(name, value) for value in plain if value is not None))
    if sorted(kinds) == ["number", "whole number"]:
        kinds = ["number"]
    if len(kinds) > 1:
        raise DefinitionError(f"parameter {name}: a list has values of one kind, and this has {' and '.join(kinds)}")
    return _MAKERS[kinds[0]](name, plain, zone) if kinds else pa.nulls(len(plain))


def _kind_of(name: str, value: Any) -> str:
    kind = _kind(value)
    if kind is None:
        raise DefinitionError(f"parameter {name} = {_shown(value)}: {_EXPECTED}, not {type(value).__qualname__}")
    return kind


def _kind(value: Any) -> str | None:
    """Return what kind of value it is; None if of another. A boolean is an integer of Python's, a time a date."""
    return next((kind for kind, types in _KINDS.items() if isinstance(value, types)), None)


_KINDS: Mapping[str, Any] = {
    "boolean": bool,
    "whole number": int,
    "number": float,
    "decimal": Decimal,
    "text": str,
    "time": datetime,
    "date": date,
    "duration": timedelta,
}


def _nulls(count: int) -> pyarrow.Array:
    import pyarrow as pa

    return pa.nulls(count)


def _as(arrow_type: str) -> _Maker:
    def make(name: str, values: list[Any], zone: Zone) -> pyarrow.Array:
        import pyarrow as pa

        return pa.array(values, pa.type_for_alias(arrow_type))

    return make


def _whole_numbers(name: str, values: list[Any], zone: Zone) -> pyarrow.Array:
    import pyarrow as pa

    largest = max(value for value in values if value is not None)
    return pa.array(values, pa.uint64() if largest >= 2**63 else pa.int64())


def _numbers(name: str, values: list[Any], zone: Zone) -> pyarrow.Array:
    import pyarrow as pa

    inexact = [value for value in values if isinstance(value, int) and int(float(value)) != value]
    if inexact:
        raise DefinitionError(f"parameter {name}: {inexact[0]} is no float, as others of the list are")
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _decimals(name: str, values: list[Any], zone: Zone) -> pyarrow.Array:
    import pyarrow as pa

    return pa.array(values)


def _instants(name: str, values: list[Any], zone: Zone) -> pyarrow.Array:
    import pyarrow as pa

    def nanoseconds(value: datetime) -> int:
        return options.instant_us(name, value, zone) * _MICROSECOND + int(getattr(value, "nanosecond", 0))

    return _counted(values, nanoseconds, lambda unit: pa.timestamp(unit, "UTC"))


def _durations(name: str, values: list[Any], zone: Zone) -> pyarrow.Array:
    import pyarrow as pa

    def nanoseconds(value: timedelta) -> int:
        return options.microseconds(value) * _MICROSECOND + int(getattr(value, "nanoseconds", 0))

    return _counted(values, nanoseconds, pa.duration)


def _counted(values: list[Any], nanoseconds: Callable[[Any], int], arrow_type: Callable[[str], Any]) -> pyarrow.Array:
    """Return an array in microseconds, or in nanoseconds if one of the values is finer."""
    import pyarrow as pa

    counts = [None if value is None else nanoseconds(value) for value in values]
    if any(count is not None and count % _MICROSECOND for count in counts):
        return pa.array(counts, pa.int64()).cast(arrow_type("ns"))
    whole = [None if count is None else count // _MICROSECOND for count in counts]
    return pa.array(whole, pa.int64()).cast(arrow_type("us"))


_MAKERS: Mapping[str, _Maker] = {
    "boolean": _as("bool"),
    "whole number": _whole_numbers,
    "number": _numbers,
    "decimal": _decimals,
    "text": _as("string"),
    "time": _instants,
    "date": _as("date32"),
    "duration": _durations,
}


def _plain(value: Any) -> Any:
    """Return a scalar of NumPy or Arrow as Python's or pandas'; None for what is not there. NaN is a number."""
    if hasattr(value, "as_py"):
        value = value.as_py()
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return None if np.isnat(value) else _of_pandas(value)
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _of_pandas(value: np.datetime64 | np.timedelta64) -> Any:
    """Return a time or a duration with its nanoseconds, which Python's own lack; a day as a date."""
    extras.need("pandas", "pandas", by="a time of NumPy as a parameter")
    import pandas as pd

    if isinstance(value, np.timedelta64):
        return pd.Timedelta(value)
    if np.datetime_data(value.dtype)[0] in _DAYS:
        return value.astype("datetime64[D]").item()
    return pd.Timestamp(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
