"""One HTML file with the data, its quality, every answer that it allows, and the definitions; it needs no network."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from footfall import progress as bars
from footfall.display import duration
from footfall.errors import DefinitionError
from footfall.report import html
from footfall.report.answers import job_section, numbered
from footfall.report.glossary import glossary_section
from footfall.report.html import tag
from footfall.report.page import Charts, page
from footfall.report.survey import data_section, quality_section
from footfall.writing import whole_file

if TYPE_CHECKING:
    from footfall.dataset import Dataset

__all__ = ["write_report"]

Step = tuple[str, str, Callable[[], str]]


def write_report(
    dataset: Dataset, path: str | os.PathLike[str], *, title: str | None = None, progress: bool = True
) -> Path:
    """Write every answer that the tables allow to one self-contained HTML file.

    Parameters
    ----------
    dataset : Dataset
        Its tables; a job that needs another is listed with the reason.
    path : path
        The file; its folder must be there. A file that is there is replaced once the new one is whole; a link is an
        error.
    title : str, optional
        Heading of the report; by default it names the data set.
    progress : bool
        Show bars for work that lasts.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    DefinitionError
        If `path` is a folder or a link, or its folder is not there.
    DataError
        If a table cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> import footfall, pyarrow as pa, tempfile
    >>> data = footfall.open({"ads": pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})})
    >>> written = write_report(data, Path(tempfile.mkdtemp()) / "report.html", progress=False)
    >>> "the data set lacks interactions" in written.read_text(encoding="utf-8")
    True
    """
    target = _target(path)
    started = time.perf_counter()
    quiet = replace(dataset, progress=dataset.progress and progress)
    charts = Charts()
    steps = _steps(quiet, charts)
    sections = _done(steps, progress)
    words = title or f"Footfall report: {Path(str(dataset.source)).name}"
    body = [_header(words, steps), *sections, _footer(dataset, time.perf_counter() - started)]
    with whole_file(target) as file:
        file.write(page(words, body, charts).encode())
    return target


def _target(path: str | os.PathLike[str]) -> Path:
    target = Path(path).expanduser()
    if target.is_dir():
        raise DefinitionError(f"path = {str(target)!r}: is a folder; name a file in it, such as report.html")
    if not target.absolute().parent.is_dir():
        raise DefinitionError(f"path = {str(target)!r}: there is no folder {target.parent}")
    return target


def _steps(dataset: Dataset, charts: Charts) -> list[Step]:
    """Return (id, heading, what makes the section), in the report's order."""
    jobs = [
        (f"job-{number}", f"{number}. {group[0]['title']}", _job(dataset, group, charts))
        for number, group in numbered([job for job in dataset.jobs() if job["number"] in _ANSWERED]).items()
    ]
    return [
        ("data", "The data", lambda: data_section(dataset)),
        ("quality", "Its quality", lambda: quality_section(dataset)),
        *jobs,
        ("definitions", "Definitions", lambda: glossary_section(dataset)),
    ]


# The others answer while data streams in.
_ANSWERED = range(1, 7)


def _job(dataset: Dataset, group: Sequence[dict[str, Any]], charts: Charts) -> Callable[[], str]:
    return lambda: job_section(dataset, group, charts)


def _done(steps: Sequence[Step], progress: bool) -> list[str]:
    sections = []
    with bars.bar("Report", shown=progress, unit="sections") as tick:
        for done, (_, _, make) in enumerate(steps):
            if tick:
                tick(done, len(steps))
            sections.append(make())
    return sections


def _header(title: str, steps: Sequence[Step]) -> str:
    lead = "Did the ad bring somebody through the door, and whom should the next one go to?"
    links = "".join(tag("li", tag("a", html.text(heading), href=f"#{id_}")) for id_, heading, _ in steps)
    contents = tag("nav", tag("ol", links), **{"aria-label": "Contents"})
    return tag("header", tag("h1", html.text(title)) + html.paragraph(lead, "lead") + contents)


def _footer(dataset: Dataset, seconds: float) -> str:
    import footfall

    now = html.local(dataset.local_text(int(time.time()) * 1_000_000))
    made = f"Made by Footfall {footfall.__version__} on {now}, in {duration(seconds)}. Time zone: {dataset.time_zone}."
    return tag("footer", html.paragraph(made))
