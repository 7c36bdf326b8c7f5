"""Text to one of a few values: truth, the members of an enum, the values of a `Literal`."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from csvpipe._process.lexeme import PADDING, lexeme, listed_choices, quoted
from csvpipe.rowtypes import Column, Field

BOOL: Final = re.compile(r"true|false|yes|no|[tfyn10]", re.IGNORECASE | re.ASCII)

_TRUTH: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "yes", "t", "y", "1"), True),
    **dict.fromkeys(("false", "no", "f", "n", "0"), False),
}
#: The spellings that are found without any look at the grammar.
USUAL_TRUTH: Final[Mapping[str, bool]] = {
    spelling: value for word, value in _TRUTH.items() for spelling in (word, word.title(), word.upper())
}


def to_bool(text: str) -> bool:
    """One of ten words, in any case."""
    return _TRUTH[lexeme(BOOL, text, "true or false (or yes, no, t, f, y, n, 1, 0)").lower()]


def truth_converter(options: Column) -> Callable[[str], object]:
    """The converter of a `bool` that has further spellings, which win over the usual ones."""
    words = {
        **_TRUTH,
        **{word.strip(PADDING).casefold(): True for word in options.true},
        **{word.strip(PADDING).casefold(): False for word in options.false},
    }
    further = listed_choices([*options.true, *options.false])

    def convert(text: str) -> object:
        value = words.get(text.strip(PADDING).casefold())
        if value is None or (not text.isascii() and text.strip(PADDING).casefold() in _TRUTH):
            raise ValueError(f"{quoted(text)} is not true or false (or yes, no, t, f, y, n, 1, 0, or one of {further})")
        return value

    return convert


def choices_of(field: Field) -> dict[str, object]:
    """Text to value, for an enum or a `Literal`."""
    members: dict[str, object] = {}
    if field.enum_type is None:
        for value in field.literals:
            for text in _spellings(value):
                members.setdefault(text, value)
        return members
    for member in field.enum_type.__members__.values():
        members.setdefault(str(member.value), member)
    for name, member in field.enum_type.__members__.items():
        members.setdefault(name, member)
    return members


def choice_converter(field: Field) -> Callable[[str], object]:
    """The converter of an enum or a `Literal`."""
    members = choices_of(field)
    values: Iterable[Any] = field.literals if field.enum_type is None else field.enum_type
    shown = listed_choices([_spellings(value)[0] for value in values])

    def convert(text: str) -> object:
        value = members.get(text)
        if value is None:
            value = members.get(text.strip(PADDING))
        if value is None:
            raise ValueError(f"{quoted(text)} is not one of {shown}")
        return value

    return convert


def _spellings(value: object) -> list[str]:
    """The texts of a value, the one to show first."""
    if isinstance(value, enum.Enum):
        return [str(value.value)]
    if isinstance(value, bool):
        word = str(value).lower()
        return [word, word.title(), word.upper()]
    return [str(value)]
