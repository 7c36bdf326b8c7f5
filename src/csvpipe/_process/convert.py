"""Text of one cell to a value: one grammar for each type, whichever path a row takes.

Python's own constructors accept more than people mean (`1_000`, Arabic digits, `nan`, week dates), and not the same on
every Python. So the accepted texts are fixed here. Spaces and tabs around the text are dropped; digits are ASCII.

| type | text |
| --- | --- |
| `int` | `[+-]` digits, of any size that this Python converts (4,300 digits unless the application says otherwise) |
| `float`, `Decimal` | `[+-]` digits with an optional point at any place, and an optional exponent; finite |
| `bool` | `true` `false` `yes` `no` `t` `f` `y` `n` `1` `0`, in any case |
| `date` | `YYYY-MM-DD` |
| `time` | `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f`, with one to six digits of fraction |
| `datetime` | a date, `T` or one space, a time, and optionally `Z` or `+HH:MM` or `-HH:MM`: such a one becomes UTC |
| `UUID` | 32 hexadecimal digits, in any case, with the usual four hyphens or none |
| an `Enum` | the text of a member's value, else the name of a member, exactly |

`Decimal` keeps its digits and scale. `str` is no conversion: the cell as it is, spaces included.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from csvpipe.rowtypes import Field, Scalar

if TYPE_CHECKING:
    import enum

Converter: TypeAlias = Callable[[str], object]

#: What is dropped around a cell's text, except around that of a `str`.
PADDING: Final = " \t"

#: Characters of a cell that a message or an error record shows.
VALUE_CHARACTERS: Final = 100

_MEMBERS_SHOWN: Final = 10

_NUMBER: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
# Hours end at 23 here, as Pythons differ over 24:00; so do the parts of an offset, which some do not check at all.
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME: Final = rf"{_CLOCK}(?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?"

#: The grammar of what is left when the padding is dropped. `fullmatch` is meant.
GRAMMAR: Final[Mapping[Scalar, re.Pattern[str]]] = {
    Scalar.INT: re.compile(r"[+-]?[0-9]+"),
    Scalar.FLOAT: re.compile(_NUMBER),
    Scalar.DECIMAL: re.compile(_NUMBER),
    Scalar.BOOL: re.compile(r"true|false|yes|no|[tfyn10]", re.IGNORECASE | re.ASCII),
    Scalar.DATE: re.compile(_DATE),
    Scalar.DATETIME: re.compile(rf"{_DATE}[T ]{_TIME}(?:Z|[+-]{_CLOCK})?"),
    Scalar.TIME: re.compile(_TIME),
    Scalar.UUID: re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}

#: How messages describe what was expected.
_EXPECTED: Final[Mapping[Scalar, str]] = {
    Scalar.INT: "a whole number",
    Scalar.FLOAT: "a number",
    Scalar.DECIMAL: "a decimal number",
    Scalar.BOOL: "true or false (or yes, no, t, f, y, n, 1, 0)",
    Scalar.DATE: "a date (YYYY-MM-DD)",
    Scalar.DATETIME: "a date and time (YYYY-MM-DD HH:MM:SS)",
    Scalar.TIME: "a time (HH:MM:SS)",
    Scalar.UUID: "a UUID",
}

_NOT_A_NUMBER: Final = Decimal("nan")

_TRUTH: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "yes", "t", "y", "1"), True),
    **dict.fromkeys(("false", "no", "f", "n", "0"), False),
}
_USUAL_TRUTH: Final[Mapping[str, bool]] = {
    spelling: value for word, value in _TRUTH.items() for spelling in (word, word.title(), word.upper())
}


def converter(field: Field) -> Converter:
    """The function that makes a field's value of a cell's text. Empty cells are the builder's affair.

    It raises `ValueError` for text outside the grammar, with a message for the person who mends the file.
    """
    if field.enum_type is not None:
        return _member_of(field.enum_type)
    return _CONVERTERS[field.scalar]


def shortened(text: str, characters: int = VALUE_CHARACTERS) -> str:
    """`text` cut to at most so many characters, the last an ellipsis where something was cut."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _to_str(text: str) -> str:
    return text


# Each converter first tries what is cheap and right beyond doubt, and leaves everything else to the grammar.


def _to_int(text: str) -> int:
    digits = text if text.isdigit() and text.isascii() else _lexeme(Scalar.INT, text)
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"{_quoted(text)} has too many digits") from None


