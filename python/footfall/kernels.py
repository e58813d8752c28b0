"""The kernels, on NumPy and Arrow data: distance, visits, attribution."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from footfall import _native
from footfall.definitions import ATTRIBUTION_WINDOW, VISIT_RADIUS_M
from footfall.errors import DataError, DefinitionError
from footfall.inputs import arrow, options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow

_LIMITS = {"latitude": 90.0, "longitude": 180.0}


def haversine_m(
    latitude_a: npt.ArrayLike, longitude_a: npt.ArrayLike, latitude_b: npt.ArrayLike, longitude_b: npt.ArrayLike
) -> Any:
    """Great-circle distance in metres between points a and b.

    Parameters
    ----------
    latitude_a, longitude_a, latitude_b, longitude_b : float or array_like
        WGS 84 degrees: latitudes in [-90, 90], longitudes in [-180, 180]. Numbers, lists, NumPy arrays of any
        shape, masked or not, pandas and polars Series, Arrow arrays; integers and floats of any width. They broadcast
        against each other as in NumPy.

    Returns
    -------
    float or numpy.ndarray
        Metres, float64, in the broadcast shape; a plain float when all four are numbers. NaN, null and masked
        values give NaN.

    Raises
    ------
    DataError
        If an input is not numeric, or a value is out of range; names the input, the (flat) row and the value.
    ValueError
        If the shapes do not broadcast.

    Notes
    -----
    A sphere of radius 6 371 008.8 m (IUGG mean radius) stands for the Earth; its distances are within 0.6 % of the
    ellipsoid's.

    References
    ----------
    Sinnott, R. W. (1984), Virtues of the haversine, Sky and Telescope 68.

    Examples
    --------
    From Marco Zero in Recife to two other places:

    >>> import footfall
    >>> footfall.haversine_m(-8.0631, -34.8711, [-8.0476, -8.0631], [-34.8770, -34.8711]).round(1)
    array([1841.9,    0. ])
    >>> round(footfall.haversine_m(0, 0, 0, 180))
    20015114
    """
    import numpy as np

    given = {
        "latitude_a": latitude_a,
        "longitude_a": longitude_a,
        "latitude_b": latitude_b,
        "longitude_b": longitude_b,
    }
    degrees = [_degrees(name, values) for name, values in given.items()]
    shape = np.broadcast_shapes(*(array.shape for array in degrees))
    if 0 in shape:
        return np.empty(shape)
    # The native loop broadcasts single values itself; only other shapes need a copy.
    flat = [array.reshape(1) if array.size == 1 else np.broadcast_to(array, shape).ravel() for array in degrees]
    metres = _native.haversine_m(*flat)
    return metres.reshape(shape) if shape else float(metres[0])


def _degrees(name: str, values: Any) -> npt.NDArray[np.float64]:
    """Return float64 degrees in range; null becomes NaN."""
    import numpy as np

    try:
        array = _unmasked(values) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        if array.dtype.kind == "O":
            array = _from_objects(values, array)
        if array.dtype.kind not in "fiu":
            raise TypeError(f"not {array.dtype}")
    except (TypeError, ValueError) as error:
        reason = f"needs numbers: {error}"
        raise DataError(f"{name} {reason}", column=name, reason=reason) from None
    degrees = np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)
    limit = _LIMITS[name[:-2]]
    # fmin and fmax pass over NaN.
    if degrees.size and (np.fmin.reduce(degrees, None) < -limit or np.fmax.reduce(degrees, None) > limit):
        row = int(np.argmax(np.abs(np.nan_to_num(degrees.ravel(), posinf=np.inf, neginf=-np.inf)) > limit))
        value = float(degrees.ravel()[row])
        reason = f"must lie between -{limit:g} and {limit:g} degrees"
        message = f"{name}, row {row}: {value:g} {reason}"
        raise DataError(message, column=name, row=row, value=value, reason=reason)
    return degrees


def _unmasked(values: np.ma.MaskedArray[Any, Any]) -> npt.NDArray[Any]:
    """Return a masked array's values, with NaN where they are masked, whatever stands there."""
    import numpy as np

    array, masked = np.asarray(values.data), np.ma.getmaskarray(values)
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if not masked.any() or array.dtype.kind not in "fO":
        return array
    array = array.copy()
    array[masked] = None if array.dtype.kind == "O" else np.nan
    return array


