"""The answer of a job in a sentence, as a cell shows it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from footfall.errors import DefinitionError
from footfall.output.text import printable
from footfall.result import Result

_STYLE = "margin: .4rem 0; padding: .7rem 1rem; border-left: 4px solid #0072b2; font-size: 1.15em; max-width: 48rem"


@dataclass(frozen=True)
class Sentence:
    """A sentence that a cell shows large; anything else shows its text."""

    text: str

    def __repr__(self) -> str:
        return printable(self.text)

    def _repr_html_(self) -> str:
        return f'<p style="{_STYLE}">{escape(printable(self.text))}</p>'


def answer(result: Result) -> Sentence:
    """Return what the answer of a job says, in plain words.

    Parameters
    ----------
    result : Result
        Of a job with ``by="period"``, or of preferred categories.

    Raises
    ------
    DefinitionError
        If it is another.

    Examples
    --------
    >>> import footfall, pyarrow as pa
    >>> from footfall.notebook import answer
    >>> ads = pa.table({"ad_id": ["a"], "campaign_id": ["lunch"], "category": ["food"]})
    >>> views = pa.table({"user_id": ["ana"], "ad_id": ["a"], "action": ["view"],
    ...                   "timestamp": ["2024-03-01T09:00:00Z"]})
    >>> answer(footfall.open({"ads": ads, "interactions": views}).campaign_ctr(by="period"))
    None of 1 view led to a click.
    """
    # Charts are imported with it: the kernel starts without them.
    from footfall.report.sentences import answered, sentence

    job = result.job["name"] if result.job else result.title
    if job not in answered() or result.by != "period":
        raise DefinitionError(f'{job}, by {result.by}: a sentence is of {", ".join(answered())}, by="period"')
    return Sentence(sentence(job, result) if len(result) else result.why_empty or "There are no rows to count.")
