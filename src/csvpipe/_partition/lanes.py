"""Fast scans of a window: whole physical lines, begun at a record's start, few enough that no pass takes long.

Each finds the records that end inside the window and stops, without a verdict, at the first one that it cannot judge:
one that is still open at the window's end, or that a strict dialect or `csv.field_size_limit` refuses.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Final, NamedTuple

from csvpipe._partition.buffer import count_lines
from csvpipe._partition.marks import Marks
from csvpipe.dialect import Dialect

#: After the window's last line. Where a record was still open, the reader takes it for a part of that record.
_SENTINEL: Final = ("\n",)
_EMPTY_LINE: Final = (b"\n\n", b"\n\r", b"\r\r")


class ReadRecord(NamedTuple):
    """A record that `csv.reader` returned: where it ends, physical lines that it takes, cells."""

    end: int
    lines: int
    fields: list[str]


class Tally(NamedTuple):
    """How far a scan got, and how many rows and physical lines it passed."""

    end: int
    rows: int
    lines: int


class Lanes:
    """The scans that are exact for one dialect; each window takes the fastest. Offsets are those of `data`."""

    def __init__(self, dialect: Dialect, encoding: str) -> None:
        self._marks = Marks.of(dialect, encoding)
        self._pattern = record_pattern(dialect, self._marks)
        self._options = dialect.reader_options()
        self._encoding = encoding

    def tally(self, data: bytes, start: int, end: int) -> Tally:
        """Count the rows and lines of the records that end in `data[start:end]`."""
        if self._marks.are_absent(data, start, end):
            lines = count_lines(data, start, end)
            return Tally(end, lines - _count_empty_lines(data, start, end), lines)
        ends = self.ends(data, start, end)
        stop = ends[-1] if ends else start
        return Tally(stop, _count_rows(data, start, ends), count_lines(data, start, stop))

    def ends(self, data: bytes, start: int, end: int) -> Sequence[int]:
        """Where the records of `data[start:end]` end."""
        if self._marks.are_absent(data, start, end):
            return list(_line_ends(data, start, end))
        if self._pattern is None:
            return [record.end for record in self.read(data, start, end)]
        return list(_pattern_ends(self._pattern, data, start, end))

    def read(self, data: bytes, start: int, end: int) -> Iterator[ReadRecord]:
        """The records of `data[start:end]` with their cells."""
        ends = list(_line_ends(data, start, end))
        text = data[start:end].decode(self._encoding, "surrogateescape")
        reader = csv.reader(chain(io.StringIO(text, newline=""), _SENTINEL), **self._options)
        line = 0
        try:
            for fields in reader:
                after = reader.line_num
                if after > len(ends):
                    return
                yield ReadRecord(ends[after - 1], after - line, fields)
                line = after
        except csv.Error:
            return


def record_pattern(dialect: Dialect, marks: Marks) -> re.Pattern[bytes] | None:
    """What matches one record and nothing that is still open, or None where no pattern is exact for the dialect."""
    if dialect.quotechar is None or dialect.escapechar is not None or not dialect.doublequote or dialect.strict:
        return None
    if [len(mark) for mark in (*marks.delimiter, *marks.quote)] != [1, 1]:
        return None
    delimiter, quote = (re.escape(mark) for mark in (*marks.delimiter, *marks.quote))
    inside = rb"(?<=[^%b\r\n])" % delimiter  # not where a field begins
    quoted = rb"(?<![^%b\r\n])%b(?:[^%b]++|%b%b)*+%b" % (delimiter, quote, quote, quote, quote, quote)
    if not dialect.skipinitialspace:
        parts = [rb"[^\r\n%b]++" % quote, quoted, inside + quote]
    else:
        spaces = rb"[ ]++"
        leading = rb"(?<![^%b\r\n])" % delimiter
        quoted = rb"%b[ ]*+%b(?:[^%b]++|%b%b)*+%b" % (leading, quote, quote, quote, quote, quote)
        parts = [
            rb"[^\r\n %b]++" % quote,
            quoted,
            inside + spaces,
            leading + spaces + rb"(?!%b)" % quote,
            inside + quote,
        ]
    return re.compile(rb"(?:%b)*+(?:\r\n?|\n|\Z)" % b"|".join(parts))


def _pattern_ends(pattern: re.Pattern[bytes], data: bytes, start: int, end: int) -> Iterator[int]:
    at = start
    for found in pattern.finditer(data, start, end):
        if found.start() != at or at == end:
            return  # it went on searching where a record is open; or it found the empty rest
        at = found.end()
        yield at


def _line_ends(data: bytes, start: int, end: int) -> Iterator[int]:
    ends = accumulate(map(len, data[start:end].splitlines(keepends=True)), initial=start)
    next(ends)
    return ends


def _count_rows(data: bytes, start: int, ends: Sequence[int]) -> int:
    """Only a blank record begins with its own line end."""
    return len(ends) - sum(1 for first in firsts(data, start, ends) if first in b"\r\n")


def firsts(data: bytes, start: int, ends: Sequence[int]) -> Iterable[int]:
    """The first byte of each of the records that begin at `start` and end at `ends`."""
    return map(data.__getitem__, chain((start,), ends[:-1])) if ends else ()


def _count_empty_lines(data: bytes, start: int, end: int) -> int:
    if data[start] not in b"\r\n" and all(data.find(pair, start, end) < 0 for pair in _EMPTY_LINE):
        return 0
    return sum(1 for line in data[start:end].splitlines() if not line)
