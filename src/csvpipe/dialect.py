"""How a file spells its records: the meaning is that of Python's `csv.reader`."""

from __future__ import annotations

import csv
from typing import Any

import attrs

from csvpipe.errors import DialectError

_NEWLINES = "\r\n"

_WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", ":": "colon", " ": "space"}

_QUOTE_WORDS = {'"': "double quotes", "'": "single quotes"}


def not_a_dialect(given: object) -> str:
    """What is said to who gives something else, most of all a delimiter."""
    delimiter = given if isinstance(given, str) and len(given) == 1 else ";"
    return f"dialect must be a csvpipe.Dialect, not {given!r}; write dialect=csvpipe.Dialect(delimiter={delimiter!r})"


@attrs.frozen(kw_only=True)
class Dialect:
    r"""Delimiter, quote and escape of a file, under the names and meaning of the `csv` module.

    Records end at `\n`, `\r\n` or a lone `\r`, always. What Python 3.13 refuses is refused on every Python.

    Attributes:
        delimiter: One character between fields.
        quotechar: One character around fields that hold a delimiter, a quote or a newline; None where quotes have no
            meaning (`csv.QUOTE_NONE`).
        doublequote: Whether a quote inside a quoted field is written twice.
        escapechar: One character that takes the next one literally; None for none.
        skipinitialspace: Whether spaces right after a delimiter are dropped.
        strict: Whether text after a closing quote is an error instead of being kept.

    Raises:
        DialectError: Where a field is not one character, is a newline, a space with `skipinitialspace`, or equals
            another one.
    """

    delimiter: str = ","
    quotechar: str | None = '"'
    doublequote: bool = True
    escapechar: str | None = None
    skipinitialspace: bool = False
    strict: bool = False

    def __attrs_post_init__(self) -> None:
        marks = {"delimiter": self.delimiter, "quotechar": self.quotechar, "escapechar": self.escapechar}
        for name, mark in marks.items():
            if mark is None and name != "delimiter":
                continue
            if not isinstance(mark, str) or len(mark) != 1:
                raise DialectError(f"{name} must be one character, not {mark!r}")
            if mark in _NEWLINES:
                raise DialectError(f"{name} must not be a newline: newlines end records")
            if mark == " " and self.skipinitialspace:
                raise DialectError(f"{name} must not be a space when skipinitialspace is on")
            if "\ud800" <= mark <= "\udfff":
                raise DialectError(f"{name} must not be a surrogate")
        used = [mark for mark in marks.values() if mark is not None]
        if len(set(used)) != len(used):
            raise DialectError("delimiter, quotechar and escapechar must all differ")

    def describe(self) -> str:
        """In words, for people: `semicolon, double quotes`."""
        parts = [_WORDS.get(self.delimiter, f"delimiter {self.delimiter!r}")]
        if self.quotechar is None:
            parts.append("no quotes")
        else:
            quotes = _QUOTE_WORDS.get(self.quotechar, f"quotes {self.quotechar!r}")
            parts.append(quotes if self.doublequote else f"{quotes} not doubled")
        if self.escapechar is not None:
            parts.append(f"escape {self.escapechar!r}")
        if self.skipinitialspace:
            parts.append("spaces after delimiters dropped")
        if self.strict:
            parts.append("strict")
        return ", ".join(parts)

    def reader_options(self) -> dict[str, Any]:
        """Keyword arguments that give `csv.reader` this dialect."""
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quotechar,
            "doublequote": self.doublequote,
            "escapechar": self.escapechar,
            "skipinitialspace": self.skipinitialspace,
            "strict": self.strict,
            "quoting": csv.QUOTE_NONE if self.quotechar is None else csv.QUOTE_MINIMAL,
        }
