"""The answers: per job its question, the answer in a sentence, charts, the top rows and the SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from footfall.charts.shared import rows as tables
from footfall.definitions import Unit
from footfall.errors import FootfallError
from footfall.lang import mark, tr
from footfall.output.display import duration
from footfall.output.people import alias, without_ids
from footfall.report.figures import Figure, Figures
from footfall.report.map import visits_map
from footfall.report.privacy import Privacy, Published, published
from footfall.report.sentences import sentence
from footfall.report.source import Source
from footfall.report.words import Table, listed, result_table
from footfall.result import Result

# People in a report: as few as show what a profile is.
_USERS = 3
_TOP = 10
_MAPPED = "establishment_visits"
_NO_ROWS = mark("The tables are there, but have no rows to count.")

Job = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the page says of a number's jobs: either why they are not answered, or the answer.

    Attributes
    ----------
    missing : str
        Why there is no answer; empty if there is one.
    sentence : str
        The answer in words.
    figures : sequence of (str, Figure)
        Charts and their headings.
    heading : str
        Of the table.
    table : Table or None
        The first rows.
    notes : sequence of str
        What was left out, and how it was computed.
    sources : sequence of (str, str)
        What a statement computes, and the SQL.
    """

    missing: str = ""
    sentence: str = ""
    figures: Sequence[tuple[str, Figure]] = ()
    heading: str = ""
    table: Table | None = None
    notes: Sequence[str] = ()
    sources: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Answerer:
    """Answers the jobs of `dataset`, as far as `privacy` allows; the charts go to `figures`."""

    dataset: Source
    privacy: Privacy
    figures: Figures

    def answer(self, jobs: Sequence[Job]) -> Answer:
        """Return the answer of the jobs that share a number (a profile and its preferences belong together)."""
        missing = sorted({table for job in jobs for table in job["missing"]})
        if missing:
            needed, lacking = listed(jobs[0]["tables"]), listed(missing)
            told = {"needed": needed, "lacking": lacking}
            return Answer(tr("Not answered: this needs the tables {needed}, and the data set lacks {lacking}.", **told))
        try:
            return self._profile(jobs) if jobs[0]["users"] else self._ranking(jobs[0])
        except FootfallError as error:
            return _unanswered(error)

    def _ranking(self, job: Job) -> Answer:
        """Jobs 1 to 4: the whole period, then month by month."""
        asked = {words: self.dataset.run(job["name"], by=by) for words, by in _UNITS.items()}
        if not all(map(len, asked.values())):
            return Answer(tr(_NO_ROWS))
        shown = {words: published(self.dataset, result, self.privacy) for words, result in asked.items()}
        period = shown[_PERIOD].result
        notes = [self._withheld(shown), _made(asked)]
        if not len(period):
            return Answer(self._nothing_large_enough(), notes=notes, sources=_sources(asked))
        figures = [
            (tr(_HEADINGS[words]), self.figures.of(part.result.chart))
            for words, part in shown.items()
            if len(part.result)
        ]
        places, note = self._map(job, period)
        count = min(_TOP, len(period))
        return Answer(
            sentence=sentence(job["name"], period),
            figures=[*figures, *places],
            heading=tr("The first {shown} of {rows} rows, whole period", shown=count, rows=len(period)),
            table=result_table(_top(period)),
            notes=[note, *notes],
            sources=_sources(asked),
        )

    def _map(self, job: Job, period: Result) -> tuple[Sequence[tuple[str, Figure]], str]:
        """Return the map of the job about visits and what it leaves out; a base map that is broken costs it alone."""
        if job["name"] != _MAPPED or not tables.total(period.to_arrow(), "visits"):
            return [], ""
        try:
            chart, note = visits_map(self.dataset, period)
        except FootfallError as error:
            return [], tr("There is no map: {error}", error=error)
        return [(tr("On the map"), self.figures.of(lambda: chart, live=False))], note

    def _profile(self, jobs: Sequence[Job]) -> Answer:
        """Jobs 5 and 6: what users prefer on the whole, and a few of them as examples."""
        name = {job["name"].startswith("preferred"): job["name"] for job in jobs}
        everybody = self.dataset.run(name[True])
        if not len(everybody):
            return Answer(tr(_NO_ROWS))
        order = _by_activity(everybody)
        shown = published(self.dataset, everybody, self.privacy)
        if not len(shown.result) or len(order) < self.privacy.at_least:
            asked = {_PREFERRED: everybody}
            return Answer(self._nothing_large_enough(), notes=[_made(asked)], sources=_sources(asked))
        users = order[:_USERS]
        asked = {_PREFERRED: everybody, _PROFILE: self.dataset.run(name[False], users=users)}
        preferred, profile, theirs = (
            self._named(result, order) for result in (shown.result, asked[_PROFILE], _of(everybody, users))
        )
        called = users if self.privacy.show_users else _aliases(users)
        return Answer(
            sentence=sentence(name[True], preferred),
            figures=[
                (tr("What users prefer"), self.figures.of(preferred.chart)),
                (tr("A few users, as examples"), self.figures.of(partial(profile.chart, users=called))),
            ],
            heading=tr("What these users prefer"),
            table=result_table(theirs.to_arrow().sort_by("user_id").to_pylist()),
            notes=[
                self._withheld({_PREFERENCES: shown}),
                tr("Profiles are personal data, so that this report shows no more of them."),
                _made(asked),
            ],
            sources=self._without_ids(_sources(asked), users),
        )

    def _named(self, result: Result, order: Sequence[str]) -> Result:
        """Return the result with the users by their ids only if they may be shown."""
        if self.privacy.show_users:
            return result
        return replace(result, _table=without_ids(result.to_arrow(), order))

    def _without_ids(self, sources: list[tuple[str, str]], users: Sequence[str]) -> list[tuple[str, str]]:
        """Return the statements; the ids that they ask for are replaced as they are in the tables."""
        if self.privacy.show_users:
            return sources
        condition, aliases = _condition(users), _condition(_aliases(users))
        return [(words, sql.replace(condition, aliases)) for words, sql in sources]

    def _withheld(self, shown: Mapping[str, Published]) -> str:
        """Return the note that rows are left out, if any are."""
        if not any(part.withheld for part in shown.values()):
            return ""
        counts = ", ".join(
            tr("{some} of {rows} rows ({what})", some=part.withheld, rows=part.rows, what=tr(words))
            for words, part in shown.items()
        )
        told = {"at_least": self.privacy.at_least, "counts": counts}
        return tr("Left out, for they are about fewer than {at_least} users: {counts}. No sum counts them.", **told)

    def _nothing_large_enough(self) -> str:
        return tr("Not shown: every row is about fewer than {at_least} users.", at_least=self.privacy.at_least)


