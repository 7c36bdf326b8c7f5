"""A dialect as it looks in the bytes of one encoding, and the scans that it allows."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

import attrs

from csvpipe._partition.pattern import RecordPatterns
from csvpipe.dialect import Dialect

_BYTES = 256


@attrs.frozen
class Grammar:
    """How the records of a file are told apart.

    Attributes:
        dialect: The file's.
        encoding: UTF-8 or a single-byte superset of ASCII.
        patterns: What matches records, or None where no pattern is exact for the dialect.
        quotes: Every spelling of the quote; none where there is none.
        escapes: The same for the escape character.
        edges: The bytes that may stand beside a quoted cell, or None where that is not what makes quotes regular: they
            are not doubled inside cells, spaces may stand before them, or a mark has more than one byte.
    """

    dialect: Dialect
    encoding: str
    patterns: RecordPatterns | None
    quotes: tuple[bytes, ...]
    escapes: tuple[bytes, ...]
    edges: bytes | None
    _marks: tuple[bytes, ...]
    _mark: re.Pattern[bytes] | None

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, dialect: Dialect, encoding: str) -> Grammar:
        """The grammar of a dialect in an encoding. Workers ask anew for every slice, so the last ones are kept."""
        quotes = _spellings(dialect.quotechar, encoding)
        escapes = _spellings(dialect.escapechar, encoding)
        delimiters = _spellings(dialect.delimiter, encoding)
        marks = (*quotes, *escapes)
        is_plain = dialect.doublequote and not dialect.skipinitialspace
        return cls(
            dialect,
            encoding,
            RecordPatterns.of(dialect, delimiters, quotes),
            quotes,
            escapes,
            delimiters[0] + b"\r\n" if is_plain and [len(mark) for mark in (*delimiters, *quotes)] == [1, 1] else None,
            marks,
            re.compile(b"|".join(map(re.escape, marks))) if marks else None,
        )

    def decode(self, data: bytes) -> str:
        """The text of `data`; bytes that are not valid become lone surrogates."""
        return data.decode(self.encoding, "surrogateescape")

    def is_unmarked(self, data: bytes, start: int, end: int) -> bool:
        """Whether neither a quote nor an escape stands in `data[start:end]`, so that newlines alone decide."""
        # Much faster than the pattern where there is nothing to find.
        return all([data.find(mark, start, end) < 0 for mark in self._marks])  # noqa: C419  # one or two of them

    def next_mark(self, data: bytes, start: int, end: int) -> int:
        """Offset of the first quote or escape in `data[start:end]`, or `end`."""
        found = self._mark.search(data, start, end) if self._mark else None
        return found.start() if found else end


def _spellings(character: str | None, encoding: str) -> tuple[bytes, ...]:
    """Every byte sequence that decodes to `character`: none where the encoding lacks it."""
    if character is None:
        return ()
    if codecs.lookup(encoding).name == "utf-8":
        return (character.encode(),)
    # A code page may decode two bytes to the same character; encoding the character would miss one of them.
    table = (bytes([byte]) for byte in range(_BYTES))
    return tuple(byte for byte in table if byte.decode(encoding, "surrogateescape") == character)
