"""A map: layers one above the other, and what it is shown as."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall.definitions import Definitions
from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.lang import chosen, in_own_language, tr
from footfall.maps.outputs import Outputs
from footfall.output.display import plural
from footfall.output.text import printable

if TYPE_CHECKING:
    from footfall.maps.questions import Data
    from footfall.maps.scene import Scene
    from footfall.maps.shapes.layers import Layer

_THEMES = ("auto", "light", "dark")
_PIXELS = 200


@dataclass(frozen=True, repr=False, eq=False)
class Map(Outputs):
    """A map of layers, each above those before. It never changes: each method returns another map.

    Layers take any Arrow table (a `footfall.Result`, pyarrow, polars, pandas, DuckDB) that has ``latitude`` and
    ``longitude``, an H3 ``cell``, or polygons as WKB in ``geometry``. Of a data set, most need no table. Where the
    table of a layer has several values of ``month``, ``week`` or ``day``, a slider goes over them.

    Parameters
    ----------
    data : Dataset, optional
        Answers what a layer without a table shows, and brings its city's base map along.
    title : str
        Shown above the legend.
    basemap : path, str or mapping, optional
        A ``.pmtiles`` file with Protomaps' layers, GeoJSON, a MapLibre style, or the ``https`` address of tiles or a
        style, which alone needs a network. By default ``basemap.geojson`` beside the data, else land and borders.
    theme : {"auto", "light", "dark"}
        ``auto`` follows the notebook or the system; pictures are light then.
    width, height : int
        Pixels of pictures, and the height in a notebook.
    tiles_mb : float
        How many megabytes of a ``.pmtiles`` file may go along.
    lang : str, optional
        Its language, ``en`` or ``pt``; by default the data set's, else what ``FOOTFALL_LANG`` says.

    Examples
    --------
    >>> import footfall, pyarrow as pa
    >>> shops = pa.table({"name": ["Café", "Bank"], "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770],
    ...                   "visits": [120, 30]})
    >>> footfall.maps.Map(title="Recife").establishments(shops, size="visits").radius(shops, radius_m=200)
    <footfall map: Recife, 2 layers, 4 shapes>
    """

    data: Data | None = None
    title: str = ""
    basemap: Any = None
    theme: str = "auto"
    width: int = 800
    height: int = 520
    tiles_mb: float = 8.0
    lang: str | None = None
    _layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "lang", chosen(self.lang or getattr(self.data, "lang", None)))
        if self.theme not in _THEMES:
            raise DefinitionError(f"theme = {self.theme!r}: no such theme{options.choices(self.theme, _THEMES)}")
        options.whole("width", self.width, at_least=_PIXELS)
        options.whole("height", self.height, at_least=_PIXELS)

    @in_own_language
    def establishments(self, table: Any = None, *, size: str | None = None, color: str | None = None) -> Map:
        """Draw establishments, or any places, as circles; the polygons of a column ``footprint`` below them.

        Parameters
        ----------
        table : Arrow table, optional
            With ``latitude`` and ``longitude``; of a map of a data set, ``establishment_id`` is enough, so that every
            result about establishments can be drawn. By default the data set's establishments.
        size : str, optional
            Column of numbers that the circles' area grows with.
        color : str, optional
            Column whose texts have a colour each, or whose numbers have shades.

        Returns
        -------
        Map
            With this layer on top.

        Raises
        ------
        DefinitionError
            If a column is not there, or there are more rows than a map can show.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> shops = pa.table({"latitude": [-8.0634], "longitude": [-34.8711], "visits": [120]})
        >>> footfall.maps.Map().establishments(shops, size="visits")
        <footfall map: 1 layer, 1 shape>
        """
        from footfall.maps.shapes import places

        located = self._located("establishments", table)
        below = []
        if "footprint" in located.column_names:
            id = self._id("footprints")
            below = [places.areas(id, tr("Footprints"), located, column="footprint", color=color)]
        id = self._id("establishments")
        return self._with(*below, places.points(id, tr("Establishments"), located, size=size, color=color))

    @in_own_language
    def hexagons(
        self, table: Any = None, *, value: str | None = None, resolution: int | None = None, by: str | None = None
    ) -> Map:
        """Draw H3 hexagons, each in the shade of its number.

        Parameters
        ----------
        table : Arrow table, optional
            With a ``cell``, a row for each, or one per month; or with ``latitude`` and ``longitude``, whose rows are
            counted by cell. By default the data set's pings.
        value : str, optional
            Column of numbers; of places, it is summed, and ``users`` counts each ``user_id`` once. Of the data set:
            ``pings`` (by default), ``users`` or ``visits``.
        resolution : int, optional
            From 0 to 15; by default some 40 hexagons stand side by side.
        by : {"month", "week", "day"}, optional
            Of the data set: a slider over these.

        Returns
        -------
        Map
            With this layer on top.

        Raises
        ------
        DefinitionError
            If a column is not there, or an option makes no sense.
        DataError
            If a cell is none of H3, or has several rows.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> pings = pa.table({"latitude": [-8.0634, -8.0634, -8.0476], "longitude": [-34.8711, -34.8711, -34.8770]})
        >>> footfall.maps.Map().hexagons(pings, resolution=9)
        <footfall map: 1 layer, 2 shapes>
        """
        from footfall.maps import questions
        from footfall.maps.shapes import cells

        id = self._id("hexagons")
        if table is not None:
            if by is not None:
                raise DefinitionError(f"by = {by!r}: is for the data set's own rows; give the table a column {by}")
            return self._with(cells.hexagons(id, table, value=value, resolution=resolution))
        counted = questions.hexagons(self._data("hexagons"), value or "pings", resolution, by)
        return self._with(cells.hexagons(id, counted, value=value or "pings", resolution=None))

    @in_own_language
    def track(self, table: Any = None, *, user: Any = None) -> Map:
        """Draw the way of a user, or of up to six, with the fixes that it has.

        Parameters
        ----------
        table : Arrow table, optional
            With ``latitude`` and ``longitude``, and ``timestamp`` and ``user_id`` where they are known.
        user : id, optional
            Of the data set: whose pings.

        Returns
        -------
        Map
            With the line and its fixes on top.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> way = pa.table({"latitude": [-8.063, -8.061, -8.058], "longitude": [-34.871, -34.868, -34.871]})
        >>> footfall.maps.Map().track(way)
        <footfall map: 2 layers, 4 shapes>
        """
        from footfall.maps import questions
        from footfall.maps.shapes import tracks

        if (table is None) == (user is None):
            raise DefinitionError("track: give a table, or the user of a data set's pings")
        given = questions.pings(self._data("track"), user) if table is None else table
        if table is None and not len(given):
            raise DefinitionError(f"user = {user!r}: there is no ping of this user")
        return self._with(*tracks.tracks(self._id("track"), given))

    @in_own_language
    def radius(self, table: Any = None, *, radius_m: float | None = None) -> Map:
        """Draw the circle within which a ping is a visit, true to scale.

        Parameters
        ----------
        table : Arrow table, optional
            As in `establishments`.
        radius_m : float, optional
            Metres; by default those of a visit.

        Returns
        -------
        Map
            With this layer on top.

        Examples
        --------
        >>> import footfall, pyarrow as pa
        >>> footfall.maps.Map().radius(pa.table({"latitude": [-8.0634], "longitude": [-34.8711]}))
        <footfall map: 1 layer, 1 shape>
        """
        from footfall.maps.shapes import places

        definitions = getattr(self.data, "definitions", None) or Definitions()
        metres = options.radius("radius_m", definitions.visit_radius_m if radius_m is None else radius_m)
        return self._with(places.circles(self._id("radius"), self._located("radius", table), radius_m=metres))

    @in_own_language
    def areas(self, table: Any, *, color: str | None = None, column: str = "geometry") -> Map:
        """Draw polygons, such as trade areas.

        Parameters
        ----------
        table : Arrow table
            With WKB in `column`.
        color : str, optional
            As in `establishments`; by default each establishment has its colour and, on a map of a data set, its name.
        column : str
            Where the polygons are.

        Returns
        -------
        Map
            With this layer on top.
        """
        from footfall.maps import questions, tables
        from footfall.maps.shapes import places

        given = questions.named(self.data, tables.read("areas", table))
        if color is None and "establishment_id" in given.column_names:
            color = "name" if "name" in given.column_names else "establishment_id"
        return self._with(places.areas(self._id("areas"), tr("Areas"), given, column=column, color=color))

    def show(self, table: Any, *, value: str | None = None) -> Map:
        """Draw a table by what it has: cells, polygons, or places; `value` is its column of numbers."""
        from footfall.maps import tables

        given = tables.read("the map", table)
        if "cell" in given.column_names:
            return self.hexagons(given, value=value)
        if "geometry" in given.column_names:
            return self.areas(given, color=value)
        return self.establishments(given, size=value)

    @in_own_language
    def _scene(self, *, moving: bool = False) -> Scene:
        """Return what is to be shown; with the layer of a live map, whose points are still to come."""
        from footfall.maps import scene
        from footfall.maps.shapes import layers

        shown = [*self._layers, *([layers.moving()] if moving else [])]
        return scene.scene(self.title, self.theme, shown, self._base(), (self.width, self.height), self.tiles_mb)

    def _base(self) -> Any:
        """Return the base map that was chosen, or the one beside the data."""
        from footfall.maps.base.basemap import BESIDE

        beside = Path(self.data.source) / BESIDE if self.data else None
        return beside if self.basemap is None and beside is not None and beside.is_file() else self.basemap

    def _located(self, name: str, given: Any) -> Any:
        """Return a table of places: the data set's, or what was given, with their latitude and longitude."""
        from footfall.maps import questions, tables

        if given is None:
            return questions.establishments(self._data(name))
        return questions.located(self.data, tables.read(name, given))

    def _data(self, name: str) -> Data:
        if self.data is None:
            raise DefinitionError(f"{name}: give a table, or begin with the map of a data set: footfall.maps.Map(data)")
        return self.data

    def _id(self, name: str) -> str:
        """Return a name that no layer has yet."""
        taken = {layer.id for layer in self._layers}
        return next(id for id in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if id not in taken)

    def _with(self, *layers: Layer) -> Map:
        return replace(self, _layers=(*self._layers, *layers))

    def __repr__(self) -> str:
        shapes = sum(len(layer.shapes) for layer in self._layers)
        counts = f"{plural(len(self._layers), 'layer')}, {plural(shapes, 'shape')}"
        return f"<footfall map: {printable(self.title) + ', ' if self.title else ''}{counts}>"
