"""The language of what is shown: charts, maps, tables and reports. Code, SQL, names of columns and errors are English.

What makes them asks here for its phrases and numbers, in whatever language is spoken: English, save within `speaking`.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from typing import Any, Callable, TypeVar, Union, cast

from footfall.errors import DefinitionError

#: The variable of the environment that names the language where nobody else does.
VARIABLE = "FOOTFALL_LANG"
ENGLISH = "en"

_Method = TypeVar("_Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Catalogue:
    """A language: its phrases by the English ones, of which a list has the singular and the plural, and its numbers."""

    locale: str = ENGLISH
    decimal: str = "."
    thousands: str = ","
    percent: str = "\u00a0%"
    phrases: Mapping[str, Union[str, list[str]]] = field(default_factory=dict)


_spoken: ContextVar[str] = ContextVar("footfall_lang", default=ENGLISH)


def languages() -> list[str]:
    """Return the languages that there are.

    Examples
    --------
    >>> languages()
    ['en', 'pt']
    """
    files = (file.name for file in resources.files(__name__).iterdir())
    return sorted([ENGLISH, *(name[: -len(".json")] for name in files if name.endswith(".json"))])


@functools.lru_cache(None)
def catalogue(lang: str) -> Catalogue:
    """Return the catalogue of a language that there is; English has no phrases but the keys."""
    if lang == ENGLISH:
        return Catalogue()
    return Catalogue(**json.loads(resources.files(__name__).joinpath(f"{lang}.json").read_text(encoding="utf-8")))


def chosen(lang: str | None) -> str:
    """Return the language that a caller names, else that of the environment, else English.

    Raises
    ------
    DefinitionError
        If there is no such language; the message names those there are.

    Examples
    --------
    >>> chosen("pt"), chosen("pt-BR")
    ('pt', 'pt')
    """
    option = "lang" if lang is not None else VARIABLE
    given = os.environ.get(VARIABLE) or ENGLISH if lang is None else lang
    there = {name: each for each in languages() for name in (each, catalogue(each).locale)}
    if given not in there:
        raise DefinitionError(f"{option} = {given!r}: there is no such language; there are {', '.join(languages())}")
    return there[given]


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Speak a language in the block of ``with``."""
    before = _spoken.set(lang)
    try:
        yield
    finally:
        _spoken.reset(before)


def spoken() -> str:
    """Return the language that is spoken."""
    return _spoken.get()


def in_own_language(method: _Method) -> _Method:
    """Let a method speak the language `lang` of its object."""

    @functools.wraps(method)
    def speaks(self: Any, *args: Any, **options: Any) -> Any:
        with speaking(self.lang):
            return method(self, *args, **options)

    return cast(_Method, speaks)


def mark(phrase: str) -> str:
    """Return the phrase as it is, which `tr` is given later: so tests find it."""
    return phrase


def marks(one: str, many: str) -> tuple[str, str]:
    """Return both phrases as they are, which `trn` is given later."""
    return one, many


def tr(phrase: str, **values: object) -> str:
    """Return a phrase in the language that is spoken, with values in place of its ``{names}``; whole numbers grouped.

    Examples
    --------
    >>> with speaking("pt"):
    ...     tr("Visits"), tr("Left out: {count} more categories.", count=1200)
    ('Visitas', 'Ficaram de fora mais 1.200 categorias.')
    """
    found = _translated(phrase)
    return (found if isinstance(found, str) else found[-1]).format(**_shown(values))


def trn(one: str, many: str, count: int, **values: object) -> str:
    """Return the one phrase for a `count` of 1, else the other, which the catalogue has both under the other.

    Examples
    --------
    >>> with speaking("pt"):
    ...     [trn("{count} visit", "{count} visits", count) for count in (1, 1200)]
    ['1 visita', '1.200 visitas']
    """
    found = _translated(many)
    forms = [one, many] if found == many else [found, found] if isinstance(found, str) else found
    return forms[int(count != 1)].format(**_shown({"count": count, **values}))


def known(words: str) -> str:
    """Return words, which may be a user's, in the language that is spoken if the catalogue has them."""
    found = catalogue(spoken()).phrases.get(words, words)
    return found if isinstance(found, str) else found[-1]


def _translated(phrase: str) -> str | list[str]:
    return catalogue(spoken()).phrases.get(phrase, phrase)


def _shown(values: Mapping[str, object]) -> dict[str, object]:
    is_count = {name: isinstance(value, int) and not isinstance(value, bool) for name, value in values.items()}
    return {name: number(cast(int, value)) if is_count[name] else value for name, value in values.items()}


def number(value: float, form: str = ",") -> str:
    """Return a number by a format of Python's, with the separators of the language that is spoken.

    Examples
    --------
    >>> with speaking("pt"):
    ...     number(1234567), number(0.5, ".2f")
    ('1.234.567', '0,50')
    """
    here = catalogue(spoken())
    return format(value, form).translate({ord(","): here.thousands, ord("."): here.decimal})


def percent_sign() -> str:
    """Return what stands behind a number of percent."""
    return catalogue(spoken()).percent


_MONTHS = [
    mark("January"),
    mark("February"),
    mark("March"),
    mark("April"),
    mark("May"),
    mark("June"),
    mark("July"),
    mark("August"),
    mark("September"),
    mark("October"),
    mark("November"),
    mark("December"),
]


def day_text(day: date) -> str:
    """Return a day in words.

    Examples
    --------
    >>> with speaking("pt"):
    ...     day_text(date(2024, 3, 4))
    '4 de março de 2024'
    """
    return tr("{day} {month} {year}", day=str(day.day), month=tr(_MONTHS[day.month - 1]), year=f"{day:%Y}")


def month_text(day: date) -> str:
    """Return the month of a day in words.

    Examples
    --------
    >>> month_text(date(2024, 3, 4))
    'March 2024'
    """
    return tr("{month} {year}", month=tr(_MONTHS[day.month - 1]), year=f"{day:%Y}")


def date_text(iso: str) -> str:
    """Return a date in ISO 8601, of years of four digits, by its numbers.

    Examples
    --------
    >>> with speaking("pt"):
    ...     date_text("2024-03-04")
    '04/03/2024'
    """
    year, month, day = iso.rsplit("-", 2)
    return tr("{year}-{month}-{day}", year=year, month=month, day=day)


def locale() -> dict[str, Any] | None:
    """Return what Vega takes as ``config.locale``; None for English, which it speaks."""
    if spoken() == ENGLISH:
        return None
    import vl_convert

    # One of those that D3 has.
    name: Any = catalogue(spoken()).locale
    times = vl_convert.get_time_format_locale(name)
    names = {key: [each.lower() for each in times[key]] for key in ("months", "shortMonths")}
    return {"number": vl_convert.get_format_locale(name), "time": {**times, **names}}