def settled(answer: Answer) -> Answer:
    """Return the answer once its charts are drawn, or why one could not be."""
    try:
        for _, figure in answer.figures:
            figure.drawn.result()
    except FootfallError as error:
        return _unanswered(error)
    return answer


def _unanswered(error: FootfallError) -> Answer:
    return Answer(tr("This question could not be answered: {error}", error=error))


_PERIOD, _MONTHS = mark("whole period"), mark("by month")
_PREFERRED, _PROFILE, _PREFERENCES = mark("preferred categories"), mark("profile"), mark("preferences")
_UNITS: dict[str, Unit] = {_PERIOD: "period", _MONTHS: "month"}
_HEADINGS = {_PERIOD: mark("Whole period"), _MONTHS: mark("Month by month")}


def _top(result: Result) -> list[dict[str, Any]]:
    table = result.to_arrow()
    if "rank" in table.column_names:
        return table.sort_by("rank").slice(0, _TOP).to_pylist()
    return table.sort_by([("interactions", "descending")]).slice(0, _TOP).to_pylist()


def _by_activity(preferred: Result) -> list[str]:
    """Return all users, those with the largest counts first."""
    table = preferred.to_arrow()
    count = "visits" if "visits" in table.column_names else "interactions"
    return tables.keys_by_sum(table, "user_id", count)


def _of(result: Result, users: Sequence[str]) -> Result:
    return replace(result, _table=tables.where(result.to_arrow(), "user_id", users))


def _aliases(users: Sequence[str]) -> list[str]:
    return [alias(number) for number in range(1, len(users) + 1)]


def _condition(users: Sequence[str]) -> str:
    """Return the condition on users, as statements have it."""
    quoted = ("'" + user.replace("'", "''") + "'" for user in users)
    return f"user_id IN ({', '.join(quoted)})"


def _made(results: Mapping[str, Result]) -> str:
    times = ", ".join(f"{duration(result.seconds)} ({tr(words)})" for words, result in results.items())
    first = next(iter(results.values()))
    told = {"times": times, "definitions": first.definitions, "tz": first.tz}
    return tr("Computed in {times}. Definitions: {definitions}; time zone {tz}.", **told)


def _sources(results: Mapping[str, Result]) -> list[tuple[str, str]]:
    return [(tr(words), result.sql.strip()) for words, result in results.items() if result.sql]


def numbered(jobs: Sequence[Job]) -> dict[int, list[Job]]:
    """Return the jobs by number.

    Examples
    --------
    >>> numbered([{"number": 5, "name": "a"}, {"number": 1, "name": "b"}, {"number": 5, "name": "c"}])[5]
    [{'number': 5, 'name': 'a'}, {'number': 5, 'name': 'c'}]
    """
    return {number: [job for job in jobs if job["number"] == number] for number in sorted({j["number"] for j in jobs})}
