"""Fast scans of a window: whole physical lines, begun at a record's start, few enough that no pass takes long.

Each finds the records that end inside the window and stops, without a verdict, at the first one that it cannot judge:
one that is still open at the window's end, or that a strict dialect or `csv.field_size_limit` refuses.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Final, NamedTuple, TypeAlias

from csvpipe._partition.buffer import count_lines
from csvpipe._partition.chunk import CUT_BYTES
from csvpipe._partition.grammar import Grammar

#: Bytes that one pass may take: a millisecond of work. A little more than what lies between two cuts.
WINDOW_BYTES: Final = CUT_BYTES + 4096

#: After the window's last line. Where a record was still open, the reader takes it for a part of that record.
_SENTINEL: Final = ("\n",)


class Tally(NamedTuple):
    """How far a scan got, and how many rows and physical lines it passed."""

    end: int
    rows: int
    lines: int


#: A record that `csv.reader` returned: where it ends, physical lines that it takes, cells.
ReadRecord: TypeAlias = tuple[int, int, list[str]]


def tally(grammar: Grammar, data: bytes, start: int, end: int) -> Tally:
    """Count the rows and lines of the records that end in `data[start:end]`."""
    if grammar.is_unmarked(data, start, end):
        lines = data[start:end].splitlines()  # each of them is a record
        return Tally(end, len(lines) - lines.count(b""), len(lines))
    if (found := _tally_by_splitting(grammar, data, start, end)) is not None:
        return found
    ends = _marked_ends(grammar, data, start, end)
    if not ends:
        return Tally(start, 0, 0)
    firsts = first_bytes(data, start, ends)
    blanks = firsts.count(b"\n") + firsts.count(b"\r")  # only a blank record begins with a line end
    return Tally(ends[-1], len(ends) - blanks, count_lines(data, start, ends[-1]))


def _tally_by_splitting(grammar: Grammar, data: bytes, start: int, end: int) -> Tally | None:
    """`tally` at each quote at once: what lies outside of quotes is every second piece.

    None unless quotes are regular, that is each piece between two of them is empty or begins and ends at a cell's edge.
    """
    edges = grammar.edges
    if edges is None or any(data.find(mark, start, end) >= 0 for mark in (b"\r", *grammar.escapes)):
        return None
    quote = grammar.quotes[0]
    pieces = data[start:end].split(quote)
    outside = pieces[::2]
    is_open = len(pieces) % 2 == 0
    first, last = outside[0], b"" if is_open else outside[-1]
    middle = set(outside[1:] if is_open else outside[1:-1])
    middle.discard(b"")  # a doubled quote
    if (first and first[-1] not in edges) or (last and last[0] not in edges):
        return None
    if not all(piece[0] in edges and piece[-1] in edges for piece in middle):
        return None
    if is_open:
        end -= len(pieces.pop()) + 1
        newline = -1
        while outside and (newline := outside[-1].rfind(b"\n")) < 0:
            end -= len(outside.pop()) + (len(pieces[-2]) + 2 if len(pieces) > 1 else 0)
            del pieces[-2:]
        if not outside:
            return Tally(start, 0, 0)
        end -= len(outside[-1]) - newline - 1
        outside[-1] = outside[-1][: newline + 1]
    lines = quote.join(outside).splitlines()  # without those inside of quotes
    return Tally(end, len(lines) - lines.count(b""), count_lines(data, start, end))


def record_ends(grammar: Grammar, data: bytes, start: int, end: int) -> Sequence[int]:
    """Where the records end that end in `data[start:end]`."""
    if grammar.is_unmarked(data, start, end):
        return _line_ends(data, start, end)
    return _marked_ends(grammar, data, start, end)


def read(grammar: Grammar, data: bytes, start: int, end: int) -> list[ReadRecord]:
    """The records that end in `data[start:end]`, with their cells; a blank one has none."""
    ends = _line_ends(data, start, end)
    text = io.StringIO(grammar.decode(data[start:end]), newline="")  # splits lines as bytes.splitlines does
    reader = csv.reader(chain(text, _SENTINEL), **grammar.dialect.reader_options())
    found: list[ReadRecord] = []
    line = 0
    with contextlib.suppress(csv.Error):
        for fields in reader:
            after = reader.line_num
            if after > len(ends):
                break
            found.append((ends[after - 1], after - line, fields))
            line = after
    return found


def first_bytes(data: bytes, start: int, ends: Sequence[int]) -> bytes:
    """The first byte of each of the records that begin at `start` and end at `ends`, of which there are some."""
    return bytes(map(data.__getitem__, chain((start,), ends[:-1])))


def _marked_ends(grammar: Grammar, data: bytes, start: int, end: int) -> Sequence[int]:
    if grammar.patterns is None:
        return [found for found, _, _ in read(grammar, data, start, end)]
    matches = list(grammar.patterns.record.finditer(data, start, end))
    if matches[-1].lastindex:
        matches.pop()  # still open
    return [match.end() for match in matches]


def _line_ends(data: bytes, start: int, end: int) -> Sequence[int]:
    ends = list(accumulate(map(len, data[start:end].splitlines(keepends=True)), initial=start))
    return ends[1:]
