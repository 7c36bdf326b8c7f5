"""The widest scan: hundreds of kilobytes at a time, where quotes are few and regular.

It never looks at a record by itself. Lines are counted by calls that run at the speed of memory, and only the quotes
are visited one by one: each must open where a cell begins and close where one ends. Then newlines outside of them, and
nothing else, end records.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from csvpipe._partition.grammar import Grammar

#: Bytes for each pair of quotes from which they count as few, once there have been some.
_SPARSE_BYTES: Final = 512
_SOME_PAIRS: Final = 32
_LINE_ENDS: Final = b"\r\n"

#: Counts the lines of `data[start:end]`, which ends with a line, and those of them that are blank; no `\r` is in it.
CountLines: TypeAlias = Callable[[bytes, int, int], tuple[int, int]]


class Cutting(NamedTuple):
    """Where cuts are wanted: at the first record end at or past `first`, then `distance` further on each time.

    Offsets in the data; none at `limit` or past it.
    """

    first: int
    distance: int
    limit: int


class Stride(NamedTuple):
    """How far a scan got, rows and physical lines that it passed, and its cuts. Offsets in the data."""

    end: int
    rows: int
    lines: int
    cuts: list[int]


class _Quotes(NamedTuple):
    """Pairs of quotes, ascending: their offsets. The last may be open: then it closes at the window's end."""

    opening: list[int]
    closing: list[int]
    is_open: bool


def stride(
    grammar: Grammar, data: bytes, start: int, end: int, cutting: Cutting, *, count_lines: CountLines
) -> Stride | None:
    """Pass the records that end in `data[start:end]`, whole physical lines that begin with a record.

    None where this scan would not be exact, or would not be quick.
    """
    if data.find(b"\r", start, end) >= 0:
        return None
    quotes = _NO_QUOTES
    if not grammar.is_unmarked(data, start, end):
        found = _quotes(grammar, data, start, end)
        if found is None:
            return None
        quotes = found
    if quotes.is_open:
        end = _last_end(data, start, quotes)
        if end == start:
            return None
        quotes = _Quotes(quotes.opening[:-1], quotes.closing[:-1], is_open=False)
    lines, blanks = count_lines(data, start, end)
    rows = lines - blanks
    for opening, closing in zip(quotes.opening, quotes.closing, strict=True):
        if opening < end and (newlines := data.count(b"\n", opening, closing)):
            rows -= newlines
            if newlines > 1:  # some lines may be blank, which have not been counted
                rows += data[opening + 1 : closing].split(b"\n")[1:-1].count(b"")
    cuts = list(cuts_of(cutting, end, lambda target: _end_from(data, target, end, quotes)))
    return Stride(end, rows, lines, cuts)


def cuts_of(cutting: Cutting, end: int, end_from: Callable[[int], int]) -> Iterator[int]:
    """The cuts up to `end`, a record's; `end_from` finds the first record end at or past an offset up to `end`."""
    target, distance, limit = cutting
    while target <= end:
        found = end_from(target)
        if found >= limit:
            return
        yield found
        target = found + distance


def count_by_splitting(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Count lines and blank lines without numpy: quicker than to look for two newlines in a row."""
    lines = data[start:end].splitlines()
    return len(lines), lines.count(b"")


_NO_QUOTES: Final = _Quotes([], [], is_open=False)


def _quotes(grammar: Grammar, data: bytes, start: int, end: int) -> _Quotes | None:
    """All quotes, if newlines outside of them decide and nothing else."""
    has_escape = any(data.find(mark, start, end) >= 0 for mark in grammar.escapes)
    if not has_escape:
        return None if grammar.edges is None else _pairs(data, start, end, grammar.quotes[0], grammar.edges)
    if any(data.find(mark, start, end) >= 0 for mark in grammar.quotes):
        return None
    return _NO_QUOTES if _is_calm(data, start, end, grammar.escapes) else None


def _is_calm(data: bytes, start: int, end: int, escapes: tuple[bytes, ...]) -> bool:
    """Whether no escape stands before a line end, so that all that is escaped lies within a line."""
    for mark in escapes:
        at, most = data.find(mark, start, end), (end - start) // _SPARSE_BYTES + _SOME_PAIRS
        while at >= 0:
            at += len(mark)
            most -= 1
            if at >= end or data[at] in _LINE_ENDS or most < 0:
                return False
            at = data.find(mark, at, end)
    return True


def _pairs(data: bytes, start: int, end: int, quote: bytes, edges: bytes) -> _Quotes | None:
    """Regular quotes: outside of each pair stands a delimiter, a line end, or the window's edge."""
    opening: list[int] = []
    closing: list[int] = []
    find, mark = data.find, quote[0]
    at = find(quote, start, end)
    while at >= 0:
        if at > start and data[at - 1] not in edges:
            return None
        opening.append(at)
        at = find(quote, at + 1, end)
        while 0 <= at < end - 1 and data[at + 1] == mark:
            at = find(quote, at + 2, end)
        if at < 0:
            closing.append(end)
            return _Quotes(opening, closing, is_open=True)
        if at + 1 < end and data[at + 1] not in edges:
            return None
        closing.append(at)
        if len(opening) >= _SOME_PAIRS and at - start < len(opening) * _SPARSE_BYTES:
            return None
        at = find(quote, at + 1, end)
    return _Quotes(opening, closing, is_open=False)


def _last_end(data: bytes, start: int, quotes: _Quotes) -> int:
    """The last record end before the quote that is open, or `start`."""
    high = quotes.opening[-1]
    for index in range(len(quotes.opening) - 2, -2, -1):
        low = quotes.closing[index] if index >= 0 else start
        if (newline := data.rfind(b"\n", low, high)) >= 0:
            return newline + 1
        high = quotes.opening[max(index, 0)]
    return start


def _end_from(data: bytes, target: int, end: int, quotes: _Quotes) -> int:
    """The first record end at or past `target`."""
    newline = data.find(b"\n", target - 1, end)
    while newline >= 0:
        index = bisect_right(quotes.opening, newline) - 1
        if index < 0 or quotes.closing[index] < newline:
            return newline + 1
        newline = data.find(b"\n", quotes.closing[index], end)
    return end
