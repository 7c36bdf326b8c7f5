"""Names of columns: compared as people mean them, listed and suggested in messages."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

#: How many column names a message lists before it only counts the rest.
_NAMES_SHOWN: Final = 20

#: Canonical combining classes from here on are accents above, below or through a letter; those before are marks that
#: make another letter in scripts that are not ours to simplify.
_ACCENT: Final = 200


def folded(text: str) -> str:
    """What is left of a name without case, accents, spaces, underscores and punctuation; empty if nothing is.

    Example:
        >>> folded("E-Mail_Adresse "), folded("Prénom"), folded("Größe (cm)")
        ('emailadresse', 'prenom', 'grossecm')
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in plain if _counts(character))


def _counts(character: str) -> bool:
    if character.isalnum():
        return True
    return unicodedata.category(character).startswith("M") and unicodedata.combining(character) < _ACCENT


def quoted_names(names: Iterable[str]) -> str:
    """The names in quotes, with commas."""
    return ", ".join(repr(name) for name in names)


def suggested(name: str, columns: Iterable[str]) -> str:
    """The quoted name, with the nearest of the columns where one is near."""
    known = {column.strip().casefold(): column for column in columns}
    near = difflib.get_close_matches(name.strip().casefold(), known, n=1)
    return f"{name!r} (did you mean {known[near[0]]!r}?)" if near else repr(name)


def listed(columns: Sequence[str]) -> str:
    """The quoted names, of many the first few and how many more there are."""
    shown = quoted_names(columns[:_NAMES_SHOWN])
    more = len(columns) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "no columns"
