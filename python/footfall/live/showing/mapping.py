"""The live map: who moves, who approaches what, and what is suggested, while it happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any

from footfall import _native, extras
from footfall.errors import DefinitionError
from footfall.inputs import arrow, options
from footfall.lang import ENGLISH, in_own_language, number, speaking, spoken, tr
from footfall.live.replaying import Fixed, Replayed, Run, checked_speed, in_time
from footfall.live.showing import pictures, stopping
from footfall.live.showing.frames import Frames, headings
from footfall.live.showing.pacing import Pace
from footfall.live.stats import Stats
from footfall.live.tables import Tables
from footfall.output import notebook

if TYPE_CHECKING:
    import pyarrow

    from footfall.maps import Map
    from footfall.maps.moving import MovingMap
    from footfall.maps.questions import Data


def map(
    tables: Tables,
    data: Data | None = None,
    *,
    title: str = "",
    basemap: Any = None,
    theme: str = "auto",
    height: int = 520,
    ids: bool = False,
    most: int = 20_000,
    lang: str | None = None,
) -> View:
    """Return a live map of who moves, who approaches which establishment, and what is suggested.

    Parameters
    ----------
    tables : Tables
        What the detector knows; the map shows its establishments.
    data : Dataset, optional
        Brings its city's base map along.
    title, basemap, theme, height
        As of `footfall.maps.Map`.
    ids : bool
        Whether users are called by their ids. By default they are numbered: who looks need not know whose way it is.
    most : int
        How many users are drawn at once.
    lang : str, optional
        Its language, ``en`` or ``pt``; by default the data set's, else what ``FOOTFALL_LANG`` says.

    Returns
    -------
    View
        `View.replay` plays history; what runs on a topic is given its `watch`, `stats` and `stopped`.

    Examples
    --------
    >>> import footfall.live, pyarrow as pa
    >>> from datetime import datetime, timedelta, timezone
    >>> cafe = {"establishment_id": ["cafe"], "category": ["food"], "latitude": [-8.0634], "longitude": [-34.8711]}
    >>> ads = {"ad_id": ["lunch"], "campaign_id": ["food"], "category": ["food"], "establishment_id": ["cafe"]}
    >>> data = footfall.open({"establishments": pa.table(cafe), "ads": pa.table(ads)}, tz="America/Recife")
    >>> tables = footfall.live.prepare(data, options=footfall.live.Approach(holdout=0))
    >>> start = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
    >>> walk = pa.table({"user_id": ["ana"] * 5, "timestamp": [start + timedelta(seconds=35 * i) for i in range(5)],
    ...                  "latitude": [-8.0674 + 0.0004 * i for i in range(5)], "longitude": [-34.8711] * 5})
    >>> shown = footfall.live.map(tables, title="Recife")
    >>> len(shown.replay(walk, speed=3600))
    1
    >>> shown
    <footfall live map: 1 user, 5 fixes, 1 approach, 1 suggestion>
    """
    from footfall.maps import Map

    if not isinstance(tables, Tables):
        kind = type(tables).__qualname__
        raise DefinitionError(f"tables is of type {kind}: must be of footfall.live.prepare or footfall.live.load")
    frames = Frames(tables, ids=ids, most=options.whole("most", most, at_least=1))
    begun = Map(data, title=title, basemap=basemap, theme=theme, height=height, lang=lang)
    with speaking(begun.lang or ENGLISH):
        return View(pictures.ground(begun.establishments(tables.establishments)), frames, spoken())


class View:
    """A live map; `footfall.live.map` makes it.

    In a ``with`` block, or while `replay` plays, it is shown in the cell that runs; the stop button of the map, the one
    of the notebook and the end of the block end it, and the cell keeps a map of the last frame.

    Attributes
    ----------
    stopped : threading.Event
        Set when somebody stops it.
    pace : Pace
        How many frames were sent and drawn.
    lang : str
        Its language.
    """

    def __init__(self, below: Map, frames: Frames, lang: str = ENGLISH):
        self.stopped = threading.Event()
        self.lang = lang
        self._below, self._frames = below, frames
        self._widget: MovingMap | None = None
        self._place: notebook.Place | None = None
        self._stop = stopping.Stop(self.stopped)
        self.pace = Pace()

    def replay(self, pings: Any, *, speed: float | None = 60.0, options: Any = None, kernel: Any = _native) -> Replayed:
        """Play pings in the order of their time through the detector, and show it.

        Parameters
        ----------
        pings, options, kernel
            As of `footfall.live.replay`.
        speed : float, optional
            So many times as fast as it happened; None for as fast as it goes, and so where nobody looks: in a notebook
            that is executed as a batch.

        Returns
        -------
        Replayed
            What was found until the end, or until somebody stopped it.
        """
        checked_speed(speed)
        self._frames.speed = speed if notebook.is_watched() else None
        tables = self._frames.tables.told(options)
        run = Run(Fixed(tables), [], _Told(self.stats), _telling(kernel, self.watch))
        with self:
            return run.play(self._stop.until(in_time(pings, self._frames.speed)))

    def watch(self, name: str, fixes: pyarrow.Table, suggestions: pyarrow.Table, approaches: pyarrow.Table) -> None:
        """Take a batch that the detector took, and what it found; now and then, the newest frame is sent."""
        self._frames.watch(name, fixes, suggestions, approaches)
        self.tick()

    def stats(self, line: Mapping[str, Any]) -> None:
        """Take what the process counts, once a second: rate, p50_ms, p99_ms, users, lag."""
        self._frames.told(line)
        self.tick()

    def tick(self) -> None:
        """Send the newest frame, if one is due."""
        if self.pace.is_due(time.monotonic()):
            self._send()

    @in_own_language
    def _send(self) -> None:
        widget = self._widget
        if widget is not None:
            told, buffers = self._frames.frame()
            number = self.pace.send(time.monotonic(), sum(len(each) for each in buffers))
            widget.show({**told, "number": number}, buffers)

    def _heard(self, said: Mapping[str, Any]) -> None:
        """Hear the page: what it drew, that it wants a frame, or that somebody pressed stop."""
        if isinstance(said.get("drawn"), int):
            self.pace.heard(said["drawn"])
        if said.get("wanted") == "frame":
            self._send()
        if said.get("stop"):
            self._stop.ask()

    @in_own_language
    def picture(self) -> Map:
        """Return a map of what is there now, which can be saved as a page or a picture."""
        return pictures.picture(self._below, self._frames)

    def __enter__(self) -> View:
        """Show the map in the cell that runs."""
        self.stopped.clear()
        self._stop.__enter__()
        self._place = notebook.Place() if notebook.shell() is not None else None
        if self._place is not None and notebook.is_watched():
            self._widget = self._made()
            self._place.show(self._widget._repr_mimebundle_())
        return self

    @in_own_language
    def _made(self) -> MovingMap:
        extras.need("notebook", "anywidget", by="a live map")
        from footfall.maps.moving import MovingMap

        # What the colours mean stands beside the map.
        layers = tuple(replace(layer, legend=()) for layer in self._below._layers)
        still = replace(self._below, title="", _layers=layers)
        words = {"title": self._below.title, "speed": _speed(self._frames.speed), "headings": headings(),
                 "legend": pictures.legend_json(), "stop": tr("■ Stop"), "ends": tr("Ends the cell")}  # fmt: skip
        return MovingMap(still._scene(), self._below.height, words, self._heard)

    @in_own_language
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave a map of the last frame in the cell."""
        self._stop.__exit__(kind, error, trace)
        widget, self._widget = self._widget, None
        if self._place is not None:
            self._place.show({"text/html": pictures.html(self._below, self._frames), "text/plain": repr(self)})
        if widget is not None:
            widget.close()

    def __repr__(self) -> str:
        return f"<footfall live map: {pictures.counts(self._frames)}>"


def _speed(speed: float | None) -> str:
    return tr("{speed} × real time", speed=number(speed, ",.10g")) if speed else ""


class _Told(Stats):
    """Tells a function what the process counts, once a second."""

    def __init__(self, function: Any):
        super().__init__(None)
        self._function, self._last_s = function, 0.0

    def tell(self, detectors: Any, version: str, *, now: bool = False) -> None:
        """Tell a line, if a second is over since the last, or `now`."""
        moment = time.monotonic()
        if now or moment - self._last_s >= 1:
            self._last_s = moment
            self._function(self.line(detectors, version))


def _telling(kernel: Any, watch: Any) -> Any:
    """Return a kernel whose detectors tell what they took and what they found."""
    return SimpleNamespace(
        LiveTables=kernel.LiveTables, Detector=lambda tables: _Telling(kernel.Detector(tables), watch)
    )


class _Telling:
    def __init__(self, detector: Any, watch: Any):
        self._detector, self._watch = detector, watch

    def process(self, fixes: Any, **asked: Any) -> tuple[Any, Any]:
        suggestions, approaches = (arrow.to_pyarrow(each) for each in self._detector.process(fixes))
        self._watch("", fixes, suggestions, approaches)
        return suggestions, approaches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)
