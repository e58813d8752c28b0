"""Text of data as a terminal may show it."""

from __future__ import annotations

import unicodedata


def printable(text: str, keep: str = "") -> str:
    r"""Return `text` with a replacement character for each that steers a terminal, or hides, and is not in `keep`.

    Examples
    --------
    >>> printable("caf\xe9\x1b[2J\n", keep="\n")
    'café\ufffd[2J\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or _is_harmless(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def cut(text: str, width: int) -> str:
    """Return `text`, or its beginning and an ellipsis, in at most `width` characters.

    Examples
    --------
    >>> cut("Recife", 6), cut("Boa Viagem", 6)
    ('Recife', 'Boa V…')
    """
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def size(text: str) -> int:
    """Return how many bytes a file of `text` has."""
    return len(text.encode("utf-8", "surrogatepass"))


def _is_harmless(character: str) -> bool:
    # To Python, spaces of other widths are not printable.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def in_script(source: str) -> str:
    r"""Return JavaScript as it may stand inside a page's script, which it does not end.

    Examples
    --------
    >>> in_script("log('</script>')")
    "log('<\\/script>')"
    """
    return source.replace("</script", "<\\/script")