def _to_float(text: str) -> float:
    # Of printable ASCII without `_`, `float` takes what the grammar does, and the names of what is not finite.
    if text.isascii() and text.isprintable() and "_" not in text:
        try:
            value = float(text)
        except ValueError:
            pass
        else:
            if math.isfinite(value):
                return value
    value = float(_lexeme(Scalar.FLOAT, text))
    if math.isinf(value):
        raise ValueError(f"{_quoted(text)} is too large a number")
    return value


def _to_decimal(text: str) -> Decimal:
    try:
        value = Decimal(text if text.isdigit() and text.isascii() else _lexeme(Scalar.DECIMAL, text))
    except InvalidOperation:
        value = _NOT_A_NUMBER
    if not value.is_finite():  # where the application's decimal context does not trap, too
        raise ValueError(f"{_quoted(text)} is too large a number")
    return value


def _to_bool(text: str) -> bool:
    value = _USUAL_TRUTH.get(text)
    return _TRUTH[_lexeme(Scalar.BOOL, text).lower()] if value is None else value


def _to_date(text: str) -> dt.date:
    # Of the forms that `fromisoformat` knows, only the one wanted has hyphens at these two places.
    is_plain = len(text) == 10 and text[4] == "-" == text[7]  # noqa: PLR2004
    lexeme = text if is_plain else _lexeme(Scalar.DATE, text)
    try:
        return dt.date.fromisoformat(lexeme)
    except ValueError as error:
        raise _impossible(Scalar.DATE, text, error) from None


def _to_datetime(text: str) -> dt.datetime:
    # Likewise for the form with seconds and no more. Newer Pythons take 24:00 for midnight.
    is_plain = (
        len(text) == 19  # noqa: PLR2004
        and text[4] == "-" == text[7]
        and text[13] == ":" == text[16]
        and text[10] in "T "
        and text[11:13] != "24"
    )
    lexeme = text if is_plain else _lexeme(Scalar.DATETIME, text)
    try:
        moment = dt.datetime.fromisoformat(lexeme)
        return moment if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:  # the latter: the first and the last day of the calendar
        raise _impossible(Scalar.DATETIME, text, error) from None


def _to_time(text: str) -> dt.time:
    return dt.time.fromisoformat(_lexeme(Scalar.TIME, text))


def _to_uuid(text: str) -> UUID:
    return UUID(_lexeme(Scalar.UUID, text))


_CONVERTERS: Final[Mapping[Scalar, Converter]] = {
    Scalar.STR: _to_str,
    Scalar.INT: _to_int,
    Scalar.FLOAT: _to_float,
    Scalar.DECIMAL: _to_decimal,
    Scalar.BOOL: _to_bool,
    Scalar.DATE: _to_date,
    Scalar.DATETIME: _to_datetime,
    Scalar.TIME: _to_time,
    Scalar.UUID: _to_uuid,
}


def _member_of(enum_type: type[enum.Enum]) -> Converter:
    members: dict[str, enum.Enum] = {}
    for member in enum_type.__members__.values():
        members.setdefault(str(member.value), member)
    for name, member in enum_type.__members__.items():
        members.setdefault(name, member)

    def to_member(text: str) -> enum.Enum:
        member = members.get(text)
        if member is None:
            member = members.get(text.strip(PADDING))
        if member is None:
            raise ValueError(f"{_quoted(text)} is not one of {_choices(enum_type)}")
        return member

    return to_member


def _choices(enum_type: type[enum.Enum]) -> str:
    shown = ", ".join(repr(str(member.value)) for member in islice(enum_type, _MEMBERS_SHOWN))
    more = len(enum_type) - _MEMBERS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _lexeme(scalar: Scalar, text: str) -> str:
    stripped = text.strip(PADDING)
    if GRAMMAR[scalar].fullmatch(stripped) is None:
        raise ValueError(f"{_quoted(text)} is not {_EXPECTED[scalar]}")
    return stripped


def _impossible(scalar: Scalar, text: str, error: Exception) -> ValueError:
    _lexeme(scalar, text)  # text of a foreign form says so itself
    return ValueError(f"{_quoted(text)} is not {_EXPECTED[scalar]}: {error}")


def _quoted(text: str) -> str:
    return repr(shortened(text))
