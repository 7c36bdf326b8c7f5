"""Which dialects a text may be in: the delimiters that occur in it, each with the quotes that fit."""

# ruff: noqa: PLR2004, RUF001  # thresholds say something only where they stand; these characters are what is meant

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

import attrs

from csvpipe.dialect import Dialect

#: What nearly all files have between their cells; the plain one first.
USUAL: Final = (",", "\t", ";", "|")

#: Never between cells: they are parts of words, numbers, dates, addresses.
_PARTS_OF_CELLS: Final = frozenset("\"'\\-./_@()[]{}<>+?%$€£=`’“”°–—")

#: How many quoted cells are looked at: enough to know how a file quotes.
_MOST_CELLS: Final = 1_000

#: In no language or notation, so where they occur they divide cells; the others need more evidence.
MARKS: Final = frozenset("^~¦¬§¶\x01\x02\x03\x04\x05\x06\x07\x10\x11\x12\x13\x14\x1c\x1d\x1e\x1f")

_QUOTED: Final = re.compile('"[^"]*"')
_MOST_UNUSUAL: Final = 3
_MOST_LINES: Final = 100

#: How much around a backslash is looked at.
_NEAR: Final = 4096
_MOST_CHARACTERS: Final = 4096

#: So many quotes that open a cell and do not close it may mean that quotes mean nothing.
_STRAY: Final = 2

#: Share of the lines with a character that must have equally many of them.
_REGULAR: Final = 0.6


@attrs.frozen(kw_only=True)
class QuoteUse:
    """How one character is used where cells start.

    Attributes:
        good: Cells that it opens, and closes right before the next delimiter or newline.
        bad: Cells that it opens only.
        spaced: Good cells with spaces before the quote.
        telling: Good cells that need the quote: with a delimiter, a newline or a quote inside.
    """

    good: int
    bad: int
    spaced: int
    telling: int


def quote_use(text: str, *, delimiter: str, quote: str, escape: bool) -> QuoteUse:
    """Count how `quote` is used in cells between these delimiters, with backslashes for an escape or without."""
    mark, quoted = re.escape(delimiter), re.escape(quote)
    inside = rf"(?:[^{quoted}\\]|\\.|{quoted}{quoted})*+" if escape else rf"(?:[^{quoted}]|{quoted}{quoted})*+"
    spaces = "" if delimiter == " " else " *"
    pattern = re.compile(
        rf"(?<![^{mark}\r\n])({spaces}){quoted}(?:({inside}){quoted}{spaces}(?=[{mark}\r\n]|\Z))?", re.DOTALL
    )
    good = bad = spaced = telling = 0
    for match in islice(pattern.finditer(text), _MOST_CELLS):
        content = match[2]
        if content is None:
            bad += 1
            continue
        good += 1
        spaced += bool(match[1])
        telling += delimiter in content or quote in content or "\n" in content or "\r" in content
    return QuoteUse(good=good, bad=bad, spaced=spaced, telling=telling)


def dialects_with(text: str, delimiter: str) -> Iterator[Dialect]:
    """The dialects with this delimiter that the quotes in the text allow, the plain one first."""
    if '"' in text:
        yield from _double_quoted(text, delimiter)
    else:
        yield _plain(delimiter)
    if "'" in text:
        yield from _single_quoted(text, delimiter)
    if f"\\{delimiter}" in text:
        yield Dialect(delimiter=delimiter, escapechar="\\")


@lru_cache(maxsize=64)
def _plain(delimiter: str) -> Dialect:
    return Dialect(delimiter=delimiter)


def _double_quoted(text: str, delimiter: str) -> Iterator[Dialect]:
    use, escape = _use_and_escape(text, delimiter, '"')
    # A quote after delimiter and space opens a cell only if the space is skipped.
    is_spaced = delimiter != " " and use.spaced > (use.good - use.spaced) / 2
    if not (delimiter == "\t" and use.good == 0 and use.bad > 1):
        yield Dialect(delimiter=delimiter, escapechar=escape, skipinitialspace=is_spaced)
    # A single quote that stays open is a slip of whoever typed it, and costs its row.
    if use.bad >= _STRAY and use.bad >= use.good:
        yield Dialect(delimiter=delimiter, quotechar=None)


def _single_quoted(text: str, delimiter: str) -> Iterator[Dialect]:
    use, escape = _use_and_escape(text, delimiter, "'")
    is_plain = use.bad * 20 <= use.good
    if is_plain and (use.telling or use.good >= 3):
        is_spaced = delimiter != " " and use.spaced > (use.good - use.spaced) / 2
        yield Dialect(delimiter=delimiter, quotechar="'", escapechar=escape, skipinitialspace=is_spaced)


def escape_beyond(sample: str, looked_at: int, dialect: Dialect) -> str | None:
    """The escape that is met only further down than the text that was looked at: quotes need not occur early."""
    quote = dialect.quotechar
    at = sample.find(f"\\{quote}", looked_at) if quote and dialect.escapechar is None else -1
    if quote is None or at < 0:
        return None
    start = sample.rfind("\n", max(0, at - _NEAR), at) + 1 or max(0, at - _NEAR)
    text = sample[start : at + _NEAR]
    return _use_and_escape(text, dialect.delimiter, quote)[1]


def _use_and_escape(text: str, delimiter: str, quote: str) -> tuple[QuoteUse, str | None]:
    """How a quote is used, and the escape that its cells need to close where they should, if they do."""
    plain = quote_use(text, delimiter=delimiter, quote=quote, escape=False)
    if f"\\{quote}" in text:
        escaped = quote_use(text, delimiter=delimiter, quote=quote, escape=True)
        if _is_better(escaped, plain):
            return escaped, "\\"
    return plain, None


def _is_better(escaped: QuoteUse, plain: QuoteUse) -> bool:
    """Whether cells close where they should only if backslashes escape."""
    return escaped.good > plain.good or (escaped.bad < plain.bad and escaped.good >= plain.good > 0)


def unusual_delimiters(lines: Sequence[str], *, marks_only: bool = False) -> list[str]:
    """Other characters that occur equally often in nearly all lines that have them, `MARKS` and the most regular first.

    Args:
        lines: Of the text.
        marks_only: Whether anything but `MARKS` is left out.
    """
    if marks_only and MARKS.isdisjoint("".join(lines[:_MOST_LINES])):
        return []
    full = [_QUOTED.sub("", line[:_MOST_CHARACTERS]) for line in lines[:_MOST_LINES] if not line.isspace()]
    met = set("".join(full[-20:]))
    characters = met & MARKS if marks_only else set(filter(_may_divide, met))
    found = []
    for character in characters:
        counts = Counter(count for line in full if (count := line.count(character)))
        has_it = counts.total()
        regular = max(counts.values()) / has_it if has_it else 0.0
        if 2 * has_it >= len(full) and (regular >= _REGULAR or character in MARKS):
            found.append((character in MARKS, regular * has_it, character != " ", character))
    return [character for *_, character in sorted(found, reverse=True)[:_MOST_UNUSUAL]]


def _may_divide(character: str) -> bool:
    if character in USUAL or character in _PARTS_OF_CELLS or character in "\0\r\n" or "\ud800" <= character <= "\udfff":
        return False
    return character == " " or unicodedata.category(character)[0] in "PS" or unicodedata.category(character) == "Cc"