def _from_objects(values: Any, array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Numbers with None or pandas.NA among them."""
    import numpy as np

    if any(isinstance(value, (str, bytes, bool)) for value in array.flat):
        raise TypeError("not text or truth values")
    if type(values).__module__.startswith("pandas."):
        numbers: npt.NDArray[np.float64] = values.to_numpy(dtype="float64", na_value=np.nan)
        return numbers
    return array.astype(np.float64)


def visit_join(pings: Any, establishments: Any, *, radius_m: float = VISIT_RADIUS_M) -> pyarrow.Table:
    """Every ping strictly less than `radius_m` metres from an establishment.

    Parameters
    ----------
    pings : Arrow table
        user_id, timestamp, latitude, longitude. Anything that speaks the Arrow PyCapsule protocol: pyarrow,
        polars, pandas, DuckDB.
    establishments : Arrow table
        establishment_id, latitude, longitude.
    radius_m : float
        Metres.

    Returns
    -------
    pyarrow.Table
        user_id (string), timestamp (timestamp[us, UTC]), establishment_id (string), distance_m (float64, metres). A
        ping near several establishments visits each of them.

    Raises
    ------
    DataError
        If a table, a column or a row cannot be used: no value, a text that is no instant, degrees that are not on
        Earth, or several establishments of one id in several places.
    DefinitionError
        If `radius_m` is not a finite number above 0.

    Examples
    --------
    >>> from datetime import datetime
    >>> import footfall, pyarrow as pa
    >>> pings = pa.table({"user_id": ["ana"], "timestamp": [datetime(2024, 3, 1, 12)],
    ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
    >>> places = pa.table({"establishment_id": ["cafe", "bank"], "category": ["food", "money"],
    ...                    "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770]})
    >>> visits = footfall.visit_join(pings, places)
    >>> visits.column("establishment_id").to_pylist(), round(visits.column("distance_m")[0].as_py(), 1)
    (['cafe'], 33.4)
    """
    metres = options.radius("radius_m", radius_m)
    tables = arrow.read("pings", pings), arrow.read("establishments", establishments)
    return arrow.to_pyarrow(_native.visit_join(*tables, metres))


def attribute_visits(
    visits: Any, interactions: Any, ads: Any, *, window: timedelta = ATTRIBUTION_WINDOW
) -> pyarrow.Table:
    """Give each visit the interaction that earned it, if one did.

    Parameters
    ----------
    visits : Arrow table
        As `visit_join` returns: user_id, timestamp, establishment_id, distance_m.
    interactions : Arrow table
        user_id, ad_id, action (``view`` or ``click``), timestamp.
    ads : Arrow table
        ad_id, establishment_id.
    window : datetime.timedelta
        How much older than the visit the interaction may be; both ends are included.

    Returns
    -------
    pyarrow.Table
        The visits, with attributed (bool), ad_id (string, null) and interaction_timestamp
        (timestamp[us, UTC], null). Each visit is there once; the latest interaction gets the credit, and of several
        at that instant a click before a view, then the smallest ad_id.

    Raises
    ------
    DataError
        If a table, a column or a row cannot be used: no value, a text that is no instant, or several ads of one id
        that are of several establishments.
    DefinitionError
        If `window` is not a timedelta, or is negative.

    Examples
    --------
    >>> from datetime import datetime
    >>> import footfall, pyarrow as pa
    >>> visits = pa.table({"user_id": ["ana", "ana"], "establishment_id": ["cafe", "cafe"], "distance_m": [3.0, 4.0],
    ...                    "timestamp": [datetime(2024, 3, 1, 12), datetime(2024, 3, 2, 12)]})
    >>> interactions = pa.table({"user_id": ["ana"], "ad_id": ["lunch"], "action": ["view"],
    ...                          "timestamp": [datetime(2024, 3, 1, 11)]})
    >>> ads = pa.table({"ad_id": ["lunch"], "campaign_id": ["food"], "category": ["food"],
    ...                 "establishment_id": ["cafe"]})
    >>> earned = footfall.attribute_visits(visits, interactions, ads)
    >>> earned.sort_by("timestamp").column("attributed").to_pylist()
    [True, False]
    """
    window_us = options.microseconds(options.window("window", window))
    tables = arrow.read("visits", visits), arrow.read("interactions", interactions), arrow.read("ads", ads)
    return arrow.to_pyarrow(_native.attribute_visits(*tables, window_us))


#: More pairs than this are no small set.
MOST_DISTANCES = 100_000_000


def distances(pings: Any, establishments: Any) -> pyarrow.Table:
    """How far every ping is from every establishment; for small sets.

    Parameters
    ----------
    pings : Arrow table
        user_id, timestamp, latitude, longitude.
    establishments : Arrow table
        establishment_id, latitude, longitude.

    Returns
    -------
    pyarrow.Table
        user_id, timestamp, establishment_id, distance_m (float64, metres): for each ping, in its order, a row for each
        establishment, in its order.

    Raises
    ------
    DataError
        If a table, a column or a row cannot be used, as in `visit_join`.
    DefinitionError
        If there are more than 100 million pairs: `visit_join` finds those nearer than a radius.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> import footfall, pyarrow as pa
    >>> pings = pa.table({"user_id": ["ana"], "timestamp": [datetime(2024, 3, 1, 12, tzinfo=timezone.utc)],
    ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
    >>> places = pa.table({"establishment_id": ["cafe", "bank"], "category": ["food", "money"],
    ...                    "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770]})
    >>> footfall.distances(pings, places).column("distance_m").to_numpy().round(1)
    array([  33.4, 1841.9])
    """
    here, there = arrow.read("pings", pings), arrow.read("establishments", establishments)
    pairs = here.num_rows * there.num_rows
    if pairs > MOST_DISTANCES:
        what = f"{here.num_rows:,} pings x {there.num_rows:,} establishments = {pairs:,} distances"
        raise DefinitionError(f"{what}: at most {MOST_DISTANCES:,} at once; choose some users, or take visit_join")
    # It checks every row, whatever is near.
    _native.visit_join(here, there, VISIT_RADIUS_M)
    return _every_pair(here, there)


def _every_pair(here: pyarrow.Table, there: pyarrow.Table) -> pyarrow.Table:
    import numpy as np
    import pyarrow as pa

    first = np.repeat(np.arange(here.num_rows), there.num_rows)
    second = np.tile(np.arange(there.num_rows), here.num_rows)
    a, b = (
        [table[name].cast(pa.float64()).to_numpy()[rows] for name in _LIMITS]
        for table, rows in ((here, first), (there, second))
    )
    return pa.table(
        {
            "user_id": here["user_id"].take(first),
            "timestamp": here["timestamp"].take(first),
            "establishment_id": there["establishment_id"].take(second),
            "distance_m": _native.haversine_m(*a, *b),
        }
    )
