"""Names of columns: compared as people mean them, listed and suggested in messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

#: How many column names a message lists before it only counts the rest.
_NAMES_SHOWN: Final = 20

#: Canonical combining classes from here on are accents above, below or through a letter; those before are marks that
#: make another letter in scripts that are not ours to simplify.
_ACCENT: Final = 200

#: Signs that make another name: `Rate (%)` and `Rate (€)`, `C` and `C#`. A minus does so only behind the last letter,
#: as in `A-`; elsewhere it is a hyphen.
_SIGN: Final = re.compile(r"[%€$£+#&°]|[-\u2212](?=[\W_]*$)")


def folded(text: str) -> str:
    """What is left of a name without case, accents, spaces, underscores and punctuation; empty if nothing is.

    Example:
        >>> folded("E-Mail_Adresse "), folded("Prénom"), folded("Größe (cm)")
        ('emailadresse', 'prenom', 'grossecm')
    """
    if text.isascii():  # then it has neither accents nor forms that are compatible with others
        plain = text.lower()
        return plain if plain.isalnum() else "".join(filter(str.isalnum, plain))
    return "".join(character for character in _plain(text) if _counts(character))


def folded_with_signs(text: str) -> str:
    """The same, and then the signs that tell names apart, wherever they stand; empty if no letter is left.

    Example:
        >>> folded_with_signs("Rate (%)"), folded_with_signs("% rate"), folded_with_signs("E-Mail")
        ('rate%', 'rate%', 'email')
    """
    letters = folded(text)
    return letters and letters + "".join(sorted(_SIGN.findall(_plain(text))))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def _counts(character: str) -> bool:
    if character.isalnum():
        return True
    return unicodedata.category(character).startswith("M") and unicodedata.combining(character) < _ACCENT


def quoted_names(names: Iterable[str]) -> str:
    """The names in quotes, with commas."""
    return ", ".join(repr(name) for name in names)


def suggested(name: str, columns: Iterable[str]) -> str:
    """The quoted name, with the nearest of the columns where one is near."""
    import difflib  # noqa: PLC0415  # for messages only

    known = {column.strip().casefold(): column for column in columns}
    near = difflib.get_close_matches(name.strip().casefold(), known, n=1)
    return f"{name!r} (did you mean {known[near[0]]!r}?)" if near else repr(name)


def listed(columns: Sequence[str], most: int = _NAMES_SHOWN) -> str:
    """The quoted names, of many the first few and how many more there are."""
    shown = quoted_names(columns[:most])
    more = len(columns) - most
    return f"{shown} and {more} more" if more > 0 else shown or "no columns"
