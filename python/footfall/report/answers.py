"""The answers: per job its question, the answer in a sentence, charts, the top rows and the SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footfall.charts import rows as tables
from footfall.display import duration
from footfall.errors import FootfallError
from footfall.report import html
from footfall.report.html import tag
from footfall.report.page import Charts
from footfall.report.sentences import sentence
from footfall.report.source import Source
from footfall.result import Result

# People in a report: as few as show what a profile is.
_USERS = 3
_TOP = 10


def job_section(dataset: Source, jobs: Sequence[dict[str, Any]], charts: Charts) -> str:
    """Return the section of the jobs that share a number (a profile and its preferences belong together)."""
    number, title = jobs[0]["number"], jobs[0]["title"]
    heading = tag("h2", html.text(f"{number}. {title}"))
    heading += "".join(html.paragraph(job["question"], "question") for job in jobs)
    return tag("section", heading + _content(dataset, jobs, charts), id=f"job-{number}")


def _content(dataset: Source, jobs: Sequence[dict[str, Any]], charts: Charts) -> str:
    missing = sorted({table for job in jobs for table in job["missing"]})
    if missing:
        return html.paragraph(_lacking(jobs[0], missing), "missing")
    try:
        return _profile(dataset, jobs, charts) if jobs[0]["users"] else _ranking(dataset, jobs[0], charts)
    except FootfallError as error:
        return html.paragraph(f"This question could not be answered: {error}", "missing")


def _lacking(job: dict[str, Any], missing: Sequence[str]) -> str:
    needed, lacking = _listed(job["tables"]), _listed(missing)
    return f"Not answered: this needs the tables {needed}, and the data set lacks {lacking}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _ranking(dataset: Source, job: dict[str, Any], charts: Charts) -> str:
    """Jobs 1 to 4: the whole period, then month by month."""
    period, month = (dataset.run(job["name"], by=by) for by in ("period", "month"))
    if not len(period):
        return html.paragraph("The tables are there, but have no rows to count.", "missing")
    return "".join(
        [
            html.paragraph(sentence(job["name"], period), "answer"),
            tag("h3", "Whole period"),
            charts.figure(period.chart()),
            tag("h3", "Month by month"),
            charts.figure(month.chart()),
            tag("h3", html.text(_table_title(period))),
            html.result_table(_top(period)),
            _made(period, [("whole period", period), ("by month", month)]),
        ]
    )


def _table_title(result: Result) -> str:
    shown = min(_TOP, len(result))
    return f"The first {shown} of {len(result):,} rows, whole period"


def _top(result: Result) -> list[dict[str, Any]]:
    table = result.to_arrow()
    if "rank" in table.column_names:
        return table.sort_by("rank").slice(0, _TOP).to_pylist()
    return table.sort_by([("interactions", "descending")]).slice(0, _TOP).to_pylist()


def _profile(dataset: Source, jobs: Sequence[dict[str, Any]], charts: Charts) -> str:
    """Jobs 5 and 6: what users prefer on the whole, and a few of them as examples."""
    name = {job["name"].startswith("preferred"): job["name"] for job in jobs}
    preferred = dataset.run(name[True])
    if not len(preferred):
        return html.paragraph("The tables are there, but have no rows to count.", "missing")
    users = _examples(preferred)
    profile = dataset.run(name[False], users=users)
    theirs = tables.where(preferred.to_arrow(), "user_id", users).to_pylist()
    return "".join(
        [
            html.paragraph(sentence(name[True], preferred), "answer"),
            tag("h3", "What users prefer"),
            charts.figure(preferred.chart()),
            tag("h3", "A few users, as examples"),
            charts.figure(profile.chart(users=users)),
            tag("h3", "What these users prefer"),
            html.result_table(theirs),
            html.paragraph("Profiles are personal data, so that this report shows no more of them.", "note"),
            _made(preferred, [("preferred categories", preferred), ("profile", profile)]),
        ]
    )


def _examples(preferred: Result) -> list[str]:
    """Return the users with the largest counts."""
    table = preferred.to_arrow()
    count = "visits" if "visits" in table.column_names else "interactions"
    return [row["user_id"] for row in tables.summed(table, "user_id", [count])[:_USERS]]


def _made(result: Result, results: Sequence[tuple[str, Any]]) -> str:
    times = ", ".join(f"{duration(one.seconds)} ({words})" for words, one in results)
    note = f"Computed in {times}. Definitions: {result.definitions}; time zone {result.tz}."
    sources = [html.details(f"SQL, {words}", html.code(one.sql)) for words, one in results if one.sql]
    return html.paragraph(note, "note") + "".join(sources)


def numbered(jobs: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Return the jobs by number.

    Examples
    --------
    >>> numbered([{"number": 5, "name": "a"}, {"number": 1, "name": "b"}, {"number": 5, "name": "c"}])[5]
    [{'number': 5, 'name': 'a'}, {'number': 5, 'name': 'c'}]
    """
    return {number: [job for job in jobs if job["number"] == number] for number in sorted({j["number"] for j in jobs})}
