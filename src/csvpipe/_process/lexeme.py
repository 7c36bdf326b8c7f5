"""The text of a cell: what of it counts, whether it has the form that is wanted, and how messages quote it."""

from __future__ import annotations

import re
from typing import Final

#: What is dropped around a cell's text, except around that of a `str`.
PADDING: Final = " \t"

#: Characters of a cell that a message or an error record shows.
VALUE_CHARACTERS: Final = 100

_CHOICES_SHOWN: Final = 10


def shortened(text: str, characters: int = VALUE_CHARACTERS) -> str:
    """`text` cut to at most so many characters, the last an ellipsis where something was cut."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def quoted(text: str) -> str:
    """`text` as messages show it."""
    return repr(shortened(text))


def lexeme(pattern: re.Pattern[str], text: str, expected: str) -> str:
    """`text` without its padding.

    Raises:
        ValueError: It has another form than `pattern`; the message says what was expected.
    """
    stripped = text.strip(PADDING)
    if pattern.fullmatch(stripped) is None:
        raise ValueError(f"{quoted(text)} is not {expected}")
    return stripped


def listed_choices(texts: list[str]) -> str:
    """The texts in quotes, of many the first few and how many more there are."""
    shown = ", ".join(repr(text) for text in texts[:_CHOICES_SHOWN])
    more = len(texts) - _CHOICES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
