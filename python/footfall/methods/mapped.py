"""Maps of a data set; `footfall.Dataset` has the method."""

from __future__ import annotations

from pathlib import Path

from footfall.definitions import Definitions
from footfall.maps import Map
from footfall.methods.queries import Queries


class Mapped(Queries):
    """One method, which asks the data set by SQL, so that every engine draws the same."""

    source: str
    definitions: Definitions

    def map(
        self,
        value: str = "pings",
        *,
        by: str | None = None,
        resolution: int | None = None,
        lang: str | None = None,
    ) -> Map:
        """Draw the city: hexagons of its pings, users or visits, and its establishments.

        Parameters
        ----------
        value : {"pings", "users", "visits"}
            What the hexagons show.
        by : {"month", "week", "day"}, optional
            A slider over these.
        resolution : int, optional
            Of H3, from 0 to 15; by default some 40 hexagons stand side by side.
        lang : str, optional
            Its language, ``en`` or ``pt``; by default the data set's.

        Returns
        -------
        footfall.maps.Map
            It takes further layers, such as ``.track(user=7)``, and shows itself in a notebook.
            ``footfall.maps.Map(data)`` begins without any.

        Raises
        ------
        MissingTableError
            If there are no pings.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> pings = pa.table({"user_id": ["ana", "ana", "bia"], "timestamp": ["2024-03-01T12:00:00Z"] * 3,
        ...                   "latitude": [-8.0631, -8.0631, -8.0476], "longitude": [-34.8711, -34.8711, -34.8770]})
        >>> footfall.open({"pings": pings}).map("users", resolution=9)
        <footfall map: tables in memory, 1 layer, 2 shapes>
        """
        begun = Map(self, title=Path(self.source).name, lang=lang)
        drawn = begun.hexagons(value=value, by=by, resolution=resolution)
        return drawn.establishments() if "establishments" in self.tables else drawn
