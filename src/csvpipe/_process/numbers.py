"""Text to numbers, in the plain grammar and with other marks for fraction and thousands."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from csvpipe._process.lexeme import PADDING, lexeme, quoted
from csvpipe.rowtypes import SEPARATORS, Column, Scalar

INT: Final = re.compile(r"[+-]?[0-9]+")
NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: What else a number may be where it need not be finite.
NONFINITE: Final = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)

_NOUNS: Final[Mapping[Scalar, str]] = {
    Scalar.INT: "a whole number",
    Scalar.FLOAT: "a number",
    Scalar.DECIMAL: "a decimal number",
}
_EXPECTED: Final[Mapping[Scalar, str]] = {
    Scalar.INT: f"{_NOUNS[Scalar.INT]} (such as 1234)",
    Scalar.FLOAT: f"{_NOUNS[Scalar.FLOAT]} (such as 1234.5)",
    Scalar.DECIMAL: f"{_NOUNS[Scalar.DECIMAL]} (such as 1234.5)",
}
_NOT_A_NUMBER: Final = Decimal("nan")


def to_int(text: str) -> int:
    """A whole number of any size that this Python converts."""
    return _int(lexeme(INT, text, _EXPECTED[Scalar.INT]), text)


def to_float(text: str) -> float:
    """A finite number."""
    return _float(lexeme(NUMBER, text, _EXPECTED[Scalar.FLOAT]), text)


def to_decimal(text: str) -> Decimal:
    """A finite number with its digits and scale."""
    return _decimal(lexeme(NUMBER, text, _EXPECTED[Scalar.DECIMAL]), text)


def number_pattern(scalar: Scalar, options: Column) -> re.Pattern[str]:
    """The grammar of a field's numbers, finite ones, when the padding is dropped."""
    group = re.escape(_group(options))
    digits = rf"(?:[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+|[0-9]+)" if group else "[0-9]+"
    if scalar is Scalar.INT:
        return re.compile(rf"[+-]?{digits}")
    mark = re.escape(options.decimal or ".")
    return re.compile(rf"[+-]?(?:{digits}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?")


def number_converter(scalar: Scalar, options: Column) -> Callable[[str], object]:
    """The converter of a field that says how its numbers are spelt."""
    pattern = number_pattern(scalar, options)
    expected = f"{_NOUNS[scalar]} (such as {_example(scalar, options)})"
    table: dict[int, str | None] = {ord(options.decimal or "."): ".", **dict.fromkeys(map(ord, _group(options)))}
    make: Callable[[str, str], Any] = {Scalar.INT: _int, Scalar.FLOAT: _float, Scalar.DECIMAL: _decimal}[scalar]
    make_nonfinite: Callable[[str], object] = float if scalar is Scalar.FLOAT else Decimal

    def convert(text: str) -> object:
        if options.nonfinite and NONFINITE.fullmatch(text.strip(PADDING)):
            return make_nonfinite(text.strip(PADDING))
        value = make(lexeme(pattern, text, expected).translate(table), text)
        if isinstance(value, Decimal):
            _check_size(value, text, options)
        return value

    return convert


def _group(options: Column) -> str:
    """The characters that may group digits."""
    return SEPARATORS[options.thousands] or options.thousands if options.thousands else ""


def _example(scalar: Scalar, options: Column) -> str:
    whole = f"1{options.thousands}234" if options.thousands else "1234"
    return whole if scalar is Scalar.INT else f"{whole}{options.decimal or '.'}5"


def _check_size(value: Decimal, text: str, options: Column) -> None:
    """Refuse what a column `NUMERIC(precision, scale)` would have to round, or could not hold."""
    _, digits, exponent = value.as_tuple()
    decimals = max(-int(exponent), 0)
    scale = options.scale
    if scale is not None and decimals > scale:
        digits_there = "1 digit" if decimals == 1 else f"{decimals} digits"
        allowed = "1 is" if scale == 1 else f"{scale} are"
        raise ValueError(f"{quoted(text)} has {digits_there} after the point; at most {allowed} allowed")
    whole = len(digits) + int(exponent) if any(digits) else 0
    most = None if options.precision is None else options.precision - (decimals if scale is None else scale)
    if most is not None and whole > most:
        raise ValueError(f"{quoted(text)} has more than {options.precision} digits, the fraction's included")


def _int(digits: str, text: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"{quoted(text)} has too many digits") from None


def _float(digits: str, text: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{quoted(text)} is too large a number")
    return value


def _decimal(digits: str, text: str) -> Decimal:
    try:
        value = Decimal(digits)
    except InvalidOperation:
        value = _NOT_A_NUMBER
    if not value.is_finite():  # where the application's decimal context does not trap, too
        raise ValueError(f"{quoted(text)} is too large a number")
    return value
