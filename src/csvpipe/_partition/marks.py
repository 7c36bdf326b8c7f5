"""How a dialect's characters look as bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

import attrs

from csvpipe.dialect import Dialect

_BYTES = 256


def spellings(character: str | None, encoding: str) -> tuple[bytes, ...]:
    """Every byte sequence that decodes to `character`: none where the encoding lacks it.

    Args:
        character: A mark of the dialect, or None.
        encoding: UTF-8 or a single-byte superset of ASCII.
    """
    if character is None:
        return ()
    if codecs.lookup(encoding).name == "utf-8":
        return (character.encode(),)
    # Some code pages decode two bytes to the same character, so encoding it would miss one of them.
    table = (bytes([byte]) for byte in range(_BYTES))
    return tuple(byte for byte in table if byte.decode(encoding, "surrogateescape") == character)


@attrs.frozen
class Marks:
    """A dialect's characters as they stand in the file.

    Attributes:
        delimiter: Spellings of the delimiter.
        quote: Spellings of the quote.
        escape: Spellings of the escape character.
    """

    delimiter: tuple[bytes, ...]
    quote: tuple[bytes, ...]
    escape: tuple[bytes, ...]

    @classmethod
    def of(cls, dialect: Dialect, encoding: str) -> Marks:
        """The marks of `dialect` in a file of this encoding."""
        characters: Iterable[str | None] = (dialect.delimiter, dialect.quotechar, dialect.escapechar)
        return cls(*(spellings(character, encoding) for character in characters))

    def are_absent(self, data: bytes, start: int, end: int) -> bool:
        """Whether no quote and no escape stands in `data[start:end]`, so that its newlines alone decide."""
        return all(data.find(mark, start, end) < 0 for mark in (*self.quote, *self.escape))
