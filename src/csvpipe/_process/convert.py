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
| `timedelta` | `[+-]H:MM:SS`, or with days before it `[+-]D days, H:MM:SS`, as Python prints it; or `[+-]PnDTnHnMnS` |
| `UUID` | 32 hexadecimal digits, in any case, with the usual four hyphens or none |
| an `Enum` | the text of a member's value, else the name of a member, exactly |
| a `Literal` | the text of one of its values, exactly |

`Decimal` keeps its digits and scale. `str` is no conversion: the cell as it is, spaces included. A `Column` may change
the spelling of numbers, dates and truth, or bring its own function.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Final, TypeAlias
from uuid import UUID

from csvpipe._process.choices import (
    BOOL,
    USUAL_TRUTH,
    choice_converter,
    choices_of,
    to_bool,
    truth_converter,
)
from csvpipe._process.lexeme import PADDING, VALUE_CHARACTERS, lexeme, shortened
from csvpipe._process.moments import (
    DATE,
    DATETIME,
    TIME,
    TIMEDELTA,
    moment_converter,
    to_date,
    to_datetime,
    to_time,
    to_timedelta,
)
from csvpipe._process.numbers import INT, NUMBER, number_converter, to_decimal, to_float, to_int
from csvpipe.rowtypes import Field, Scalar

__all__ = [
    "GRAMMAR",
    "PADDING",
    "SHORT_CUT_NAMES",
    "VALUE_CHARACTERS",
    "Converter",
    "converter",
    "known_texts",
    "short_cut",
    "shortened",
]

Converter: TypeAlias = Callable[[str], object]

_UUID: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_A_UUID: Final = "a UUID (32 digits from 0 to f, such as 12345678-1234-5678-1234-567812345678)"

#: The grammar of what is left when the padding is dropped. `fullmatch` is meant.
GRAMMAR: Final[Mapping[Scalar, re.Pattern[str]]] = {
    Scalar.INT: INT,
    Scalar.FLOAT: NUMBER,
    Scalar.DECIMAL: NUMBER,
    Scalar.BOOL: BOOL,
    Scalar.DATE: DATE,
    Scalar.DATETIME: DATETIME,
    Scalar.TIME: TIME,
    Scalar.TIMEDELTA: TIMEDELTA,
    Scalar.UUID: _UUID,
}


def converter(field: Field) -> Converter:
    """The function that makes a field's value of a cell's text. Empty cells are the builder's affair.

    It raises `ValueError` for text outside the grammar, with a message for the person who mends the file. A function
    that the application brings may raise whatever it likes.
    """
    scalar, options = field.scalar, field.options
    if options.parse is not None:
        return options.parse
    if scalar is Scalar.ENUM:
        return choice_converter(field)
    if not options.spelling():
        return _CONVERTERS[scalar]
    if scalar is Scalar.BOOL:
        return truth_converter(options)
    return moment_converter(scalar, options) if options.format else number_converter(scalar, options)


def short_cut(field: Field) -> str | None:
    """An expression of a cell's value that spares most cells the call of the converter, or None.

    `{cell}`, `{convert}` and `{known}` (see `known_texts`) are to be filled in; `c` and `v` are names of its own, the
    others are in `SHORT_CUT_NAMES`. What it accepts by itself the converter makes the same of; where it raises,
    whatever it is, the converter is to be asked again.
    """
    if field.options.parse is not None or field.options.spelling():
        return None
    return _SHORT_CUTS.get(field.scalar)


def known_texts(field: Field) -> Mapping[str, object]:
    """What short cuts look up."""
    return choices_of(field) if field.scalar is Scalar.ENUM else USUAL_TRUTH


def _to_str(text: str) -> str:
    return text


def _to_uuid(text: str) -> UUID:
    return UUID(int=int(lexeme(_UUID, text, _A_UUID).replace("-", ""), 16))  # quicker than the text itself


def _to_foreign(text: str) -> str:
    if not text.strip(PADDING):
        raise ValueError("the cell is empty")
    return text


_CONVERTERS: Final[Mapping[Scalar, Converter]] = {
    Scalar.STR: _to_str,
    Scalar.INT: to_int,
    Scalar.FLOAT: to_float,
    Scalar.DECIMAL: to_decimal,
    Scalar.BOOL: to_bool,
    Scalar.DATE: to_date,
    Scalar.DATETIME: to_datetime,
    Scalar.TIME: to_time,
    Scalar.TIMEDELTA: to_timedelta,
    Scalar.UUID: _to_uuid,
    Scalar.FOREIGN: _to_foreign,
}

# Each short cut takes what is cheap to know and right beyond doubt:
# * Of printable ASCII without `_`, `float` and `Decimal` take what the grammar does, and names of what is not finite.
# * Of the forms that `fromisoformat` knows, only the wanted ones have their marks at these places and this length.
# * Newer Pythons take 24:00 for midnight.
_LOOKUP: Final = "(v if (v := {known}.get(c := {cell})) is not None else {convert}(c))"
_NUMERIC: Final = "(v if (c := {{cell}}).isascii() and c.isprintable() and '_' not in c and {} else {{convert}}(c))"
_SHORT_CUTS: Final[Mapping[Scalar, str]] = {
    Scalar.INT: "(int(c) if (c := {cell}).isdigit() and c.isascii() else {convert}(c))",
    Scalar.FLOAT: _NUMERIC.format("isfinite(v := float(c))"),
    Scalar.DECIMAL: _NUMERIC.format("(v := Decimal(c)).is_finite()"),
    Scalar.BOOL: _LOOKUP,
    Scalar.ENUM: _LOOKUP,
    Scalar.DATE: "(date_of(c) if len(c := {cell}) == 10 and c[7] == '-' == c[4] else {convert}(c))",
    Scalar.DATETIME: (
        "(datetime_of(c) if len(c := {cell}) == 19 and c[10] in 'T ' and c[4] == '-' == c[7] "
        "and c[13] == ':' == c[16] and c[11:13] != '24' else {convert}(c))"
    ),
    Scalar.TIME: "(time_of(c) if len(c := {cell}) == 8 and c[2] == ':' == c[5] and c[:2] != '24' else {convert}(c))",
}
#: What the short cuts call.
SHORT_CUT_NAMES: Final[Mapping[str, object]] = {
    "isfinite": isfinite,
    "Decimal": Decimal,
    "date_of": dt.date.fromisoformat,
    "datetime_of": dt.datetime.fromisoformat,
    "time_of": dt.time.fromisoformat,
}
