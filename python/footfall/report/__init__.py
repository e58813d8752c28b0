"""One HTML file with the data, its quality, every answer that it allows, and the definitions; it needs no network."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from footfall._native import __version__
from footfall.inputs import options
from footfall.lang import speaking, tr
from footfall.output.display import duration
from footfall.output.progress import bar
from footfall.output.s3.objects import Written
from footfall.output.writing import html_file, whole_file
from footfall.report.answers import Answer, Answerer, Job, numbered, settled
from footfall.report.figures import Figures
from footfall.report.glossary import terms
from footfall.report.page import page, read
from footfall.report.privacy import Privacy
from footfall.report.source import Source
from footfall.report.survey import Finding, Survey, findings, survey
from footfall.report.vega import Vega
from footfall.report.words import local

__all__ = ["write_report"]

# The others answer while data streams in.
_ANSWERED = range(1, 7)


def write_report(
    dataset: Source,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    show_users: bool = False,
    at_least: int = 10,
    vega: Vega | None = None,
) -> Written:
    """Write every answer that the tables allow to one self-contained HTML file.

    Parameters
    ----------
    dataset : Source
        A `footfall.Dataset`; a job that needs another is listed with the reason.
    path : path
        The file; its folder must be there. A file that is there is replaced once the new one is whole; a link is an
        error.
    title : str, optional
        Heading of the report; by default it names the data set.
    show_users : bool
        Tell the ids of the few users whose profiles are shown as examples.
    at_least : int
        Rows about fewer users than that are left out, save those about nobody.
    vega : Vega, optional
        What draws, which may have been started earlier; the caller ends it.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    DefinitionError
        If `path` does not end in .html, is a folder or a link, or its folder is not there, or `at_least` is no whole
        number above 0.
    DataError
        If a table cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> import footfall, pyarrow as pa, tempfile
    >>> ads = pa.table({"ad_id": [7], "campaign_id": ["lunch"], "category": ["food"]})
    >>> data = footfall.open({"ads": ads}, progress=False)
    >>> written = write_report(data, Path(tempfile.mkdtemp()) / "report.html")
    >>> "the data set lacks interactions" in written.read_text(encoding="utf-8")
    True
    """
    target = html_file(path)
    privacy = Privacy(show_users, options.whole("at_least", at_least, at_least=1))
    started = time.perf_counter()
    with speaking(dataset.lang), nullcontext(vega) if vega else Vega() as drawing, Figures(drawing) as figures:
        script = drawing.script(read("page.js"))
        answerer = Answerer(dataset, privacy, figures)
        surveyed, found, answers = _asked(answerer)
        written = page(
            script=script.result() if figures.made else "",
            title=title or tr("Footfall report: {name}", name=Path(str(dataset.source)).name),
            survey=surveyed,
            findings=found,
            answers=answers,
            terms=terms(dataset),
            made=_made(dataset, time.perf_counter() - started),
        )
    with whole_file(target) as file:
        file.write(written.encode())
    return target


def _asked(answerer: Answerer) -> tuple[Survey, list[Finding], list[tuple[int, Sequence[Job], Answer]]]:
    """Ask the data set all that the page tells, with a bar that counts the page's sections."""
    dataset = answerer.dataset
    groups = numbered([job for job in dataset.jobs() if job["number"] in _ANSWERED])
    with bar("Report", shown=dataset.progress, unit="sections") as tick:
        tick = tick or (lambda done, total: None)
        sections = len(groups) + 2
        tick(0, sections)
        surveyed = survey(dataset)
        tick(1, sections)
        found = findings(dataset, show_users=answerer.privacy.show_users)
        answers: list[tuple[int, Sequence[Job], Answer]] = []
        for done, (number, jobs) in enumerate(groups.items(), 2):
            tick(done, sections)
            answers.append((number, jobs, answerer.answer(jobs)))
    return surveyed, found, [(number, jobs, settled(answer)) for number, jobs, answer in answers]


def _made(dataset: Source, seconds: float) -> str:
    now = local(dataset.local_text(int(time.time()) * 1_000_000))
    told = {"version": __version__, "now": now, "duration": duration(seconds), "time_zone": dataset.time_zone}
    return tr("Made by Footfall {version} on {now}, in {duration}. Time zone: {time_zone}.", **told)
