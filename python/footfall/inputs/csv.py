"""How CSV is written, where it shall not be found out from the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from footfall.errors import DefinitionError
from footfall.inputs import options


@dataclass(frozen=True, init=False)
class Csv:
    r"""How CSV files are written; what is None is found out from each file.

    Parameters
    ----------
    separator : str, optional
        The character between cells, one of ASCII: ``";"`` or ``"\t"``.
    decimal : {".", ","}, optional
        The mark before the fraction of a number.
    encoding : str, optional
        ``"utf-8"``, ``"utf-16"``, ``"latin-1"``, ``"windows-1252"`` or another label of the WHATWG Encoding Standard.
    timestamp : str or sequence of str, optional
        How times are written, as for ``strptime``: ``"%d/%m/%Y %H:%M"``; of several patterns, the first that fits.
    quote : str, optional
        The character around cells that hold separators, one of ASCII.

    Raises
    ------
    DefinitionError
        If a value makes no sense; the message names the option. An encoding that nobody knows is refused where the
        data set is opened.

    References
    ----------
    https://encoding.spec.whatwg.org/#names-and-labels

    Examples
    --------
    >>> import footfall
    >>> print(footfall.Csv(separator=";", decimal=","))
    separator ";", decimal ","
    >>> footfall.Csv(decimal=";")
    Traceback (most recent call last):
    ...
    footfall.errors.DefinitionError: decimal = ';': must be "." or ","
    """

    separator: str | None
    decimal: str | None
    encoding: str | None
    timestamp: tuple[str, ...] | None
    quote: str | None

    def __init__(
        self,
        *,
        separator: str | None = None,
        decimal: str | None = None,
        encoding: str | None = None,
        timestamp: str | Sequence[str] | None = None,
        quote: str | None = None,
    ) -> None:
        # By name only, which dataclasses cannot say before Python 3.10.
        given = {"separator": separator, "decimal": decimal, "encoding": encoding, "quote": quote}
        for name, value in given.items():
            _refuse_other_than_text(name, value)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "timestamp", _patterns(timestamp))
        _refuse_other_than_a_character("separator", separator)
        _refuse_other_than_a_character("quote", quote)
        if decimal is not None:
            options.decimal_mark("decimal", decimal)
        self._refuse_alike("quote", "separator")
        self._refuse_alike("quote", "decimal")

    def _refuse_alike(self, one: str, other: str) -> None:
        value = getattr(self, one)
        if value is not None and value == getattr(self, other):
            raise DefinitionError(f"{one} = {value!r}: must differ from {other}")

    def given(self) -> dict[str, Any]:
        """Return the options that are not None."""
        return {name: value for name, value in self.native().items() if value is not None}

    def native(self) -> dict[str, Any]:
        """Return what the native session takes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        texts = {name: value[0] if name == "timestamp" else value for name, value in self.given().items()}
        return ", ".join(f'{name} "{value}"'.replace("\t", "\\t") for name, value in texts.items())


def _patterns(given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    patterns = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for pattern in patterns:
        if not isinstance(pattern, str) or "%" not in pattern:
            raise DefinitionError(f"timestamp = {pattern!r}: write a pattern such as %d/%m/%Y %H:%M")
    return patterns or None


def _refuse_other_than_text(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise DefinitionError(f"{name} = {value!r}: must be text, or None to find it out")


def _refuse_other_than_a_character(name: str, value: str | None) -> None:
    if value is not None and (len(value) != 1 or not value.isascii() or value in "\r\n\0"):
        raise DefinitionError(f"{name} = {value!r}: must be one ASCII character, and no end of line")
