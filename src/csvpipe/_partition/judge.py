"""One record at a time, under every dialect: exact, linear, and slower than the scans of `csvpipe._partition.lanes`."""

from __future__ import annotations

import csv
from enum import StrEnum
from typing import NamedTuple

from csvpipe._partition.automaton import Automaton, LineState
from csvpipe._partition.buffer import Buffer, count_lines
from csvpipe._partition.grammar import Grammar
from csvpipe._partition.lanes import WINDOW_BYTES
from csvpipe._partition.openings import Openings
from csvpipe.errors import RowCode


class RecordKind(StrEnum):
    """What a record turned out to be; the flaws carry the value of their `RowCode`.

    Attributes:
        ROW: Cells, as `csv.reader` returns them.
        BLANK: A blank line, which is no row.
        UNTERMINATED_QUOTE: A physical line that opens a quote (or escapes its newline) and so begins a record that is
            still open at the end of the data, or has more than `row_bytes` bytes.
        ROW_TOO_LARGE: A physical line of more than `row_bytes` bytes, unless it is blank.
        MALFORMED: What a strict dialect refuses, up to the end of the physical line.
    """

    ROW = "row"
    BLANK = "blank"
    UNTERMINATED_QUOTE = RowCode.UNTERMINATED_QUOTE.value
    ROW_TOO_LARGE = RowCode.ROW_TOO_LARGE.value
    MALFORMED = RowCode.MALFORMED.value


class Verdict(NamedTuple):
    """Where the record that was asked about ends (a position), how many physical lines it takes, and what it is."""

    end: int
    lines: int
    kind: RecordKind


class Judge:
    """Judges the records of a buffer, in ascending order."""

    def __init__(self, buffer: Buffer, grammar: Grammar, *, row_bytes: int) -> None:
        self._buffer = buffer
        self._grammar = grammar
        self._row_bytes = row_bytes
        self._automaton = Automaton(grammar.dialect)
        self._openings = Openings()

    def judge(self, start: int) -> Verdict:
        """Judge the record that begins at `start`, a position before the end of the data."""
        limit = start + self._row_bytes
        first_end = self._buffer.line_end(start, limit)
        if self._buffer.data[start - self._buffer.offset] in b"\r\n":
            return Verdict(first_end, 1, RecordKind.BLANK)
        if first_end > limit:
            return Verdict(self._buffer.skip_line(start), 1, RecordKind.ROW_TOO_LARGE)
        state = self._read_line(start, first_end, LineState.CLOSED)
        if state.is_open:
            return self._judge_open(start, first_end, state)
        return Verdict(first_end, 1, _kind(state))

    def fields(self, start: int, end: int) -> list[str]:
        """The cells of a `ROW`."""
        data = self._buffer.data[start - self._buffer.offset : end - self._buffer.offset]
        lines = data.splitlines(keepends=True)
        try:
            return next(csv.reader(map(self._grammar.decode, lines), **self._grammar.dialect.reader_options()))
        except csv.Error:  # a field over csv.field_size_limit
            state = LineState.CLOSED
            self._automaton.begin()
            for line in map(self._grammar.decode, lines):
                state = self._automaton.feed(line, state)
            return self._automaton.fields

    def _judge_open(self, start: int, first_end: int, state: LineState) -> Verdict:
        """Read on from an open first line until the record ends, or is known not to end in time."""
        openings, limit = self._openings, start + self._row_bytes
        node = openings.node(first_end, state)
        while True:
            node, at, state = openings.furthest(node)
            end = self._buffer.line_end(at, limit)
            if at == self._buffer.end or end > limit:
                return Verdict(first_end, 1, RecordKind.UNTERMINATED_QUOTE)
            if (calm := self._calm_to(at, limit)) > at:
                end = calm
            else:
                state = self._read_line(at, end, state)
            if not state.is_open:
                offset = self._buffer.offset
                return Verdict(end, count_lines(self._buffer.data, start - offset, end - offset), _kind(state))
            node = openings.step(node, end, state)

    def _calm_to(self, start: int, limit: int) -> int:
        """How far the lines from `start` on hold no mark and end by `limit`, so that an open quote stays open.

        Only what is in memory is looked at. With an escape character lines are read one by one: a record may also be
        open outside quotes, and so every line end matters.
        """
        if self._grammar.dialect.escapechar is not None:
            return start
        buffer = self._buffer
        stop = min(limit, buffer.read_to)
        mark = self._grammar.next_mark(buffer.data, start - buffer.offset, stop - buffer.offset) + buffer.offset
        return buffer.last_line_end(start, mark)

    def _read_line(self, start: int, end: int, state: LineState) -> LineState:
        data, first, stop = self._buffer.data, start - self._buffer.offset, end - self._buffer.offset
        if state is not LineState.ESCAPED and self._grammar.is_unmarked(data, first, stop):
            return state
        if (patterns := self._grammar.patterns) and end - start <= WINDOW_BYTES:
            pattern = patterns.quoted_rest if state is LineState.IN_QUOTES else patterns.record
            match = pattern.match(data, first, stop)
            return LineState.IN_QUOTES if match is None or match.lastindex else LineState.CLOSED
        self._automaton.begin()
        return self._automaton.feed(self._grammar.decode(data[first:stop]), state)


def _kind(state: LineState) -> RecordKind:
    return RecordKind.MALFORMED if state is LineState.MALFORMED else RecordKind.ROW
